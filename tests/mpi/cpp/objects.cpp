// Objects and arrays that one rank makes: constructed, given on, destroyed by another rank; what is thrown.
#include "tests/mpi/support/job.hpp"

#include <dsm/dsm.hpp>

#include <atomic>
#include <stdexcept>
#include <utility>

namespace {

/// Counts its living objects in shared memory.
struct Counted {
    using dsm_shareable = Counted;
    explicit Counted(std::atomic<int> *count, int start = 0) : living(count), value(start) {
        if (value < 0) { throw std::invalid_argument("below zero"); }
        ++*living;
    }
    Counted(const Counted &) = delete;
    Counted &operator=(const Counted &) = delete;
    ~Counted() { --*living; }
    std::atomic<int> *living;
    int value;
};

struct Shared {
    using dsm_shareable = Shared;
    std::atomic<int> living;
    dsm::unique_ptr<Counted> owner; // zeroed memory is an empty one
    dsm::shared_array<long> array;
};

void test_objects(Shared &shared) {
    if (dsm::rank() == 0) {
        shared.owner = dsm::make_unique<Counted>(&shared.living, 42);
        bool thrown = false;
        try {
            (void)dsm::create<Counted>(&shared.living, -1);
        } catch (const std::invalid_argument &) { thrown = true; }
        DSM_REQUIRE(thrown);
    }
    dsm::barrier_all();
    DSM_REQUIRE_EQUAL(shared.owner->value, 42);
    DSM_REQUIRE_EQUAL(shared.living.load(), 1);
    dsm::barrier_all();
    if (dsm::rank() == dsm::size() - 1) { shared.owner.reset(); }
    dsm::barrier_all();
    DSM_REQUIRE_EQUAL(shared.living.load(), 0);
    dsm::destroy<Counted>(nullptr);
}

void test_arrays(Shared &shared) {
    if (dsm::rank() == 0) { shared.array = dsm::make_shared_array<long>(100000); }
    dsm::barrier_all();
    const std::span<long> elements = shared.array;
    DSM_REQUIRE_EQUAL(elements.size(), 100000);
    for (std::size_t i = 0; i < elements.size(); i += 997) { DSM_REQUIRE_EQUAL(elements[i], 0); }
    dsm::barrier_all();
    const auto ranks = static_cast<std::size_t>(dsm::size());
    for (std::size_t i = static_cast<std::size_t>(dsm::rank()); i < elements.size(); i += 100 * ranks) {
        elements[i] = static_cast<long>(i);
    }
    dsm::barrier_all();
    DSM_REQUIRE_EQUAL(elements[100 * ranks], static_cast<long>(100 * ranks));
    dsm::barrier_all();
    if (dsm::rank() == dsm::size() - 1) {
        dsm::shared_array<long> taken = std::move(shared.array);
        DSM_REQUIRE(!shared.array && taken.data() == elements.data());
        const std::span<long> released = taken.release();
        DSM_REQUIRE(!taken);
        const dsm::shared_array<long> again(released); // freed with the scope
    }
    dsm::barrier_all();
    const auto private_owner = dsm::make_shared_array<int>(0);
    DSM_REQUIRE_EQUAL(private_owner.size(), 0);
}

static_assert(dsm::release.memory == DSM_RELEASE && dsm::release.homes == dsm::alloc_attr().homes);

/// Every rank writes its element of one page at the same time as all others.
void test_release_arrays() {
    dsm::alloc_attr attr = dsm::release;
    attr.homes = DSM_HOMES_BLOCK;
    const auto ranks = static_cast<std::size_t>(dsm::size());
    const std::span<long> first = dsm::alloc_array<long>(ranks, dsm::release);
    const std::span<long> second = dsm::alloc_array<long>(ranks, attr);
    const auto rank = static_cast<std::size_t>(dsm::rank());
    first[rank] = dsm::rank() + 1;
    second[rank] = first[rank] * 10;
    dsm::barrier_all();
    for (std::size_t i = 0; i < ranks; ++i) {
        DSM_REQUIRE_EQUAL(first[i], static_cast<long>(i + 1));
        DSM_REQUIRE_EQUAL(second[i], static_cast<long>(i + 1) * 10);
    }
    dsm::barrier_all();
    if (dsm::rank() == 0) {
        dsm_free(first.data());
        dsm_free(second.data());
    }
}

} // namespace

int main() {
    bool thrown = false;
    try {
        (void)dsm::create<int>(1);
    } catch (const std::system_error &error) { thrown = error.code().value() == EPERM; }
    DSM_REQUIRE(thrown);
    const dsm::runtime runtime;
    Shared &shared = dsm::alloc_array<Shared>(1)[0];
    test_objects(shared);
    test_arrays(shared);
    test_release_arrays();
    dsm::barrier_all();
    if (dsm::rank() == 0) { std::puts("objects: passed"); }
    return 0;
}
