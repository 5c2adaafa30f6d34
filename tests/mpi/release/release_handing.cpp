// Handed cells: one thread tells another by one of many means, and may bring it a block of memory.
#include "tests/mpi/release/release_worker.hpp"

#include <mpi.h>
#include <set>
#include <string>
#include <unistd.h>

namespace dsm_test::release {
namespace {

int rank_of(std::size_t thread) { return static_cast<int>(thread % static_cast<std::size_t>(dsm_size())); }

/// Sleeps meanwhile: the other ranks need the cores.
void finish(MPI_Request request) {
    for (int done = 0; done == 0;) {
        MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (done == 0) { ::usleep(50); }
    }
}

} // namespace

void Worker::write_handed(std::size_t group, std::size_t step) {
    for (const Cell &cell : plan_.handed(group)) {
        if (!plan_.is_handed_at(cell, phase_, step)) { continue; }
        if (random_.below(8) == 0) { store(cell, ~plan_.handed_value(cell, phase_, step)); }
        store(cell, plan_.handed_value(cell, phase_, step));
    }
}

void Worker::give(const HandOver &hand_over, std::size_t number) {
    if (hand_over.step == 0) { write_handed(hand_over.group, 0); }
    if (hand_over.brings_block) { slot(number).block = new_block(hand_over); }
    tell(hand_over, number);
}

void Worker::take(const HandOver &hand_over, std::size_t number) {
    await(hand_over, number);
    for (const Cell &cell : plan_.handed(hand_over.group)) {
        expect(cell, plan_.handed_cell(before_, cell, phase_, hand_over.step), "a cell that was handed over");
    }
    write_handed(hand_over.group, hand_over.step + 1);
    if (hand_over.brings_block) { check_and_free(slot(number).block, hand_over); }
}

void Worker::tell(const HandOver &hand_over, std::size_t number) {
    Slot &at = slot(number);
    const std::uint64_t mark = phase_ + 1;
    switch (hand_over.means) {
    case Means::Atomic:
        dsm_atomic_store(&at.atomic, mark, __ATOMIC_RELEASE);
        DSM_REQUIRE_EQUAL(dsm_atomic_notify_all(&at.atomic), 0);
        break;
    case Means::Semaphore:
        DSM_REQUIRE_EQUAL(dsm_sem_post(&at.semaphore), 0);
        break;
    case Means::Condition:
        DSM_REQUIRE_EQUAL(dsm_mutex_lock(&at.mutex), 0);
        at.signalled = mark;
        if (mark % 2 == 0) { DSM_REQUIRE_EQUAL(dsm_cond_signal(&at.condition), 0); }
        DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&at.mutex), 0);
        if (mark % 2 != 0) { DSM_REQUIRE_EQUAL(dsm_cond_broadcast(&at.condition), 0); }
        break;
    case Means::Rwlock:
        DSM_REQUIRE_EQUAL(dsm_rwlock_wrlock(&at.rwlock), 0);
        at.written = mark;
        DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(&at.rwlock), 0);
        break;
    case Means::Latch:
        DSM_REQUIRE_EQUAL(dsm_latch_count_down(&at.latches[phase_ % 2], 1), 0);
        break;
    case Means::Barrier: {
        const int code = dsm_barrier_wait(&at.pair);
        DSM_REQUIRE(code == 0 || code == DSM_BARRIER_SERIAL_THREAD);
        break;
    }
    case Means::Name: {
        const std::string name = "hand-over " + std::to_string(number) + " of phase " + std::to_string(phase_);
        DSM_REQUIRE_EQUAL(dsm_publish(name.c_str(), &at), 0);
        break;
    }
    case Means::Message: {
        fence(dsm_release, hand_over, number);
        MPI_Request sending = MPI_REQUEST_NULL;
        MPI_Isend(nullptr, 0, MPI_BYTE, rank_of(hand_over.to), static_cast<int>(phase_ * slots + number),
                  MPI_COMM_WORLD, &sending);
        finish(sending);
        break;
    }
    }
}

