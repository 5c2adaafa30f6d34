// Spans in a tree of nodes, messages delivered in any order: some nodes are told of a span, look it up along the tree,
// and when these have found it, it is freed everywhere and its addresses are used again. Meanwhile nodes look up
// addresses that nobody has told them of. Look-ups, caches and rounds are the shipped ones. Resizing, several spans at
// a time and what nodes have besides records: tests/simulation/alloc.
#include "libdsm/memory/span_cache.hpp"
#include "libdsm/memory/span_directory.hpp"
#include "libdsm/memory/span_lookups.hpp"
#include "libdsm/memory/span_rounds.hpp"
#include "sparse_memory.hpp"
#include "tests/simulation/random.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace dsm::memory {
namespace {

constexpr std::uint32_t node_count = 23; // Three levels below the root.
constexpr std::uint32_t chunk_count = 32;
constexpr unsigned slowest = 60;
constexpr std::uint16_t told_slot = 0; ///< a look-up of what the node was told of
constexpr std::uint16_t wild_slot = 1; ///< of anything

enum class Kind { Told, AskNode, Found, AskDirectory, DirectoryFound, Order, Report };

struct Message {
    Kind kind;
    std::uint32_t from;
    std::uint32_t to;
    ChunkId chunk;
    std::optional<SpanRecord> record;
    std::uint16_t slot;
    SpanStep step = SpanStep::Forget;
    unsigned passed_over = 0; ///< so many times more
};

struct Mistakes {
    SpanLookupMutation mutation = SpanLookupMutation::None;
    bool trusts_stale = false; ///< takes what its cache has refused instead of asking the directory (U3)
};

class World {
public:
    World(std::uint64_t seed, const Mistakes &mistakes)
        : mistakes_(mistakes), random_(seed), memory_(SpanDirectory::region_bytes(chunk_count, node_count)),
          directory_(memory_.base(), chunk_count, node_count) {
        directory_.format();
        for (std::uint32_t node = 0; node < node_count; ++node) {
            nodes_.push_back(std::make_unique<Node>(*this, node, mistakes.mutation));
        }
    }

    /// Several spans' lives. The number of the first thing that went wrong, empty if nothing did.
    std::string run(unsigned lives) {
        while (failure_.empty() && (lives > 0 || !network_.empty())) {
            if (!is_live_ && lives > 0 && random_.one_in(4)) {
                --lives;
                begin_life();
            }
            if (lives > 0 && random_.one_in(3)) { look_up_something(); }
            if (!network_.empty()) { deliver(); }
        }
        for (const auto &node : nodes_) {
            if (failure_.empty() && node->lookups.questions() != 0) { failure_ = "a question has no answer"; }
        }
        return failure_;
    }

private:
    struct Node final : SpanLookupEffects, SpanRoundEffects {
        Node(World &its_world, std::uint32_t its_number, SpanLookupMutation mutation)
            : lookups(mutation), rounds(its_number, node_count, SpanRoundMutation::EndsWhenForgotten),
              memory(SpanCache::region_bytes(chunk_count)), cache(memory.base(), chunk_count), world(its_world),
              number(its_number) {}
        std::optional<SpanRecord> known(ChunkId chunk) override { return cache.lookup(chunk); }
        void ask_parent(ChunkId chunk) override {
            world.send({Kind::AskNode, number, span_tree_parent(number), chunk, std::nullopt, 0});
        }
        void answer(const SpanAsker &asker, ChunkId chunk, const std::optional<SpanRecord> &record) override {
            const auto to = static_cast<std::uint32_t>(asker.rank.value);
            if (asker.is_node) { return world.send({Kind::Found, number, to, chunk, record, 0}); }
            world.found(number, chunk, record, asker.slot);
        }

        void order(std::uint32_t to, SpanStep step, const SpanDrop &drop) override {
            world.send({Kind::Order, number, to, drop.record.first, drop.record, 0, step});
        }
        void report(std::uint32_t to, SpanStep step, const SpanRecord &record) override {
            world.send({Kind::Report, number, to, record.first, record, 0, step});
        }
        void begin(SpanStep, SpanDrop &drop) override {
            drop.since_ns = 1;
            cache.remove(drop.record.first, drop.record.generation);
        }
        bool carry_out(SpanStep, SpanDrop &) override { return true; }
        /// After one round: nobody has frames here.
        void end(const SpanRecord &record) override {
            world.directory_.finish_free(record.first, record.generation);
            world.is_live_ = false;
        }

        SpanLookups lookups;
        SpanRounds rounds;
        test::SparseMemory memory;
        SpanCache cache;
        World &world;
        std::uint32_t number;
        bool is_looking = false; ///< for something it was not told of
    };

    /// Some messages are much slower than others: as slow as a span's life.
    void send(Message message) {
        message.passed_over = random_.one_in(8) ? random_.below(slowest) : 0;
        network_.push_back(message);
    }

