// Effects of barrier and lock steps on the virtual network.
#include "tests/scale/sync_jobs.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/sync/sync_wire.hpp"

#include <algorithm>
#include <array>

namespace dsm::scale_test {

using namespace dsm::sync;

namespace {

NodeId node_of(unsigned number) { return NodeId{static_cast<std::uint16_t>(number)}; }

template <class Message> std::vector<std::byte> record_of(const Message &message) {
    std::array<std::byte, sync_message_bytes_max> bytes{};
    const std::size_t used = encode(message, bytes);
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(used)};
}

class BarrierJob final : private Job {
public:
    BarrierJob(const NetworkModel &model, unsigned nodes, std::uint16_t fan_out)
        : network_(model, nodes), fan_out_(fan_out), states_(nodes) {}

    TimeNs run() {
        const TimeNs begun_at = network_.begin();
        for (unsigned node = 0; node < states_.size(); ++node) { network_.at(node_of(node), begun_at, 0); }
        network_.run(*this);
        DSM_CHECK(opened_ == states_.size(), "every node leaves the barrier", opened_);
        return last_opened_at_ - begun_at;
    }
    Traffic traffic() const { return network_.traffic(); }

private:
    class Effects final : public BarrierEffects {
    public:
        explicit Effects(BarrierJob &job) : job_(job) {}
        void send(NodeId to, const BarrierMessage &message) override { job_.network_.send(to, record_of(message)); }
        void wake(WaitSlot) override {}
        void open(std::uint32_t) override {
            ++job_.opened_;
            job_.last_opened_at_ = std::max(job_.last_opened_at_, job_.network_.now());
        }

    private:
        BarrierJob &job_;
    };
    TreeBarrierContext context_of(NodeId node) const {
        return {.self = node, .node_count = static_cast<std::uint16_t>(states_.size()), .fan_out = fan_out_};
    }
    void on_message(NodeId at, NodeId, std::span<const std::byte> record) override {
        const auto message = decode_barrier(record, static_cast<std::uint16_t>(states_.size()));
        DSM_CHECK(message.has_value(), "a message is as it was sent", at.value);
        Effects effects(*this);
        step(states_[at.value], context_of(at), effects, *message);
    }
    void on_local(NodeId at, std::uint32_t) override {
        Effects effects(*this);
        tree_arrive(states_[at.value], context_of(at), effects);
    }

    VirtualNetwork network_;
    std::uint16_t fan_out_;
    std::vector<TreeBarrierState> states_;
    std::size_t opened_ = 0;
    TimeNs last_opened_at_ = 0;
};

class LockJob final : private Job {
public:
    LockJob(const NetworkModel &model, unsigned nodes) : network_(model, nodes), nodes_(nodes) {}

    TimeNs run() {
        const TimeNs begun_at = network_.begin();
        for (unsigned node = 0; node < nodes_.size(); ++node) { at(node_of(node), begun_at, LockEventKind::Lock); }
        network_.run(*this);
        DSM_CHECK(unlocked_ == nodes_.size(), "every node has had the lock", unlocked_);
        return last_unlocked_at_ - begun_at;
    }
    Traffic traffic() const { return network_.traffic(); }

private:
    struct Node {
        LockState state{};
        std::array<WaitRecord, 1> records{};
    };
    class Effects final : public LockEffects {
    public:
        Effects(LockJob &job, NodeId node) : job_(job), node_(node) {}
        void send(NodeId to, const LockMessage &message) override { job_.network_.send(to, record_of(message)); }
        void wake(WaitSlot) override { job_.at(node_, job_.network_.now(), LockEventKind::Retry); }

    private:
        LockJob &job_;
        NodeId node_;
    };
    void at(NodeId node, TimeNs when, LockEventKind kind) { network_.at(node, when, static_cast<std::uint32_t>(kind)); }
    LockOutcome run_step(NodeId node, const LockEvent &event) {
        Node &here = nodes_[node.value];
        const LockContext context{.lock = LockId{0},
                                  .self = node,
                                  .home = NodeId{0},
                                  .node_count = static_cast<std::uint16_t>(nodes_.size()),
                                  .records = here.records};
        Effects effects(*this, node);
        return step(here.state, context, effects, event);
    }
    void on_message(NodeId node, NodeId, std::span<const std::byte> record) override {
        const auto message = decode_lock(record, static_cast<std::uint16_t>(nodes_.size()));
        DSM_CHECK(message.has_value(), "a message is as it was sent", node.value);
        run_step(node, {LockEventKind::Message, {}, {}, &*message});
    }
    void on_local(NodeId node, std::uint32_t what) override {
        const auto kind = static_cast<LockEventKind>(what);
        const LockOwner owner = lock_owner(Rank{static_cast<std::int32_t>(node.value)}, 1);
        const LockOutcome outcome = run_step(node, {kind, WaitSlot{0}, owner, nullptr});
        if (outcome == LockOutcome::Acquired) { at(node, network_.now(), LockEventKind::Unlock); }
        if (outcome == LockOutcome::Released) {
            ++unlocked_;
            last_unlocked_at_ = std::max(last_unlocked_at_, network_.now());
        }
    }

    VirtualNetwork network_;
    std::vector<Node> nodes_;
    std::size_t unlocked_ = 0;
    TimeNs last_unlocked_at_ = 0;
};

} // namespace

Figures barrier_of_all(const NetworkModel &model, unsigned nodes, std::uint16_t fan_out) {
    BarrierJob job(model, nodes, fan_out);
    Figures figures{.nodes = nodes, .time_ns = job.run(), .traffic = {}};
    figures.traffic = job.traffic();
    figures.levels = 2 * levels_of_heap_tree(nodes, fan_out);
    figures.tree_ns = figures.levels * one_way_ns(model, barrier_message_bytes);
    figures.memory_bytes_max = sizeof(TreeBarrierState);
    return figures;
}

Figures contended_lock(const NetworkModel &model, unsigned nodes) {
    LockJob job(model, nodes);
    Figures figures{.nodes = nodes, .time_ns = job.run(), .traffic = {}};
    figures.traffic = job.traffic();
    figures.operations = nodes - 1;
    figures.memory_bytes_max = sizeof(LockState) + sizeof(WaitRecord);
    return figures;
}

} // namespace dsm::scale_test
