// Look-ups of spans and names in virtual time. Records are as long as those of the runtime.
#include "tests/scale/start_jobs.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/base/hash.hpp"
#include "libdsm/memory/span_lookups.hpp"
#include "libdsm/sync/name_relay.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dsm::scale_test {
namespace {

constexpr NodeId directory{0};

NodeId node_of(unsigned number) { return NodeId{static_cast<std::uint16_t>(number)}; }
Rank rank_of(NodeId node) { return Rank{static_cast<std::int32_t>(node.value)}; }
NodeId node_of(Rank rank) { return node_of(static_cast<unsigned>(rank.value)); }

/// When nodes start, and when each of them had what it wanted.
class Starts {
public:
    Starts(unsigned nodes, const StartOptions &options) : jitter_ns_(options.jitter_ns), times_(nodes) {}

    /// Makes every node's start an event.
    void begin(VirtualNetwork &network) {
        begun_at_ = network.begin();
        for (unsigned node = 0; node < times_.size(); ++node) {
            times_[node].start = begun_at_ + ((spread(node + 1, 24) * jitter_ns_) >> 24U);
            network.at(node_of(node), times_[node].start, 0);
        }
    }
    void done(NodeId node, TimeNs now) { times_[node.value].done = now; }
    Figures finish(const VirtualNetwork &network) const {
        Figures figures{.nodes = network.node_count(), .traffic = network.traffic()};
        for (const Times &one : times_) {
            DSM_CHECK(one.done >= one.start, "every node gets what it asked for", network.node_count());
            figures.time_ns = std::max(figures.time_ns, one.done - begun_at_);
            figures.wait_ns_max = std::max(figures.wait_ns_max, one.done - one.start);
        }
        return figures;
    }

private:
    struct Times {
        TimeNs start = 0;
        TimeNs done = 0;
    };
    TimeNs jitter_ns_;
    TimeNs begun_at_ = 0;
    std::vector<Times> times_;
};

// ---- Spans ----

constexpr memory::ChunkId the_chunk{5};
constexpr std::size_t call_head_bytes = 4;
constexpr std::size_t question_bytes = call_head_bytes + sizeof(memory::ChunkId);
constexpr std::size_t answer_bytes = question_bytes + sizeof(int) + sizeof(memory::SpanRecord);

class SpanJob final : private Job {
public:
    SpanJob(const NetworkModel &model, unsigned nodes, bool along_tree, const StartOptions &options)
        : network_(model, nodes), starts_(nodes, options), along_tree_(along_tree), nodes_(nodes) {
        if (options.connections) { network_.count_connections(); }
        the_span_.first = the_chunk;
        the_span_.chunk_count = 1;
        nodes_[directory.value].known = the_span_;
    }
    Figures run() {
        starts_.begin(network_);
        network_.run(*this);
        return starts_.finish(network_);
    }

private:
    struct Node {
        memory::SpanLookups lookups;
        std::optional<memory::SpanRecord> known;
    };
    class Effects final : public memory::SpanLookupEffects {
    public:
        Effects(SpanJob &job, NodeId node) : job_(job), node_(node) {}
        std::optional<memory::SpanRecord> known(memory::ChunkId) override { return job_.nodes_[node_.value].known; }
        void ask_parent(memory::ChunkId) override {
            const NodeId parent = job_.along_tree_ ? node_of(memory::span_tree_parent(node_.value)) : directory;
            job_.network_.send(parent, std::vector<std::byte>(question_bytes));
        }
        void answer(const memory::SpanAsker &asker, memory::ChunkId,
                    const std::optional<memory::SpanRecord> &record) override {
            DSM_CHECK(record.has_value(), "the span is there", node_.value);
            if (!asker.is_node) { return job_.starts_.done(node_, job_.network_.now()); }
            job_.network_.send(node_of(asker.rank), std::vector<std::byte>(answer_bytes));
        }

