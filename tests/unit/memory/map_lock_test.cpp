// The lock of many mappers or one dropper.
#include "libdsm/memory/map_lock.hpp"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace dsm::memory {
namespace {

TEST(MapLock, LetsSeveralMappersIn) {
    MapLock lock;
    lock.lock_shared();
    std::thread other([&] {
        lock.lock_shared();
        lock.unlock_shared();
    });
    other.join(); // Would hang if the second mapper had to wait for the first.
    lock.unlock_shared();
    lock.lock();
    lock.unlock();
}

TEST(MapLock, ADropperIsAlone) {
    MapLock lock;
    std::uint64_t both = 0; // Written under the exclusive lock, read under the shared one.
    std::uint64_t copy = 0;
    std::atomic<bool> differed{false};
    std::vector<std::thread> threads;
    for (int dropper = 0; dropper < 2; ++dropper) {
        threads.emplace_back([&] {
            for (int round = 0; round < 5000; ++round) {
                lock.lock();
                ++both;
                ++copy;
                lock.unlock();
            }
        });
    }
    for (int mapper = 0; mapper < 3; ++mapper) {
        threads.emplace_back([&] {
            for (int round = 0; round < 5000; ++round) {
                lock.lock_shared();
                if (both != copy) { differed.store(true); }
                lock.unlock_shared();
            }
        });
    }
    for (std::thread &thread : threads) { thread.join(); }
    EXPECT_FALSE(differed.load());
    EXPECT_EQ(both, 10'000U);
}

} // namespace
} // namespace dsm::memory
