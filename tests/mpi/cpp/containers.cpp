// Standard containers in shared memory: filled by one rank, read and changed under a lock by the others.
#include "tests/mpi/support/job.hpp"

#include <dsm/dsm.hpp>

#include <algorithm>
#include <limits>
#include <mutex>
#include <numeric>
#include <string>
#include <vector>

namespace {

/// One of each, made by rank 0 and found by its name.
struct Library {
    using dsm_shareable = Library;
    dsm::mutex mutex;
    dsm::vector<long> numbers;
    dsm::vector<dsm::string> lines;
    dsm::map<int, dsm::string> titles;
    dsm::unordered_map<dsm::string, long> counts;
    dsm::unordered_set<int> marks;
    dsm::set<int> ordered;
    dsm::deque<int> queue;
    dsm::list<int> chain;
    dsm::string text;
    dsm::map<dsm::string, dsm::vector<int>> nested;
};

constexpr int filled = 500;

void fill(Library &library) {
    library.numbers.resize(filled);
    std::iota(library.numbers.begin(), library.numbers.end(), 0);
    for (int i = 0; i < filled; ++i) {
        library.lines.emplace_back("line " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 40), '.'));
        library.titles.emplace(i, "title " + std::to_string(i));
        library.counts.emplace("word" + std::to_string(i), i);
        library.marks.insert(i * 7);
        library.ordered.insert(-i);
        library.queue.push_back(i);
        library.chain.push_front(i);
        library.nested["row " + dsm::string(std::to_string(i % 10))].push_back(i);
    }
    library.text = "written by rank 0";
}

/// What rank 0 has filled in, read by everybody.
void test_reading(const Library &library) {
    DSM_REQUIRE_EQUAL(library.numbers.size(), filled);
    DSM_REQUIRE_EQUAL(std::accumulate(library.numbers.begin(), library.numbers.end(), 0L), filled * (filled - 1) / 2);
    DSM_REQUIRE(library.lines[41] == "line 41.");
    DSM_REQUIRE(library.titles.at(17) == "title 17");
    DSM_REQUIRE_EQUAL(library.counts.at("word123"), 123);
    DSM_REQUIRE(library.counts.find("word500") == library.counts.end());
    DSM_REQUIRE(library.marks.contains(7 * (filled - 1)) && !library.marks.contains(1));
    DSM_REQUIRE_EQUAL(*library.ordered.begin(), 1 - filled);
    DSM_REQUIRE_EQUAL(library.queue.front() + library.chain.back(), 0);
    DSM_REQUIRE(library.text == "written by rank 0");
    DSM_REQUIRE_EQUAL(library.nested.at("row 3").size(), filled / 10);
}

/// All ranks change everything, in turns that only the mutex makes.
void test_changing(Library &library, int rounds) {
    for (int round = 0; round < rounds; ++round) {
        const std::lock_guard lock(library.mutex);
        const int key = 1000 + dsm::rank() * rounds + round;
        library.numbers.push_back(key);
        library.lines[static_cast<std::size_t>(round)] += "!";
        library.titles[key] = "by rank " + dsm::string(std::to_string(dsm::rank()));
        ++library.counts["changes"];
        ++library.counts["rounds of rank " + dsm::string(std::to_string(dsm::rank()))];
        library.marks.insert(key * 7);
        library.ordered.insert(key);
        library.queue.pop_front();
        library.queue.push_back(key);
        library.chain.pop_back();
        library.text += static_cast<char>('a' + dsm::rank());
        library.nested.erase("row " + dsm::string(std::to_string(round % 10)));
        library.nested["row " + dsm::string(std::to_string(round % 10))].assign(3, key);
    }
    dsm::barrier_all();
    const std::size_t changes = static_cast<std::size_t>(rounds * dsm::size());
    DSM_REQUIRE_EQUAL(library.numbers.size(), filled + changes);
    DSM_REQUIRE_EQUAL(library.lines[0].size(), 6 + static_cast<std::size_t>(dsm::size()));
    DSM_REQUIRE_EQUAL(library.titles.size(), filled + changes);
    DSM_REQUIRE_EQUAL(library.counts.at("changes"), changes);
    DSM_REQUIRE_EQUAL(library.counts.size(), filled + 1 + static_cast<std::size_t>(dsm::size()));
    for (int rank = 0; rank < dsm::size(); ++rank) {
        DSM_REQUIRE_EQUAL(library.counts.at("rounds of rank " + dsm::string(std::to_string(rank))), rounds);
        const auto of_rank = std::ranges::count(library.text, static_cast<char>('a' + rank));
        DSM_REQUIRE(of_rank >= rounds);
        DSM_REQUIRE(library.titles.at(1000 + rank * rounds) == "by rank " + dsm::string(std::to_string(rank)));
    }
    DSM_REQUIRE_EQUAL(library.queue.size(), filled);
    DSM_REQUIRE_EQUAL(library.chain.size(), filled - changes);
    DSM_REQUIRE_EQUAL(library.nested.at("row 0").size(), 3);
    dsm::barrier_all();
}

void test_allocator() {
    dsm::allocator<int> ints;
    const dsm::allocator<double> doubles(ints);
    DSM_REQUIRE(ints == dsm::allocator<int>() && doubles == ints);
    bool thrown = false;
    try {
        (void)ints.allocate(std::numeric_limits<std::size_t>::max() / 2);
    } catch (const std::bad_array_new_length &) { thrown = true; }
    DSM_REQUIRE(thrown);
    thrown = false;
    try {
        (void)ints.allocate(std::size_t{1} << 48U);
    } catch (const std::bad_alloc &) { thrown = true; }
    DSM_REQUIRE(thrown);
    struct alignas(256) Wide {
        char bytes[256];
    };
    dsm::vector<Wide> wide(10);
    DSM_REQUIRE_EQUAL(reinterpret_cast<std::uintptr_t>(wide.data()) % 256, 0);
    dsm::vector<int> moved = dsm::vector<int>(100, 3);
    const int *data = moved.data();
    dsm::vector<int> taken;
    taken = std::move(moved); // the allocators are equal: no copy
    DSM_REQUIRE(taken.data() == data);
    dsm::vector<bool> bits(1000, true);
    DSM_REQUIRE_EQUAL(std::ranges::count(bits, true), 1000);
}

} // namespace

int main() {
    const dsm::runtime runtime;
    test_allocator();
    if (dsm::rank() == 0) {
        auto *library = dsm::create<Library>();
        fill(*library);
        dsm::publish("library", library);
    }
    auto *library = dsm::lookup_wait<Library>("library");
    test_reading(*library);
    dsm::barrier_all();
    test_changing(*library, 40);
    if (dsm::rank() == dsm::size() - 1) { dsm::destroy(library); } // not by its maker
    dsm::barrier_all();
    if (dsm::rank() == 0) { std::puts("containers: passed"); }
    return 0;
}
