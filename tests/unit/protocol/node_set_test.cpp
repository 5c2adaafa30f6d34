// Sets of nodes: what is in them, what they cost, and that foreign bytes do no harm.
#include "libdsm/protocol/node_set.hpp"
#include "tests/simulation/protocol_world.hpp"
#include "tests/simulation/random.hpp"

#include <gtest/gtest.h>
#include <set>
#include <thread>

namespace dsm::protocol {
namespace {

using protocol_test::PoolMemory;
using protocol_test::Random;

constexpr unsigned many_nodes = 10'240;
NodeId node(unsigned value) { return NodeId{static_cast<std::uint16_t>(value)}; }

std::set<unsigned> members_of(const NodeSet &set, const SetPool &pool) {
    std::set<unsigned> members;
    set.for_each(pool, [&](NodeId one) { members.insert(one.value); });
    return members;
}

std::vector<std::byte> bytes_of(const NodeSet &set, const SetPool &pool) {
    std::vector<std::byte> bytes(encoded_nodes_bytes_max);
    bytes.resize(set.encode(pool, bytes));
    return bytes;
}

TEST(NodeSet, BehavesLikeASet) {
    PoolMemory memory(256);
    SetPool &pool = memory.pool();
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Random random(seed);
        const unsigned range = seed % 2 == 0 ? 16 : 16'384;
        NodeSet set{};
        std::set<unsigned> model;
        for (unsigned i = 0; i < 2'000; ++i) {
            const unsigned value = random.below(range);
            if (random.below(100) < (i / 200 % 2 == 0 ? 70U : 30U)) {
                EXPECT_EQ(set.insert(node(value), pool), model.insert(value).second);
            } else {
                EXPECT_EQ(set.erase(node(value), pool), model.erase(value) == 1);
            }
            ASSERT_EQ(set.count(), model.size());
            EXPECT_EQ(set.contains(node(value), pool), model.contains(value));
        }
        ASSERT_EQ(members_of(set, pool), model);
        NodeSet copy{};
        ASSERT_TRUE(copy.decode(bytes_of(set, pool), range, pool));
        ASSERT_EQ(members_of(copy, pool), model);
        set.clear(pool);
        copy.clear(pool);
        ASSERT_EQ(pool.chunks_in_use(), 0U);
    }
}

TEST(NodeSet, ManyMembersCostLessThanTwoKib) {
    PoolMemory memory(64);
    SetPool &pool = memory.pool();
    NodeSet set{};
    for (unsigned value = 0; value < many_nodes; ++value) { set.insert(node(value), pool); }
    EXPECT_EQ(set.count(), many_nodes);
    EXPECT_LT(sizeof set + pool.chunks_in_use() * sizeof(SetPool::Chunk), 2'048U);
    EXPECT_EQ(bytes_of(set, pool).size(), 3 + many_nodes / 8);
    NodeSet taken = set.take();
    EXPECT_TRUE(set.empty());
    for (unsigned value = 0; value < many_nodes; ++value) { EXPECT_TRUE(taken.erase(node(value), pool)); }
    EXPECT_EQ(pool.chunks_in_use(), 0U);
}

TEST(NodeSet, FewMembersTakeNoChunk) {
    PoolMemory memory(4);
    NodeSet set{};
    for (unsigned value = 0; value < NodeSet::inline_max; ++value) { set.insert(node(value * 2'000), memory.pool()); }
    EXPECT_EQ(memory.pool().chunks_in_use(), 0U);
    EXPECT_EQ(bytes_of(set, memory.pool()).size(), 13U);
}

TEST(NodeSet, EncodingNeverExceedsItsBound) {
    PoolMemory memory(64);
    SetPool &pool = memory.pool();
    Random random(7);
    for (unsigned members = 1; members <= nodes_max; members *= 2) {
        NodeSet set{};
        for (unsigned i = 0; i < members; ++i) { set.insert(node(random.below(nodes_max)), pool); }
        EXPECT_LE(bytes_of(set, pool).size(), encoded_nodes_bytes_max);
        set.clear(pool);
    }
}

TEST(NodeSet, ForeignBytesAreRefusedOrInRange) {
    PoolMemory memory(256);
    SetPool &pool = memory.pool();
    Random random(11);
    unsigned accepted = 0;
    for (unsigned i = 0; i < 50'000; ++i) {
        std::vector<std::byte> bytes(random.below(12));
        for (std::byte &byte : bytes) { byte = static_cast<std::byte>(random.below(random.one_in(2) ? 4 : 256)); }
        NodeSet set{};
        if (set.decode(bytes, 100, pool)) {
            ++accepted;
            set.for_each(pool, [](NodeId one) { ASSERT_LT(one.value, 100); });
        } else {
            ASSERT_TRUE(set.empty());
        }
        set.clear(pool);
    }
    EXPECT_GT(accepted, 1'000U);
    EXPECT_EQ(pool.chunks_in_use(), 0U);
}

TEST(NodeSet, PoolIsSharedByThreads) {
    constexpr unsigned threads = 4;
    PoolMemory memory(threads * 40);
    std::vector<std::thread> workers;
    for (unsigned worker = 0; worker < threads; ++worker) {
        workers.emplace_back([&memory, worker] {
            Random random(worker);
            for (unsigned round = 0; round < 300; ++round) {
                NodeSet set{};
                std::set<unsigned> model;
                for (unsigned i = 0; i < 40; ++i) {
                    const unsigned value = random.below(nodes_max);
                    set.insert(node(value), memory.pool());
                    model.insert(value);
                }
                ASSERT_EQ(members_of(set, memory.pool()), model);
                set.clear(memory.pool());
            }
        });
    }
    for (std::thread &worker : workers) { worker.join(); }
    EXPECT_EQ(memory.pool().chunks_in_use(), 0U);
}

TEST(NodeBits, EncodesAPart) {
    NodeBits bits;
    for (unsigned value : {3U, 5U, 9U, 700U}) { bits.insert(node(value)); }
    std::array<std::byte, encoded_nodes_bytes_max> bytes;
    const std::size_t used = bits.encode(4, 700, bytes);
    NodeBits part;
    ASSERT_TRUE(part.decode(std::span(bytes).first(used), 1'000));
    EXPECT_EQ(part.count(), 2U);
    EXPECT_TRUE(part.contains(node(5)) && part.contains(node(9)));
    EXPECT_EQ(bits.encode(10, 700, bytes), 0U);
}

} // namespace
} // namespace dsm::protocol
