// A progress line on the terminal that the program was started from.
#include "apps/support/progress.hpp"

#include <dsm/dsm.h>

#include <utility>

namespace apps {

Progress::Progress(std::string what, std::size_t total)
    : what_(std::move(what)), total_(total), terminal_(dsm_rank() == 0 ? std::fopen("/dev/tty", "we") : nullptr) {}

Progress::~Progress() {
    if (terminal_ == nullptr) { return; }
    if (shown_) { std::fputs("\r\033[K", terminal_); }
    std::fclose(terminal_);
}

void Progress::show(std::size_t done) {
    if (terminal_ == nullptr || clock_.seconds() < next_seconds_) { return; }
    std::fprintf(terminal_, "\r%s: %zu of %zu", what_.c_str(), done, total_);
    std::fflush(terminal_);
    shown_ = true;
    next_seconds_ = clock_.seconds() + 0.25;
}

} // namespace apps