    private:
        SpanJob &job_;
        NodeId node_;
    };
    void on_message(NodeId at, NodeId from, std::span<const std::byte> record) override {
        Effects effects(*this, at);
        Node &here = nodes_[at.value];
        if (record.size() == question_bytes) { return here.lookups.ask(the_chunk, {rank_of(from), 0, true}, effects); }
        here.known = the_span_;
        here.lookups.on_answer(the_chunk, the_span_, effects);
    }
    void on_local(NodeId at, std::uint32_t) override {
        Effects effects(*this, at);
        nodes_[at.value].lookups.ask(the_chunk, {rank_of(at), 0, false}, effects);
    }

    VirtualNetwork network_;
    Starts starts_;
    bool along_tree_;
    memory::SpanRecord the_span_{};
    std::vector<Node> nodes_;
};

// ---- Names ----

/// As the runtime's record about a name, whose bytes follow in a request.
struct NameHead {
    std::uint16_t is_reply;
    std::uint8_t kind;
    std::uint8_t was_noted;
    std::uint32_t number;
    std::uint32_t sequence;
    std::int32_t error;
    std::uint64_t value;
};
enum Inquiry : std::uint32_t { publishing, awaiting, inquiry_count };

/// Which name a node publishes and which it waits for; an empty one: none.
struct Wishes {
    std::function<std::string(unsigned node)> published;
    std::function<std::string(unsigned node)> awaited;
};

class NameJob final : private Job {
public:
    NameJob(const NetworkModel &model, unsigned nodes, Wishes wishes, bool along_tree, const StartOptions &options)
        : network_(model, nodes), starts_(nodes, options), wishes_(std::move(wishes)), along_tree_(along_tree) {
        for (unsigned node = 0; node < nodes; ++node) { nodes_.emplace_back(rank_of(node_of(node))); }
        if (options.connections) { network_.count_connections(); }
    }
    Figures run() {
        starts_.begin(network_);
        network_.run(*this);
        return starts_.finish(network_);
    }

private:
    struct Node {
        explicit Node(Rank self) : relay(self) {}
        sync::NameTable table;
        sync::NameRelay relay;
        sync::NameInquiry inquiries[inquiry_count];
    };
    class Effects final : public sync::NameRelayEffects {
    public:
        Effects(NameJob &job, NodeId node) : job_(job), node_(node) {}
        void reply(const sync::NameReply &reply) override { job_.send_reply(node_, reply); }
        void ask_above(const sync::NameRequest &request, std::string_view name) override {
            const Rank parent = sync::name_tree_parent(rank_of(node_), job_.keeper_of(name), job_.rank_count());
            job_.send_request(node_of(parent), request, name);
        }

