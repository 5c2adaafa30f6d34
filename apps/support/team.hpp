// Those who work on one problem together: the ranks of a job, the threads of a test, or one alone. A program written
// against it runs serially by the same code, to be compared with, and under tools that know threads and not ranks.
#pragma once

#include <cstddef>

namespace apps {

/// One member's view of its team. What members share is ordered by the barrier and the locks alone.
class Team {
public:
    Team() = default;
    virtual ~Team() = default;
    Team(const Team &) = delete;
    Team &operator=(const Team &) = delete;
    virtual int rank() const = 0; ///< from 0 up to size()
    virtual int size() const = 0;
    virtual void barrier() = 0;
    /// The locks of the team are numbered; how many there are is agreed on with who made the team.
    virtual void lock(std::size_t number) = 0;
    virtual void unlock(std::size_t number) = 0;
};

/// Nobody to wait for.
class Alone final : public Team {
public:
    int rank() const override { return 0; }
    int size() const override { return 1; }
    void barrier() override {}
    void lock(std::size_t /*number*/) override {}
    void unlock(std::size_t /*number*/) override {}
};

/// Holds a lock of a team for a scope.
class TeamLock {
public:
    TeamLock(Team &team, std::size_t number) : team_(team), number_(number) { team_.lock(number_); }
    ~TeamLock() { team_.unlock(number_); }
    TeamLock(const TeamLock &) = delete;
    TeamLock &operator=(const TeamLock &) = delete;

private:
    Team &team_;
    std::size_t number_;
};

} // namespace apps
