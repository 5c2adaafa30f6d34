// One thread of the stress test of release memory: carries out its part of a plan and checks what it reads.
#pragma once

#include "tests/mpi/release/release_plan.hpp"
#include "tests/mpi/support/job.hpp"

#include <barrier>
#include <cstddef>
#include <cstdint>
#include <dsm/dsm.h>
#include <functional>
#include <vector>

namespace dsm_test::release {

inline constexpr std::size_t phases_max = 64;

/// Zeroed release memory for `count` objects. Collective.
template <class T> T *shared_release(std::size_t count, dsm_homes_t homes, std::size_t block_bytes = 0) {
    dsm_alloc_attr_t attr = DSM_ALLOC_ATTR_INITIALIZER;
    attr.homes = homes;
    attr.home_rank = dsm_size() - 1;
    attr.block_size = block_bytes;
    attr.memory = DSM_RELEASE;
    void *block = dsm_alloc(count * sizeof(T), &attr);
    if (block == nullptr) { fail(__FILE__, __LINE__, "dsm_alloc", errno, 0); }
    return static_cast<T *>(block);
}

/// By which one hand-over of a phase tells. What is no object of libdsm is guarded by the object above it.
struct Slot {
    dsm_atomic_t atomic;
    dsm_sem_t semaphore;
    dsm_mutex_t mutex;
    dsm_cond_t condition;
    std::uint64_t signalled; ///< phase + 1
    dsm_rwlock_t rwlock;
    std::uint64_t written; ///< phase + 1
    dsm_latch_t latches[2];
    dsm_barrier_t pair;
    std::byte *block; ///< what the hand-over brings
};

/// In release memory, close together.
struct Objects {
    struct Guard {
        dsm_mutex_t mutex;
        dsm_rwlock_t rwlock;
        std::uint64_t count; ///< how many have entered
    };
    Guard guards[guarded_groups];
    dsm_once_t onces[phases_max];
    dsm_barrier_t phase_end;
    Slot slots[release::slots];

    void start(std::uint64_t threads) {
        DSM_REQUIRE_EQUAL(dsm_barrier_init(&phase_end, nullptr, static_cast<unsigned>(threads)), 0);
        for (Slot &slot : slots) {
            DSM_REQUIRE_EQUAL(dsm_latch_init(&slot.latches[0], 1), 0);
            DSM_REQUIRE_EQUAL(dsm_barrier_init(&slot.pair, nullptr, 2), 0);
        }
    }
};

/// What the threads of a rank share.
struct RankState {
    explicit RankState(std::uint64_t threads) : together(static_cast<std::ptrdiff_t>(threads)) {}
    std::barrier<> together;
    std::byte *areas[2] = {}; ///< allocated in the phase before this one, and in this one
};

struct Shared {
    std::byte *memory;
    Objects *objects;
    RankState *rank;
};

class Worker {
public:
    Worker(const Plan &plan, const Shared &shared, std::size_t thread_of_rank);
    void run();

private:
    using Task = std::function<void()>;
    std::uint64_t seed() const { return plan_.settings().seed; }
    Slot &slot(std::size_t number) { return shared_.objects->slots[number]; }
    std::uint64_t load(const Cell &cell) const;
    void store(const Cell &cell, std::uint64_t value);
    void expect(const Cell &cell, std::uint64_t expected, const char *what) const;

    void run_phase();
    void end_phase();
    std::vector<Task> tasks();
    std::vector<Task> waiting_tasks();

    // Owned cells, and looking.
    void write_owned(std::size_t part);
    void look_around();
    void look_at_all();
    void hint();

    // Guarded cells.
    void enter(std::size_t group);
    void look_guarded(std::size_t group);
    void check_guarded(std::size_t group, std::uint64_t count);

    // Handed cells.
    void give(const HandOver &hand_over, std::size_t number);
    void take(const HandOver &hand_over, std::size_t number);
    void tell(const HandOver &hand_over, std::size_t number);
    void await(const HandOver &hand_over, std::size_t number);
    void fence(int (*fence_of)(const void *, std::size_t), const HandOver &hand_over, std::size_t number);
    void write_handed(std::size_t group, std::size_t step);
    void call_once();
    std::size_t block_bytes(const HandOver &hand_over) const;
    std::byte *new_block(const HandOver &hand_over);
    void check_and_free(std::byte *block, const HandOver &hand_over);

    // Memory that comes and goes.
    void change_areas();
    void write_area();
    void look_at_area();
    std::size_t area_bytes(std::size_t phase) const;

    const Plan &plan_;
    Shared shared_;
    std::size_t thread_of_rank_;
    std::size_t thread_;            ///< of all ranks
    std::vector<std::byte> before_; ///< what memory held when the phase began
    std::size_t phase_ = 0;
    std::uint64_t counts_[guarded_groups] = {}; ///< entries before the phase
    Random random_;
};

} // namespace dsm_test::release
