// An interval with more pages than a rank has slots for records: written by one rank away from home, then by the home
// where the others read.
#include "tests/mpi/support/job.hpp"

#include <cstddef>

namespace {

constexpr std::size_t pages = 34'000; ///< beyond outbox_slots
constexpr std::size_t page_words = 4096 / sizeof(unsigned);

unsigned *words_of(int home) {
    dsm_alloc_attr_t attr = DSM_ALLOC_ATTR_INITIALIZER;
    attr.memory = DSM_RELEASE;
    attr.homes = DSM_HOMES_ONE;
    attr.home_rank = home;
    void *block = dsm_alloc(pages * 4096, &attr);
    DSM_REQUIRE(block != nullptr);
    return static_cast<unsigned *>(block);
}

} // namespace

int main() {
    dsm_test::start(dsm_init());
    unsigned *const words = words_of(dsm_size() - 1);
    for (unsigned round = 1; round <= 6; ++round) {
        for (std::size_t page = 0; dsm_rank() == 0 && page < pages; ++page) {
            words[page * page_words] = round + static_cast<unsigned>(page);
        }
        dsm_barrier_all();
        for (std::size_t page = 0; page < pages; ++page) {
            DSM_REQUIRE_EQUAL(words[page * page_words], round + static_cast<unsigned>(page));
        }
        dsm_barrier_all();
    }
    return dsm_test::finish("release_large");
}
