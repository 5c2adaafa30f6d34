// Attributes of dsm_alloc(): homes, block sizes, and what is refused.
#include "tests/mpi/memory/allocation.hpp"
#include "tests/mpi/support/job.hpp"

#include <array>
#include <vector>

namespace {

struct Nodes {
    std::array<int, 16> of_rank;
};

/// The node of the home of every block.
std::vector<int> homes_of(const std::byte *memory, std::size_t blocks, std::size_t block_bytes, const Nodes &nodes) {
    std::vector<int> homes;
    for (std::size_t block = 0; block < blocks; ++block) {
        const auto node_of = [&](std::size_t byte) {
            const int rank = dsm_home(memory + block * block_bytes + byte);
            DSM_REQUIRE(rank >= 0 && rank < dsm_size());
            return nodes.of_rank[static_cast<std::size_t>(rank)];
        };
        homes.push_back(node_of(0));
        DSM_REQUIRE_EQUAL(node_of(block_bytes - 1), homes.back()); // In release memory perhaps another of its ranks.
    }
    return homes;
}

void check_homes(dsm_homes_t policy, const std::vector<int> &homes, std::size_t nodes, int one) {
    for (std::size_t block = 0; block < homes.size(); ++block) {
        switch (policy) {
        case DSM_HOMES_CYCLIC: // in turn: the same node after a round, another one next
            if (block >= nodes) { DSM_REQUIRE_EQUAL(homes[block], homes[block - nodes]); }
            if (block > 0 && nodes > 1) { DSM_REQUIRE(homes[block] != homes[block - 1]); }
            break;
        case DSM_HOMES_BLOCK: // one part for each node
            DSM_REQUIRE_EQUAL(homes[block], homes[block / (homes.size() / nodes) * (homes.size() / nodes)]);
            if (block >= homes.size() / nodes) { DSM_REQUIRE(homes[block] != homes[block - homes.size() / nodes]); }
            break;
        case DSM_HOMES_ONE:
            DSM_REQUIRE_EQUAL(homes[block], one);
            break;
        case DSM_HOMES_FIRST_TOUCH:
            break;
        }
    }
}

/// Every rank writes some blocks and reads the others'; the first to touch is then the home, if it was asked for.
void test_policy(dsm_homes_t policy, std::size_t block_bytes, const Nodes &nodes) {
    const auto ranks = static_cast<std::size_t>(dsm_size());
    const auto self = static_cast<std::size_t>(dsm_rank());
    const std::size_t blocks = 2 * ranks;
    dsm_alloc_attr_t attr = DSM_ALLOC_ATTR_INITIALIZER;
    attr.homes = policy;
    attr.home_rank = dsm_size() - 1;
    attr.block_size = block_bytes;
    auto *memory = static_cast<std::byte *>(dsm_alloc(blocks * block_bytes, &attr));
    DSM_REQUIRE(memory != nullptr);
    DSM_REQUIRE_EQUAL(reinterpret_cast<std::uintptr_t>(memory) % block_bytes, 0);
    check_homes(policy, homes_of(memory, blocks, block_bytes, nodes), static_cast<std::size_t>(dsm_node_count()),
                nodes.of_rank[ranks - 1]);
    dsm_barrier_all();
    for (std::size_t block = self; block < blocks; block += ranks) {
        std::byte *begin = memory + block * block_bytes;
        DSM_REQUIRE(begin[block_bytes / 2] == std::byte{0});
        begin[0] = std::byte{7};
        begin[block_bytes - 1] = static_cast<std::byte>(block + 1);
    }
    dsm_barrier_all();
    for (std::size_t block = 0; block < blocks; ++block) {
        const std::byte *begin = memory + block * block_bytes;
        DSM_REQUIRE(begin[0] == std::byte{7} && begin[block_bytes - 1] == static_cast<std::byte>(block + 1));
        DSM_REQUIRE(begin[block_bytes / 2] == std::byte{0});
    }
    if (policy == DSM_HOMES_FIRST_TOUCH && dsm_node_count() > 1) {
        const auto homes = homes_of(memory, blocks, block_bytes, nodes);
        for (std::size_t block = 0; block < blocks; ++block) {
            DSM_REQUIRE_EQUAL(homes[block], nodes.of_rank[block % ranks]);
        }
    }
    dsm_barrier_all();
    if (dsm_rank() == 0) { dsm_free(memory); }
}

/// A thread that touches pages in a row does not take those beyond, which another is to touch first.
void test_first_touch_in_a_row(const Nodes &nodes) {
    constexpr std::size_t pages = 96;
    constexpr std::size_t page_bytes = 4096;
    dsm_alloc_attr_t attr = DSM_ALLOC_ATTR_INITIALIZER;
    attr.homes = DSM_HOMES_FIRST_TOUCH;
    attr.block_size = page_bytes;
    auto *memory = static_cast<volatile std::byte *>(dsm_alloc(pages * page_bytes, &attr));
    DSM_REQUIRE(memory != nullptr);
    for (std::size_t page = 0; dsm_rank() == 0 && page < pages / 4; ++page) {
        memory[page * page_bytes] = std::byte{1};
    }
    dsm_barrier_all();
    const int last = dsm_size() - 1;
    for (std::size_t page = pages / 4; dsm_rank() == last && page < pages; ++page) {
        DSM_REQUIRE(memory[page * page_bytes] == std::byte{0});
    }
    dsm_barrier_all();
    for (std::size_t page = 0; dsm_node_count() > 1 && page < pages; ++page) {
        const int home = dsm_home(const_cast<const std::byte *>(memory) + page * page_bytes);
        DSM_REQUIRE(home >= 0 && home <= last);
        const int toucher = page < pages / 4 ? 0 : last;
        DSM_REQUIRE_EQUAL(nodes.of_rank[static_cast<std::size_t>(home)],
                          nodes.of_rank[static_cast<std::size_t>(toucher)]);
    }
    dsm_barrier_all();
    if (dsm_rank() == 0) { dsm_free(const_cast<std::byte *>(memory)); }
}

void require_refused(std::size_t bytes, const dsm_alloc_attr_t &attr, int expected) {
    errno = 0;
    DSM_REQUIRE(dsm_alloc(bytes, &attr) == nullptr);
    DSM_REQUIRE_EQUAL(errno, expected);
}

void test_refused() {
    const dsm_alloc_attr_t good = DSM_ALLOC_ATTR_INITIALIZER;
    for (const std::size_t block_bytes :
         {std::size_t{1}, std::size_t{2048}, std::size_t{12288}, std::size_t{4} << 20U}) {
        dsm_alloc_attr_t attr = good;
        attr.block_size = block_bytes;
        require_refused(100, attr, EINVAL);
    }
    dsm_alloc_attr_t attr = good;
    attr.homes = static_cast<dsm_homes_t>(3);
    attr.home_rank = dsm_size();
    require_refused(100, attr, EINVAL);
    attr.home_rank = -1;
    require_refused(100, attr, EINVAL);
    require_refused(0, good, EINVAL);
    if (dsm_size() > 1) { require_refused(100 + static_cast<std::size_t>(dsm_rank()), good, EINVAL); }
    int outside = 0;
    DSM_REQUIRE_EQUAL(dsm_home(&outside), -1);
    DSM_REQUIRE_EQUAL(dsm_home(nullptr), -1);
}

void test_release_memory() {
    dsm_alloc_attr_t attr = DSM_ALLOC_ATTR_INITIALIZER;
    attr.memory = DSM_RELEASE;
    auto *values = static_cast<int *>(dsm_alloc(100 * sizeof(int), &attr));
    DSM_REQUIRE(values != nullptr);
    DSM_REQUIRE_EQUAL(values[99], 0);
    dsm_barrier_all();
    if (dsm_rank() == 0) { values[99] = 7; }
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(values[99], 7);
    dsm_barrier_all();
    if (dsm_rank() == 0) { dsm_free(values); }
}

} // namespace

void test_homes_and_blocks() {
    auto *nodes = dsm_test::shared<Nodes>();
    nodes->of_rank[static_cast<std::size_t>(dsm_rank())] = dsm_node();
    dsm_barrier_all();
    for (const std::size_t block_bytes : {std::size_t{4096}, std::size_t{65536}, std::size_t{2} << 20U}) {
        for (const dsm_homes_t policy : {DSM_HOMES_CYCLIC, DSM_HOMES_BLOCK, DSM_HOMES_FIRST_TOUCH, DSM_HOMES_ONE}) {
            test_policy(policy, block_bytes, *nodes);
        }
    }
    test_first_touch_in_a_row(*nodes);
    test_refused();
    test_release_memory();
    dsm_barrier_all();
}
