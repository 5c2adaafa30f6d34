// All ranks of the job as a team.
#pragma once

#include "apps/support/session.hpp"
#include "apps/support/team.hpp"

namespace apps {

class RankTeam final : public Team {
public:
    /// Collective. With so many locks, which stand in memory of these attributes until libdsm ends.
    RankTeam(std::size_t locks, const dsm_alloc_attr_t &attr) : locks_(alloc_shared<dsm::mutex>(locks, attr)) {}
    int rank() const override { return dsm::rank(); }
    int size() const override { return dsm::size(); }
    void barrier() override { dsm::barrier_all(); }
    void lock(std::size_t number) override { locks_[number].lock(); }
    void unlock(std::size_t number) override { locks_[number].unlock(); }

private:
    std::span<dsm::mutex> locks_;
};

} // namespace apps
