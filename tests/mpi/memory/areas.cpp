// 1 GiB of pages whose rights alternate from page to page: more areas than the kernel allows a process. It may become
// slow; it may not become wrong.
#include "tests/mpi/support/job.hpp"

namespace {

constexpr std::size_t page_words = 4096 / sizeof(std::uint64_t);
constexpr std::size_t sample = 16; ///< in the later rounds, one page of so many

std::uint64_t value_of(std::size_t page, std::uint64_t round) { return page * 1000003 + round; }

void write_page(std::uint64_t *memory, std::size_t page, std::uint64_t round) {
    memory[page * page_words] = value_of(page, round);
    memory[page * page_words + page_words - 1] = ~value_of(page, round);
}

void check_page(const std::uint64_t *memory, std::size_t page, std::uint64_t round) {
    DSM_REQUIRE_EQUAL(memory[page * page_words], value_of(page, round));
    DSM_REQUIRE_EQUAL(memory[page * page_words + page_words - 1], ~value_of(page, round));
    DSM_REQUIRE_EQUAL(memory[page * page_words + page_words / 2], 0);
}

} // namespace

int main(int argc, char **argv) {
    const std::size_t pages = dsm_test::option(argc, argv, "--mebibytes", 1024) * 256;
    dsm_test::start(dsm_init());
    DSM_REQUIRE_EQUAL(dsm_size(), 2);
    const auto self = static_cast<std::size_t>(dsm_rank());
    auto *memory = dsm_test::shared<std::uint64_t>(pages * page_words);
    // Every second page is writable here and not to be touched here in between.
    for (std::size_t page = self; page < pages; page += 2) { write_page(memory, page, 1); }
    for (std::size_t page = self; page < pages; page += 2) { check_page(memory, page, 1); }
    dsm_barrier_all();
    // Some of the other's pages become readable in between, and then writable.
    for (std::size_t page = 1 - self; page < pages; page += 2 * sample) { check_page(memory, page, 1); }
    dsm_barrier_all();
    for (std::size_t page = 1 - self; page < pages; page += 2 * sample) { write_page(memory, page, 2); }
    dsm_barrier_all();
    for (std::size_t page = self; page < pages; page += 2) {
        check_page(memory, page, page % (2 * sample) == self ? 2 : 1);
    }
    dsm_barrier_all();
    return dsm_test::finish("areas");
}
