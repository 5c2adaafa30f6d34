// One-line messages on standard error: "libdsm: rank R: text". Levels are chosen with DSM_LOG, for each part.
#pragma once

#include <array>
#include <atomic>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dsm {

enum class LogLevel : std::uint8_t { error, warn, info, debug };
constexpr std::array<const char *, 4> log_level_names = {"error", "warn", "info", "debug"};

/// What a line is about, in words that a user knows.
enum class LogPart : std::uint8_t { start, transport, memory, protocol, sync, alloc };
constexpr std::array<const char *, 6> log_part_names = {"start", "transport", "memory", "protocol", "sync", "alloc"};
constexpr std::size_t log_part_count = log_part_names.size();

using LogLevels = std::array<LogLevel, log_part_count>;
constexpr LogLevels log_levels_of(LogLevel level) {
    LogLevels levels{};
    levels.fill(level);
    return levels;
}

/// Reads "info,protocol=debug": a level for all parts, levels of single parts, or both, in any order; of two for the
/// same the last counts. False, and `levels` as they were, for anything else.
bool parse_log_levels(std::string_view text, LogLevels &levels);

void set_log_levels(const LogLevels &levels) noexcept;
/// The same for all parts.
void set_log_level(LogLevel level) noexcept;
/// Shown in front of every line; -1 (before the rank is known) shows none.
void set_log_rank(int rank) noexcept;

/// Writes one line whatever the level. Async-signal-safe, atomic up to 1,000 characters.
void log_line(const char *format, ...) noexcept __attribute__((format(printf, 1, 2)));
void log_line_v(const char *format, va_list arguments) noexcept;

namespace detail {
/// In the header so that a line that is off costs one load and a comparison.
inline std::array<std::atomic<LogLevel>, log_part_count> log_levels{LogLevel::warn, LogLevel::warn, LogLevel::warn,
                                                                    LogLevel::warn, LogLevel::warn, LogLevel::warn};
} // namespace detail

inline LogLevel log_level(LogPart part) noexcept {
    return detail::log_levels[static_cast<std::size_t>(part)].load(std::memory_order_relaxed);
}

} // namespace dsm

/// Logs about a part at a level, DSM_LOG(memory, info, "text"); the arguments are not evaluated when that is off.
#define DSM_LOG(part, level, ...)                                                                                      \
    (::dsm::LogLevel::level <= ::dsm::log_level(::dsm::LogPart::part) ? ::dsm::log_line(__VA_ARGS__)                   \
                                                                      : static_cast<void>(0))
