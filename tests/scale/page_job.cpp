// Effects of page steps on the virtual network.
#include "tests/scale/page_job.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/protocol/page_wire.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace dsm::scale_test {

using namespace dsm::protocol;

namespace {

constexpr NodeId home{0};
/// More than two sets of all nodes need.
constexpr std::size_t chunks_per_node = 128;
constexpr std::size_t pool_bytes = SetPool::bytes_for(chunks_per_node);
constexpr std::size_t chunk_bytes = sizeof(SetPool::Chunk);

NodeId node_of(unsigned number) { return NodeId{static_cast<std::uint16_t>(number)}; }

} // namespace

class PageJob::Effects final : public PageEffects {
public:
    Effects(PageJob &job, NodeId node) : job_(job), node_(node), entry_(job.entries_[node.value]) {}

    void send(NodeId to, const PageMessage &message) override {
        std::vector<std::byte> record(page_record_bytes + message.nodes.size());
        encode(message, record);
        job_.network_.send(to, std::move(record), message.contents == Contents::Bytes ? page_bytes : 0);
    }
    void grant_access(Access access) override {
        if (access >= entry_.wanted && entry_.access_since == 0) { entry_.access_since = job_.network_.now(); }
        job_.network_.at(node_, job_.network_.now(), static_cast<std::uint32_t>(Local::Accessed));
    }
    void set_timer(TimeUs at) override {
        job_.network_.at(node_, std::max(job_.network_.now(), at * 1000), static_cast<std::uint32_t>(Local::Timer));
    }
    // Frames and threads are not part of the model.
    void restrict_access(Access) override {}
    void drop_frame() override {}
    void zero_frame() override {}
    void freed() override {}
    void wake_waiters() override {}
    void load() override {}

private:
    PageJob &job_;
    NodeId node_;
    Entry &entry_;
};

void PageJob::FreeMemory::operator()(void *memory) const { std::free(memory); }

PageJob::PageJob(const NetworkModel &model, unsigned nodes, const SequentialLimits &limits, NodeId owner)
    : limits_(limits), owner_(owner), network_(model, nodes), model_(model),
      pool_memory_(std::calloc(std::size_t{nodes} + 1, pool_bytes)), entries_(nodes) {
    void *aligned = pool_memory_.get();
    std::size_t room = (std::size_t{nodes} + 1) * pool_bytes;
    DSM_CHECK(aligned != nullptr && std::align(chunk_bytes, nodes * pool_bytes, aligned, room) != nullptr,
              "memory for the pools", nodes);
    pools_ = static_cast<std::byte *>(aligned);
    for (unsigned node = 0; node < nodes; ++node) {
        entries_[node].pool = std::make_unique<SetPool>(pools_ + node * pool_bytes, pool_bytes);
    }
    const TimeNs begun_at = network_.begin();
    want(owner_, Access::Write, begun_at);
    finish(begun_at);
}

PageContext PageJob::context_of(NodeId node) const {
    return {.page = PageId{0},
            .self = node,
            .home = home,
            .node_count = static_cast<std::uint16_t>(entries_.size()),
            .first_touch = false};
}

void PageJob::on_message(NodeId at, NodeId from, std::span<const std::byte> record) {
    const auto message = decode_page_message(record, network_.node_count());
    DSM_CHECK(message && message->from == from, "a message is as it was sent", from.value);
    Entry &entry = entries_[at.value];
    Effects effects(*this, at);
    SequentialProtocol(*entry.pool, limits_)
        .on_message(entry.state, context_of(at), *message, network_.now() / 1000, effects);
}

void PageJob::on_local(NodeId at, std::uint32_t what) {
    Entry &entry = entries_[at.value];
    Effects effects(*this, at);
    const SequentialProtocol protocol(*entry.pool, limits_);
    const TimeUs now_us = network_.now() / 1000;
    switch (static_cast<Local>(what)) {
    case Local::Fault:
        return protocol.on_fault(entry.state, context_of(at), entry.wanted, now_us, effects);
    case Local::Accessed:
        return protocol.on_accessed(entry.state, context_of(at), now_us, effects);
    case Local::Timer:
        return protocol.on_timer(entry.state, context_of(at), now_us, effects);
    }
}

void PageJob::want(NodeId node, Access access, TimeNs when) {
    entries_[node.value].wanted = access;
    entries_[node.value].access_since = 0;
    network_.at(node, when, static_cast<std::uint32_t>(Local::Fault));
}

/// Chunks of a pool are taken lowest first and keep what was written last: those beyond the last that is not zero were
/// never taken.
std::size_t PageJob::chunks_ever_used(NodeId node) const {
    const std::byte *pool = pools_ + node.value * pool_bytes;
    const auto is_zero = [](std::byte byte) { return byte == std::byte{0}; };
    std::size_t used = chunks_per_node;
    for (; used > 0; --used) {
        const std::byte *chunk = pool + SetPool::bytes_for(used - 1);
        if (!std::all_of(chunk, chunk + chunk_bytes, is_zero)) { break; }
    }
    return used;
}

/// Runs the job until it is quiet; who wanted something must have got it.
Figures PageJob::finish(TimeNs begun_at) {
    network_.run(*this);
    Figures figures{.nodes = network_.node_count(), .traffic = network_.traffic()};
    for (unsigned node = 0; node < network_.node_count(); ++node) {
        Entry &entry = entries_[node];
        const std::size_t bytes = sizeof(PageState) + chunks_ever_used(node_of(node)) * chunk_bytes;
        figures.memory_bytes_max = std::max(figures.memory_bytes_max, bytes);
        if (entry.wanted == Access::None) { continue; }
        DSM_CHECK(entry.access_since != 0 && access_of(entry.state) >= entry.wanted, "everybody gets access", node);
        figures.time_ns = std::max(figures.time_ns, entry.access_since - begun_at);
        entry.wanted = Access::None;
    }
    return figures;
}

/// Down which the page comes when all read it, counted from its home.
unsigned PageJob::levels_below_home() const {
    return reads_climb() ? levels_of_heap_tree(network_.node_count(), limits_.read_fan_out) : 1;
}

/// All ask at once, so a request passes one level; the answer comes all the way from the owner.
Figures PageJob::read_everywhere() {
    const TimeNs begun_at = network_.begin();
    for (unsigned node = 0; node < network_.node_count(); ++node) {
        if (node_of(node) != owner_) { want(node_of(node), Access::Read, begun_at); }
    }
    Figures figures = finish(begun_at);
    const unsigned down = levels_below_home() + (owner_ != home ? 1 : 0);
    figures.levels = 1 + down;
    figures.tree_ns = one_way_ns(model_, page_record_bytes) + down * one_way_ns(model_, page_record_bytes + page_bytes);
    return figures;
}

/// Invalidations take the way that the page took, and acknowledgements the same way back.
Figures PageJob::invalidate() {
    const TimeNs begun_at = network_.begin();
    want(owner_, Access::Write, begun_at);
    Figures figures = finish(begun_at);
    const unsigned down = reads_climb() ? levels_below_home() + (owner_ != home ? 1 : 0)
                                        : levels_of_split_tree(network_.node_count() - 1, limits_.fan_out);
    figures.levels = 2 * down;
    figures.tree_ns = figures.levels * one_way_ns(model_, page_record_bytes);
    return figures;
}

} // namespace dsm::scale_test
