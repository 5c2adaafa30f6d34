// A thread's call on an object at its home, as the thread sees it: one word, changed by compare-and-swap alone. Answers
// with another sequence, or for an idle thread, are late and ignored.
#pragma once

#include "libdsm/sync/home_message.hpp"

#include <cstdint>

namespace dsm::sync {

/// One for each thread of the node, by its WaitSlot; a thread has one call at a time. Zeroed memory is an idle one.
struct HomeCall {
    std::uint64_t word;   ///< sequence << 16 | result << 8 | phase
    std::uint32_t number; ///< of the answer; valid when the call is over
    std::uint32_t reserved;
};

enum class HomeCallPhase : std::uint8_t {
    Idle,
    Asked,      ///< the Request is sent
    Queued,     ///< it waits at the home, and may cancel
    Cancelling, ///< Cancel is sent
    Crossed,    ///< an Answer has come, which the Cancel crosses: CancelLate is to come yet (H1)
    Over,       ///< result and number are there
};

struct HomeEnd {
    HomeResult result;
    std::uint32_t number;
};

/// Starts a call and returns its sequence, for the Request. Only the seat's own thread.
std::uint32_t begin_call(HomeCall &call) noexcept;
/// Queued becomes Cancelling: true, and a Cancel must be sent. Otherwise false: it is over.
bool begin_cancel(HomeCall &call) noexcept;
HomeCallPhase call_phase(const HomeCall &call) noexcept;
/// Takes the end of a call whose phase is Over; the seat is idle again.
HomeEnd end_call(HomeCall &call) noexcept;
/// An answer of the home. True when the phase changed: wake the thread.
bool on_home_answer(HomeCall &call, const HomeMessage &message) noexcept;

} // namespace dsm::sync
