// Blocks that change their size: in place and moved, small ones of other nodes, big ones that others read before and
// after; what dsm_malloc_usable_size and the statistics say.
#include "tests/mpi/memory/allocation.hpp"
#include "tests/mpi/support/job.hpp"

#include <cstddef>
#include <cstdint>

namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

struct Place {
    unsigned char *block;
    std::size_t size;
};

unsigned char byte_at(std::size_t at) { return static_cast<unsigned char>(at * 7 / 4096 + at + 3); }

/// A byte of every page and the last one.
template <class Visit> void for_some(std::size_t size, Visit visit) {
    for (std::size_t at = 0; at < size; at += 4096) { visit(at); }
    visit(size - 1);
}

void resize(Place &place, std::size_t size) {
    place.block = static_cast<unsigned char *>(dsm_realloc(place.block, size));
    DSM_REQUIRE(place.block != nullptr);
    const std::size_t kept = place.size < size ? place.size : size;
    for (std::size_t at = 0; at < kept; at += 4096) { DSM_REQUIRE_EQUAL(place.block[at], byte_at(at)); }
    place.size = size;
    DSM_REQUIRE(dsm_malloc_usable_size(place.block) >= size);
    for_some(size, [&](std::size_t at) { place.block[at] = byte_at(at); });
}

/// One rank after the other changes the size; in between all read all of it.
void test_big() {
    constexpr std::size_t sizes[] = {3 * mib, 9 * mib, 4 * mib + 5, 5 * mib, 1 * mib, 700'000, 2 * mib, 12 * mib};
    auto *place = dsm_test::shared<Place>();
    for (std::size_t step = 0; step < std::size(sizes); ++step) {
        if (dsm_rank() == static_cast<int>(step) % dsm_size()) { resize(*place, sizes[step]); }
        dsm_barrier_all();
        DSM_REQUIRE(dsm_malloc_usable_size(place->block) >= sizes[step]);
        for_some(place->size, [&](std::size_t at) { DSM_REQUIRE_EQUAL(place->block[at], byte_at(at)); });
        dsm_barrier_all();
    }
    if (dsm_rank() == 0) { dsm_free(place->block); }
    dsm_barrier_all();
}

/// With nothing behind it a big block keeps its address; and what was cut off can be allocated and is zero.
void test_in_place() {
    dsm_barrier_all();
    if (dsm_rank() == 0) {
        auto *block = static_cast<unsigned char *>(dsm_calloc(4, mib));
        DSM_REQUIRE(block != nullptr);
        for_some(4 * mib, [&](std::size_t at) { DSM_REQUIRE_EQUAL(block[at], 0); });
        for_some(4 * mib, [&](std::size_t at) { block[at] = 0xee; });
        void *behind = dsm_malloc(mib); // Mostly behind the block; then the block cannot grow there.
        DSM_REQUIRE_EQUAL(dsm_malloc_usable_size(block), 4 * mib);
        DSM_REQUIRE(dsm_realloc(block, 4 * mib - 1) == block);
        DSM_REQUIRE(dsm_realloc(block, mib) == block); // Shrinking never moves.
        DSM_REQUIRE_EQUAL(dsm_malloc_usable_size(block), mib);
        DSM_REQUIRE(dsm_realloc(block, 2 * mib) == block); // Within its last chunk.
        for (int round = 0; round < 4; ++round) {
            auto *again = static_cast<unsigned char *>(dsm_calloc(2, mib));
            DSM_REQUIRE(again != nullptr);
            for_some(2 * mib, [&](std::size_t at) { DSM_REQUIRE_EQUAL(again[at], 0); });
            dsm_free(again);
        }
        dsm_free(behind);
        dsm_free(block);
        DSM_REQUIRE_EQUAL(dsm_malloc_usable_size(nullptr), 0);
    }
    dsm_barrier_all();
}

void test_small_of_others() {
    auto *places = dsm_test::shared<Place>(16);
    const auto self = static_cast<std::size_t>(dsm_rank());
    const std::size_t other = (self + 1) % static_cast<std::size_t>(dsm_size());
    resize(places[self], 1000);
    dsm_barrier_all();
    unsigned char *before = places[other].block;
    resize(places[other], 900);
    DSM_REQUIRE(places[other].block == before); // Still more than half used.
    resize(places[other], 30);
    resize(places[other], 50'000);
    dsm_free(places[other].block);
    dsm_barrier_all();
}

void test_statistics() {
    dsm_malloc_statistics_t before{};
    dsm_malloc_statistics_t after{};
    DSM_REQUIRE_EQUAL(dsm_get_malloc_statistics(nullptr), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_get_malloc_statistics(&before), 0);
    void *small = dsm_malloc(100);
    void *pages = dsm_malloc(100'000);
    void *big = dsm_malloc(mib);
    DSM_REQUIRE_EQUAL(dsm_get_malloc_statistics(&after), 0);
    DSM_REQUIRE_EQUAL(after.allocations - before.allocations, 3);
    DSM_REQUIRE_EQUAL(after.spans_allocated - before.spans_allocated, 1);
    DSM_REQUIRE(after.live_blocks >= 2 && after.live_bytes >= 100'100 && after.heap_bytes >= after.live_bytes);
    DSM_REQUIRE(after.cached_bytes > 0);
    dsm_free(small);
    dsm_free(pages);
    dsm_free(big);
    DSM_REQUIRE_EQUAL(dsm_get_malloc_statistics(&after), 0);
    DSM_REQUIRE_EQUAL(after.frees - before.frees, 3);
    DSM_REQUIRE_EQUAL(after.spans_freed - before.spans_freed, 1);
    dsm_barrier_all();
}

} // namespace

void test_resizing() {
    test_big();
    test_in_place();
    test_small_of_others();
    test_statistics();
}