    void begin_life() {
        const SpanAttributes attributes{chunk_bytes * (1 + random_.below(2)),
                                        SpanKind::BigBlock,
                                        NodeId{0},
                                        HomePolicy::Cyclic,
                                        NodeId{0},
                                        12,
                                        MemoryKind::Sequential};
        live_ = *directory_.allocate(attributes);
        is_live_ = true;
        finds_left_ = 0;
        for (std::uint32_t node = 1; node < node_count; ++node) {
            if (node > 1 && random_.one_in(2)) { continue; } // It may live and die without this node.
            ++finds_left_;
            send({Kind::Told, 0, node, live_.first, std::nullopt, told_slot});
        }
    }

    /// The first chunks: there the spans are, and are not yet or not any more.
    void look_up_something() {
        const std::uint32_t node = random_.between(1, node_count - 1);
        if (nodes_[node]->is_looking) { return; }
        nodes_[node]->is_looking = true;
        find(node, ChunkId{random_.below(3)}, wild_slot);
    }

    void find(std::uint32_t node, ChunkId chunk, std::uint16_t slot) {
        nodes_[node]->lookups.ask(chunk, {Rank{static_cast<std::int32_t>(node)}, slot, false}, *nodes_[node]);
    }

    /// An answer for a thread of the node, along the tree or from the directory.
    void found(std::uint32_t node, ChunkId chunk, const std::optional<SpanRecord> &record, std::uint16_t slot) {
        if (record && !insert(node, *record) && !mistakes_.trusts_stale) {
            return send({Kind::AskDirectory, node, 0, chunk, std::nullopt, slot});
        }
        if (slot == wild_slot) {
            nodes_[node]->is_looking = false;
            return;
        }
        if (!record || record->generation != live_.generation) {
            failure_ = "a node was told of a span and does not find it";
            return;
        }
        if (--finds_left_ == 0) { end_life(); }
    }

    bool insert(std::uint32_t node, const SpanRecord &record) {
        const CacheStatus status = nodes_[node]->cache.insert(record);
        if (status == CacheStatus::Overlap) { failure_ = "an older span still stands there"; }
        return status != CacheStatus::Stale;
    }

    void end_life() {
        NodeSet holders;
        directory_.begin_free(live_.first, live_.generation, holders);
        std::uint32_t left = 0;
        holders.for_each([&](NodeId node) { directory_.forget_holder(live_.first, live_.generation, node, left); });
        nodes_[0]->order(0, SpanStep::Forget, {live_, {}, 0, 0, 0});
    }

    void deliver() {
        const std::size_t place = random_.below(static_cast<unsigned>(network_.size()));
        if (network_[place].passed_over > 0) {
            --network_[place].passed_over;
            return;
        }
        const Message message = network_[place];
        network_[place] = network_.back();
        network_.pop_back();
        Node &node = *nodes_[message.to];
        switch (message.kind) {
        case Kind::Told:
            return find(message.to, message.chunk, message.slot);
        case Kind::AskNode: {
            const SpanAsker asker{Rank{static_cast<std::int32_t>(message.from)}, 0, true};
            if (message.to != 0) { return node.lookups.ask(message.chunk, asker, node); }
            return node.answer(asker, message.chunk, directory_.share(message.chunk, asked_by(message)));
        }
        case Kind::Found:
            if (message.record) { insert(message.to, *message.record); }
            return node.lookups.on_answer(message.chunk, message.record, node);
        case Kind::AskDirectory:
            return send({Kind::DirectoryFound, 0, message.from, message.chunk,
                         directory_.share(message.chunk, asked_by(message)), message.slot});
        case Kind::DirectoryFound:
            return found(message.to, message.chunk, message.record, message.slot);
        case Kind::Order:
            return node.rounds.on_order(message.step, {*message.record, {}, 0, 0, 0}, node);
        case Kind::Report:
            return node.rounds.on_report(message.step, *message.record, node);
        }
    }
    static NodeId asked_by(const Message &message) { return {static_cast<std::uint16_t>(message.from)}; }

    Mistakes mistakes_;
    protocol_test::Random random_;
    test::SparseMemory memory_;
    SpanDirectory directory_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<Message> network_;
    SpanRecord live_{};
    bool is_live_ = false;
    std::uint32_t finds_left_ = 0;
    std::string failure_;
};

constexpr unsigned seeds = 60;
constexpr unsigned lives = 12;

/// Seeds in which something goes wrong.
unsigned failures_with(const Mistakes &mistakes) {
    unsigned failures = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        failures += World(seed, mistakes).run(lives).empty() ? 0 : 1;
    }
    return failures;
}

TEST(SpanTreeWorld, who_is_told_of_a_span_finds_it) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        const std::string failure = World(seed, {}).run(lives);
        EXPECT_EQ(failure, "") << "seed " << seed;
    }
}

TEST(SpanTreeWorld, no_span_for_late_askers_is_a_mistake) {
    EXPECT_GT(failures_with({.mutation = SpanLookupMutation::NoSpanForLateAskers}), 0U);
}

TEST(SpanTreeWorld, trusting_stale_records_is_a_mistake) { EXPECT_GT(failures_with({.trusts_stale = true}), 0U); }

} // namespace
} // namespace dsm::memory
