// Notes, and what this node does in the rounds of blocks that are being freed.
#include "libdsm/runtime/sync_drop.hpp"

#include "libdsm/base/log.hpp"
#include "libdsm/runtime/sync_retire.hpp"

#include <sched.h>

namespace dsm::rt {
namespace {
/// Then somebody waits for an object whose memory is freed: what is under way will never end.
constexpr Nanoseconds patience_ns = 1'000'000'000;

struct Settled final : SyncVisitor {
    bool all = true;
    void on_entry(SyncKind kind, LockId, SyncStates &states) override { all = all && is_settled(kind, states); }
};

class Retirer final : public SyncVisitor {
public:
    explicit Retirer(Node &node) : node_(node) {}
    ~Retirer() override {
        if (in_use_ == 0) { return; }
        log_line("memory was freed with %u synchronisation objects in use, the first a %s at %p: they are dropped",
                 in_use_, name_of(kind_), node_.address_of(first_.value));
    }
    Retirer(const Retirer &) = delete;
    Retirer &operator=(const Retirer &) = delete;
    void on_entry(SyncKind kind, LockId id, SyncStates &states) override {
        if (is_in_use(kind, states) && in_use_++ == 0) {
            kind_ = kind;
            first_ = id;
        }
        give_back_records(kind, states, *node_.sync);
    }

private:
    Node &node_;
    unsigned in_use_ = 0;
    SyncKind kind_{};
    LockId first_{};
};

} // namespace

SyncDrops::SyncDrops(Node &node, Engine &engine, Calls &calls, SpanFinder &finder)
    : node_(node), engine_(engine), calls_(calls), finder_(finder), table_(*node.objects), solo_(node.solo()),
      rounds_(node.topology->self_node(), node.topology->node_count()) {
    for (CallKind kind :
         {CallKind::NoteObjects, CallKind::DropObjects, CallKind::ObjectsRound, CallKind::ObjectsRoundDone}) {
        calls_.handle(kind, *this);
    }
}

// ---- Notes

/// Pages of spans need none; that is remembered as well. What stands in no span is asked for again each time.
void SyncDrops::note_slowly(LockId id) {
    const PageId page = memory::page_of(id.value);
    const auto span = finder_.find(id.value);
    if (!span) { return; }
    table_.begin_asking();
    if (span->kind == memory::SpanKind::HeapChunk) {
        if (span->owner == node_.topology->self_node()) {
            table_.note(page);
        } else {
            calls_.call<int>(node_.topology->first_rank_of(span->owner), CallKind::NoteObjects, page);
        }
    }
    table_.set_known_here(page);
    table_.end_asking();
}

// ---- A block of this node's heap

SyncRange SyncDrops::range_of(memory::SegmentOffset block, std::size_t kept) {
    const memory::HeapBlock found = node_.heap->find(block);
    const bool live = found.status == memory::HeapStatus::Ok && kept < found.bytes;
    return live ? SyncRange{block + kept, block + found.bytes} : SyncRange{block, block};
}

void SyncDrops::drop_block(memory::SegmentOffset block, std::size_t kept) {
    const SyncRange range = range_of(block, kept);
    if (range.begin == range.end) { return; } // What it is, the heap says.
    if (table_.is_noted(range)) {
        calls_.call<int>(node_.topology->first_rank_of(node_.topology->self_node()), CallKind::DropObjects, range);
        return;
    }
    if (!table_.has_entries(range)) { return; }
    const Nanoseconds since_ns = now_ns();
    while (!is_settled(range, since_ns)) {
        if (!engine_.drive()) { ::sched_yield(); }
    }
    drop_here(range);
}

bool SyncDrops::before_free(memory::SegmentOffset block, std::function<void()> then) {
    if (!table_.maybe_used({block, block + 1})) { return false; }
    const SyncRange range = range_of(block, 0);
    if (range.begin == range.end) { return false; }
    if (table_.is_noted(range)) {
        begin(range, std::move(then));
        return true;
    }
    if (table_.has_entries(range)) { drop_here(range); } // Atomics alone (D2): nothing is under way.
    return false;
}

// ---- Rounds: effects of sync/drop_rounds.hpp

void SyncDrops::begin(const SyncRange &range, std::function<void()> then) {
    const std::uint32_t number = next_round_++;
    waiting_.emplace(number, Waiting{now_ns(), std::move(then)});
    rounds_.begin(number, {range.begin, range.end}, *this);
}

void SyncDrops::ask(NodeId to, const sync::DropRequest &request) {
    calls_.tell(node_.topology->first_rank_of(to), CallKind::ObjectsRound, request);
}

void SyncDrops::answer(NodeId to, const sync::DropAnswer &answer) {
    calls_.tell(node_.topology->first_rank_of(to), CallKind::ObjectsRoundDone, answer);
}

bool SyncDrops::look(const sync::DropRange &range) {
    Settled settled;
    table_.visit({range.begin, range.end}, settled);
    return settled.all;
}

bool SyncDrops::forget(const sync::DropRange &range) { return table_.forget_known({range.begin, range.end}); }

bool SyncDrops::drop(const sync::DropRange &range) {
    drop_here({range.begin, range.end});
    return !table_.has_entries({range.begin, range.end});
}

void SyncDrops::take_back_notes(const sync::DropRange &range, std::uint32_t last) {
    table_.take_back_notes({range.begin, range.end}, last);
}

bool SyncDrops::is_out_of_patience(std::uint32_t number) {
    return now_ns() - waiting_.at(number).since_ns > patience_ns;
}

void SyncDrops::finish(std::uint32_t number) {
    const auto found = waiting_.find(number);
    const std::function<void()> then = std::move(found->second.then);
    waiting_.erase(found);
    then();
}

// ---- What a node has

bool SyncDrops::is_settled(const SyncRange &range, Nanoseconds since_ns) {
    if (!table_.maybe_used(range) || now_ns() - since_ns > patience_ns) { return true; }
    Settled settled;
    table_.visit(range, settled);
    return settled.all;
}

void SyncDrops::drop_here(const SyncRange &range) {
    if (!table_.maybe_used(range)) { return; }
    Retirer retirer(node_);
    table_.erase(range, retirer);
}

void SyncDrops::end_here(const SyncRange &range) {
    drop_here(range);
    if (table_.maybe_used(range)) { table_.clear(range); }
}

void SyncDrops::on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) {
    if (kind == CallKind::NoteObjects) {
        table_.note(arguments_as<PageId>(arguments));
        calls_.answer(token, 0);
    } else if (kind == CallKind::DropObjects) {
        begin(arguments_as<SyncRange>(arguments), [this, token] { calls_.answer(token, 0); });
    } else if (kind == CallKind::ObjectsRound) {
        rounds_.on_request(arguments_as<sync::DropRequest>(arguments), *this);
    } else if (kind == CallKind::ObjectsRoundDone) {
        rounds_.on_answer(arguments_as<sync::DropAnswer>(arguments), *this);
    }
}

} // namespace dsm::rt
