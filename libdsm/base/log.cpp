// The one place that writes to standard error.
#include "libdsm/base/log.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace dsm {
namespace {
constexpr int line_bytes_max = 1024;
std::atomic<LogLevel> level_shown{LogLevel::warn};
std::atomic<int> rank_shown{-1};
} // namespace

void set_log_level(LogLevel level) noexcept { level_shown.store(level, std::memory_order_relaxed); }
LogLevel log_level() noexcept { return level_shown.load(std::memory_order_relaxed); }
void set_log_rank(int rank) noexcept { rank_shown.store(rank, std::memory_order_relaxed); }

void log_line(const char *format, ...) noexcept {
    va_list arguments;
    va_start(arguments, format);
    log_line_v(format, arguments);
    va_end(arguments);
}

void log_line_v(const char *format, va_list arguments) noexcept {
    const int saved_errno = errno;
    char line[line_bytes_max];
    const int rank = rank_shown.load(std::memory_order_relaxed);
    int length = rank < 0 ? std::snprintf(line, sizeof line, "libdsm: ")
                          : std::snprintf(line, sizeof line, "libdsm: rank %d: ", rank);
    const int text =
        std::vsnprintf(line + length, sizeof line - static_cast<std::size_t>(length) - 1, format, arguments);
    length += text > 0 ? text : 0;
    if (length > line_bytes_max - 2) { length = line_bytes_max - 2; }
    line[length++] = '\n';
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line, static_cast<std::size_t>(length));
    errno = saved_errno;
}

} // namespace dsm
