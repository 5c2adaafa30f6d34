// Statistics of all ranks, added up by MPI.
#include "tests/mpi/counts/measurement.hpp"

#include "tests/mpi/support/job.hpp"

#include <array>
#include <mpi.h>

namespace {

constexpr std::size_t kinds = 13;
constexpr double tolerance = 1e-9;

/// Sleeps meanwhile: a rank that spins inside MPI would take its core from those that are being measured.
void finish(MPI_Request request) {
    for (int done = 0; done == 0;) {
        MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (done == 0) { ::usleep(100); }
    }
}

std::array<std::uint64_t, kinds> totals() {
    dsm_statistics_t here;
    DSM_REQUIRE_EQUAL(dsm_get_statistics(&here), 0);
    std::array<std::uint64_t, kinds> mine{
        here.messages_sent, here.pages_sent,      here.page_copies, here.read_faults, here.write_faults,
        here.invalidations, here.lock_hand_overs, here.fetches,     here.diffs_sent,  here.twins,
        here.notices,       here.homes_moved,     here.packets_sent};
    std::array<std::uint64_t, kinds> all{};
    MPI_Request summing = MPI_REQUEST_NULL;
    MPI_Iallreduce(mine.data(), all.data(), kinds, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD, &summing);
    finish(summing);
    return all;
}

/// Messages that nobody waits for may still be under way: until two looks agree.
std::array<std::uint64_t, kinds> settled_totals() {
    auto before = totals();
    for (;;) {
        ::usleep(2000);
        const auto now = totals();
        if (now == before) { return now; }
        before = now;
    }
}

} // namespace

void Measurement::line_up() {
    MPI_Request meeting = MPI_REQUEST_NULL;
    MPI_Ibarrier(MPI_COMM_WORLD, &meeting);
    finish(meeting);
}

Costs Measurement::of(const std::function<void()> &step) {
    const auto before = settled_totals();
    line_up();
    step();
    line_up();
    const auto after = settled_totals();
    const auto spent = [&](std::size_t kind) { return after[kind] - before[kind]; };
    return {spent(0), spent(1), spent(2), spent(3) + spent(4), spent(5),  spent(6),
            spent(7), spent(8), spent(9), spent(10),           spent(11), spent(12)};
}

void Measurement::headline() {
    if (dsm_rank() != 0) { return; }
    std::printf("| operation | messages | pages sent | copies | faults | copies given up |\n");
    std::printf("|---|---|---|---|---|---|\n");
}

void Measurement::report(const std::string &name, const Costs &costs, std::uint64_t operations, const Bounds &bounds) {
    const auto per = [operations](std::uint64_t count) {
        return static_cast<double>(count) / static_cast<double>(operations);
    };
    if (dsm_rank() != 0) { return; }
    std::printf("| %s | %.2f | %.2f | %.2f | %.2f | %.2f |\n", name.c_str(), per(costs.messages), per(costs.pages),
                per(costs.copies), per(costs.faults), per(costs.invalidations));
    std::fflush(stdout);
    // As active messages, a page and its head are more than MPI's eager limit in shared memory: they go in two pieces.
    const char *bulk = std::getenv("DSM_BULK");
    const double pieces = bulk != nullptr && std::string_view(bulk) == "am" ? per(costs.pages) : 0;
    const bool as_written = per(costs.messages) >= bounds.messages_min - tolerance &&
                            per(costs.messages) <= bounds.messages_max + pieces + tolerance &&
                            per(costs.pages) <= bounds.pages + tolerance &&
                            per(costs.faults) <= bounds.faults + tolerance;
    if (!as_written) {
        std::fprintf(stderr, "FAILED: %s: expected %.2f to %.2f messages, at most %.2f pages and %.2f faults\n",
                     name.c_str(), bounds.messages_min, bounds.messages_max, bounds.pages, bounds.faults);
        ::_exit(1);
    }
}
