// The C++ types of dsm.hpp with the standard library's locks.
#include "tests/mpi/support/job.hpp"

#include <dsm/dsm.hpp>

#include <mutex>
#include <new>
#include <system_error>

namespace {

struct Shared {
    dsm::mutex mutex;
    dsm::mutex second;
    dsm::condition_variable changed;
    long value;
    long turn;
};

/// What an error is thrown as.
template <class Call> int code_of(Call call) {
    try {
        call();
    } catch (const std::system_error &error) { return error.code().value(); }
    return 0;
}

void test_locks(Shared &shared) {
    for (int round = 0; round < 200; ++round) {
        if (round % 2 == 0) {
            const std::lock_guard lock(shared.mutex);
            shared.value = shared.value + 1;
        } else {
            const std::scoped_lock lock(shared.mutex, shared.second);
            shared.value = shared.value + 1;
        }
    }
    dsm::barrier_all();
    DSM_REQUIRE_EQUAL(shared.value, 200L * dsm::size());
    dsm::barrier_all();
    std::unique_lock lock(shared.mutex, std::try_to_lock);
    if (!lock.owns_lock()) { lock.lock(); }
    DSM_REQUIRE_EQUAL(code_of([&shared] { shared.mutex.lock(); }), EDEADLK);
    lock.unlock();
    DSM_REQUIRE_EQUAL(code_of([&shared] { shared.mutex.unlock(); }), EPERM);
    dsm::mutex outside;
    DSM_REQUIRE_EQUAL(code_of([&outside] { outside.lock(); }), EINVAL);
}

void test_condition(Shared &shared) {
    for (long round = 0; round < 50; ++round) {
        std::unique_lock lock(shared.mutex);
        shared.changed.wait(lock, [&shared] { return shared.turn % dsm::size() == dsm::rank(); });
        DSM_REQUIRE_EQUAL(shared.turn, round * dsm::size() + dsm::rank());
        shared.turn = shared.turn + 1;
        shared.changed.notify_all();
    }
}

void test_barrier() {
    auto block = dsm::alloc_array<unsigned char>(sizeof(dsm::barrier));
    if (dsm::rank() == 0) { new (block.data()) dsm::barrier(static_cast<unsigned>(dsm::size())); }
    dsm::barrier_all();
    auto *barrier = std::launder(reinterpret_cast<dsm::barrier *>(block.data()));
    auto values = dsm::alloc_array<int>(static_cast<std::size_t>(dsm::size()));
    for (int round = 1; round <= 50; ++round) {
        values[static_cast<std::size_t>(dsm::rank())] = round;
        barrier->arrive_and_wait();
        for (const int value : values) { DSM_REQUIRE_EQUAL(value, round); }
        barrier->arrive_and_wait();
    }
    dsm_alloc_attr_t bad = dsm::alloc_attr();
    bad.block_size = 1;
    DSM_REQUIRE_EQUAL(code_of([&bad] { dsm::alloc_array<int>(1, bad); }), EINVAL);
    bool thrown = false;
    try {
        dsm::alloc_array<int>(std::size_t{1} << 48U);
    } catch (const std::bad_alloc &) { thrown = true; }
    DSM_REQUIRE(thrown);
}

} // namespace

int main() {
    {
        const dsm::runtime runtime;
        auto *shared = dsm_test::shared<Shared>();
        test_locks(*shared);
        test_condition(*shared);
        test_barrier();
        DSM_REQUIRE_EQUAL(code_of([] { const dsm::runtime second; }), EALREADY);
    }
    DSM_REQUIRE_EQUAL(dsm::rank(), -1);
    std::puts("wrappers: passed");
    return 0;
}
