// In place of libdsm's own end of a job: a refusal that a target expects, or the end of the run.
#include "libdsm/base/check.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace dsm {

void check_failed(const char *expression, const char *invariant, const char *file, int line,
                  std::uint64_t subject) noexcept {
    if (fuzz::refusal_place != nullptr) { std::longjmp(*fuzz::refusal_place, 1); }
    std::fprintf(stderr, "broken invariant: %s (%s) at %s:%d, subject 0x%llx\n", invariant, expression, file, line,
                 static_cast<unsigned long long>(subject));
    std::abort();
}

void end_job(int, const char *format, ...) {
    std::fprintf(stderr, "the job would end: %s\n", format);
    std::abort();
}

} // namespace dsm
