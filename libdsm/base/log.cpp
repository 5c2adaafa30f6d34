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
std::atomic<int> rank_shown{-1};

/// The place of a word among names, or -1.
template <std::size_t n> int place_of(std::string_view word, const std::array<const char *, n> &names) {
    for (std::size_t place = 0; place < n; ++place) {
        if (word == names[place]) { return static_cast<int>(place); }
    }
    return -1;
}
} // namespace

bool parse_log_levels(std::string_view text, LogLevels &levels) {
    int of_all = -1;
    std::array<int, log_part_count> of_part{};
    of_part.fill(-1);
    for (bool more = true; more;) {
        const std::size_t comma = text.find(',');
        more = comma != std::string_view::npos;
        const std::string_view word = text.substr(0, comma);
        if (more) { text.remove_prefix(comma + 1); }
        const std::size_t equals = word.find('=');
        const bool for_all = equals == std::string_view::npos;
        const int part = for_all ? 0 : place_of(word.substr(0, equals), log_part_names);
        const int level = place_of(for_all ? word : word.substr(equals + 1), log_level_names);
        if (part < 0 || level < 0) { return false; }
        (for_all ? of_all : of_part[static_cast<std::size_t>(part)]) = level;
    }
    for (std::size_t part = 0; part < log_part_count; ++part) {
        const int level = of_part[part] >= 0 ? of_part[part] : of_all;
        if (level >= 0) { levels[part] = static_cast<LogLevel>(level); }
    }
    return true;
}

void set_log_levels(const LogLevels &levels) noexcept {
    for (std::size_t part = 0; part < log_part_count; ++part) {
        detail::log_levels[part].store(levels[part], std::memory_order_relaxed);
    }
}
void set_log_level(LogLevel level) noexcept { set_log_levels(log_levels_of(level)); }
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
