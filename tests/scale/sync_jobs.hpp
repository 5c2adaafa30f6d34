// Barriers and a lock at many nodes: the shipped machines over the network in virtual time.
#pragma once

#include "libdsm/sync/barrier.hpp"
#include "libdsm/sync/lock_token.hpp"
#include "tests/scale/figures.hpp"

namespace dsm::scale_test {

/// Every node comes to the barrier of all nodes at the same time. Until the last of them may go.
Figures barrier_of_all(const NetworkModel &model, unsigned nodes,
                       std::uint16_t fan_out = sync::TreeBarrierContext{}.fan_out);

/// One thread of every node wants one mutex at the same time, holds it for no time and unlocks it. Until the last of
/// them has unlocked; `operations` are the hand-overs between nodes.
Figures contended_lock(const NetworkModel &model, unsigned nodes);

} // namespace dsm::scale_test
