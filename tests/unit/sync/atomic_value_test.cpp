// Operations on values of every size against the compiler's own integers, and the queue of waiters against a deque.
#include "libdsm/sync/atomic_value.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

using namespace dsm;
using namespace dsm::sync;

namespace {

template <class Unsigned>
std::uint64_t by_compiler(AtomicOperation operation, Unsigned old, Unsigned operand, Unsigned expected) {
    switch (operation) {
    case AtomicOperation::Load:
        return old;
    case AtomicOperation::Store:
    case AtomicOperation::Exchange:
        return operand;
    case AtomicOperation::CompareExchange:
        return old == expected ? operand : old;
    case AtomicOperation::FetchAdd:
        return static_cast<Unsigned>(old + operand);
    case AtomicOperation::FetchSub:
        return static_cast<Unsigned>(old - operand);
    case AtomicOperation::FetchAnd:
        return static_cast<Unsigned>(old & operand);
    case AtomicOperation::FetchOr:
        return static_cast<Unsigned>(old | operand);
    case AtomicOperation::FetchXor:
        return static_cast<Unsigned>(old ^ operand);
    }
    return 0;
}

template <class Unsigned> void compare_with_compiler() {
    std::mt19937_64 random(1);
    for (int turn = 0; turn < 20'000; ++turn) {
        const auto operation = static_cast<AtomicOperation>(random() % atomic_operation_count);
        const auto old = static_cast<Unsigned>(random());
        // Above the value's bytes an operand may hold what a sign extension left there.
        const std::uint64_t operand = random();
        const std::uint64_t expected = random() % 2 == 0 ? old : random();
        EXPECT_EQ(
            apply(operation, sizeof(Unsigned), old, operand, expected),
            by_compiler<Unsigned>(operation, old, static_cast<Unsigned>(operand), static_cast<Unsigned>(expected)))
            << static_cast<int>(operation);
    }
}

TEST(AtomicValue, OneByte) { compare_with_compiler<std::uint8_t>(); }
TEST(AtomicValue, TwoBytes) { compare_with_compiler<std::uint16_t>(); }
TEST(AtomicValue, FourBytes) { compare_with_compiler<std::uint32_t>(); }
TEST(AtomicValue, EightBytes) { compare_with_compiler<std::uint64_t>(); }

TEST(AtomicValue, Wraps) {
    EXPECT_EQ(apply(AtomicOperation::FetchAdd, 1, 0xff, 1, 0), 0U);
    EXPECT_EQ(apply(AtomicOperation::FetchSub, 2, 0, 1, 0), 0xffffU);
    EXPECT_EQ(apply(AtomicOperation::FetchAdd, 4, 0, ~std::uint64_t{0}, 0), 0xffffffffU);
    EXPECT_EQ(apply(AtomicOperation::FetchSub, 8, 0, 1, 0), ~std::uint64_t{0});
}

TEST(AtomicValue, Sizes) {
    for (std::size_t bytes = 0; bytes < 20; ++bytes) {
        EXPECT_EQ(is_atomic_size(bytes), bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8);
    }
}

TEST(AtomicWaiters, AreServedInOrderAndStandThereOnce) {
    constexpr std::uint32_t places = 8;
    PoolHead head{};
    std::vector<AtomicWaiter> records(places);
    const AtomicWaiterPool pool(head, records);
    AtomicState state{};
    std::deque<std::uint32_t> model;
    std::mt19937 random(7);
    for (int turn = 0; turn < 20'000; ++turn) {
        const auto slot = static_cast<std::uint32_t>(random() % 12);
        const auto found = std::find(model.begin(), model.end(), slot);
        if (random() % 2 == 0) {
            const bool room = found != model.end() || model.size() < places;
            EXPECT_EQ(add_waiter(state, pool, Rank{static_cast<std::int32_t>(slot % 3)}, WaitSlot{slot}), room);
            if (room && found == model.end()) { model.push_back(slot); }
        } else if (random() % 2 == 0) {
            remove_waiter(state, pool, Rank{static_cast<std::int32_t>(slot % 3)}, WaitSlot{slot});
            if (found != model.end()) { model.erase(found); }
        } else {
            AtomicWaiter waiter{};
            ASSERT_EQ(take_waiter(state, pool, waiter), !model.empty());
            if (model.empty()) { continue; }
            EXPECT_EQ(waiter.slot.value, model.front());
            model.pop_front();
        }
    }
    AtomicWaiter waiter{};
    while (take_waiter(state, pool, waiter)) { model.pop_front(); }
    EXPECT_TRUE(model.empty());
    EXPECT_EQ(state.first, 0U);
}

} // namespace
