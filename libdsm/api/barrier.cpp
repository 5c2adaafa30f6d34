// Barriers of barrier.h: argument checks, counts and teams, then the runtime.
#include <dsm/barrier.h>
#include <dsm/life.h>

#include "libdsm/api/shared_object.hpp"

#include <limits>

using dsm::LockId;
using dsm::api::on;
using dsm::api::on_new;
using dsm::api::write_if_new;
using dsm::rt::Synchronisation;

namespace {

// What stands in the object: the count in the first word, the team in the second, as three numbers of 21 bits; 0 is no
// team. Zeroed: as many threads as ranks.
constexpr unsigned team_bits = 21;
constexpr int team_ranks_max = (1 << team_bits) - 1;

std::uint64_t packed(const dsm_team_t &team) {
    const auto part = [](int number, unsigned place) {
        return static_cast<std::uint64_t>(number) << place * team_bits;
    };
    return part(team.ranks, 0) | part(team.stride, 1) | part(team.first, 2);
}

dsm_team_t unpacked(std::uint64_t word) {
    const auto part = [word](unsigned place) { return static_cast<int>(word >> place * team_bits & team_ranks_max); };
    return {part(2), part(1), part(0)};
}

bool is_team(const dsm_team_t &team) {
    const bool in_range = team.first >= 0 && team.stride >= 1 && team.ranks >= 1 && dsm_size() <= team_ranks_max;
    if (!in_range || team.stride > team_ranks_max) { return false; }
    return team.first + static_cast<std::int64_t>(team.stride) * (team.ranks - 1) < dsm_size();
}

bool is_member(const dsm_team_t &team, int rank) {
    const int steps = (rank - team.first) / team.stride;
    return rank >= team.first && (rank - team.first) % team.stride == 0 && steps < team.ranks;
}

} // namespace

extern "C" {

DSM_API int dsm_barrier_init(dsm_barrier_t *barrier, const dsm_barrierattr_t *attr, unsigned count) {
    if (attr != nullptr || count == 0) { return EINVAL; }
    return on_new(barrier, [barrier, count](Synchronisation &, LockId) {
        write_if_new(barrier->dsm_opaque[0], count);
        write_if_new(barrier->dsm_opaque[1], 0);
        return 0;
    });
}

DSM_API int dsm_barrier_init_team(dsm_barrier_t *barrier, const dsm_team_t *team, unsigned threads_per_rank) {
    return on_new(barrier, [barrier, team, threads_per_rank](Synchronisation &, LockId) {
        if (team == nullptr || threads_per_rank == 0 || !is_team(*team)) { return EINVAL; }
        const std::uint64_t count = std::uint64_t{threads_per_rank} * static_cast<unsigned>(team->ranks);
        if (count > std::numeric_limits<unsigned>::max()) { return EINVAL; }
        write_if_new(barrier->dsm_opaque[0], count);
        write_if_new(barrier->dsm_opaque[1], packed(*team));
        return 0;
    });
}

DSM_API int dsm_barrier_destroy(dsm_barrier_t *barrier) {
    return on(barrier, [](Synchronisation &sync, LockId id) { return sync.barrier_destroy(id); });
}

DSM_API int dsm_barrier_wait(dsm_barrier_t *barrier) {
    return on(barrier, [barrier](Synchronisation &sync, LockId id) {
        const auto count = static_cast<unsigned>(barrier->dsm_opaque[0]);
        const std::uint64_t team = barrier->dsm_opaque[1];
        if (team != 0 && !is_member(unpacked(team), dsm_rank())) { return EPERM; }
        return sync.barrier_wait(id, count != 0 ? count : static_cast<unsigned>(dsm_size()));
    });
}

DSM_API int dsm_barrier_all(void) {
    dsm::rt::Runtime *runtime = dsm::rt::Runtime::running();
    return runtime == nullptr ? EPERM : runtime->sync().barrier_all();
}

} // extern "C"
