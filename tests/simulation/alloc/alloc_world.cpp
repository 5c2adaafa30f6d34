// The simulated job: what nodes do, the network and the scheduler.
#include "tests/simulation/alloc/alloc_world.hpp"

#include <algorithm>
#include <cstring>

namespace dsm::alloc_test {

using memory::SpanLookupMutation;
using memory::SpanRoundMutation;

namespace {
constexpr std::uint64_t steps_max = 1'000'000; // a run takes some thousands
constexpr std::size_t copies_max = 8;

SpanRoundMutation round_mutation(AllocMutation mutation) {
    if (mutation == AllocMutation::ReportsBeforeChildren) { return SpanRoundMutation::ReportsBeforeChildren; }
    if (mutation == AllocMutation::ChildForgotten) { return SpanRoundMutation::ChildForgotten; }
    if (mutation == AllocMutation::PunchesAtOnce) { return SpanRoundMutation::PunchesAtOnce; }
    if (mutation == AllocMutation::EndsWhenForgotten) { return SpanRoundMutation::EndsWhenForgotten; }
    return SpanRoundMutation::None;
}

SpanLookupMutation lookup_mutation(AllocMutation mutation) {
    return mutation == AllocMutation::NoSpanForLateAskers ? SpanLookupMutation::NoSpanForLateAskers
                                                          : SpanLookupMutation::None;
}
} // namespace

TableMemory::TableMemory(std::size_t bytes) : base_(static_cast<std::byte *>(std::aligned_alloc(page_bytes, bytes))) {
    if (!base_) { fail("no memory"); }
    std::memset(base_.get(), 0, bytes);
}

AllocWorld::AllocWorld(const AllocWorldOptions &options, std::uint64_t seed)
    : ScheduledJob(seed, 300, options.traces), options_(options), paused_until_(options.nodes),
      directory_memory_(memory::SpanDirectory::region_bytes(options.chunks, options.nodes)),
      directory_(directory_memory_.base(), options.chunks, options.nodes), owner_(options.chunks) {
    copy_steps_ = random_.between(1, 16);
    directory_.format();
    for (unsigned node = 0; node < options.nodes; ++node) { nodes_.push_back(std::make_unique<Node>(*this, node)); }
    for (unsigned thread = 0; thread < options.threads; ++thread) {
        threads_.push_back({{.node = thread % options.nodes}});
    }
}

// ---- Effects of the machines

AllocWorld::Node::Node(AllocWorld &its_world, unsigned its_number)
    : world(its_world), number(its_number), cache_memory(memory::SpanCache::region_bytes(its_world.options_.chunks)),
      cache(cache_memory.base(), its_world.options_.chunks), lookups(lookup_mutation(its_world.options_.mutation)),
      rounds(its_number, its_world.options_.nodes, round_mutation(its_world.options_.mutation)),
      state(its_world.options_.chunks), frames(its_world.options_.chunks), forgotten(its_world.options_.chunks),
      punched(its_world.options_.chunks) {}

void AllocWorld::Node::ask_parent(ChunkId chunk) {
    world.post({.kind = Kind::AskSpan, .from = number, .to = memory::span_tree_parent(number), .chunk = chunk});
}

void AllocWorld::Node::answer(const memory::SpanAsker &asker, ChunkId chunk, const std::optional<SpanRecord> &record) {
    if (!asker.is_node) { return world.answer(asker.slot, record.has_value(), record.value_or(SpanRecord{})); }
    world.counts_.on_the_way += number != 0 && record.has_value();
    world.post({.kind = Kind::SpanFound,
                .from = number,
                .to = static_cast<unsigned>(asker.rank.value),
                .chunk = chunk,
                .is_good = record.has_value(),
                .record = record.value_or(SpanRecord{})});
}

void AllocWorld::Node::order(std::uint32_t to, SpanStep step, const SpanDrop &drop) {
    world.counts_.relays += number != 0 && to != number;
    world.counts_.slices += drop.since_ns != 0;
    world.post({.kind = Kind::Order, .from = number, .to = to, .step = step, .drop = drop});
}

void AllocWorld::Node::report(std::uint32_t to, SpanStep step, const SpanRecord &record) {
    world.post({.kind = Kind::Report, .from = number, .to = to, .record = record, .step = step});
}

void AllocWorld::Node::begin(SpanStep step, SpanDrop &drop) {
    drop.since_ns = 1;
    if (step == SpanStep::Punch) { return; }
    const SpanRecord &record = drop.record;
    for (unsigned i = 0; i < record.chunk_count; ++i) { forgotten[record.first.value + i] = record.generation; }
    const bool is_known = cache.lookup(record.first).has_value();
    if (world.planted(AllocMutation::UnknownNotForgotten) && !is_known) { return; }
    if (drop.head.chunk_count != 0) {
        cache.cut(drop.head);
    } else {
        cache.remove(record.first, record.generation);
    }
}

/// State goes when no copy is being made from it; frames go without a look.
bool AllocWorld::Node::carry_out(SpanStep step, SpanDrop &drop) {
    const unsigned end = drop.record.chunk_count;
    while (drop.done_chunks < end) {
        const unsigned chunk = drop.record.first.value + drop.done_chunks;
        if (step == SpanStep::Forget && is_copying(chunk)) { return false; }
        (step == SpanStep::Forget ? state : frames)[chunk] = 0;
        if (step == SpanStep::Punch) { punched[chunk] = drop.record.generation; }
        ++drop.done_chunks;
        if (world.random_.one_in(3)) { break; }
    }
    return drop.done_chunks == end;
}

void AllocWorld::Node::end(const SpanRecord &record) { world.finish(record); }

void AllocWorld::Node::get(unsigned chunk, std::uint32_t generation) {
    if (state[chunk] != 0 && state[chunk] != generation) {
        fail("A4: node %u has old state of chunk %u", number, chunk);
    }
    if (forgotten[chunk] == generation) { fail("node %u gets state of chunk %u, which it has dropped", number, chunk); }
    state[chunk] = generation;
    frames[chunk] = generation;
}

bool AllocWorld::Node::is_copying(unsigned chunk) const {
    return std::ranges::any_of(world.copies_,
                               [&](const Copy &copy) { return copy.from == number && copy.chunk == chunk; });
}

// ---- What the directory's node does

void AllocWorld::answer(unsigned thread, bool is_good, const SpanRecord &record) {
    post({.kind = Kind::Answer,
          .from = 0,
          .to = threads_[thread].node,
          .thread = thread,
          .is_good = is_good,
          .record = record});
}

void AllocWorld::allocate_for(unsigned thread, const memory::SpanAttributes &wanted) {
    const auto record = directory_.allocate(wanted);
    if (record) {
        trace("chunks %u + %u become generation %u", record->first.value, record->chunk_count, record->generation);
        check_granted(record->first, record->chunk_count, record->generation);
        return answer(thread, true, *record);
    }
    if (ending_.empty()) { return answer(thread, false, {}); }
    ++counts_.waited;
    waiting_.push_back({thread, wanted});
}

void AllocWorld::resize_for(const Packet &packet) {
    const auto old = directory_.lookup(packet.record.first);
    const std::uint32_t generation = packet.record.generation;
    memory::SpanResize resized{};
    const auto status = directory_.resize(packet.record.first, generation, packet.wanted.bytes, resized);
    if (status != memory::SpanStatus::Ok) { return answer(packet.thread, false, {}); }
    if (resized.tail.chunk_count != 0) {
        ++counts_.cut;
        if (planted(AllocMutation::TailEndsAtOnce)) {
            finish(resized.tail);
        } else {
            forget_everywhere({resized.tail, resized.now, 0, 0, 0});
        }
    } else if (resized.now.chunk_count > old->chunk_count) {
        ++counts_.grown;
        const ChunkId more{old->first.value + old->chunk_count};
        check_granted(more, resized.now.chunk_count - old->chunk_count, generation);
    }
    answer(packet.thread, true, resized.now);
}

bool AllocWorld::begin_end(const SpanRecord &record) {
    memory::NodeSet holders;
    const auto status = directory_.begin_free(record.first, record.generation, holders);
    if (status != memory::SpanStatus::Ok) { return false; }
    std::uint32_t left = 0;
    holders.for_each([&](NodeId node) { directory_.forget_holder(record.first, record.generation, node, left); });
    return true;
}

bool AllocWorld::free_here(const SpanRecord &record) {
    if (!begin_end(record) && !planted(AllocMutation::FreedTwice)) { return false; }
    const auto whole = directory_.lookup(record.first);
    if (!whole) { return false; }
    forget_everywhere({*whole, {}, 0, 0, 0});
    return true;
}

void AllocWorld::forget_everywhere(const SpanDrop &drop) {
    trace("chunks %u + %u are to be forgotten", drop.record.first.value, drop.record.chunk_count);
    ending_.insert(drop.record.first.value);
    nodes_[0]->rounds.on_order(SpanStep::Forget, drop, *nodes_[0]);
}

void AllocWorld::finish(const SpanRecord &record) {
    trace("chunks %u + %u are free", record.first.value, record.chunk_count);
    check_ended(record);
    ending_.erase(record.first.value);
    const auto status = directory_.finish_free(record.first, record.generation);
    if (status != memory::SpanStatus::Ok) { fail("A2: a span that every node has dropped cannot end"); }
    std::deque<Waiting> waiting;
    waiting.swap(waiting_);
    for (const Waiting &one : waiting) { allocate_for(one.thread, one.wanted); }
}

// ---- Network and scheduler

void AllocWorld::post(const Packet &packet) { put(packets_, packet); }

bool AllocWorld::deliver_one() {
    const auto packet = take(packets_, [this](const Packet &due) { return !is_paused(due.to); });
    if (!packet) { return false; }
    trace("node %u receives kind %u from %u", packet->to, static_cast<unsigned>(packet->kind), packet->from);
    deliver(*packet);
    check_node(packet->to);
    return true;
}

void AllocWorld::deliver(const Packet &packet) {
    Node &node = *nodes_[packet.to];
    switch (packet.kind) {
    case Kind::AllocateSpan:
        return allocate_for(packet.thread, packet.wanted);
    case Kind::ResizeSpan:
        return resize_for(packet);
    case Kind::FreeSpan:
        return answer(packet.thread, free_here(packet.record), {});
    case Kind::DropSpan:
        if (!free_here(packet.record)) { fail("A3: a heap chunk is a live span"); }
        return;
    case Kind::LookupSpan:
    case Kind::FindSpan:
    case Kind::AskSpan: {
        const bool is_node = packet.kind == Kind::AskSpan;
        const Rank rank{static_cast<std::int32_t>(packet.from)};
        const memory::SpanAsker asker{rank, static_cast<std::uint16_t>(packet.thread), is_node};
        if (packet.to != 0) { return node.lookups.ask(packet.chunk, asker, node); }
        const NodeId asks{static_cast<std::uint16_t>(packet.from)};
        return node.answer(asker, packet.chunk, directory_.share(packet.chunk, asks));
    }
    case Kind::SpanFound:
        if (packet.is_good) { insert_found(packet.to, packet.record); }
        return node.lookups.on_answer(packet.chunk, packet.is_good ? Found(packet.record) : std::nullopt, node);
    case Kind::Order:
        return node.rounds.on_order(packet.step, packet.drop, node);
    case Kind::Report:
        return node.rounds.on_report(packet.step, packet.record, node);
    case Kind::Touch:
        node.get(packet.chunk.value, packet.record.generation);
        return answer(packet.thread, true, packet.record);
    case Kind::Answer:
        threads_[packet.thread].answer = packet;
        threads_[packet.thread].is_woken = true;
        return;
    }
}

bool AllocWorld::run_thread() {
    const Thread *thread = go_on(threads_, [this](const Thread &one) { return !is_paused(one.node); });
    if (thread != nullptr) { check_node(thread->node); }
    return thread != nullptr;
}

/// A node that has state of a chunk copies into the frame of another that has it, too: as pages go home, or to readers.
/// None begins from what the node is about to drop.
void AllocWorld::begin_copy() {
    if (copies_.size() >= copies_max) { return; }
    const unsigned from = random_.below(options_.nodes);
    const unsigned to = random_.below(options_.nodes);
    const unsigned chunk = random_.below(options_.chunks);
    const std::uint32_t generation = nodes_[from]->state[chunk];
    if (from == to || generation == 0 || nodes_[to]->state[chunk] != generation) { return; }
    if (nodes_[from]->forgotten[chunk] == generation || packets_.empty()) { return; }
    ++counts_.copies;
    copies_.push_back({from, to, chunk, generation});
}

bool AllocWorld::copy_some() {
    if (copies_.empty()) { return false; }
    Copy &copy = copies_[random_.below(static_cast<unsigned>(copies_.size()))];
    if (is_paused(copy.from)) { return false; }
    if (nodes_[copy.to]->punched[copy.chunk] == copy.generation) {
        fail("A2: node %u copies into node %u's frame of chunk %u, which has gone", copy.from, copy.to, copy.chunk);
    }
    nodes_[copy.to]->frames[copy.chunk] = copy.generation;
    if (random_.one_in(2)) { return true; }
    copy = copies_.back();
    copies_.pop_back();
    return true;
}

bool AllocWorld::is_over() const {
    const auto can_run = [this](const Thread &thread) { return thread.may_go_on(counts_.steps); };
    return packets_.empty() && copies_.empty() && std::ranges::none_of(threads_, can_run);
}

void AllocWorld::drain() {
    while (!is_over()) {
        ++counts_.steps;
        if (random_.one_in(300)) {
            ++counts_.pauses;
            paused_until_[random_.below(options_.nodes)] = counts_.steps + random_.below(200);
        }
        if (random_.one_in(2)) { begin_copy(); }
        if (random_.one_in(copy_steps_)) { copy_some(); }
        do_one([this] { return deliver_one(); }, [this] { return run_thread(); });
        sync_test::check_steps(counts_.steps, steps_max);
    }
}

AllocCounts AllocWorld::run() {
    for (unsigned thread = 0; thread < threads_.size(); ++thread) { lives_.start(threads_[thread], live(thread)); }
    drain();
    lives_.check_ended();
    check_end();
    return counts_;
}

} // namespace dsm::alloc_test
