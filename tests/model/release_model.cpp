// The small job of release memory: its states as bytes, and its steps.
#include "tests/model/release_model.hpp"

#include "tests/simulation/release/release_fields.hpp"

#include <cstring>
#include <set>

namespace dsm::model {

using release_test::Node;
using release_test::ReleaseWorld;

namespace {

enum class Event : std::uint8_t { Deliver, Put, TakeIn, Close, EndClose, Start, GoOn, Pass, Evict, Hint };

struct Action {
    Event event;
    unsigned first;
    unsigned second;
    [[nodiscard]] std::uint32_t packed() const { return static_cast<unsigned>(event) << 16 | first << 8 | second; }
    static Action unpacked(std::uint32_t word) {
        return {static_cast<Event>(word >> 16), word >> 8 & 0xffU, word & 0xffU};
    }
};

/// Puts values into bytes, or takes them out again, in the same order.
class Archive {
public:
    Archive(std::span<std::uint8_t> bytes, bool reads) : bytes_(bytes), reads_(reads) {}

    template <class Value> void plain(Value &value) {
        static_assert(std::is_trivially_copyable_v<Value>);
        if (at_ + sizeof value > bytes_.size()) { give_up("a part of a state is larger than its room"); }
        if (reads_) {
            std::memcpy(&value, &bytes_[at_], sizeof value);
        } else {
            std::memcpy(&bytes_[at_], &value, sizeof value);
        }
        at_ += sizeof value;
    }
    void bytes(std::vector<std::byte> &some) {
        list(some, [this](std::byte &byte) { plain(byte); });
    }
    template <class Item, class Each> void list(std::vector<Item> &items, Each each) {
        auto count = static_cast<std::uint8_t>(items.size());
        plain(count);
        if (reads_) { items.resize(count); }
        for (Item &item : items) { each(item); }
    }
    template <class Item, class Each> void heap(std::vector<Item> &items, Each each) {
        list(items, [&](Item &item) { each(*this, item); });
    }

private:
    std::span<std::uint8_t> bytes_;
    bool reads_;
    std::size_t at_ = 0;
};

std::atomic<std::uint64_t> models = 0; ///< made so far

/// Failures as texts that stay.
const char *kept_text(const std::string &text) {
    static std::mutex mutex;
    static std::set<std::string> texts;
    const std::lock_guard guard(mutex);
    return texts.insert(text).first->c_str();
}

} // namespace

void ReleaseTally::add(const ReleaseTally &other) {
    for (std::size_t i = 0; i < seen.size(); ++i) { seen[i] += other.seen[i]; }
    letters_most = std::max(letters_most, other.letters_most);
}

/// A world that a thread of the search puts states into, to step them.
class ReleaseModel::Bench {
public:
    Bench(ReleaseModel &model, protocol::SetPool &pool) : model_(model), world_(model.options_.world, pool) {
        if (model.options_.puts) {
            world_.chooses_put = [] { return true; };
        }
    }
    void decode(const State &state);
    void encode(State &state);
    void begin(State &state);
    void actions(ActionList &list) const;
    void run(Action action);
    const char *failure();
    void add_counts(Tally &tally) const;
    [[nodiscard]] bool is_quiet() const;
    ReleaseWorld &world() { return world_; }

private:
    [[nodiscard]] unsigned bytes() const { return model_.options_.world.page_bytes; }
    [[nodiscard]] unsigned lock_of(unsigned byte) const { return byte % model_.options_.locks; }
    [[nodiscard]] release_test::PageMask range_of(unsigned lock) const;
    [[nodiscard]] bool may_start(const ReleaseLock &lock) const {
        return lock.is_held != 0 && lock.wish == 0 && lock.awaits == 0;
    }
    void access(unsigned number);
    void settle();
    void look();

