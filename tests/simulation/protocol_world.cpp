// Events, and their effects on frames and on the network.
#include "tests/simulation/protocol_world.hpp"

namespace dsm::protocol_test {
using namespace dsm::protocol;

namespace {
/// What a file holds of a page.
constexpr Words contents_of_file{1, 0};
constexpr Words garbage{0xdeadbeefdeadbeef, 0xdeadbeefdeadbeef};
} // namespace

PageMessageKind Packet::kind() const { return static_cast<PageMessageKind>(record[0]); }
unsigned Packet::page() const { return std::to_integer<unsigned>(record[16]); }

PoolMemory::PoolMemory(std::size_t chunks) : lines_(SetPool::bytes_for(chunks) / sizeof(Line) + 1, Line{}) {
    pool_ = std::make_unique<SetPool>(lines_.data(), lines_.size() * sizeof(Line));
}

/// Executes a step's effects on one node's page.
class World::Effects final : public PageEffects {
public:
    Effects(World &world, unsigned node, unsigned page)
        : world_(world), node_(node), page_(page), entry_(world.at(node, page)) {}

    void send(NodeId to, const PageMessage &message) override {
        if (to.value == node_ || to.value >= world_.options_->nodes) { return world_.fail("a message to nobody"); }
        if (message.kind == PageMessageKind::WriteRequest && message.sends > world_.options_->nodes - 1) {
            world_.fail("S7 a write request was sent on more than N - 1 times");
        }
        if (message.climbs && message.kind == PageMessageKind::ReadRequest && message.sends > 0) {
            world_.fail("S7 a read that climbs was sent on");
        }
        if (message.kind == PageMessageKind::ReadRequest && message.sends > world_.options_->nodes) {
            world_.fail("S7 a read request was sent on more than N times");
        }
        Packet packet{world_.next_packet_id_++, to, {}, garbage, message.from, message.origin, message.owner};
        packet.record.resize(page_record_bytes + message.nodes.size());
        encode(message, packet.record);
        if (message.contents == Contents::Bytes) {
            if (!entry_.has_frame) { world_.fail("S10 bytes are sent from a frame that is not there"); }
            packet.words = entry_.frame;
            ++world_.frames_sent;
        }
        ++world_.messages_sent[static_cast<unsigned>(message.kind)];
        world_.tree.climbs += message.kind == PageMessageKind::ReadRequest && message.climbs ? 1 : 0;
        world_.tree.served_by_readers += message.kind == PageMessageKind::ReadReply && !owns(entry_.state) ? 1 : 0;
        if (world_.trace != nullptr) {
            world_.note(node_, page_, "  sends to " + std::to_string(to.value) + ": " + text(message));
        }
        const Plant plant = world_.options_->plant;
        if (plant == Plant::AckLost && message.kind == PageMessageKind::InvalidateAck && packet.id % 64 == 0) {
            return;
        }
        if (message.kind == PageMessageKind::TakeBack) { world_.check_take_back(node_, page_); }
        if (world_.is_dead(to.value)) { return world_.vanished.push_back(std::move(packet)); }
        if (plant == Plant::RequestSentTwice && message.kind == PageMessageKind::WriteRequest && packet.id % 64 == 0) {
            world_.network.push_back(packet);
            world_.network.back().id = world_.next_packet_id_++;
        }
        world_.network.push_back(std::move(packet));
    }
    void restrict_access(Access access) override {
        if (access >= entry_.state.access) { world_.fail("access is restricted to what it was or more"); }
        if (entry_.pins > 0) { world_.fail("S11 a pinned page is taken" + world_.where(node_, page_)); }
        note(std::string("  restricts access to ") + name_of(access));
    }
    void grant_access(Access access) override {
        if (access != entry_.state.access) { world_.fail("access is granted that the state does not have"); }
        note(std::string("  grants access ") + name_of(access));
        const bool forgets = world_.options_->plant == Plant::WaiterNotWoken && world_.events_ % 64 == 0;
        if (!forgets) { world_.wakes.push_back({node_, page_}); }
    }
    void drop_frame() override {
        note("  drops the frame");
        entry_.has_frame = false;
        entry_.frame = garbage;
    }
    void zero_frame() override {
        if (entry_.state.access != Access::None) { world_.fail("a frame that is mapped is zeroed"); }
        note("  zeroes the frame");
        entry_.has_frame = true;
        entry_.frame = {};
    }
    void set_timer(TimeUs at) override {
        if (world_.options_->plant != Plant::TimerNotSet) { world_.timers.push_back({node_, page_, at}); }
    }
    void freed() override {
        note("  freed");
        ++world_.frees_done;
        world_.last_written_[page_] = {};
        for (unsigned node = 0; node < world_.options_->nodes; ++node) {
            if (!world_.is_dead(node) && world_.access(node, page_) != Access::None) {
                world_.fail("a freed page is readable somewhere");
            }
        }
    }
    void wake_waiters() override { world_.wakes.push_back({node_, page_}); }
    void load() override {
        note("  asks the file");
        if (world_.home(page_) != node_) { world_.fail("S12 another node than the home asks the file"); }
    }

