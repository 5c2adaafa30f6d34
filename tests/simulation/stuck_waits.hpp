// Why a thread waits for ever when a node has died: the search for a chain of waits that ends at the dead node.
#pragma once

#include "tests/simulation/protocol_world.hpp"

#include <span>
#include <vector>

namespace dsm::protocol_test {

/// A thread that waits when nothing is under way any more.
struct StuckThread {
    unsigned node;
    unsigned page;
    std::vector<unsigned> is_held; ///< pages that it has pinned meanwhile
};

class StuckWaits {
public:
    StuckWaits(const World &world, std::span<const StuckThread> threads) : world_(world), threads_(threads) {}

    /// Whether what the thread waits for was lost with the dead node, or waits in turn for something that was.
    bool lead_to_the_dead(const StuckThread &thread);

private:
    bool leads(unsigned node, unsigned page);
    [[nodiscard]] bool has_vanished_request(unsigned node, unsigned page) const;
    [[nodiscard]] bool has_vanished_ack(unsigned node, unsigned page) const;
    bool leads_by_request(unsigned node, unsigned page);
    bool leads_by_acks(unsigned node, unsigned page);
    bool leads_by_pin(unsigned node, unsigned page);

    const World &world_;
    std::span<const StuckThread> threads_;
    std::vector<bool> is_seen_; ///< by page and node, in the search under way
};

} // namespace dsm::protocol_test
