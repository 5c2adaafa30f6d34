// One page of sequential memory at many nodes: the shipped protocol over the network in virtual time.
#pragma once

#include "libdsm/protocol/sequential/sequential_protocol.hpp"
#include "tests/scale/figures.hpp"

#include <memory>
#include <vector>

namespace dsm::scale_test {

class PageJob final : private Job {
public:
    /// Node 0 is the page's home; `owner` writes it first, and has it in its frame then.
    PageJob(const NetworkModel &model, unsigned nodes, const protocol::SequentialLimits &limits,
            NodeId owner = NodeId{0});

    /// All other nodes read the page at once. Until the last of them has access.
    Figures read_everywhere();
    /// The owner writes again. Until it has access.
    Figures invalidate();

private:
    /// As much as one node keeps of one page: the state, and a pool of its own so that its chunks can be counted.
    struct Entry {
        protocol::PageState state;
        std::unique_ptr<protocol::SetPool> pool;
        TimeNs access_since = 0;
        Access wanted = Access::None; ///< in the operation under way
    };
    class Effects;
    enum class Local : std::uint32_t { Fault, Accessed, Timer };

    void on_message(NodeId at, NodeId from, std::span<const std::byte> record) override;
    void on_local(NodeId at, std::uint32_t what) override;
    protocol::PageContext context_of(NodeId node) const;
    void want(NodeId node, Access access, TimeNs when);
    Figures finish(TimeNs begun_at);
    bool reads_climb() const { return entries_.size() > limits_.tree_above_nodes; }
    unsigned levels_below_home() const;
    std::size_t chunks_ever_used(NodeId node) const;

    protocol::SequentialLimits limits_;
    NodeId owner_;
    VirtualNetwork network_;
    NetworkModel model_;
    struct FreeMemory {
        void operator()(void *memory) const;
    };
    std::unique_ptr<void, FreeMemory> pool_memory_; ///< zeros that nobody has touched
    std::byte *pools_ = nullptr;
    std::vector<Entry> entries_;
};

/// What the page table of one node holds of a page with 10,240 readers may not exceed this.
constexpr std::size_t page_memory_bytes_max = 2048;

} // namespace dsm::scale_test
