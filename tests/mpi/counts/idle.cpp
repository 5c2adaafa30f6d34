// What a rank costs that does nothing: all its threads asleep in a barrier while rank 0 sleeps outside. Prints the
// share of a core that each rank used, by getrusage.
//
//   idle [--seconds N] [--percent-max N]
#include "tests/mpi/support/job.hpp"

#include <array>
#include <chrono>
#include <sys/resource.h>
#include <thread>

namespace {

constexpr std::size_t ranks_max = 64;

struct Shared {
    std::array<double, ranks_max> percent;
};

double processor_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval &time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

} // namespace

int main(int argc, char **argv) {
    using Clock = std::chrono::steady_clock;
    const std::uint64_t seconds = dsm_test::option(argc, argv, "--seconds", 5);
    const std::uint64_t percent_max = dsm_test::option(argc, argv, "--percent-max", 0);
    dsm_test::start(dsm_init());
    const auto self = static_cast<std::size_t>(dsm_rank());
    DSM_REQUIRE(static_cast<std::size_t>(dsm_size()) <= ranks_max);
    auto *shared = dsm_test::shared<Shared>();
    for (int round = 0; round < 100; ++round) { dsm_barrier_all(); } // Traffic, from which ranks have to calm down.
    const auto begin = Clock::now();
    const double used_before = processor_seconds();
    if (self == 0) { std::this_thread::sleep_for(std::chrono::seconds(seconds)); }
    dsm_barrier_all();
    const double used = processor_seconds() - used_before;
    const double passed = std::chrono::duration<double>(Clock::now() - begin).count();
    shared->percent[self] = 100 * used / passed;
    dsm_barrier_all();
    if (self == 0) {
        for (int rank = 0; rank < dsm_size(); ++rank) {
            const double percent = shared->percent[static_cast<std::size_t>(rank)];
            std::printf("idle: rank %d used %.2f %% of a core for %.1f s\n", rank, percent, passed);
            if (percent_max > 0) { DSM_REQUIRE(percent < static_cast<double>(percent_max)); }
        }
    }
    return dsm_test::finish("idle");
}
