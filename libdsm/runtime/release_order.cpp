// The list of what orders memory.
#include "libdsm/runtime/release_order.hpp"

#include "libdsm/runtime/calls.hpp"
#include "libdsm/sync/barrier.hpp"
#include "libdsm/sync/lock_token.hpp"

#include <algorithm>
#include <array>

namespace dsm::rt {
namespace {

template <class Kind, std::size_t count> bool is_among(const std::array<Kind, count> &kinds, std::byte kind) noexcept {
    return std::ranges::find(kinds, static_cast<Kind>(kind)) != kinds.end();
}

using sync::BarrierMessageKind;
using sync::LockMessageKind;

/// A request for a token is not among them: who asks has released nothing by that. Nor is anything of a condition: its
/// waiter takes the mutex again, which orders, and a signal that was held would wake somebody who came after it.
constexpr std::array lock_kinds = {LockMessageKind::Token, LockMessageKind::TryGrant, LockMessageKind::Return};
constexpr std::array barrier_kinds = {BarrierMessageKind::TreeArrive, BarrierMessageKind::TreeDepart,
                                      BarrierMessageKind::CountedArrive, BarrierMessageKind::CountedDepart};
/// And the answers to them. A fence that acquires is not among them: its answer tells what rank 0's node knows.
constexpr std::array call_kinds = {
    CallKind::AtomicOperate,      CallKind::AtomicWait,         CallKind::AtomicNotify,      CallKind::AtomicWake,
    CallKind::CollectiveAllocate, CallKind::CollectiveGathered, CallKind::CollectiveGranted, CallKind::ReleaseFence};

/// Kinds of different families have different numbers.
bool releases_sync(std::byte kind) noexcept { return is_among(lock_kinds, kind) || is_among(barrier_kinds, kind); }

} // namespace

RecordOrder order_of(std::span<const std::byte> head) noexcept {
    if (head.size() < 2) { return RecordOrder::None; }
    const auto order = [](bool releases) { return releases ? RecordOrder::Releases : RecordOrder::None; };
    switch (static_cast<Service>(head[0])) {
    case Service::Sync:
        return order(releases_sync(head[1]));
    case Service::Call:
        return order(is_among(call_kinds, head[1]));
    case Service::Answer:
        if (static_cast<CallKind>(head[1]) == CallKind::AcquireFence) { return RecordOrder::Informs; }
        return order(is_among(call_kinds, head[1]));
    case Service::HomeSync:
    case Service::Names:
    case Service::FreedBlocks: // What was written into a freed block must not come home after its next life began.
        return RecordOrder::Releases;
    case Service::Page:
    case Service::Piece:
    case Service::Control:
    case Service::ReleasePage:
    case Service::Carried:
    case Service::Released:
        return RecordOrder::None;
    }
    return RecordOrder::None;
}

} // namespace dsm::rt
