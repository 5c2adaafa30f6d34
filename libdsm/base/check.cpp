// Ending the job with a report: formatted on the stack and written with write(2), fit for a signal handler.
#include "libdsm/base/check.hpp"

#include "libdsm/base/log.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace dsm {
namespace {
FailureReporter reporter_of_subject = nullptr;
JobEnder ender_of_job = nullptr;

[[noreturn]] void end(int exit_code) {
    static bool ending = false; // A failure while a failure is reported ends at once.
    if (ender_of_job != nullptr && !ending) {
        ending = true;
        ender_of_job(exit_code);
    }
    ::_exit(exit_code);
}
} // namespace

void set_failure_reporter(FailureReporter reporter) noexcept { reporter_of_subject = reporter; }
void set_job_ender(JobEnder ender) noexcept { ender_of_job = ender; }

void end_job(int exit_code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    log_line_v(format, arguments);
    va_end(arguments);
    end(exit_code);
}

void check_failed(const char *expression, const char *invariant, const char *file, int line,
                  std::uint64_t subject) noexcept {
    log_line("broken invariant: %s (%s) at %s:%d, subject 0x%llx", invariant, expression, file, line,
             static_cast<unsigned long long>(subject));
    if (reporter_of_subject != nullptr) { reporter_of_subject(subject); }
    end(exit_broken_invariant);
}

} // namespace dsm
