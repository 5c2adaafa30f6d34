// Ranks find each other's data by name: at once, waiting, racing, giving up; many names, long and odd ones.
#include "tests/mpi/support/job.hpp"

#include <dsm/dsm.h>
#include <dsm/names.hpp>

#include <atomic>
#include <chrono>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

namespace {

std::string name_of(const char *what, int rank) { return std::string(what) + " " + std::to_string(rank); }

int *new_number(int value) {
    auto *number = static_cast<int *>(dsm_malloc(sizeof(int)));
    DSM_REQUIRE(number != nullptr);
    *number = value;
    return number;
}

void *found(const std::string &name) {
    void *address = nullptr;
    return dsm_lookup(name.c_str(), &address) == 0 ? address : nullptr;
}

/// Everybody publishes, everybody finds everybody's, waiting where it comes later.
void test_each_other() {
    const int rank = dsm_rank();
    int *own = new_number(100 + rank);
    DSM_REQUIRE_EQUAL(dsm_publish(name_of("number of", rank).c_str(), own), 0);
    for (int other = 0; other < dsm_size(); ++other) {
        void *address = nullptr;
        DSM_REQUIRE_EQUAL(dsm_lookup_wait(name_of("number of", other).c_str(), &address, -1), 0);
        DSM_REQUIRE_EQUAL(*static_cast<int *>(address), 100 + other);
    }
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(dsm_unpublish(name_of("number of", (rank + 1) % dsm_size()).c_str()), 0);
    dsm_barrier_all();
    for (int other = 0; other < dsm_size(); ++other) { DSM_REQUIRE(found(name_of("number of", other)) == nullptr); }
    DSM_REQUIRE_EQUAL(dsm_unpublish(name_of("number of", rank).c_str()), ENOENT);
    dsm_free(own);
    dsm_barrier_all();
}

/// One of all ranks gets a name; the others are told that it is taken.
void test_race() {
    auto *winners = dsm_test::shared<std::atomic<int>>();
    for (int round = 0; round < 50; ++round) {
        const std::string name = name_of("raced for", round);
        const int code = dsm_publish(name.c_str(), winners);
        DSM_REQUIRE(code == 0 || code == EEXIST);
        if (code == 0) { ++*winners; }
        DSM_REQUIRE(found(name) == winners);
        dsm_barrier_all();
        DSM_REQUIRE_EQUAL(winners->load(), round + 1);
        if (code == 0) { DSM_REQUIRE_EQUAL(dsm_unpublish(name.c_str()), 0); }
        dsm_barrier_all();
    }
}

/// Threads of all ranks wait for what one rank publishes; each rank in turn.
void test_waiting_threads() {
    constexpr int threads_per_rank = 4;
    for (int publisher = 0; publisher < dsm_size(); ++publisher) {
        const std::string name = name_of("late", publisher);
        std::vector<std::thread> threads;
        std::vector<void *> addresses(threads_per_rank);
        for (void *&address : addresses) {
            threads.emplace_back(
                [&name, &address] { DSM_REQUIRE_EQUAL(dsm_lookup_wait(name.c_str(), &address, 1e9), 0); });
        }
        if (dsm_rank() == publisher) { DSM_REQUIRE_EQUAL(dsm_publish(name.c_str(), new_number(publisher)), 0); }
        for (std::thread &thread : threads) { thread.join(); }
        for (void *address : addresses) { DSM_REQUIRE_EQUAL(*static_cast<int *>(address), publisher); }
    }
    dsm_barrier_all();
}

/// Giving up, also at the moment at which the name comes: found or not, never anything else.
void test_time_limits() {
    void *address = nullptr;
    DSM_REQUIRE_EQUAL(dsm_lookup_wait("never", &address, 0), ETIMEDOUT);
    const auto start = std::chrono::steady_clock::now();
    DSM_REQUIRE_EQUAL(dsm_lookup_wait("never", &address, 0.02), ETIMEDOUT);
    DSM_REQUIRE(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(20));
    DSM_REQUIRE(address == nullptr);
    DSM_REQUIRE(dsm::lookup_for<int>("never", std::chrono::milliseconds(1)) == nullptr);
    dsm_barrier_all();
    for (int round = 0; round < 100; ++round) {
        const std::string name = name_of("close", round);
        if (dsm_rank() == round % dsm_size()) { DSM_REQUIRE_EQUAL(dsm_publish(name.c_str(), new_number(round)), 0); }
        address = nullptr;
        const int code = dsm_lookup_wait(name.c_str(), &address, round * 1e-6);
        DSM_REQUIRE(code == 0 || code == ETIMEDOUT);
        DSM_REQUIRE_EQUAL(address != nullptr, code == 0);
        if (code == 0) { DSM_REQUIRE_EQUAL(*static_cast<int *>(address), round); }
    }
    dsm_barrier_all();
}

void test_many() {
    constexpr int per_rank = 2000;
    auto *base = dsm_test::shared<char>(static_cast<std::size_t>(per_rank));
    const int rank = dsm_rank();
    for (int i = 0; i < per_rank; ++i) {
        DSM_REQUIRE_EQUAL(dsm_publish((name_of("many/of", rank) + "/" + std::to_string(i)).c_str(), base + i), 0);
    }
    dsm_barrier_all();
    const int other = (rank + 1) % dsm_size();
    for (int i = 0; i < per_rank; ++i) {
        const std::string name = name_of("many/of", other) + "/" + std::to_string(i);
        DSM_REQUIRE(found(name) == base + i);
        DSM_REQUIRE_EQUAL(dsm_unpublish(name.c_str()), 0);
    }
    dsm_barrier_all();
}

void test_odd_names() {
    auto *place = dsm_test::shared<char>(4096);
    const std::vector<std::string> names = {
        "x",    "Größe der Welt", "名前", " ", "a/b\\c\n", std::string(DSM_NAME_MAX, 'n'), "\xff\xfe no UTF-8",
        "name", "Name",           "name "};
    if (dsm_rank() == 0) {
        for (std::size_t i = 0; i < names.size(); ++i) {
            DSM_REQUIRE_EQUAL(dsm_publish(names[i].c_str(), place + i), 0);
        }
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
        DSM_REQUIRE(dsm::lookup_wait<char>(names[i].c_str()) == place + i);
    }
    // A name that stands in shared memory itself, as its own address does.
    if (dsm_rank() == dsm_size() - 1) {
        std::strcpy(place + 100, "in shared memory");
        DSM_REQUIRE_EQUAL(dsm_publish(place + 100, place + 100), 0);
    }
    DSM_REQUIRE_EQUAL(std::strcmp(dsm::lookup_wait<char>("in shared memory"), "in shared memory"), 0);
    dsm_barrier_all();
}

void test_arguments() {
    auto *place = dsm_test::shared<int>();
    int private_place = 0;
    void *address = &private_place;
    DSM_REQUIRE_EQUAL(dsm_publish("", place), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_publish(nullptr, place), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_publish(std::string(DSM_NAME_MAX + 1, 'n').c_str(), place), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_publish("private", &private_place), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_publish("null", nullptr), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_lookup("nothing", nullptr), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_lookup("", &address), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_lookup_wait("nothing", &address, std::nan("")), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_lookup("nothing", &address), ENOENT);
    DSM_REQUIRE(address == &private_place);
    DSM_REQUIRE_EQUAL(dsm_unpublish(""), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_unpublish("nothing"), ENOENT);
    DSM_REQUIRE(!dsm::unpublish("nothing"));
}

} // namespace

int main() {
    void *address = nullptr;
    DSM_REQUIRE_EQUAL(dsm_publish("early", &address), EPERM);
    DSM_REQUIRE_EQUAL(dsm_lookup("early", &address), EPERM);
    DSM_REQUIRE_EQUAL(dsm_lookup_wait("early", &address, 0), EPERM);
    DSM_REQUIRE_EQUAL(dsm_lookup_wait("early", &address, -1), EPERM);
    DSM_REQUIRE_EQUAL(dsm_unpublish("early"), EPERM);
    dsm_test::start(dsm_init());
    test_each_other();
    test_race();
    test_waiting_threads();
    test_time_limits();
    test_many();
    test_odd_names();
    test_arguments();
    const int code = dsm_test::finish("names");
    DSM_REQUIRE_EQUAL(dsm_publish("late", &address), EPERM);
    return code;
}
