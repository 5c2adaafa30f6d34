// A few nodes of release memory, stepped by hand: what threads do, and which message comes next.
#pragma once

#include "tests/simulation/release/release_world.hpp"

#include <gtest/gtest.h>
#include <numeric>

namespace dsm::release_test {

/// Pages of home 0, whose messages arrive in the order they were sent unless the test says otherwise.
class ReleaseScenario : public testing::Test {
protected:
    void start(unsigned nodes, unsigned pages = 1) {
        options.nodes = nodes;
        options.pages = pages;
        options.homes.assign(pages, 0);
        world = std::make_unique<ReleaseWorld>(options, pool);
        world->on_send = [this](Packet &packet) { packet.not_before = ++sent; };
    }
    /// The oldest message for which `is_wanted` says yes.
    template <class IsWanted> bool deliver(IsWanted is_wanted) {
        std::size_t oldest = world->network.size();
        for (std::size_t i = 0; i < world->network.size(); ++i) {
            const Packet &packet = world->network[i];
            if (!is_wanted(packet)) { continue; }
            const bool is_older =
                oldest == world->network.size() || packet.not_before < world->network[oldest].not_before;
            if (is_older) { oldest = i; }
        }
        if (oldest == world->network.size()) { return false; }
        world->deliver(oldest);
        return true;
    }
    bool deliver_to(unsigned node) {
        return deliver([node](const Packet &packet) { return packet.to == node; });
    }
    void take_in(unsigned node) {
        while (!world->nodes[node].intakes.empty() && world->may_take_in(node, world->nodes[node].intakes[0])) {
            world->take_in(node, 0);
        }
    }
    void close(unsigned node) {
        while (world->is_closing(node)) { world->close_next(node); }
    }
    void deliver_all() {
        for (bool goes_on = true; goes_on;) {
            goes_on = deliver([](const Packet &) { return true; });
            for (unsigned node = 0; node < options.nodes; ++node) {
                close(node);
                take_in(node);
            }
        }
    }
    void want(unsigned node, Access wanted, std::uint64_t lock = 0, unsigned page = 0) {
        world->fault(node, page, {.access = wanted, .lock = lock});
    }
    void get(unsigned node, Access wanted, std::uint64_t lock = 0, unsigned page = 0) {
        for (unsigned tries = 0; world->access(node, page) < wanted; ++tries) {
            ASSERT_LT(tries, 3U);
            want(node, wanted, lock, page);
            deliver_all();
        }
    }
    void read(unsigned node, unsigned byte = 0) {
        get(node, Access::Read);
        world->read(node, 0, byte);
    }
    void write(unsigned node, unsigned byte, unsigned value, std::uint64_t lock = 0) {
        get(node, Access::Write, lock);
        world->write(node, 0, byte, static_cast<std::uint8_t>(value));
    }
    void release(unsigned node) {
        const auto ticket = world->release(node);
        close(node);
        deliver_all();
        EXPECT_TRUE(world->is_due(node, ticket));
    }
    /// A synchronisation, with everything that belongs to it.
    void pass(unsigned from, unsigned to, std::uint64_t lock = 0) {
        release(from);
        world->send(from, to, {}, lock);
        deliver_all();
        EXPECT_EQ(world->nodes[to].updates, 0U);
    }
    /// Messages about pages since the last call.
    std::uint64_t cost() {
        const auto &by_kind = world->counts.messages;
        const std::uint64_t now = std::accumulate(by_kind.begin(), by_kind.end(), std::uint64_t{0});
        return now - std::exchange(counted, now);
    }
    bool is(unsigned node, ReleaseFlag flag) { return has(world->at(node, 0).state, flag); }
    /// Node 1 becomes the home of a page that is bound to lock 1, which it writes.
    void bind_to_node_1() {
        for (const unsigned value : {1, 2}) {
            write(1, 0, value, 1);
            release(1);
        }
        ASSERT_TRUE(is(1, ReleaseFlag::Home));
        ASSERT_TRUE(is(1, ReleaseFlag::Bound));
    }
    void TearDown() override {
        if (world && !fails) { EXPECT_EQ(world->failure(), ""); }
    }

    alignas(64) std::array<std::byte, protocol::SetPool::bytes_for(4)> memory{};
    protocol::SetPool pool{memory.data(), memory.size()};
    WorldOptions options;
    std::unique_ptr<ReleaseWorld> world;
    std::uint64_t sent = 0;
    std::uint64_t counted = 0;
    bool fails = false; ///< a planted bug is to be seen
};

} // namespace dsm::release_test
