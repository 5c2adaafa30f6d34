// DSM_CHECK: an invariant of ours, on in release builds too. When it is broken the job ends with a report.
#pragma once

#include <cstdint>

namespace dsm {

/// Appends what is known about a page or lock to a report on standard error; must not allocate. Set by the runtime.
using FailureReporter = void (*)(std::uint64_t subject);
void set_failure_reporter(FailureReporter reporter) noexcept;
/// What ends the job: the transport's abort under MPI, std::abort by default.
using JobEnder = void (*)(int exit_code);
void set_job_ender(JobEnder ender) noexcept;

/// Prints "libdsm: rank R: <text>" and ends the whole job with exit_code. Async-signal-safe.
[[noreturn]] void end_job(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));

[[noreturn]] void check_failed(const char *expression, const char *invariant, const char *file, int line,
                               std::uint64_t subject) noexcept;

/// Exit codes of a job that libdsm ends.
constexpr int exit_broken_invariant = 70;
constexpr int exit_machine_failed = 71;
constexpr int exit_silent_peer = 72;
constexpr int exit_program_error = 73;

} // namespace dsm

/// Ends the job unless the condition holds. `invariant` names it ("I1 single writer"), `subject` is the page or lock.
#define DSM_CHECK(condition, invariant, subject)                                                                       \
    (__builtin_expect(static_cast<bool>(condition), 1)                                                                 \
         ? static_cast<void>(0)                                                                                        \
         : ::dsm::check_failed(#condition, invariant, __FILE__, __LINE__, static_cast<std::uint64_t>(subject)))
