// Random programs without data races on release memory, checked byte by byte: release_plan.hpp says what they do.
//
//   release_stress [--seed N] [--seeds N] [--phases N] [--pages N] [--threads N] [--homes 0 to 4] [--allocates 0]
//
// --seeds: so many programs in one job, from --seed on. --threads: of a rank. --homes: as dsm_homes_t; 4: mixed.
// --allocates 0: no memory but that of the beginning, as where DSM_CACHE has no room for more.
#include "tests/mpi/release/release_worker.hpp"
#include "tests/mpi/support/job.hpp"

#include <memory>
#include <mpi.h>
#include <thread>
#include <vector>

namespace {

using namespace dsm_test;
using namespace dsm_test::release;

/// The same program in all ranks, with shared memory of its own.
void run_program(const Settings &settings, std::uint64_t threads, std::uint64_t homes) {
    the_seed = settings.seed;
    const Plan plan(settings);
    const auto memory_homes = static_cast<dsm_homes_t>(homes < 4 ? homes : settings.seed % 4);
    auto *const memory = shared_release<std::byte>(plan.bytes(), memory_homes);
    auto *const objects = shared_release<Objects>(1, DSM_HOMES_CYCLIC);
    RankState rank_state(threads);
    if (dsm_rank() == 0) { objects->start(settings.threads); }
    dsm_barrier_all();
    std::vector<std::thread> running;
    for (std::size_t thread = 0; thread < threads; ++thread) {
        running.emplace_back([&, thread] { Worker(plan, {memory, objects, &rank_state}, thread).run(); });
    }
    for (std::thread &thread : running) { thread.join(); }
    dsm_barrier_all();
    const auto last = static_cast<int>(settings.seed % static_cast<std::uint64_t>(dsm_size()));
    if (dsm_rank() == last) {
        dsm_free(memory);
        dsm_free(objects);
    }
}

void report(std::uint64_t seeds) {
    dsm_statistics_t here;
    DSM_REQUIRE_EQUAL(dsm_get_statistics(&here), 0);
    const unsigned long long mine[] = {here.read_faults + here.write_faults,
                                       here.messages_sent,
                                       here.fetches,
                                       here.twins,
                                       here.diffs_sent,
                                       here.homes_moved,
                                       here.evictions};
    unsigned long long all[std::size(mine)] = {};
    MPI_Allreduce(mine, all, std::size(mine), MPI_UNSIGNED_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
    if (dsm_rank() == 0) {
        std::printf("%d ranks on %d nodes, faults by %s, %llu programs: %llu faults, %llu messages, %llu fetches, "
                    "%llu twins, %llu diffs, %llu homes moved, %llu evictions\n",
                    dsm_size(), dsm_node_count(), dsm_fault_backend(), static_cast<unsigned long long>(seeds), all[0],
                    all[1], all[2], all[3], all[4], all[5], all[6]);
    }
    if (std::getenv("DSM_CACHE") != nullptr && dsm_node_count() > 1) { DSM_REQUIRE(all[6] > 0); }
}

} // namespace

int main(int argc, char **argv) {
    int level = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    start(dsm_init());
    const std::uint64_t threads = option(argc, argv, "--threads", 2);
    const std::uint64_t seeds = option(argc, argv, "--seeds", 1);
    Settings settings{option(argc, argv, "--seed", 1), option(argc, argv, "--phases", 12),
                      option(argc, argv, "--pages", 40), threads * static_cast<std::uint64_t>(dsm_size()),
                      option(argc, argv, "--allocates", 1) != 0};
    DSM_REQUIRE(settings.threads >= 2 && settings.phases <= phases_max && settings.pages > pages_alone);
    for (std::uint64_t i = 0; i < seeds; ++i, ++settings.seed) {
        run_program(settings, threads, option(argc, argv, "--homes", 4));
    }
    report(seeds);
    const int code = finish("release_stress");
    MPI_Finalize();
    return code;
}
