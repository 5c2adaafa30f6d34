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
constexpr std::array arrival_kinds = {BarrierMessageKind::TreeArrive, BarrierMessageKind::TreeDepart};
constexpr std::array barrier_kinds = {BarrierMessageKind::CountedArrive, BarrierMessageKind::CountedDepart};
/// And the answers to them.
constexpr std::array call_kinds = {
    CallKind::AtomicOperate,      CallKind::AtomicWait,         CallKind::AtomicNotify,     CallKind::AtomicWake,
    CallKind::CollectiveAllocate, CallKind::CollectiveGathered, CallKind::CollectiveGranted};

/// Kinds of different families have different numbers.
RecordOrder order_of_sync(std::byte kind) noexcept {
    if (is_among(arrival_kinds, kind)) { return RecordOrder::Arrives; }
    return is_among(lock_kinds, kind) || is_among(barrier_kinds, kind) ? RecordOrder::Releases : RecordOrder::None;
}

/// Of fences: what a release has written is in place before its call; an acquire's answer tells what rank 0's node
/// knows.
bool informs(std::byte kind, bool is_answer) noexcept {
    const auto call = static_cast<CallKind>(kind);
    return call == CallKind::ReleaseFence || (call == CallKind::AcquireFence && is_answer);
}

RecordOrder order_of_call(std::byte kind, bool is_answer) noexcept {
    if (informs(kind, is_answer)) { return RecordOrder::Informs; }
    return is_among(call_kinds, kind) ? RecordOrder::Releases : RecordOrder::None;
}

} // namespace

RecordOrder order_of(std::span<const std::byte> head) noexcept {
    if (head.size() < 2) { return RecordOrder::None; }
    switch (static_cast<Service>(head[0])) {
    case Service::Sync:
        return order_of_sync(head[1]);
    case Service::Call:
    case Service::Answer:
        return order_of_call(head[1], static_cast<Service>(head[0]) == Service::Answer);
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
