// Doorbells: who is woken by which ring, and that no ring is lost. Sleepers are told from threads on their way to sleep
// by what the doorbell itself says, never by the clock.
#include "libdsm/runtime/doorbell.hpp"

#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <sched.h>
#include <thread>

namespace dsm::rt {
namespace {

constexpr Nanoseconds forever = -1;

void wait_until(const std::function<bool()> &holds) {
    while (!holds()) { ::sched_yield(); }
}

/// A thread that sleeps on the bell once and notes that it woke.
class Sleeper {
public:
    Sleeper(Doorbell &bell, std::uint32_t bit) : bell_(bell) {
        const std::uint32_t seen = bell.word;
        thread_ = std::thread([this, seen, bit] {
            if (bit != progress_bit) { begin_wait(bell_); }
            sleep_on(bell_, seen, bit, forever);
            if (bit != progress_bit) { end_wait(bell_); }
            awake_ = true;
        });
    }
    ~Sleeper() {
        // A ring that comes before the futex call changes the word; one behind it wakes: so this ends.
        while (!awake_) {
            bell_.word.fetch_add(1);
            futex_wake(bell_.word, 1000);
            ::sched_yield();
        }
        thread_.join();
    }
    Sleeper(const Sleeper &) = delete;
    Sleeper &operator=(const Sleeper &) = delete;
    bool awake() const { return awake_; }
    void wait_awake() const {
        wait_until([this] { return awake_.load(); });
    }

private:
    Doorbell &bell_;
    std::atomic<bool> awake_{false};
    std::thread thread_;
};

TEST(Doorbell, ACacheLineEach) {
    EXPECT_EQ(sizeof(Doorbell), 64U);
    EXPECT_EQ(alignof(Doorbell), 64U);
}

TEST(Doorbell, AWordThatChangedKeepsAwake) {
    Doorbell bell{};
    const std::uint32_t seen = bell.word;
    ring_for_message(bell);
    begin_wait(bell);
    EXPECT_TRUE(sleep_on(bell, seen, 1, forever)) << "or this test never ends";
    end_wait(bell);
    EXPECT_TRUE(sleep_on(bell, seen, progress_bit, forever));
    EXPECT_EQ(bell.waiters_asleep, 0U);
    EXPECT_EQ(bell.progress_asleep, 0U);
}

TEST(Doorbell, EveryRingChangesTheWord) {
    Doorbell bell{};
    ring_for_message(bell);
    ring_for_waiter(bell, 4);
    ring_for_progress(bell);
    EXPECT_EQ(bell.word, 3U);
}

TEST(Doorbell, ASleepMayBeBounded) {
    Doorbell bell{};
    begin_wait(bell);
    EXPECT_FALSE(sleep_on(bell, bell.word, 1, 1000));
    EXPECT_EQ(bell.waiters_asleep, 0U);
    EXPECT_EQ(bell.waiters_awake, 1U);
    end_wait(bell);
}

TEST(Doorbell, AMessageWakesTheProgressThreadWhenNobodyWaits) {
    Doorbell bell{};
    const Sleeper progress(bell, progress_bit);
    wait_until([&] { return bell.progress_asleep == 1; });
    ring_for_message(bell);
    progress.wait_awake();
    wait_until([&] { return bell.progress_asleep == 0; });
}

TEST(Doorbell, AMessageWakesAWaiter) {
    Doorbell bell{};
    const Sleeper waiter(bell, 1U << 3U);
    wait_until([&] { return bell.waiters_asleep == 1; });
    ring_for_message(bell);
    waiter.wait_awake();
}

TEST(Doorbell, AMessageWakesNobodyWhereAThreadWaitsAwake) {
    Doorbell bell{};
    const Sleeper progress(bell, progress_bit);
    wait_until([&] { return bell.progress_asleep == 1; });
    begin_wait(bell);
    ring_for_message(bell);
    EXPECT_EQ(bell.progress_asleep, 1U);
    EXPECT_EQ(bell.messages, 1U) << "whoever waits finds it";
    end_wait(bell);
    ring_for_message(bell);
    progress.wait_awake();
}

TEST(Doorbell, ARingForTheProgressThreadReachesItBesideWaiters) {
    Doorbell bell{};
    const Sleeper waiter(bell, 1);
    const Sleeper progress(bell, progress_bit);
    wait_until([&] { return bell.waiters_asleep == 1 && bell.progress_asleep == 1; });
    ring_for_progress(bell);
    progress.wait_awake();
}

TEST(Doorbell, ARingForAWaiterReachesAllWithItsBit) {
    Doorbell bell{};
    const Sleeper first(bell, 1U << 5U);
    const Sleeper second(bell, 1U << 5U);
    wait_until([&] { return bell.waiters_asleep == 2; });
    ring_for_waiter(bell, 1U << 5U);
    first.wait_awake();
    second.wait_awake();
}

/// Two sides hand a number back and forth, each asleep until its bell rings: a lost ring hangs this test.
TEST(Doorbell, NoRingIsLost) {
    constexpr int rounds = 20'000;
    struct Side {
        Doorbell bell{};
        std::atomic<int> message{0};
    };
    Side here;
    Side there;
    const auto receive = [](Side &side, int expected, std::uint32_t bit) {
        while (true) {
            const std::uint32_t seen = side.bell.word;
            if (side.message.load() == expected) { return; }
            sleep_on(side.bell, seen, bit, forever);
        }
    };
    std::thread echo([&] {
        for (int round = 1; round <= rounds; ++round) {
            receive(there, round, progress_bit);
            here.message = round;
            ring_for_waiter(here.bell, 1);
        }
    });
    begin_wait(here.bell);
    for (int round = 1; round <= rounds; ++round) {
        there.message = round;
        ring_for_message(there.bell);
        receive(here, round, 1);
    }
    end_wait(here.bell);
    echo.join();
    EXPECT_EQ(here.message, rounds);
}

} // namespace
} // namespace dsm::rt
