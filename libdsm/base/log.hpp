// One-line messages on standard error: "libdsm: rank R: text". Levels are chosen with DSM_LOG.
#pragma once

#include <cstdarg>

namespace dsm {

enum class LogLevel { error, warn, info, debug };

void set_log_level(LogLevel level) noexcept;
LogLevel log_level() noexcept;
/// Shown in front of every line; -1 (before the rank is known) shows none.
void set_log_rank(int rank) noexcept;

/// Writes one line whatever the level. Async-signal-safe, atomic up to 1,000 characters.
void log_line(const char *format, ...) noexcept __attribute__((format(printf, 1, 2)));
void log_line_v(const char *format, va_list arguments) noexcept;

} // namespace dsm

/// Logs at a level; the arguments are not evaluated when the level is off.
#define DSM_LOG(level, ...)                                                                                            \
    (::dsm::LogLevel::level <= ::dsm::log_level() ? ::dsm::log_line(__VA_ARGS__) : static_cast<void>(0))
