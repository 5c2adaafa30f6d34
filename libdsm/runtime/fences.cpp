// The way to rank 0 and back.
#include "libdsm/runtime/fences.hpp"

#include "libdsm/runtime/release_node.hpp"

#include <atomic>

namespace dsm::rt {
namespace {

constexpr Rank keeper{0};

} // namespace

Fences::Fences(Node &node, Calls &calls) : node_(node), calls_(calls) {
    calls_.handle(CallKind::ReleaseFence, *this);
    calls_.handle(CallKind::AcquireFence, *this);
}

bool Fences::is_at_keeper() const { return node_.topology->node_of(keeper) == node_.topology->self_node(); }

void Fences::release(const PageRange &range) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (node_.releases == nullptr) { return; } // One node: the same memory.
    node_.releases->release(range);
    if (!is_at_keeper()) { static_cast<void>(calls_.call<int>(keeper, CallKind::ReleaseFence, 0)); }
}

void Fences::acquire(const PageRange &range) {
    std::atomic_thread_fence(std::memory_order_seq_cst); // Who was told of a release looks at what it left here.
    if (node_.releases != nullptr) {
        if (!is_at_keeper()) { static_cast<void>(calls_.call<int>(keeper, CallKind::AcquireFence, 0)); }
        node_.releases->await_updates_of(range);
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

void Fences::on_call(CallKind, CallToken token, std::span<const std::byte>) { calls_.answer(token, 0); }

} // namespace dsm::rt
