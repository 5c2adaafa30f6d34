// What a page's state says by itself, and texts for reports.
#include "libdsm/protocol/release/release_page.hpp"

#include "libdsm/protocol/sequential/page_state.hpp"

#include <cstdio>

namespace dsm::protocol {
namespace {

struct FlagName {
    ReleaseFlag flag;
    const char *name;
};

constexpr FlagName flag_names[] = {
    {ReleaseFlag::Home, "home"},       {ReleaseFlag::Untouched, "untouched"}, {ReleaseFlag::Zero, "zero"},
    {ReleaseFlag::Valid, "valid"},     {ReleaseFlag::Stale, "stale"},         {ReleaseFlag::Twin, "twin"},
    {ReleaseFlag::Listed, "listed"},   {ReleaseFlag::MustNotice, "written"},  {ReleaseFlag::Fetching, "fetching"},
    {ReleaseFlag::Killed, "killed"},   {ReleaseFlag::Flushing, "flushing"},   {ReleaseFlag::Wanted, "wanted"},
    {ReleaseFlag::Noticed, "noticed"}, {ReleaseFlag::PutDue, "put due"},      {ReleaseFlag::Bound, "bound"},
};

} // namespace

bool takes_update(const ReleasePageState &state, const ReleaseMessage &message) {
    const bool is_under_way = has(state, ReleaseFlag::Fetching) || has(state, ReleaseFlag::Flushing);
    if (!has(state, ReleaseFlag::Valid) || is_home(state) || is_under_way) { return false; }
    if (message.epoch < state.epoch) { return false; }
    if (message.contents == Contents::Lines) {
        const bool has_version = message.epoch == state.epoch && state.version != 0;
        if (!has_version || !is_not_before(state.version, message.serial - message.back)) { return false; }
    }
    return message.epoch > state.epoch || is_later(message.serial, state.serial);
}

const char *name_of(ReleaseMessageKind kind) noexcept {
    switch (kind) {
    case ReleaseMessageKind::Fetch:
        return "Fetch";
    case ReleaseMessageKind::Data:
        return "Data";
    case ReleaseMessageKind::Flush:
        return "Flush";
    case ReleaseMessageKind::FlushAck:
        return "FlushAck";
    case ReleaseMessageKind::Home:
        return "Home";
    case ReleaseMessageKind::Update:
        return "Update";
    }
    return "?";
}

void describe_changed_flags(std::uint16_t before, std::uint16_t after, char *buffer, std::size_t bytes) noexcept {
    std::size_t used = 0;
    buffer[0] = 0;
    for (const FlagName &each : flag_names) {
        const auto bit = static_cast<unsigned>(each.flag);
        if (((before ^ after) & bit) == 0 || used >= bytes) { continue; }
        const int printed =
            std::snprintf(buffer + used, bytes - used, " %c%s", (after & bit) != 0 ? '+' : '-', each.name);
        used += static_cast<std::size_t>(printed < 0 ? 0 : printed);
    }
}

std::size_t describe(const ReleasePageState &state, char *buffer, std::size_t bytes) noexcept {
    const auto print = [&](std::size_t at, const char *format, auto... values) {
        if (at >= bytes) { return at; }
        const int printed = std::snprintf(buffer + at, bytes - at, format, values...);
        return at + static_cast<std::size_t>(printed < 0 ? 0 : printed);
    };
    std::size_t used =
        print(0, "release memory, access %s, home node %u (epoch %u), %u readers, %u parts under way, %u pins,",
              name_of(state.access), unsigned{state.home.value}, state.epoch, state.copyset.count(),
              unsigned{state.flush_parts}, unsigned{state.pins});
    for (const FlagName &each : flag_names) {
        if (has(state, each.flag)) { used = print(used, " %s", each.name); }
    }
    return used < bytes ? used : bytes - 1;
}

} // namespace dsm::protocol