    private:
        NameJob &job_;
        NodeId node_;
    };
    void on_local(NodeId at, std::uint32_t) override {
        const std::string published = wishes_.published(at.value);
        const std::string awaited = wishes_.awaited(at.value);
        if (!published.empty()) { ask(at, publishing, sync::NameRequestKind::Publish, published); }
        ask(at, awaiting, sync::NameRequestKind::Await, awaited);
    }
    void ask(NodeId at, Inquiry number, sync::NameRequestKind kind, const std::string &name) {
        const sync::NameTicket ticket{rank_of(at), number, 1};
        nodes_[at.value].inquiries[number].begin(ticket);
        const sync::NameRequest request{kind, ticket, 0};
        const bool is_here = node_of(keeper_of(name)) == at || (along_tree_ && kind == sync::NameRequestKind::Await);
        if (is_here) { return step(at, request, name); }
        send_request(node_of(keeper_of(name)), request, name);
    }
    int rank_count() const { return static_cast<int>(nodes_.size()); }
    Rank keeper_of(std::string_view name) const { return sync::keeper_of(name, rank_count()); }
    void send_request(NodeId to, const sync::NameRequest &request, std::string_view name) {
        const NameHead head{0,
                            static_cast<std::uint8_t>(request.kind),
                            0,
                            request.ticket.number,
                            request.ticket.sequence,
                            0,
                            request.value};
        std::vector<std::byte> record(sizeof head + name.size());
        std::memcpy(record.data(), &head, sizeof head);
        std::memcpy(record.data() + sizeof head, name.data(), name.size());
        network_.send(to, std::move(record));
    }
    void step(NodeId at, const sync::NameRequest &request, std::string_view name) {
        Effects effects(*this, at);
        if (node_of(keeper_of(name)) == at) { return nodes_[at.value].table.step(request, name, effects); }
        nodes_[at.value].relay.step(request, name, effects);
    }
    void send_reply(NodeId at, const sync::NameReply &reply) {
        const NodeId to = node_of(reply.ticket.asker);
        if (to == at) { return take_reply(at, reply); }
        const NameHead head{1,
                            static_cast<std::uint8_t>(reply.kind),
                            reply.was_noted,
                            reply.ticket.number,
                            reply.ticket.sequence,
                            reply.error,
                            reply.value};
        std::vector<std::byte> record(sizeof head);
        std::memcpy(record.data(), &head, sizeof head);
        network_.send(to, std::move(record));
    }
    void take_reply(NodeId at, const sync::NameReply &reply) {
        if (reply.ticket.number == sync::relay_inquiry) {
            Effects effects(*this, at);
            return nodes_[at.value].relay.on_reply(reply, effects);
        }
        sync::NameInquiry &inquiry = nodes_[at.value].inquiries[reply.ticket.number];
        inquiry.on_reply(reply);
        const bool is_end = reply.ticket.number == awaiting && reply.kind == sync::NameReplyKind::Answer;
        DSM_CHECK(reply.error == 0, "no name is taken or missing", at.value);
        if (is_end) { starts_.done(at, network_.now()); }
    }
    void on_message(NodeId at, NodeId from, std::span<const std::byte> record) override {
        NameHead head{};
        std::memcpy(&head, record.data(), sizeof head);
        if (head.is_reply != 0) {
            return take_reply(at, {static_cast<sync::NameReplyKind>(head.kind),
                                   head.was_noted != 0,
                                   {rank_of(at), head.number, head.sequence},
                                   head.error,
                                   head.value});
        }
        const auto bytes = record.subspan(sizeof head);
        const std::string_view name(reinterpret_cast<const char *>(bytes.data()), bytes.size());
        step(at, {static_cast<sync::NameRequestKind>(head.kind), {rank_of(from), head.number, head.sequence}, 0}, name);
    }

    VirtualNetwork network_;
    Starts starts_;
    Wishes wishes_;
    bool along_tree_;
    std::vector<Node> nodes_;
};

std::string numbered(unsigned node) { return "block of node " + std::to_string(node); }

} // namespace

Figures look_up_one_span(const NetworkModel &model, unsigned nodes, bool along_tree, const StartOptions &options) {
    Figures figures = SpanJob(model, nodes, along_tree, options).run();
    const unsigned levels = levels_of_heap_tree(nodes, along_tree ? memory::span_tree_fan_out : nodes);
    // All ask at the same time, so questions pass one level; a node answers when it has been answered.
    figures.levels = 1 + levels;
    figures.tree_ns = one_way_ns(model, question_bytes) + levels * one_way_ns(model, answer_bytes);
    return figures;
}

Figures look_up_neighbours_name(const NetworkModel &model, unsigned nodes, const StartOptions &options) {
    const Wishes wishes{.published = numbered,
                        .awaited = [nodes](unsigned node) { return numbered((node + 1) % nodes); }};
    return NameJob(model, nodes, wishes, true, options).run();
}

Figures look_up_one_name(const NetworkModel &model, unsigned nodes, bool along_tree, const StartOptions &options) {
    const auto name = [](unsigned) { return std::string("the grid"); };
    const Wishes wishes{.published = [](unsigned node) { return std::string(node == 0 ? "the grid" : ""); },
                        .awaited = name};
    return NameJob(model, nodes, wishes, along_tree, options).run();
}

} // namespace dsm::scale_test
