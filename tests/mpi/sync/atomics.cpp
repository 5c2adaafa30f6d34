// dsm::atomic between threads of all ranks: exact sums in every size, loops of comparing and exchanging, pointers,
// waiting, and the outcomes that sequential consistency forbids.
#include <dsm/dsm.hpp>

#include "tests/mpi/support/job.hpp"

#include <array>
#include <thread>
#include <vector>

namespace {

constexpr int threads = 2;

struct Node {
    std::uint64_t value;
    Node *next;
};

struct Pair {
    std::int16_t left;
    std::int32_t right; ///< after two bytes of padding
};

enum class Colour : std::uint8_t { red, green };

struct Shared {
    alignas(4096) dsm::atomic<std::uint8_t> bytes[4];
    dsm::atomic<std::int16_t> shorts[2];
    dsm::atomic<std::uint32_t> words[2];
    dsm::atomic<std::int64_t> longs[2], difference;
    dsm::atomic<double> real;
    dsm::atomic<std::uint64_t> greatest, exchanged;
    dsm::atomic<std::uint64_t> bits;
    dsm::atomic<Node *> stack;
    dsm::atomic<Pair> pair;
    dsm::atomic<Colour> colour;
    dsm::atomic<bool> flag;
    dsm_atomic_t plain;
    alignas(4096) std::array<dsm_atomic_t, 1024> spread; ///< two pages, of different homes
    alignas(4096) dsm::atomic<int> x, y, turn, started, gate;
    alignas(4096) dsm::atomic<int> other_x, other_y;
    int data; ///< of the message that a flag announces
    std::array<int, 4> seen;
    dsm_barrier_t meeting;
    std::uint64_t ordinary;
    std::uint64_t *ordinary_pointer;
};

void on_threads(int count, auto work) {
    std::vector<std::thread> workers;
    for (int thread = 0; thread < count; ++thread) {
        workers.emplace_back([&work, thread] { work(thread); });
    }
    for (std::thread &worker : workers) { worker.join(); }
}

void test_misuse(Shared &shared) {
    alignas(8) unsigned char stack[sizeof(dsm::atomic<int>)] = {};
    auto *outside = reinterpret_cast<dsm::atomic<int> *>(stack);
    int code = 0;
    try {
        outside->load();
    } catch (const std::system_error &error) { code = error.code().value(); }
    DSM_REQUIRE_EQUAL(code, EINVAL);
    errno = 0;
    DSM_REQUIRE_EQUAL(dsm_atomic_load(nullptr, 0), 0);
    DSM_REQUIRE_EQUAL(errno, EINVAL);
    errno = 0;
    DSM_REQUIRE_EQUAL(dsm_atomic_fetch_add(&shared.plain, 1, 6), 0);
    DSM_REQUIRE_EQUAL(errno, EINVAL);
    std::uint64_t value = 0;
    DSM_REQUIRE_EQUAL(dsm_atomic_apply(&shared.plain, 3, DSM_ATOMIC_LOAD, 0, &value, 0), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_atomic_apply(&shared.plain, 8, static_cast<dsm_atomic_operation_t>(9), 0, &value, 0), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_atomic_wait(&value, 0, 0), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_atomic_notify_all(&value), EINVAL);
    errno = 7;
    DSM_REQUIRE_EQUAL(dsm_atomic_load(&shared.plain, 0), 0);
    DSM_REQUIRE_EQUAL(errno, 7);
    dsm::barrier_all();
}

void test_sums(Shared &shared, std::uint64_t rounds) {
    on_threads(threads, [&](int) {
        for (std::uint64_t round = 0; round < rounds; ++round) {
            shared.bytes[round % 4]++;
            shared.shorts[round % 2] -= 3;
            shared.words[round % 2].fetch_add(7);
            --shared.longs[round % 2];
            shared.real += 0.5;
            dsm_atomic_fetch_add(&shared.spread[round * 37 % 1024], 1, 0);
        }
    });
    dsm::barrier_all();
    const std::uint64_t turns = rounds * threads * static_cast<std::uint64_t>(dsm::size());
    const std::uint64_t half = turns / 2;
    for (const auto &byte : shared.bytes) { DSM_REQUIRE_EQUAL(byte.load(), (turns / 4) % 256); }
    for (const auto &number : shared.shorts) {
        DSM_REQUIRE_EQUAL(number.load(), static_cast<std::int16_t>(0 - 3 * half));
    }
    for (const auto &word : shared.words) { DSM_REQUIRE_EQUAL(word.load(), static_cast<std::uint32_t>(7 * half)); }
    for (const auto &number : shared.longs) { DSM_REQUIRE_EQUAL(number, -static_cast<std::int64_t>(half)); }
    DSM_REQUIRE_EQUAL(shared.real.load() * 2, turns);
    std::uint64_t spread = 0;
    for (const dsm_atomic_t &one : shared.spread) { spread += dsm_atomic_load(&one, 0); }
    DSM_REQUIRE_EQUAL(spread, turns);
    dsm::barrier_all();
}

void test_comparing(Shared &shared, std::uint64_t rounds) {
    on_threads(threads, [&](int thread) {
        const auto me = static_cast<std::uint64_t>(dsm::rank() * threads + thread);
        std::uint64_t out = 0;
        for (std::uint64_t round = 1; round <= rounds; ++round) {
            const std::uint64_t mine = round * 64 + me;
            std::uint64_t seen = shared.greatest.load(std::memory_order_relaxed);
            while (seen < mine && !shared.greatest.compare_exchange_weak(seen, mine)) {}
            DSM_REQUIRE(shared.greatest.load() >= mine);
            out += shared.exchanged.exchange(mine); // What one puts in, one takes out.
            out -= mine;
        }
        shared.difference.fetch_add(static_cast<std::int64_t>(out));
        shared.bits |= std::uint64_t{1} << me;
    });
    dsm::barrier_all();
    const auto workers = static_cast<std::uint64_t>(dsm::size() * threads);
    DSM_REQUIRE_EQUAL(shared.greatest.load(), rounds * 64 + workers - 1);
    DSM_REQUIRE_EQUAL(shared.bits.load(), (std::uint64_t{1} << workers) - 1);
    DSM_REQUIRE_EQUAL(shared.difference.load() + static_cast<std::int64_t>(shared.exchanged.load()), 0);
    dsm::barrier_all();
    if (dsm::rank() == 0) {
        Pair expected{0, 0};
        DSM_REQUIRE(shared.pair.compare_exchange_strong(expected, Pair{-1, 5}));
        DSM_REQUIRE(!shared.pair.compare_exchange_strong(expected, Pair{9, 9}));
        DSM_REQUIRE(expected.left == -1 && expected.right == 5);
        DSM_REQUIRE(shared.colour.exchange(Colour::green) == Colour::red);
        DSM_REQUIRE(!shared.flag.exchange(true));
    }
    dsm::barrier_all();
    DSM_REQUIRE(shared.pair.load().right == 5 && shared.colour == Colour::green && shared.flag);
    dsm::barrier_all();
}

/// A stack of nodes from every rank's heap; what is behind a pointer was written before it was pushed.
void test_pointers(Shared &shared, std::uint64_t rounds) {
    for (std::uint64_t round = 0; round < rounds; ++round) {
        auto *node = static_cast<Node *>(dsm_malloc(sizeof(Node)));
        node->value = round + 1;
        node->next = shared.stack.load();
        while (!shared.stack.compare_exchange_weak(node->next, node)) {}
    }
    dsm::barrier_all();
    if (dsm::rank() == 0) {
        std::uint64_t sum = 0;
        for (Node *node = shared.stack.exchange(nullptr); node != nullptr;) {
            Node *next = node->next;
            sum += node->value;
            dsm_free(node);
            node = next;
        }
        DSM_REQUIRE_EQUAL(sum, rounds * (rounds + 1) / 2 * static_cast<std::uint64_t>(dsm::size()));
        shared.stack = reinterpret_cast<Node *>(0x1000);
        DSM_REQUIRE(++shared.stack == reinterpret_cast<Node *>(0x1000 + sizeof(Node)));
        DSM_REQUIRE(shared.stack.fetch_sub(2) == reinterpret_cast<Node *>(0x1000 + sizeof(Node)));
        DSM_REQUIRE(shared.stack.load() == reinterpret_cast<Node *>(0x1000 - sizeof(Node)));
    }
    dsm::barrier_all();
}

/// Ordinary objects in sequential memory, by the processor's instructions.
void test_ordinary(Shared &shared, std::uint64_t rounds) {
    for (std::uint64_t round = 0; round < rounds; ++round) {
        dsm::atomic_ref(shared.ordinary).fetch_add(1);
        dsm::atomic_ref(shared.ordinary_pointer).fetch_add(1);
    }
    dsm::barrier_all();
    const std::uint64_t turns = rounds * static_cast<std::uint64_t>(dsm::size());
    DSM_REQUIRE_EQUAL(shared.ordinary, turns);
    DSM_REQUIRE_EQUAL(reinterpret_cast<std::uintptr_t>(shared.ordinary_pointer), 8 * turns);
    dsm::barrier_all();
}

void test_waiting(Shared &shared, int rounds) {
    // In turn: whose turn it is wakes all, and the next goes on.
    const int workers = dsm::size() * threads;
    on_threads(threads, [&](int thread) {
        const int me = dsm::rank() * threads + thread;
        for (int round = 0; round < rounds; ++round) {
            for (int now = shared.turn; now != round * workers + me; now = shared.turn) { shared.turn.wait(now); }
            ++shared.turn;
            shared.turn.notify_all();
        }
        // As many notifications as sleepers, one by one.
        ++shared.started;
        shared.gate.wait(0);
        if (shared.gate.load() == 1) { shared.gate.notify_one(); }
    });
    dsm::barrier_all();
    DSM_REQUIRE_EQUAL(shared.turn.load(), rounds * workers);
    dsm::barrier_all();
}

void open_gate(Shared &shared) {
    if (dsm::rank() != 0) { return; }
    const int workers = dsm::size() * threads;
    while (shared.started.load() != workers) { std::this_thread::yield(); }
    shared.gate = 1;
    shared.gate.notify_one();
}

/// One round of the litmus tests for the thread of a role: 0 and 1 write, 2 and 3 read; x and y have different homes.
void litmus_round(Shared &shared, int role, dsm::atomic<int> &x, dsm::atomic<int> &y) {
    dsm_barrier_wait(&shared.meeting);
    int first = 0;
    int second = 0;
    if (role == 0) { // store buffering: writes x, reads y
        x.store(1);
        first = y.load();
    } else if (role == 1) {
        y.store(1);
        first = x.load();
    } else if (role == 2) { // independent reads of independent writes
        first = x.load();
        second = y.load();
    } else {
        first = y.load();
        second = x.load();
    }
    shared.seen[static_cast<std::size_t>(role)] = first * 2 + second;
    dsm_barrier_wait(&shared.meeting);
    if (role == 0) {
        DSM_REQUIRE(shared.seen[0] != 0 || shared.seen[1] != 0);
        DSM_REQUIRE(shared.seen[2] != 2 || shared.seen[3] != 2); // each saw its first written and its second not yet
        x.store(0);
        y.store(0);
    }
    dsm_barrier_wait(&shared.meeting);
    // Message passing: ordinary data behind an atomic flag.
    if (role == 1) {
        shared.data = shared.data + 1;
        x.store(shared.data);
    } else if (role == 3) {
        int arrived = 0;
        while ((arrived = x.load()) == 0) {}
        DSM_REQUIRE_EQUAL(shared.data, arrived);
    }
    dsm_barrier_wait(&shared.meeting);
    if (role == 0) { x.store(0); }
}

void test_litmus(Shared &shared, int rounds) {
    constexpr int roles = 4;
    if (dsm::rank() == 0) { DSM_REQUIRE_EQUAL(dsm_barrier_init(&shared.meeting, nullptr, roles), 0); }
    dsm::barrier_all();
    on_threads(roles, [&](int role) {
        if (role % dsm::size() != dsm::rank()) { return; }
        for (int round = 0; round < rounds; ++round) {
            const bool other = round % 2 == 1;
            litmus_round(shared, role, other ? shared.other_x : shared.x, other ? shared.y : shared.other_y);
        }
    });
    dsm::barrier_all();
}

} // namespace

int main(int argc, char **argv) {
    dsm_test::the_seed = dsm_test::option(argc, argv, "--seed", 1);
    const std::uint64_t rounds = dsm_test::option(argc, argv, "--rounds", 400);
    dsm_test::start(dsm_init());
    auto *shared = dsm_test::shared<Shared>();
    test_misuse(*shared);
    test_sums(*shared, rounds);
    test_comparing(*shared, rounds / 2);
    test_pointers(*shared, rounds / 4);
    if (!dsm_test::all_is_release()) { test_ordinary(*shared, rounds); }
    std::thread opener([shared] { open_gate(*shared); });
    test_waiting(*shared, static_cast<int>(rounds / 40));
    opener.join();
    test_litmus(*shared, static_cast<int>(rounds / 4));
    return dsm_test::finish("atomics");
}