    ReleaseModel &model_;
    ReleaseWorld world_;
    State state_{}; ///< locks and budgets; the rest is in the world
};

void ReleaseModel::Bench::begin(State &state) {
    for (unsigned i = 0; i < model_.options_.locks; ++i) {
        state_.locks[i].node = static_cast<std::uint8_t>(i % model_.options_.world.nodes);
        state_.locks[i].is_held = 1;
    }
    state_.accesses_left = static_cast<std::uint8_t>(model_.options_.accesses);
    state_.passes_left = static_cast<std::uint8_t>(model_.options_.passes);
    state_.evictions_left = static_cast<std::uint8_t>(model_.options_.evictions);
    state_.hints_left = static_cast<std::uint8_t>(model_.options_.hints);
    encode(state);
}

void ReleaseModel::Bench::decode(const State &state) {
    const release_test::WorldOptions &options = model_.options_.world;
    state_ = state;
    world_.counts = {};
    world_.network.resize(state.packet_count);
    for (unsigned i = 0; i < state.packet_count; ++i) {
        PacketBytes bytes = model_.packets_.at(state.packets[i]);
        Archive in(bytes.bytes, true);
        visit_packet(in, world_.network[i]);
    }
    for (unsigned node = 0; node < options.nodes; ++node) {
        NodeBytes bytes = model_.nodes_.at(state.nodes[node]);
        Archive in(bytes.bytes, true);
        visit_node(in, world_.nodes[node], options.pages);
        world_.log[node].assign(state.log[node].begin(), state.log[node].begin() + state.log_size[node]);
    }
    for (unsigned page = 0; page < options.pages; ++page) {
        std::memcpy(world_.truth[page].data(), &state.truth[page * release_test::page_bytes_max],
                    release_test::page_bytes_max);
    }
}

void ReleaseModel::Bench::encode(State &state) {
    const release_test::WorldOptions &options = model_.options_.world;
    const auto on_new = [](std::uint32_t) {};
    if (world_.network.size() > release_packets_max) { give_up("more messages under way than a state holds"); }
    state_.packet_count = static_cast<std::uint8_t>(world_.network.size());
    state_.packets.fill(0);
    for (unsigned i = 0; i < state_.packet_count; ++i) {
        PacketBytes bytes{};
        Archive out(bytes.bytes, false);
        visit_packet(out, world_.network[i]);
        state_.packets[i] = model_.packets_.number_of(bytes, on_new);
    }
    std::sort(state_.packets.begin(), state_.packets.begin() + state_.packet_count);
    for (unsigned node = 0; node < options.nodes; ++node) {
        NodeBytes bytes{};
        Archive out(bytes.bytes, false);
        visit_node(out, world_.nodes[node], options.pages);
        state_.nodes[node] = model_.nodes_.number_of(bytes, on_new);
        const auto &log = world_.log[node];
        if (log.size() > release_log_max) { give_up("more intervals than a state holds"); }
        std::copy(log.begin(), log.end(), state_.log[node].begin());
        state_.log_size[node] = static_cast<std::uint8_t>(log.size());
    }
    for (unsigned page = 0; page < options.pages; ++page) {
        std::memcpy(&state_.truth[page * release_test::page_bytes_max], world_.truth[page].data(),
                    release_test::page_bytes_max);
    }
    state = state_;
}

void ReleaseModel::Bench::actions(ActionList &list) const {
    const ReleaseJobOptions &options = model_.options_;
    const auto add = [&](Event event, unsigned first, unsigned second) {
        list.add(Action{event, first, second}.packed());
    };
    for (unsigned i = 0; i < world_.network.size(); ++i) {
        const bool is_again = i != 0 && state_.packets[i] == state_.packets[i - 1];
        if (is_again) { continue; }
        add(Event::Deliver, i, 0);
        if (world_.network[i].put == release_test::Put::Due) { add(Event::Put, i, 0); }
    }
    for (unsigned node = 0; node < options.world.nodes; ++node) {
        const Node &self = world_.nodes[node];
        for (unsigned i = 0; i < self.intakes.size(); ++i) {
            if (world_.may_take_in(node, self.intakes[i])) { add(Event::TakeIn, node, i); }
        }
        if (self.makes_diffs && self.closing == 0) { add(Event::EndClose, node, 0); }
        for (unsigned page = 0; page < options.world.pages; ++page) {
            const unsigned due = self.is_published ? self.pushes : self.closing;
            if ((due >> page & 1U) != 0) { add(Event::Close, node, page); }
            if (state_.evictions_left != 0 && world_.access(node, page) != Access::None) {
                add(Event::Evict, node, page);
            }
            if (state_.hints_left != 0 && world_.access(node, page) == Access::None) { add(Event::Hint, node, page); }
        }
    }
    for (unsigned number = 0; number < options.locks; ++number) {
        const ReleaseLock &lock = state_.locks[number];
        if (lock.wish != 0 && lock.is_woken != 0) { add(Event::GoOn, number, 0); }
        if (!may_start(lock)) { continue; }
        for (unsigned byte = 0; byte < options.world.pages * bytes(); ++byte) {
            if (state_.accesses_left == 0 || lock_of(byte) != number) { continue; }
            add(Event::Start, number, byte * 2);
            add(Event::Start, number, byte * 2 + 1);
        }
        for (unsigned to = 0; to < options.world.nodes; ++to) {
            if (state_.passes_left != 0 && to != lock.node) { add(Event::Pass, number, to); }
        }
    }
}

release_test::PageMask ReleaseModel::Bench::range_of(unsigned lock) const {
    if (!model_.options_.ranges) { return release_test::all_pages; }
    unsigned pages = 0;
    for (unsigned byte = 0; byte < model_.options_.world.pages * bytes(); ++byte) {
        if (lock_of(byte) == lock) { pages |= 1U << byte / bytes(); }
    }
    return static_cast<release_test::PageMask>(pages);
}

/// The thread that holds the lock tries what it wants; without the access it faults and sleeps.
void ReleaseModel::Bench::access(unsigned number) {
    ReleaseLock &lock = state_.locks[number];
    const unsigned byte = (lock.wish - 1U) / 2;
    const bool writes = (lock.wish - 1U) % 2 != 0;
    const unsigned page = byte / bytes();
    const Access wanted = writes ? Access::Write : Access::Read;
    lock.is_woken = 0;
    if (world_.access(lock.node, page) < wanted) {
        world_.fault(lock.node, page, {.access = wanted, .is_awaited = true, .lock = number + 1});
        return;
    }
    lock.wish = 0;
    if (!writes) { return world_.read(lock.node, page, byte % bytes()); }
    const unsigned next = (world_.truth[page][byte % bytes()] + 1U) % model_.options_.values;
    world_.write(lock.node, page, byte % bytes(), static_cast<std::uint8_t>(next));
}

void ReleaseModel::Bench::run(Action action) {
    switch (action.event) {
    case Event::Deliver:
        world_.deliver(action.first);
        break;
    case Event::Put:
        world_.do_put(action.first);
        break;
    case Event::TakeIn:
        world_.take_in(action.first, action.second);
        break;
    case Event::Close:
    case Event::EndClose:
        world_.close_one(action.first, action.second);
        break;
    case Event::Start:
        --state_.accesses_left;
        state_.locks[action.first].wish = static_cast<std::uint8_t>(action.second + 1);
        access(action.first);
        break;
    case Event::GoOn:
        access(action.first);
        break;
    case Event::Pass: {
        ReleaseLock &lock = state_.locks[action.first];
        --state_.passes_left;
        lock.is_held = 0;
        lock.leaves = 1;
        lock.to = static_cast<std::uint8_t>(action.second);
        lock.ticket = static_cast<std::uint8_t>(world_.release(lock.node, range_of(action.first)).after);
        break;
    }
    case Event::Evict:
        --state_.evictions_left;
        world_.evict(action.first, action.second);
        break;
    case Event::Hint:
        --state_.hints_left;
        world_.fault(action.first, action.second, {.access = Access::Read, .is_awaited = false});
        break;
    }
    settle();
}

/// What has been woken, delivered, and let go.
void ReleaseModel::Bench::settle() {
    for (unsigned number = 0; number < model_.options_.locks; ++number) {
        ReleaseLock &lock = state_.locks[number];
        const bool is_due = lock.leaves != 0 && world_.is_due(lock.node, {lock.ticket});
        if (!is_due) { continue; }
        lock.leaves = 0;
        lock.ticket = 0;
        world_.send(lock.node, lock.to,
                    {.kind = 0, .object = static_cast<std::uint8_t>(number), .thread = 0, .value = 0}, number + 1);
        lock.node = lock.to;
        lock.to = 0;
    }
    for (unsigned node = 0; node < model_.options_.world.nodes; ++node) {
        Node &self = world_.nodes[node];
        for (const release_test::SyncMessage &message : self.delivered) {
            ReleaseLock &lock = state_.locks[message.object];
            lock.is_held = 1;
            lock.awaits = 1;
            lock.awaited = static_cast<std::uint8_t>(protocol::updates_to_await(self.update_rounds));
        }
        self.delivered.clear();
        for (ReleaseLock &lock : state_.locks) {
            const bool waits_here = lock.node == node && lock.awaits != 0;
            if (!waits_here || !protocol::are_updates_done(self.update_rounds, lock.awaited)) { continue; }
            lock.awaits = 0;
            lock.awaited = 0;
        }
        for (ReleaseLock &lock : state_.locks) {
            if (lock.node != node || lock.wish == 0) { continue; }
            if ((self.woken >> (lock.wish - 1U) / 2 / bytes() & 1U) != 0) { lock.is_woken = 1; }
        }
        self.woken = 0;
    }
}

/// What each holder would read.
void ReleaseModel::Bench::look() {
    for (unsigned byte = 0; byte < model_.options_.world.pages * bytes(); ++byte) {
        const ReleaseLock &lock = state_.locks[lock_of(byte)];
        const bool may_read = lock.is_held != 0 && lock.awaits == 0;
        const unsigned page = byte / bytes();
        if (may_read && world_.access(lock.node, page) != Access::None) {
            world_.read(lock.node, page, byte % bytes());
        }
    }
}

bool ReleaseModel::Bench::is_quiet() const {
    if (!world_.network.empty()) { return false; }
    for (unsigned node = 0; node < model_.options_.world.nodes; ++node) {
        if (world_.is_closing(node) || !world_.nodes[node].intakes.empty()) { return false; }
    }
    for (const ReleaseLock &lock : state_.locks) {
        if (lock.wish != 0 && lock.is_woken != 0) { return false; }
    }
    return true;
}

const char *ReleaseModel::Bench::failure() {
    look();
    if (is_quiet()) {
        world_.check_quiet(false);
        for (unsigned number = 0; number < model_.options_.locks; ++number) {
            const ReleaseLock &lock = state_.locks[number];
            if (lock.wish != 0 || lock.is_held == 0 || lock.awaits != 0) { world_.fail("a thread waits for ever"); }
        }
    }
    return world_.failure().empty() ? nullptr : kept_text(world_.failure());
}

void ReleaseModel::Bench::add_counts(Tally &tally) const {
    const release_test::WorldCounts &seen = world_.counts;
    const std::uint64_t counts[] = {
        seen.passed_on,     seen.kept,         seen.killed,          seen.merged,     seen.mapped_merges,
        seen.zeros,         seen.updates,      seen.notices,         seen.compared,   seen.moved_flush,
        seen.moved_lock,    seen.intervals,    seen.own_flushes,     seen.returned,   seen.puts,
        seen.moved_fetch,   seen.updates_used, seen.updates_dropped, seen.lines_sent, seen.lines_used,
        seen.part_intervals};
    for (std::size_t i = 0; i < std::size(counts); ++i) { tally.seen[i] += counts[i]; }
    tally.letters_most = std::max(tally.letters_most, static_cast<unsigned>(world_.network.size()));
}

// ---- The model

ReleaseModel::ReleaseModel(const ReleaseJobOptions &options)
    : number_(++models), options_(options), nodes_(1U << 22), packets_(1U << 22) {}

ReleaseModel::Bench &ReleaseModel::bench() {
    static thread_local std::unique_ptr<protocol::SetPool> pool;
    static thread_local std::uint64_t of = 0;
    static thread_local std::unique_ptr<Bench> own;
    if (of != number_) {
        alignas(64) static thread_local std::array<std::byte, protocol::SetPool::bytes_for(4)> memory;
        memory.fill(std::byte{0});
        pool = std::make_unique<protocol::SetPool>(memory.data(), memory.size());
        own = std::make_unique<Bench>(*this, *pool);
        of = number_;
    }
    return *own;
}

ReleaseModel::Bench &ReleaseModel::decoded(const State &state) {
    Bench &own = bench();
    own.decode(state);
    return own;
}

ReleaseModel::State ReleaseModel::initial() {
    State state{};
    bench().begin(state);
    return state;
}

void ReleaseModel::actions(const State &state, ActionList &list) { decoded(state).actions(list); }

const char *ReleaseModel::apply(State &state, std::uint32_t action, Tally &tally) {
    Bench &own = decoded(state);
    own.run(Action::unpacked(action));
    own.add_counts(tally);
    if (const char *failure = own.failure()) { return failure; }
    own.encode(state);
    return nullptr;
}

const char *ReleaseModel::check(const State & /*state*/, const ActionList & /*actions*/, Tally & /*tally*/) const {
    return nullptr; // apply() looks at everything.
}

bool ReleaseModel::happens_by_itself(std::uint32_t action) const {
    const Event event = Action::unpacked(action).event;
    return event != Event::Start && event != Event::Pass && event != Event::Evict && event != Event::Hint;
}

bool ReleaseModel::is_quiet(const State &state) { return decoded(state).is_quiet(); }

void ReleaseModel::print(const std::vector<std::uint32_t> &path) {
    static const char *const names[] = {"deliver", "put",   "take in", "close", "end of closing",
                                        "access",  "go on", "pass",    "evict", "hint"};
    alignas(64) std::array<std::byte, protocol::SetPool::bytes_for(4)> memory{};
    protocol::SetPool pool(memory.data(), memory.size());
    Bench own(*this, pool); // That of this thread may be in the middle of a step.
    own.world().trace = [](const std::string &line) { std::printf("    %s\n", line.c_str()); };
    State state{};
    own.begin(state);
    for (const std::uint32_t packed : path) {
        const Action action = Action::unpacked(packed);
        std::printf("%s %u %u\n", names[static_cast<unsigned>(action.event)], action.first, action.second);
        own.decode(state);
        own.run(action);
        if (own.failure() != nullptr) { return; }
        own.encode(state);
    }
}

std::map<std::string, std::uint64_t> ReleaseModel::sights(const Tally &tally) const {
    static const char *const names[] = {"passed on",
                                        "kept",
                                        "killed fetches",
                                        "merges into a twin",
                                        "mapped merges",
                                        "zeros",
                                        "updates",
                                        "notices",
                                        "comparisons",
                                        "moves with a flush",
                                        "moves with a lock",
                                        "intervals",
                                        "flushes",
                                        "flushes that came home",
                                        "puts",
                                        "moves to the first that touches",
                                        "unasked updates used",
                                        "unasked updates dropped",
                                        "lines sent alone",
                                        "lines used",
                                        "intervals of a range"};
    std::map<std::string, std::uint64_t> sights;
    for (std::size_t i = 0; i < std::size(names); ++i) { sights[names[i]] = tally.seen[i]; }
    return sights;
}

} // namespace dsm::model
