// Hints and pins: what a touch has brought takes no fault, what is pinned is fit for system calls while other nodes
// want it, and misuse is refused.
#include "tests/mpi/support/job.hpp"

#include <atomic>
#include <fcntl.h>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t pages = 200;

std::uint64_t faults() {
    dsm_statistics_t now;
    DSM_REQUIRE_EQUAL(dsm_get_statistics(&now), 0);
    return now.read_faults + now.write_faults;
}

std::uint64_t invalidations() {
    dsm_statistics_t now;
    DSM_REQUIRE_EQUAL(dsm_get_statistics(&now), 0);
    return now.invalidations;
}

void fill(unsigned char *memory, unsigned char value) {
    for (std::size_t at = 0; at < pages * page; at += 64) {
        memory[at] = static_cast<unsigned char>(value + at / page);
    }
}

void check(const unsigned char *memory, unsigned char value) {
    for (std::size_t at = 0; at < pages * page; at += 64) {
        DSM_REQUIRE_EQUAL(memory[at], static_cast<unsigned char>(value + at / page));
    }
}

/// Rank 0 writes; every other rank touches in its turn and then reads and writes without a fault.
void touch(unsigned char *memory) {
    for (int turn = 1; turn < dsm_size(); ++turn) {
        if (dsm_rank() == 0) { fill(memory, static_cast<unsigned char>(turn)); }
        dsm_barrier_all();
        if (dsm_rank() == turn) {
            DSM_REQUIRE_EQUAL(dsm_touch(memory, pages * page, DSM_READ), 0);
            const std::uint64_t before = faults();
            check(memory, static_cast<unsigned char>(turn));
            DSM_REQUIRE_EQUAL(faults(), before);
            DSM_REQUIRE_EQUAL(dsm_touch(memory + 5, pages * page - 7, DSM_READ | DSM_WRITE), 0);
            const std::uint64_t between = faults();
            fill(memory, 77);
            DSM_REQUIRE_EQUAL(faults(), between);
        }
        dsm_barrier_all();
        check(memory, 77);
        dsm_barrier_all();
    }
}

/// What was prefetched has come by the next barrier, at the latest when it is read; what was given up is read again.
void prefetch(unsigned char *memory) {
    if (dsm_rank() == 0) { fill(memory, 3); }
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(dsm_prefetch(memory, pages * page, DSM_READ), 0);
    DSM_REQUIRE_EQUAL(dsm_advise(memory, pages * page, DSM_ADVISE_WILLNEED), 0);
    check(memory, 3);
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(dsm_advise(memory, pages * page, DSM_ADVISE_SEQUENTIAL), 0);
    const bool has_copies = dsm_node_count() > 1 && dsm_node() != 0;
    const std::uint64_t before = invalidations();
    DSM_REQUIRE_EQUAL(dsm_advise(memory, pages * page, DSM_ADVISE_DONTNEED), 0);
    DSM_REQUIRE(!has_copies || dsm_size() != dsm_node_count() || invalidations() >= before + pages / 2);
    check(memory, 3);
    dsm_barrier_all();
}

void misuse(unsigned char *memory) {
    unsigned char own[8];
    DSM_REQUIRE_EQUAL(dsm_touch(own, sizeof own, DSM_READ), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_touch(memory, page, 0), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_touch(memory, page, 4), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_touch(memory, 0, DSM_READ), 0);
    DSM_REQUIRE_EQUAL(dsm_touch(memory, std::size_t{1} << 50, DSM_READ), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_touch(memory + (pages - 1) * page, 2 * page, DSM_READ), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_advise(memory, page, static_cast<dsm_advice_t>(7)), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_unpin(memory, page), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_pin(memory, DSM_PIN_MAX + 1, DSM_READ), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_pin(memory, 10, DSM_WRITE), 0);
    DSM_REQUIRE_EQUAL(dsm_pin(memory + page, 10, DSM_READ), EDEADLK);
    DSM_REQUIRE_EQUAL(dsm_unpin(memory, 11), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_unpin(memory, 10), 0);
    DSM_REQUIRE_EQUAL(dsm_is_shared(memory, 1), 1);
    DSM_REQUIRE_EQUAL(dsm_is_shared(memory - 10, 11), 1);
    DSM_REQUIRE_EQUAL(dsm_is_shared(own, sizeof own), 0);
    DSM_REQUIRE_EQUAL(dsm_is_shared(nullptr, 0), 0);
    dsm_barrier_all();
}

/// All ranks pin overlapping ranges and let the kernel write to them and read from them, while others want them.
void pins(unsigned char *memory, std::atomic<long> *total, int rounds) {
    const int zero = ::open("/dev/zero", O_RDONLY);
    const int null = ::open("/dev/null", O_WRONLY);
    DSM_REQUIRE(zero >= 0 && null >= 0);
    constexpr std::size_t held = 24;
    const auto work = [&](unsigned seed) {
        for (int round = 0; round < rounds; ++round) {
            seed = seed * 1103515245U + 12345U;
            unsigned char *at = memory + (seed >> 16U) % 16 * page + (seed >> 8U) % 100;
            const std::size_t bytes = held * page - 200;
            const bool writes = (seed >> 20U) % 2 == 0;
            DSM_REQUIRE_EQUAL(dsm_pin(at, bytes, writes ? DSM_WRITE : DSM_READ), 0);
            const ssize_t done = writes ? ::read(zero, at, bytes) : ::write(null, at, bytes);
            DSM_REQUIRE_EQUAL(done, static_cast<ssize_t>(bytes));
            if (writes) { // Nobody else may write what this thread's node holds for writing, but threads of it.
                DSM_REQUIRE_EQUAL(at[0], 0);
            }
            DSM_REQUIRE_EQUAL(dsm_unpin(at, bytes), 0);
            total->fetch_add(1);
        }
    };
    std::thread second(work, static_cast<unsigned>(dsm_rank() * 2 + 1));
    work(static_cast<unsigned>(dsm_rank() * 2 + 2));
    second.join();
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(total->load(), 2L * rounds * dsm_size());
    dsm_barrier_all();
}

} // namespace

int main(int argc, char **argv) {
    dsm_test::start(dsm_init());
    const int rounds = static_cast<int>(dsm_test::option(argc, argv, "--rounds", 40));
    auto *memory = dsm_test::shared<unsigned char>(pages * page);
    auto *total = dsm_test::shared<std::atomic<long>>();
    // The allocation ends with its last page, so that what lies behind it is in none.
    misuse(memory);
    touch(memory);
    prefetch(memory);
    pins(memory, total, rounds);
    return dsm_test::finish("access");
}