    static std::string text(const PageMessage &message) {
        std::array<char, 300> line;
        return {line.data(), describe(message, line.data(), line.size())};
    }

private:
    void note(const std::string &effect) {
        if (world_.trace != nullptr) { world_.note(node_, page_, effect); }
    }
    World &world_;
    unsigned node_;
    unsigned page_;
    NodePage &entry_;
};

namespace {
std::shared_ptr<const WorldOptions> completed(const WorldOptions &options) {
    const auto all = std::make_shared<WorldOptions>(options);
    for (unsigned page = static_cast<unsigned>(all->homes.size()); page < all->pages; ++page) {
        all->homes.push_back(page % all->nodes);
    }
    all->first_touch.resize(all->pages);
    all->in_file.resize(all->pages);
    return all;
}
} // namespace

World::World(const WorldOptions &options, SetPool &pool)
    : options_(completed(options)), pool_(&pool),
      entries_(std::size_t{options.nodes} * options.pages, NodePage{PageState{}, garbage, false, 0}),
      last_written_(options.pages), copies_to_go_(options.pages) {
    for (unsigned page = 0; page < options.pages; ++page) {
        if (options_->in_file[page]) { last_written_[page] = contents_of_file; }
    }
}

PageContext World::context(unsigned node, unsigned page) const {
    return {.page = PageId{page},
            .self = NodeId{static_cast<std::uint16_t>(node)},
            .home = NodeId{static_cast<std::uint16_t>(home(page))},
            .node_count = static_cast<std::uint16_t>(options_->nodes),
            .first_touch = options_->first_touch[page],
            .in_file = options_->in_file[page]};
}

void World::fail(const std::string &what) {
    if (failure_.empty()) { failure_ = what; }
    if (trace != nullptr) { trace->push_back("*** " + what); }
}

std::string World::where(unsigned node, unsigned page) const {
    return " (node " + std::to_string(node) + ", page " + std::to_string(page) + ")";
}

void World::note(unsigned node, unsigned page, const std::string &event) {
    if (trace != nullptr) {
        trace->push_back("node " + std::to_string(node) + " page " + std::to_string(page) + ": " + event);
    }
}

/// Runs one event: step(machine, state, context, effects).
template <class Step> void World::run(unsigned node, unsigned page, const std::string &event, Step step) {
    note(node, page, event);
    const SequentialProtocol machine(*pool_, options_->limits, options_->mutation);
    Effects effects(*this, node, page);
    PageState &state = at(node, page).state;
    const PageState before = state;
    const std::size_t under_way = network.size() + vanished.size();
    step(machine, state, context(node, page), effects);
    check_step(before, node, page, network.size() + vanished.size() - under_way);
    if (options_->plant != Plant::None) { plant_after_step(state); }
    check_page(page);
}

void World::fault(unsigned node, unsigned page, Access wanted, TimeUs now_us) {
    run(node, page, std::string("wants ") + name_of(wanted), [&](auto &machine, auto &state, auto in, auto &effects) {
        machine.on_fault(state, in, wanted, now_us, effects);
    });
}

void World::prefetch(unsigned node, unsigned page, Access wanted, TimeUs now_us) {
    run(node, page, "prefetches", [&](auto &machine, auto &state, auto in, auto &effects) {
        machine.on_prefetch(state, in, wanted, now_us, effects);
    });
}

void World::accessed(unsigned node, unsigned page, TimeUs now_us) {
    run(node, page, "accessed",
        [&](auto &machine, auto &state, auto in, auto &effects) { machine.on_accessed(state, in, now_us, effects); });
}

void World::timer(unsigned node, unsigned page, TimeUs now_us) {
    run(node, page, "timer",
        [&](auto &machine, auto &state, auto in, auto &effects) { machine.on_timer(state, in, now_us, effects); });
}

/// Forgets a request that is deferred, now and then.
void World::plant_after_step(PageState &state) {
    if (events_ % 64 != 0) { return; }
    if (options_->plant == Plant::ReaderForgotten) { state.readers.clear(*pool_); }
    if (options_->plant == Plant::WriterForgotten) { state.next = no_node; }
}

Eviction World::evict(unsigned node, unsigned page, TimeUs now_us) {
    Eviction result = Eviction::Refused;
    if (options_->plant == Plant::TakeBackRepeated) {
        auto &flags = at(node, page).state.flags;
        flags = static_cast<std::uint16_t>(flags & ~static_cast<unsigned>(Flag::Evicting));
    }
    run(node, page, "wants to evict", [&](auto &machine, auto &state, auto in, auto &effects) {
        result = machine.on_evict(state, in, now_us, effects);
    });
    return result;
}

void World::free_block(unsigned page, TimeUs now_us) {
    run(home(page), page, "frees",
        [&](auto &machine, auto &state, auto in, auto &effects) { machine.on_free(state, in, now_us, effects); });
}

bool World::try_pin(unsigned node, unsigned page, Access wanted, TimeUs now_us) {
    bool is_pinned = false;
    run(node, page, "tries to pin", [&](auto &machine, auto &state, auto in, auto &effects) {
        is_pinned = machine.try_pin(state, in, wanted, now_us, effects);
    });
    at(node, page).pins += is_pinned ? 1 : 0;
    if (is_pinned && access(node, page) < wanted) { fail("S11 a page is pinned without access" + where(node, page)); }
    return is_pinned;
}

void World::unpin(unsigned node, unsigned page, TimeUs now_us) {
    --at(node, page).pins;
    run(node, page, "unpins",
        [&](auto &machine, auto &state, auto in, auto &effects) { machine.unpin(state, in, now_us, effects); });
}

void World::deliver(std::size_t packet_index, TimeUs now_us) {
    const Packet packet = std::move(network[packet_index]);
    if (packet_index + 1 < network.size()) { network[packet_index] = std::move(network.back()); }
    network.pop_back();
    const unsigned node = packet.to.value;
    const auto message = decode_page_message(packet.record, options_->nodes);
    if (!message) { return fail("a message of ours is malformed"); }
    const auto page = static_cast<unsigned>(message->page.value);
    if (message->contents == Contents::Bytes) {
        if (access(node, page) != Access::None) {
            return fail("S5 bytes reach a node that has access" + where(node, page));
        }
        at(node, page).frame = packet.words;
        at(node, page).has_frame = true;
    }
    const bool relays = has(at(node, page).state, Flag::Relaying);
    tree.second_invalidations += message->kind == PageMessageKind::Invalidate && relays ? 1 : 0;
    run(node, page, trace == nullptr ? std::string() : "receives " + Effects::text(*message),
        [&](auto &machine, auto &state, auto in, auto &effects) {
            machine.on_message(state, in, *message, now_us, effects);
        });
}

void World::kill(unsigned node, const std::function<bool()> &arrives) {
    dead_ = node;
    if (trace != nullptr) { trace->push_back("node " + std::to_string(node) + " dies"); }
    std::vector<Packet> left;
    for (Packet &packet : network) {
        const bool is_lost = packet.to.value == node || (packet.from.value == node && !arrives());
        (is_lost ? vanished : left).push_back(std::move(packet));
    }
    network = std::move(left);
}

bool World::is_load_awaited(unsigned page) const {
    const PageState &state = at(home(page), page).state;
    return has(state, Flag::InFile) && state.pending == Pending::Own;
}

void World::load(unsigned page, TimeUs now_us) {
    NodePage &entry = at(home(page), page);
    if (entry.state.access != Access::None) { fail("S12 a page that is mapped is loaded"); }
    entry.frame = contents_of_file;
    entry.has_frame = true;
    run(home(page), page, "is loaded",
        [&](auto &machine, auto &state, auto in, auto &effects) { machine.on_loaded(state, in, now_us, effects); });
}

void World::read(unsigned node, unsigned page, unsigned word) {
    const NodePage &entry = at(node, page);
    if (entry.state.access == Access::None) { return fail("a thread reads without access" + where(node, page)); }
    if (trace != nullptr) { note(node, page, "reads " + std::to_string(entry.frame[word])); }
    if (entry.frame[word] != last_written_[page][word]) { fail("S2 a read misses the last write" + where(node, page)); }
}

void World::write(unsigned node, unsigned page, unsigned word, std::uint64_t tag) {
    NodePage &entry = at(node, page);
    if (entry.state.access != Access::Write) { return fail("a thread writes without access" + where(node, page)); }
    if (trace != nullptr) { note(node, page, "writes " + std::to_string(tag)); }
    entry.frame[word] = tag;
    last_written_[page][word] = tag;
    check_page(page);
}

bool World::is_freeing(unsigned page) const {
    const PageState &state = at(home(page), page).state;
    return has(state, Flag::Freeing) || has(state, Flag::FreeWanted);
}

unsigned World::frames_of(unsigned node) const {
    unsigned frames = 0;
    for (unsigned page = 0; page < options_->pages; ++page) { frames += at(node, page).has_frame ? 1 : 0; }
    return frames;
}

const std::map<std::string, Mutation> &mutations_by_name() {
    static const std::map<std::string, Mutation> names{
        {"ack-without-dropping", Mutation::AckWithoutDropping},
        {"ignore-dropped-mark", Mutation::IgnoreDroppedMark},
        {"grant-stale-without-bytes", Mutation::GrantStaleWithoutBytes},
        {"write-before-acks", Mutation::WriteBeforeAcks},
        {"hint-not-updated", Mutation::HintNotUpdated},
        {"own-loses-copyset", Mutation::OwnLosesCopyset},
        {"relay-acks-early", Mutation::RelayAcksEarly},
        {"serve-without-downgrade", Mutation::ServeWithoutDowngrade},
        {"evict-owned-page", Mutation::EvictOwnedPage},
        {"zero-after-write", Mutation::ZeroAfterWrite},
        {"ignore-pin-at-copy", Mutation::IgnorePinAtCopy},
        {"ignore-pin-at-owner", Mutation::IgnorePinAtOwner},
        {"ask-while-pinned", Mutation::AskWhilePinned},
        {"served-lost-at-grant", Mutation::ServedLostAtGrant},
        {"served-lost-at-invalidation", Mutation::ServedLostAtInvalidation},
        {"served-lost-at-eviction", Mutation::ServedLostAtEviction},
        {"relay-acks-before-served", Mutation::RelayAcksBeforeServed},
        {"chasers-join", Mutation::ChasersJoin},
        {"second-invalidate-lost", Mutation::SecondInvalidateLost},
    };
    return names;
}

const std::map<std::string, Plant> &plants_by_name() {
    static const std::map<std::string, Plant> names{
        {"timer-not-set", Plant::TimerNotSet},
        {"reader-forgotten", Plant::ReaderForgotten},
        {"writer-forgotten", Plant::WriterForgotten},
        {"waiter-not-woken", Plant::WaiterNotWoken},
        {"no-turns", Plant::NoTurns},
        {"ack-lost", Plant::AckLost},
        {"request-sent-twice", Plant::RequestSentTwice},
        {"take-back-repeated", Plant::TakeBackRepeated},
    };
    return names;
}

} // namespace dsm::protocol_test