void Worker::await(const HandOver &hand_over, std::size_t number) {
    Slot &at = slot(number);
    const std::uint64_t mark = phase_ + 1;
    switch (hand_over.means) {
    case Means::Atomic:
        for (;;) {
            const std::uint64_t found = dsm_atomic_load(&at.atomic, __ATOMIC_ACQUIRE);
            if (found == mark) { break; }
            DSM_REQUIRE_EQUAL(dsm_atomic_wait(&at.atomic, found, __ATOMIC_ACQUIRE), 0);
        }
        break;
    case Means::Semaphore:
        DSM_REQUIRE_EQUAL(dsm_sem_wait(&at.semaphore), 0);
        break;
    case Means::Condition:
        DSM_REQUIRE_EQUAL(dsm_mutex_lock(&at.mutex), 0);
        while (at.signalled != mark) { DSM_REQUIRE_EQUAL(dsm_cond_wait(&at.condition, &at.mutex), 0); }
        DSM_REQUIRE_EQUAL(dsm_mutex_unlock(&at.mutex), 0);
        break;
    case Means::Rwlock:
        for (std::uint64_t found = 0; found != mark;) {
            DSM_REQUIRE_EQUAL(dsm_rwlock_rdlock(&at.rwlock), 0);
            found = at.written;
            DSM_REQUIRE_EQUAL(dsm_rwlock_unlock(&at.rwlock), 0);
            if (found != mark) { ::usleep(200); }
        }
        break;
    case Means::Latch:
        DSM_REQUIRE_EQUAL(dsm_latch_wait(&at.latches[phase_ % 2]), 0);
        break;
    case Means::Barrier: {
        const int code = dsm_barrier_wait(&at.pair);
        DSM_REQUIRE(code == 0 || code == DSM_BARRIER_SERIAL_THREAD);
        break;
    }
    case Means::Name: {
        const std::string name = "hand-over " + std::to_string(number) + " of phase " + std::to_string(phase_);
        void *found = nullptr;
        DSM_REQUIRE_EQUAL(dsm_lookup_wait(name.c_str(), &found, -1), 0);
        DSM_REQUIRE(found == &at);
        DSM_REQUIRE_EQUAL(dsm_unpublish(name.c_str()), 0);
        break;
    }
    case Means::Message: {
        MPI_Request receiving = MPI_REQUEST_NULL;
        MPI_Irecv(nullptr, 0, MPI_BYTE, rank_of(hand_over.from), static_cast<int>(phase_ * slots + number),
                  MPI_COMM_WORLD, &receiving);
        finish(receiving);
        fence(dsm_acquire, hand_over, number);
        break;
    }
    }
}

/// By ranges as often as not: the pages of the group's cells, and what the hand-over brings.
void Worker::fence(int (*fence_of)(const void *, std::size_t), const HandOver &hand_over, std::size_t number) {
    if (random_.below(2) == 0) {
        DSM_REQUIRE_EQUAL(fence_of(nullptr, 0), 0);
        return;
    }
    std::set<std::size_t> pages;
    for (const Cell &cell : plan_.handed(hand_over.group)) { pages.insert(cell.at / page_bytes); }
    for (const std::size_t page : pages) {
        DSM_REQUIRE_EQUAL(fence_of(shared_.memory + page * page_bytes, page_bytes), 0);
    }
    if (!hand_over.brings_block) { return; }
    DSM_REQUIRE_EQUAL(fence_of(&slot(number).block, sizeof slot(number).block), 0);
    DSM_REQUIRE_EQUAL(fence_of(slot(number).block, block_bytes(hand_over)), 0);
}

/// Whoever comes first writes for all.
void Worker::call_once() {
    const auto write = [](void *worker) {
        static_cast<Worker *>(worker)->write_handed(once_group, 0);
        return 0;
    };
    DSM_REQUIRE_EQUAL(dsm_call_once(&shared_.objects->onces[phase_], write, this), 0);
    for (const Cell &cell : plan_.handed(once_group)) {
        expect(cell, plan_.handed_cell(before_, cell, phase_, 0), "a cell that was written once");
    }
}

// ---- Blocks

std::size_t Worker::block_bytes(const HandOver &hand_over) const {
    const std::uint64_t number = mix(seed(), 50, phase_, hand_over.group, hand_over.step);
    const std::size_t sizes[] = {24, 200, 1000, 5000, 40000, number % 16 == 0 ? std::size_t{1200000} : 64};
    return sizes[number % std::size(sizes)];
}

std::byte *Worker::new_block(const HandOver &hand_over) {
    const std::size_t bytes = block_bytes(hand_over);
    const bool is_zeroed = random_.below(2) == 0;
    auto *block = static_cast<std::byte *>(is_zeroed ? dsm_calloc(1, bytes) : dsm_malloc(bytes));
    DSM_REQUIRE(block != nullptr);
    for (std::size_t at = 0; at < bytes; ++at) {
        if (is_zeroed) { DSM_REQUIRE_EQUAL(block[at], 0); }
        block[at] = static_cast<std::byte>(mix(seed(), 51, phase_, hand_over.group, at));
    }
    return block;
}

void Worker::check_and_free(std::byte *block, const HandOver &hand_over) {
    const std::size_t bytes = block_bytes(hand_over);
    for (std::size_t at = 0; at < bytes; ++at) {
        const auto expected = static_cast<std::byte>(mix(seed(), 51, phase_, hand_over.group, at));
        if (block[at] != expected) {
            fail(__FILE__, __LINE__, "a block holds what was written into it", static_cast<long long>(at),
                 static_cast<long long>(phase_));
        }
        if (at % 7 == 0) { block[at] = ~expected; }
    }
    dsm_free(block);
}

} // namespace dsm_test::release
