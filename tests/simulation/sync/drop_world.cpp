// The simulated job: what threads do with objects and their memory, the network, and what must hold.
#include "tests/simulation/sync/drop_world.hpp"

#include <algorithm>

namespace dsm::sync_test {

namespace {
constexpr std::uint64_t steps_max = 1'000'000; // a run takes some thousands
} // namespace

/// Effects of a round's step at one node.
class DropNodeEffects final : public sync::DropEffects {
public:
    DropNodeEffects(DropWorld &world, unsigned node) : world_(world), node_(node) {}
    void ask(NodeId to, const DropRequest &request) override {
        world_.counts_.relays += request.keeper != node_;
        world_.post({.kind = DropWorld::Kind::Request, .to = to.value, .request = request});
    }
    void answer(NodeId to, const DropAnswer &answer) override {
        world_.post({.kind = DropWorld::Kind::Answer, .to = to.value, .answer = answer});
    }
    bool look(const DropRange &range) override {
        const auto &entries = world_.nodes_[node_].entries;
        const auto found = entries.find(world_.block_of(range));
        const bool settled = found == entries.end() || found->second == 0;
        world_.counts_.looks_again += !settled;
        return settled;
    }
    bool forget(const DropRange &range) override { return world_.forget_known(node_, world_.block_of(range)); }
    bool drop(const DropRange &range) override {
        const unsigned block = world_.block_of(range);
        world_.check_dropping(node_, block);
        ++world_.blocks_[block].drops[node_];
        world_.counts_.dropped += world_.nodes_[node_].entries.erase(block);
        return world_.is_empty(node_, world_.page_of(block));
    }
    std::uint32_t last_note() override { return world_.nodes_[node_].notes; }
    void take_back_notes(const DropRange &range, std::uint32_t last) override {
        std::uint32_t &note = world_.nodes_[node_].note[world_.page_of(world_.block_of(range))];
        const std::uint32_t after = sync::note_taken_back(note, last);
        world_.counts_.notes_taken_back += note != after;
        world_.counts_.renewed += sync::is_noted(after);
        note = after;
    }
    bool is_out_of_patience(std::uint32_t) override { return false; }
    void finish(std::uint32_t number) override {
        auto &freeing = world_.nodes_[node_].freeing;
        const auto found = freeing.find(number);
        if (found == freeing.end()) { fail("D4: a round ends twice"); }
        const unsigned block = found->second;
        freeing.erase(found);
        world_.counts_.notes_kept += world_.is_noted(world_.page_of(block));
        for (const unsigned drops : world_.blocks_[block].drops) {
            if (drops != 1) { fail("D4: a node has dropped block %u %u times in a round", block, drops); }
        }
        world_.freed(block);
    }

private:
    DropWorld &world_;
    unsigned node_;
};

DropWorld::DropWorld(const DropWorldOptions &options, std::uint64_t seed)
    : ScheduledJob(seed, 200, options.traces), options_(options) {
    const auto node_count = static_cast<std::uint16_t>(options.nodes);
    for (std::uint16_t node = 0; node < node_count; ++node) {
        nodes_.push_back(Node{.rounds = {NodeId{node}, node_count, options.fan_out, options.mutation}});
        nodes_.back().known.resize(options.pages);
        nodes_.back().note.resize(options.pages);
        // Rounds and notes near the end of their numbers, too.
        nodes_.back().notes = random_.one_in(4) ? 0x7ffffffe : 0;
        nodes_.back().next_round = random_.one_in(4) ? ~1U : 0;
    }
    for (unsigned thread = 0; thread < options.threads; ++thread) {
        threads_.push_back({.node = thread % options.nodes});
    }
    blocks_.resize(std::size_t{options.pages} * options.blocks_per_page);
}

// ---- What threads do

Task<> DropWorld::live(unsigned thread) {
    ScheduledThread &self = threads_[thread];
    for (unsigned i = 0; i < options_.operations; ++i) {
        const unsigned block = random_.below(static_cast<unsigned>(blocks_.size()));
        const BlockState state = blocks_[block].state;
        if (state == BlockState::Free) { allocate(block); }
        if (state == BlockState::Live && blocks_[block].users == 0 && random_.one_in(2)) {
            free(self.node, block);
        } else if (state != BlockState::Freeing) {
            co_await use(thread, block);
        }
        co_await yield(self);
    }
    self.at = nullptr;
    co_return Nothing{};
}

/// Handed out at once when it is free. What stood in it before has left nothing anywhere.
void DropWorld::allocate(unsigned block) {
    check_freed(block);
    blocks_[block].state = BlockState::Live;
    trace("block %u is allocated", block);
}

/// As the calls of mutexes and their like: the note before the operation, and after it. Atomics need none.
Task<> DropWorld::use(unsigned thread, unsigned block) {
    ++blocks_[block].users;
    if (random_.one_in(4)) {
        ++counts_.atomics_alone;
        const unsigned keeper = keeper_of(page_of(block));
        if (keeper == threads_[thread].node) {
            nodes_[keeper].entries.emplace(block, 0);
        } else {
            ++blocks_[block].moving;
            post({.kind = Kind::Use, .to = keeper, .thread = thread, .block = block});
            co_await sleep(threads_[thread]);
        }
    } else {
        co_await note(thread, page_of(block));
        co_await yield(threads_[thread]);
        co_await operate(thread, block);
        co_await note(thread, page_of(block));
    }
    --blocks_[block].users;
    co_return Nothing{};
}

/// Entries come into being here, at an object's home, and wherever messages go that nobody waits for.
Task<> DropWorld::operate(unsigned thread, unsigned block) {
    Node &node = nodes_[threads_[thread].node];
    const unsigned other = (threads_[thread].node + random_.between(1, options_.nodes - 1)) % options_.nodes;
    switch (random_.below(4)) {
    case 0:
        node.entries.emplace(block, 0);
        break;
    case 1:
    case 2:
        ++blocks_[block].moving;
        post({.kind = Kind::Use, .to = other, .thread = thread, .block = block});
        co_await sleep(threads_[thread]);
        break;
    default:
        ++node.entries[block];
        ++blocks_[block].moving;
        ++counts_.wanders;
        post({.kind = Kind::Wander, .to = other, .thread = thread, .block = block, .hops = random_.below(4)});
        break;
    }
    co_return Nothing{};
}

Task<> DropWorld::note(unsigned thread, unsigned page) {
    ScheduledThread &self = threads_[thread];
    Node &node = nodes_[self.node];
    if (node.known[page]) { co_return Nothing{}; }
    ++node.asking;
    if (keeper_of(page) == self.node) {
        keep_note(self.node, page);
        co_await yield(self);
    } else {
        const unsigned block = page * options_.blocks_per_page;
        post({.kind = Kind::Note, .to = keeper_of(page), .thread = thread, .block = block});
        co_await sleep(self);
    }
    node.known[page] = true;
    if (random_.one_in(2)) { co_await yield(self); }
    --node.asking;
    co_return Nothing{};
}

void DropWorld::free(unsigned node, unsigned block) {
    trace("node %u frees block %u", node, block);
    blocks_[block].state = BlockState::Freeing;
    ++counts_.frees;
    const unsigned keeper = keeper_of(page_of(block));
    if (keeper == node) { return free_at_keeper(block); }
    post({.kind = Kind::Free, .to = keeper, .block = block});
}

// ---- What nodes do

void DropWorld::keep_note(unsigned node, unsigned page) {
    ++counts_.notes;
    nodes_[node].note[page] = sync::note_word(++nodes_[node].notes);
}

void DropWorld::free_at_keeper(unsigned block) {
    const unsigned keeper = keeper_of(page_of(block));
    Node &node = nodes_[keeper];
    if (!is_noted(page_of(block))) {
        check_dropping(keeper, block);
        node.entries.erase(block);
        return freed(block);
    }
    ++counts_.rounds;
    const std::uint32_t number = node.next_round++;
    node.freeing.emplace(number, block);
    blocks_[block].drops.assign(options_.nodes, 0);
    DropNodeEffects effects(*this, keeper);
    node.rounds.begin(number, range_of(block), effects);
}

void DropWorld::freed(unsigned block) {
    blocks_[block].state = BlockState::Free;
    trace("block %u is free", block);
    check_freed(block);
    if (random_.one_in(2)) { allocate(block); } // by whoever has waited for it
}

bool DropWorld::forget_known(unsigned node, unsigned block) {
    Node &here = nodes_[node];
    if (here.asking != 0) { return false; }
    for (const auto &[other, moving] : here.entries) {
        if (other != block && page_of(other) == page_of(block)) { return false; }
    }
    here.known[page_of(block)] = false;
    return true;
}

bool DropWorld::is_empty(unsigned node, unsigned page) const {
    return std::ranges::none_of(nodes_[node].entries, [&](const auto &entry) { return page_of(entry.first) == page; });
}

// ---- Network and scheduler

void DropWorld::post(const Packet &packet) { put(packets_, packet); }

bool DropWorld::deliver_one() {
    const auto packet = take(packets_, [](const Packet &) { return true; });
    if (packet) { deliver(*packet); }
    return packet.has_value();
}

void DropWorld::deliver(const Packet &packet) {
    trace("node %u receives kind %u, block %u", packet.to, static_cast<unsigned>(packet.kind), packet.block);
    Node &node = nodes_[packet.to];
    ScheduledThread &maker = threads_[packet.thread];
    DropNodeEffects effects(*this, packet.to);
    switch (packet.kind) {
    case Kind::Note:
        keep_note(packet.to, page_of(packet.block));
        return post({.kind = Kind::NoteAnswer, .to = maker.node, .thread = packet.thread});
    case Kind::Free:
        return free_at_keeper(packet.block);
    case Kind::Request:
        return node.rounds.on_request(packet.request, effects);
    case Kind::Answer:
        return node.rounds.on_answer(packet.answer, effects);
    case Kind::Use:
        node.entries.emplace(packet.block, 0);
        return post({.kind = Kind::UseAnswer, .to = maker.node, .thread = packet.thread, .block = packet.block});
    case Kind::UseAnswer:
        --blocks_[packet.block].moving;
        maker.is_woken = true;
        return;
    case Kind::NoteAnswer:
        maker.is_woken = true;
        return;
    case Kind::Wander: {
        node.entries.emplace(packet.block, 0);
        Packet next = packet;
        next.to = (packet.to + random_.between(1, options_.nodes - 1)) % options_.nodes;
        if (packet.hops == 0 || next.to == maker.node) {
            next.to = maker.node;
            next.kind = Kind::ComeHome;
        }
        next.hops -= packet.hops != 0;
        return post(next);
    }
    case Kind::ComeHome: {
        const auto entry = node.entries.find(packet.block);
        if (entry == node.entries.end()) { fail("D3: an entry was dropped while its message was under way"); }
        --entry->second;
        --blocks_[packet.block].moving;
        return;
    }
    }
}

bool DropWorld::run_thread() {
    return go_on(threads_, [](const ScheduledThread &) { return true; }) != nullptr;
}

void DropWorld::drain() {
    for (;;) {
        ++counts_.steps;
        const bool ran = do_one([this] { return deliver_one(); }, [this] { return run_thread(); });
        if (!ran && packets_.empty()) { return; }
        check();
        check_steps(counts_.steps, steps_max);
    }
}

DropCounts DropWorld::run() {
    for (unsigned thread = 0; thread < threads_.size(); ++thread) { lives_.start(threads_[thread], live(thread)); }
    drain();
    lives_.check_ended();
    check_end();
    return counts_;
}

// ---- What must hold

/// D1 and D2, after every step.
void DropWorld::check() const {
    for (unsigned node = 0; node < options_.nodes; ++node) {
        for (unsigned page = 0; page < options_.pages; ++page) {
            if (nodes_[node].known[page] && !is_noted(page)) {
                fail("D1: node %u takes page %u for noted", node, page);
            }
        }
        for (const auto &[block, moving] : nodes_[node].entries) {
            const bool needs_note = node != keeper_of(page_of(block)) && blocks_[block].users == 0;
            if (needs_note && !is_noted(page_of(block))) {
                fail("D2: node %u has an entry of block %u, whose page is not noted", node, block);
            }
        }
    }
}

/// What the whole is for.
void DropWorld::check_freed(unsigned block) const {
    if (blocks_[block].moving != 0) { fail("D3: a message is under way for block %u, which is free", block); }
    for (unsigned node = 0; node < options_.nodes; ++node) {
        if (nodes_[node].entries.contains(block)) {
            fail("node %u has an entry of block %u, which is free", node, block);
        }
    }
}

/// D3.
void DropWorld::check_dropping(unsigned node, unsigned block) {
    const Block &dropped = blocks_[block];
    if (dropped.state != BlockState::Freeing) { fail("D3: node %u drops block %u, which is used", node, block); }
    if (dropped.moving != 0) { fail("D3: node %u drops block %u, which has messages under way", node, block); }
}

/// When all blocks have been freed one after another, no note is left either. Rounds that meet in a page may leave one:
/// each finds entries that the other is about to drop.
void DropWorld::check_end() {
    for (unsigned block = 0; block < blocks_.size(); ++block) {
        if (blocks_[block].state == BlockState::Free) { allocate(block); }
        while (blocks_[block].state == BlockState::Live) {
            free(random_.below(options_.nodes), block);
            drain();
        }
        if (blocks_[block].state != BlockState::Free) { fail("block %u is never freed", block); }
    }
    for (const Node &node : nodes_) {
        if (!node.rounds.idle() || !node.freeing.empty()) { fail("D4: a round has no end"); }
        if (std::ranges::count(node.known, true) != 0) { fail("D1: a note is remembered for nothing"); }
        if (std::ranges::any_of(node.note, sync::is_noted)) { fail("D1: a note is kept for nothing"); }
    }
}

} // namespace dsm::sync_test
