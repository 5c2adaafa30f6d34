// The intervals of a node: when the writes of the open one go to their homes, and when what must follow them may go.
//
// A message that tells another node of a release (a lock token, a barrier's arrival) must not leave before every write
// of the node is in place at its home and noticed (R10). Nobody waits for that: the message is held. The interval that
// is open is closed (its diffs are sent), and when all their acknowledgements are there the interval is published and
// what was held for it goes. One interval closes at a time; what comes meanwhile waits for the next one together (as
// with group commit in databases), so nothing waits for more than two.
//
// Stepped under the node's lock. Zeroed memory is a node that has written nothing.
#pragma once

#include <cstdint>

namespace dsm::protocol {

struct IntervalState {
    std::uint32_t begun;      ///< intervals that began to close
    std::uint32_t done;       ///< ... and are published; begun - done is 0 or 1 (R11)
    std::uint32_t parts_left; ///< acknowledgements that the closing one awaits, and 1 while its diffs are being made
    bool again;               ///< somebody waits for the next one, which closes as soon as this one is published
};

/// Up to which interval something is held. It may go when `done` has reached it.
struct IntervalTicket {
    std::uint32_t after;
};

/// What who releases must do.
enum class CloseStart : std::uint8_t {
    Nothing, ///< nothing was written and nothing closes: go on at once
    Wait,    ///< hold what follows until the ticket is due
    Close,   ///< the same, and close the interval now: on_close() for each listed page, then diffs_made()
};

/// A release by a thread of the node. `has_listed`: pages are on the list of the open interval; of a range, pages of
/// it. Then the interval that closes takes these alone. The others stay open: they are written later, as far as anybody
/// is told. Which interval has taken a page is known of the page alone, and no rule asks for two pages to go together.
inline CloseStart begin_release(IntervalState &state, bool has_listed, IntervalTicket &ticket) noexcept {
    const bool is_closing = state.begun != state.done; // With pages of the range, for all that is known here.
    ticket.after = state.begun;
    if (!has_listed) { return is_closing ? CloseStart::Wait : CloseStart::Nothing; }
    ticket.after = state.begun + 1;
    if (is_closing) {
        state.again = true;
        return CloseStart::Wait;
    }
    ++state.begun;
    state.parts_left = 1;
    return CloseStart::Close;
}

/// Whether a release that is to wait has pages in the interval after the one that closes.
inline bool waits_for_next(const IntervalState &state, CloseStart start, IntervalTicket ticket) noexcept {
    return start == CloseStart::Wait && ticket.after != state.begun;
}

inline void add_parts(IntervalState &state, std::uint32_t parts) noexcept { state.parts_left += parts; }

/// A part is acknowledged, or the diffs are all made. True: nothing is left, publish the interval, then finish().
inline bool part_done(IntervalState &state) noexcept { return --state.parts_left == 0; }

/// The interval is published. True: the next one is to be closed at once (as after CloseStart::Close), with the pages
/// of all for whom it is.
inline bool finish(IntervalState &state) noexcept {
    state.done = state.begun;
    if (!state.again) { return false; }
    state.again = false;
    ++state.begun;
    state.parts_left = 1;
    return true;
}

inline bool is_due(const IntervalState &state, IntervalTicket ticket) noexcept {
    return static_cast<std::int32_t>(state.done - ticket.after) >= 0;
}

} // namespace dsm::protocol
