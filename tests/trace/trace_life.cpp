// Steps of one page through the protocol, in an order in which every message is sent before it is received.
#include "tests/trace/trace_life.hpp"

#include "libdsm/protocol/page_wire.hpp"

#include <algorithm>
#include <cstring>

namespace dsm::trace_test {
namespace {

using protocol::PageMessageKind;
using rt::TraceEvent;

constexpr std::size_t pool_chunks = std::size_t{1} << 15;
constexpr std::size_t steps_shown = 20;

const Replayer *current = nullptr;

std::string bytes_as_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

/// Keeps what a step has sent.
class Outgoing final : public protocol::PageEffects {
public:
    struct Message {
        std::uint16_t to;
        PageMessageKind kind;
        std::string bytes;
    };
    std::vector<Message> messages;

    void send(NodeId to, const protocol::PageMessage &message) override {
        std::array<std::byte, protocol::encoded_page_message_bytes_max> wire;
        const std::size_t used = protocol::encode(message, wire);
        messages.push_back({to.value, message.kind, bytes_as_text(std::span(wire).first(used))});
    }
    void restrict_access(Access) override {}
    void grant_access(Access) override {}
    void drop_frame() override {}
    void zero_frame() override {}
    void set_timer(protocol::TimeUs) override {}
    void freed() override {}
    void wake_waiters() override {}
    void load() override {}
};

std::string described(std::span<const std::byte> wire, unsigned node_count) {
    const auto message = protocol::decode_page_message(wire, node_count);
    if (!message) { return "no message"; }
    char text[256];
    protocol::describe(*message, text, sizeof text);
    return text;
}

std::string described(const protocol::PageState &state) {
    char text[512];
    protocol::describe(state, text, sizeof text);
    return text;
}

} // namespace

std::string describe_current() { return current == nullptr ? "" : current->history(); }

std::string describe_step(std::uint16_t node, const TraceStep &step, unsigned node_count) {
    const rt::TraceRecordHead &head = step.head;
    std::string line = std::string("  node ") + std::to_string(node) + " rank " + std::to_string(step.rank) + " step " +
                       std::to_string(head.step) + " at " + std::to_string(head.now_us) +
                       " us: " + std::string(name_of(head.event));
    if (head.argument != 0) { line += std::string(" for ") + protocol::name_of(static_cast<Access>(head.argument)); }
    if (!step.message.empty()) { line += " <- " + described(step.message, node_count); }
    line += "; access " + std::string(protocol::name_of(static_cast<Access>(head.state.access))) + ", pending " +
            protocol::name_of(static_cast<protocol::Pending>(head.state.pending)) + ", version " +
            std::to_string(head.state.version);
    for_each_effect(step.effects, [&](rt::TraceEffect effect, std::span<const std::byte> fields) {
        if (effect != rt::TraceEffect::Send) { return; }
        std::uint16_t to = 0;
        std::memcpy(&to, fields.data(), sizeof to);
        line.append("\n      -> node ")
            .append(std::to_string(to))
            .append(": ")
            .append(described(fields.subspan(4), node_count));
    });
    return line + "\n";
}

Replayer::Replayer(const rt::TraceFileHead &job, const std::vector<NodeTrace> &nodes, TraceVerdict &verdict)
    : job_(job), traces_(nodes), verdict_(verdict), pool_memory_(protocol::SetPool::bytes_for(pool_chunks) + 64) {
    void *place = pool_memory_.data();
    std::size_t space = pool_memory_.size();
    std::align(64, protocol::SetPool::bytes_for(pool_chunks), place, space);
    pool_ = std::make_unique<protocol::SetPool>(place, protocol::SetPool::bytes_for(pool_chunks));
    protocol::SequentialLimits limits;
    std::memcpy(&limits, job.limits.data(), sizeof limits);
    protocol_ = std::make_unique<protocol::SequentialProtocol>(*pool_, limits);
}

bool Replayer::replay(const LifeSteps &steps) {
    nodes_.clear();
    under_way_.clear();
    done_.clear();
    grants_under_way_ = 0;
    is_whole_ = std::all_of(traces_.begin(), traces_.end(), [](const NodeTrace &node) { return node.is_whole(); });
    const rt::TraceRecordHead &first = steps.begin()->second.front()->head;
    for (const auto &[number, of_node] : steps) {
        nodes_.push_back({.number = number, .steps = &of_node});
        if (!find_gaps(nodes_.back())) { return false; }
        for (const TraceStep *step : of_node) {
            const auto &head = step->head;
            if (head.home != first.home || head.origin != first.origin || head.block_shift != first.block_shift) {
                return differ("the steps of one allocation name different homes, origins or blocks");
            }
        }
    }
    current = this;
    const bool agrees = run();
    current = nullptr;
    end_life();
    return agrees;
}

/// Steps are numbered without gaps, unless a file is missing or was cut.
bool Replayer::find_gaps(Node &node) {
    for (const TraceStep *step : *node.steps) {
        if (step->head.step == node.end + 1) {
            ++node.end;
            continue;
        }
        done_.emplace_back(node.number, step);
        if (step->head.step <= node.end) {
            return differ("node " + std::to_string(node.number) + ": two records are of step " +
                          std::to_string(step->head.step));
        }
        if (traces_[node.number].is_whole() && !traces_[node.number].is_cut) {
            return differ("node " + std::to_string(node.number) + ": step " + std::to_string(node.end + 1) +
                          " is missing");
        }
        done_.clear();
        verdict_.not_replayed += node.steps->size() - node.end;
        break;
    }
    node.has_gap = !traces_[node.number].is_whole() || traces_[node.number].is_cut;
    return true;
}

/// Takes a step wherever one may be taken, until all are.
bool Replayer::run() {
    bool any = true;
    while (any) {
        any = false;
        for (Node &node : nodes_) {
            while (node.next < node.end && may_run(node, *(*node.steps)[node.next])) {
                if (!run_step(node, *(*node.steps)[node.next])) { return false; }
                any = true;
            }
        }
    }
    for (const Node &node : nodes_) {
        if (node.next == node.end) { continue; }
        const TraceStep &step = *(*node.steps)[node.next];
        done_.emplace_back(node.number, &step);
        return differ("node " + std::to_string(node.number) + " step " + std::to_string(step.head.step) +
                      ": a message was received that nobody had sent by then");
    }
    return true;
}

/// Whether steps of a node are unknown from here on: what it has sent since is unknown too.
bool Replayer::is_open(std::uint16_t number) const {
    if (!traces_[number].is_whole()) { return true; }
    const auto node = std::find_if(nodes_.begin(), nodes_.end(), [&](const Node &one) { return one.number == number; });
    if (node == nodes_.end()) { return traces_[number].is_cut; }
    return node->has_gap && node->next == node->end;
}

bool Replayer::may_run(const Node &node, const TraceStep &step) {
    if (step.head.event != TraceEvent::Message) { return true; }
    const auto sent = under_way_.find({node.number, bytes_as_text(step.message)});
    if (sent != under_way_.end()) { return true; }
    const auto message = protocol::decode_page_message(step.message, job_.node_count);
    return is_open(message->from.value);
}

bool Replayer::run_step(Node &node, const TraceStep &step) {
    done_.emplace_back(node.number, &step);
    ++node.next;
    ++verdict_.steps;
    ++verdict_.by_event[static_cast<std::size_t>(step.head.event) % verdict_.by_event.size()];
    if (step.head.event == TraceEvent::Message) {
        ++verdict_.received;
        const auto sent = under_way_.find({node.number, bytes_as_text(step.message)});
        if (sent == under_way_.end()) {
            ++verdict_.unknown_senders;
            is_whole_ = false;
        } else {
            const auto message = protocol::decode_page_message(step.message, job_.node_count);
            grants_under_way_ -= message->kind == PageMessageKind::Grant ? 1 : 0;
            if (--sent->second == 0) { under_way_.erase(sent); }
        }
    }
    Outgoing outgoing;
    rt::TracedEffects effects(&outgoing);
    const std::uint8_t result = apply(node, step, effects);
    for (const Outgoing::Message &message : outgoing.messages) {
        grants_under_way_ += message.kind == PageMessageKind::Grant ? 1 : 0;
        ++under_way_[{message.to, message.bytes}];
    }
    if (node.has_gap && node.next == node.end) { is_whole_ = false; }
    return compare(node, step, result, effects) && check_nodes();
}

std::uint8_t Replayer::apply(Node &node, const TraceStep &step, protocol::PageEffects &effects) {
    const rt::TraceRecordHead &head = step.head;
    const auto origin = static_cast<rt::PageOrigin>(head.origin);
    const protocol::PageContext context{.page = PageId{head.page},
                                        .self = NodeId{node.number},
                                        .home = NodeId{head.home},
                                        .node_count = job_.node_count,
                                        .first_touch = origin == rt::PageOrigin::FirstTouch,
                                        .in_file = origin == rt::PageOrigin::File};
    const auto wanted = static_cast<Access>(head.argument);
    protocol::PageState &state = node.state;
    switch (head.event) {
    case TraceEvent::Fault:
        return protocol_->on_fault(state, context, wanted, head.now_us, effects), 1;
    case TraceEvent::Prefetch:
        return protocol_->on_prefetch(state, context, wanted, head.now_us, effects), 1;
    case TraceEvent::Message: {
        const auto message = protocol::decode_page_message(step.message, job_.node_count);
        return protocol_->on_message(state, context, *message, head.now_us, effects), 1;
    }
    case TraceEvent::Accessed:
        return protocol_->on_accessed(state, context, head.now_us, effects), 1;
    case TraceEvent::Timer:
        return protocol_->on_timer(state, context, head.now_us, effects), 1;
    case TraceEvent::Evict:
        return static_cast<std::uint8_t>(protocol_->on_evict(state, context, head.now_us, effects));
    case TraceEvent::Free:
        return protocol_->on_free(state, context, head.now_us, effects), 1;
    case TraceEvent::Pin:
        return protocol_->try_pin(state, context, wanted, head.now_us, effects) ? 1 : 0;
    case TraceEvent::Unpin:
        return protocol_->unpin(state, context, head.now_us, effects), 1;
    case TraceEvent::LoadAhead:
        return protocol_->on_load_ahead(state, context, head.now_us, effects) ? 1 : 0;
    case TraceEvent::Loaded:
        return protocol_->on_loaded(state, context, head.now_us, effects), 1;
    case TraceEvent::Clean:
        return protocol_->on_clean(state, context, head.now_us, effects) ? 1 : 0;
    case TraceEvent::Reset:
        state.copyset.clear(*pool_);
        state.readers.clear(*pool_);
        state = {};
        return 0;
    case TraceEvent::End:
        break;
    }
    return 0;
}

bool Replayer::compare(const Node &node, const TraceStep &step, std::uint8_t result, const rt::TracedEffects &effects) {
    const rt::TraceRecordHead &head = step.head;
    const std::string where = "node " + std::to_string(node.number) + " step " + std::to_string(head.step) + ": ";
    if (result != head.result) {
        return differ(where + "the protocol gives result " + std::to_string(result) + ", the trace has " +
                      std::to_string(head.result));
    }
    if (effects.hash() != head.effects_hash || effects.bytes_all() != head.effects_bytes_all) {
        std::string sends;
        for_each_effect(effects.shown(), [&](rt::TraceEffect effect, std::span<const std::byte> fields) {
            sends.append(" ").append(std::to_string(static_cast<unsigned>(effect)));
            if (effect != rt::TraceEffect::Send) { return; }
            sends.append(" (").append(described(fields.subspan(4), job_.node_count)).append(")");
        });
        return differ(where + "the protocol wants other things done than the trace has, namely effects" + sends);
    }
    if (rt::trace_hash_of(node.state, *pool_) != head.state_hash || rt::trace_state_of(node.state) != head.state) {
        return differ(where + "the protocol comes to another state: " + described(node.state));
    }
    return true;
}

/// What concerns several nodes, while nothing is missing.
bool Replayer::check_nodes() {
    if (!is_whole_) { return true; }
    unsigned owners = grants_under_way_;
    unsigned writers = 0;
    unsigned holders = 0;
    for (const Node &node : nodes_) {
        owners += protocol::owns(node.state) ? 1 : 0;
        writers += protocol::access_of(node.state) == Access::Write ? 1 : 0;
        holders += protocol::access_of(node.state) != Access::None ? 1 : 0;
    }
    if (owners > 1) { return differ("S3: more than one node owns the page, or is being given it"); }
    if (writers > 0 && holders > 1) { return differ("S1: a node may write and another has access"); }
    return true;
}

std::string Replayer::history() const {
    std::string text;
    const std::size_t begin = done_.size() > steps_shown ? done_.size() - steps_shown : 0;
    for (std::size_t at = begin; at < done_.size(); ++at) {
        text += describe_step(done_[at].first, *done_[at].second, job_.node_count);
    }
    return text;
}

bool Replayer::differ(const std::string &what) {
    std::string place;
    if (!done_.empty()) {
        const auto &head = done_.back().second->head;
        place = "page " + std::to_string(head.page) + " of allocation " + std::to_string(head.generation) + ", ";
    }
    verdict_.difference = place + what + "\n" + history();
    return false;
}

void Replayer::end_life() {
    for (const auto &[sent, count] : under_way_) { verdict_.never_received += count; }
    for (Node &node : nodes_) {
        node.state.copyset.clear(*pool_);
        node.state.readers.clear(*pool_);
    }
}

} // namespace dsm::trace_test
