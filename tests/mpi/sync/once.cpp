// dsm_once_t: the function runs once in the whole job, and what it wrote is read by all; failures, exceptions, memory
// used again.
#include "tests/mpi/sync/home_support.hpp"

namespace {

struct Shared {
    alignas(4096) dsm_once_t outer;
    dsm_once_t inner;
    alignas(4096) std::uint64_t runs; ///< of functions, written without a lock: the once is one
};

struct Item {
    dsm_once_t once;
    std::uint64_t attempts;
    std::uint64_t runs;
};

Shared *the_shared = nullptr;

void add_one() { the_shared->runs = the_shared->runs + 1; }

void call_itself() {
    DSM_REQUIRE_EQUAL(dsm_once(&the_shared->outer, add_one), EDEADLK);
    DSM_REQUIRE_EQUAL(dsm_once(&the_shared->inner, add_one), 0);
    add_one();
}

void throw_seven() { throw 7; }

void test_codes(Shared &shared) {
    dsm_once_t outside = DSM_ONCE_INIT;
    DSM_REQUIRE_EQUAL(dsm_once(&outside, add_one), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_once(nullptr, add_one), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_once(&shared.outer, nullptr), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_call_once(&shared.outer, nullptr, nullptr), EINVAL);
    dsm_barrier_all();
    if (dsm_rank() == dsm_size() - 1) { // An exception goes through, and it counts as not done.
        bool is_thrown = false;
        try {
            dsm_once(&shared.outer, throw_seven);
        } catch (int seven) { is_thrown = seven == 7; }
        DSM_REQUIRE(is_thrown);
    }
    dsm_barrier_all();
    dsm_test::in_threads([&](dsm_test::Random &) {
        for (int time = 0; time < 3; ++time) {
            DSM_REQUIRE_EQUAL(dsm_once(&shared.outer, call_itself), 0);
            DSM_REQUIRE_EQUAL(shared.runs, 2);
            DSM_REQUIRE_EQUAL(dsm_once(&shared.inner, call_itself), 0);
        }
    });
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(shared.runs, 2);
}

/// Fails at the first attempts of the job, as many as the item's number says.
struct Attempt {
    Item *item;
    std::uint64_t failures;
};

int attempt(void *argument) {
    const auto &given = *static_cast<const Attempt *>(argument);
    Item &item = *given.item;
    item.attempts = item.attempts + 1;
    if (item.attempts <= given.failures) { return ECANCELED; }
    item.runs = item.runs + 1;
    return 0;
}

/// Many onces, in memory that is freed and used again.
void test_rounds(std::uint64_t rounds, std::size_t items) {
    for (std::uint64_t round = 0; round < rounds; ++round) {
        auto *list = dsm_test::shared<Item>(items);
        dsm_test::in_threads([&](dsm_test::Random &random) {
            const std::size_t first = random.below(items);
            for (std::size_t step = 0; step < items; ++step) {
                Item &item = list[(first + step) % items];
                Attempt given{&item, (first + step) % items % 3};
                int code = ECANCELED;
                while (code == ECANCELED) { code = dsm_call_once(&item.once, attempt, &given); }
                DSM_REQUIRE_EQUAL(code, 0);
                DSM_REQUIRE_EQUAL(item.runs, 1);
                DSM_REQUIRE_EQUAL(item.attempts, given.failures + 1);
            }
        });
        dsm_barrier_all();
        if (dsm_rank() == static_cast<int>(round) % dsm_size()) { dsm_free(list); }
        dsm_barrier_all();
    }
}

} // namespace

int main(int argc, char **argv) {
    dsm_test::the_seed = dsm_test::option(argc, argv, "--seed", 1);
    const std::uint64_t rounds = dsm_test::option(argc, argv, "--rounds", 5);
    dsm_test::start(dsm_init());
    the_shared = dsm_test::shared<Shared>();
    test_codes(*the_shared);
    test_rounds(rounds, 100);
    return dsm_test::finish("once");
}
