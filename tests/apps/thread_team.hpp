// The threads of one process as a team, so that ThreadSanitizer sees what a team shares: what races here would break in
// release-consistent memory.
#pragma once

#include "apps/support/team.hpp"

#include <barrier>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace apps::tests {

class ThreadTeam final : public Team {
public:
    /// Runs `work` as so many members at the same time, with so many locks, to the end of all.
    static void run(int members, std::size_t locks, const std::function<void(Team &)> &work) {
        std::barrier<> barrier(members);
        std::vector<std::mutex> mutexes(locks);
        std::vector<std::thread> threads;
        threads.reserve(static_cast<std::size_t>(members));
        for (int rank = 0; rank < members; ++rank) {
            threads.emplace_back([&, rank] {
                ThreadTeam team(rank, members, barrier, mutexes);
                work(team);
            });
        }
        for (std::thread &thread : threads) { thread.join(); }
    }
    int rank() const override { return rank_; }
    int size() const override { return size_; }
    void barrier() override { barrier_.arrive_and_wait(); }
    void lock(std::size_t number) override { mutexes_.at(number).lock(); }
    void unlock(std::size_t number) override { mutexes_.at(number).unlock(); }

private:
    ThreadTeam(int rank, int size, std::barrier<> &barrier, std::vector<std::mutex> &mutexes)
        : rank_(rank), size_(size), barrier_(barrier), mutexes_(mutexes) {}
    int rank_, size_;
    std::barrier<> &barrier_;
    std::vector<std::mutex> &mutexes_;
};

} // namespace apps::tests
