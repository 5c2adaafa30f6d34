// Phases, owned and guarded cells, and memory that comes and goes.
#include "tests/mpi/release/release_worker.hpp"

#include <algorithm>

namespace dsm_test::release {
namespace {

constexpr std::size_t parts = 4; ///< in which a thread writes its owned cells

} // namespace

Worker::Worker(const Plan &plan, const Shared &shared, std::size_t thread_of_rank)
    : plan_(plan), shared_(shared), thread_of_rank_(thread_of_rank),
      thread_(thread_of_rank * static_cast<std::size_t>(dsm_size()) + static_cast<std::size_t>(dsm_rank())),
      before_(plan.bytes()), random_(mix(plan.settings().seed, 40, thread_)) {}

void Worker::run() {
    for (phase_ = 0; phase_ < plan_.settings().phases; ++phase_) {
        run_phase();
        end_phase();
    }
    look_at_all();
}

void Worker::run_phase() {
    change_areas();
    std::vector<Task> mixed = tasks();
    for (std::size_t at = mixed.size(); at > 1; --at) { std::swap(mixed[at - 1], mixed[random_.below(at)]); }
    // What waits for others keeps its order among the rest.
    for (Task &task : waiting_tasks()) {
        task();
        if (!mixed.empty()) {
            mixed.back()();
            mixed.pop_back();
        }
    }
    for (Task &task : mixed) { task(); }
}

void Worker::end_phase() {
    plan_.advance(before_, phase_);
    for (std::size_t group = 0; group < guarded_groups; ++group) {
        for (std::size_t thread = 0; thread < plan_.settings().threads; ++thread) {
            counts_[group] += plan_.entries(group, phase_, thread);
        }
        for (const Cell &cell : plan_.guarded(group)) {
            Plan::write(before_, cell, plan_.guarded_value(cell, counts_[group]));
        }
    }
    if (mix(seed(), 41, phase_) % 2 == 0) {
        const int code = dsm_barrier_wait(&shared_.objects->phase_end);
        DSM_REQUIRE(code == 0 || code == DSM_BARRIER_SERIAL_THREAD);
        return;
    }
    shared_.rank->together.arrive_and_wait();
    if (thread_of_rank_ == 0) { dsm_barrier_all(); }
    shared_.rank->together.arrive_and_wait();
}

std::vector<Worker::Task> Worker::tasks() {
    std::vector<Task> all;
    if (plan_.is_quiet(phase_)) {
        all.emplace_back([this] { look_at_all(); });
    } else {
        for (std::size_t part = 0; part < parts; ++part) {
            all.emplace_back([this, part] { write_owned(part); });
        }
        if (plan_.calls_once(phase_, thread_)) {
            all.emplace_back([this] { call_once(); });
        }
    }
    for (std::size_t group = 0; group < guarded_groups; ++group) {
        for (std::size_t i = 0; i < plan_.entries(group, phase_, thread_); ++i) {
            all.emplace_back([this, group] { enter(group); });
        }
        if (random_.below(8) == 0) {
            all.emplace_back([this, group] { look_guarded(group); });
        }
    }
    for (std::size_t i = random_.below(4); i > 0; --i) {
        all.emplace_back([this] { hint(); });
    }
    all.emplace_back([this] { look_around(); });
    all.emplace_back([this] { write_area(); });
    all.emplace_back([this] { look_at_area(); });
    return all;
}

std::vector<Worker::Task> Worker::waiting_tasks() {
    std::vector<Task> all;
    const auto hand_overs = plan_.hand_overs(phase_);
    for (std::size_t number = 0; number < hand_overs.size(); ++number) {
        const HandOver each = hand_overs[number];
        if (each.from == thread_) {
            all.emplace_back([this, each, number] { give(each, number); });
        }
        if (each.to == thread_) {
            all.emplace_back([this, each, number] { take(each, number); });
        }
    }
    if (thread_ == (phase_ + 1) % plan_.settings().threads) { // For the next phase.
        all.emplace_back([this] {
            for (Slot &each : shared_.objects->slots) {
                DSM_REQUIRE_EQUAL(dsm_latch_init(&each.latches[(phase_ + 1) % 2], 1), 0);
            }
        });
    }
    return all;
}

// ---- Cells

std::uint64_t Worker::load(const Cell &cell) const {
    const std::byte *at = shared_.memory + cell.at;
    if (cell.bytes == 1) { return std::to_integer<std::uint64_t>(*static_cast<const volatile std::byte *>(at)); }
    return *reinterpret_cast<const volatile std::uint64_t *>(at);
}

void Worker::store(const Cell &cell, std::uint64_t value) {
    std::byte *at = shared_.memory + cell.at;
    if (cell.bytes == 1) {
        *static_cast<volatile std::byte *>(at) = static_cast<std::byte>(value);
    } else {
        *reinterpret_cast<volatile std::uint64_t *>(at) = value;
    }
}

void Worker::expect(const Cell &cell, std::uint64_t expected, const char *what) const {
    const std::uint64_t found = load(cell);
    if (found == expected) { return; }
    std::fprintf(stderr, "FAILED: %s: page %zu, byte %zu, group %u, in phase %zu, thread %zu\n", what,
                 cell.at / page_bytes, cell.at % page_bytes, unsigned{cell.group}, phase_, thread_);
    fail(__FILE__, __LINE__, "a cell holds what the plan says", static_cast<long long>(found),
         static_cast<long long>(expected));
}

/// Now and then something else is written first, or the value is written twice.
void Worker::write_owned(std::size_t part) {
    for (const Cell &cell : plan_.owned()) {
        if (cell.at % parts != part || !plan_.is_written(cell, phase_)) { continue; }
        if (plan_.owner(cell, phase_) != thread_) { continue; }
        expect(cell, Plan::read(before_, cell), "an owned cell before it is written");
        if (random_.below(8) == 0) { store(cell, ~Plan::read(before_, cell)); }
        store(cell, plan_.owned_value(cell, phase_));
        if (random_.below(16) == 0) { look_around(); }
        expect(cell, plan_.owned_value(cell, phase_), "an owned cell that was written");
    }
}

/// At some cells that nobody writes now.
void Worker::look_around() {
    for (int i = 0; i < 12; ++i) {
        const Cell &cell = plan_.owned()[random_.below(plan_.owned().size())];
        if (plan_.is_quiet(phase_) || !plan_.is_written(cell, phase_)) {
            expect(cell, Plan::read(before_, cell), "an owned cell that rests");
        }
        expect(plan_.idle()[random_.below(plan_.idle().size())], 0, "an idle cell");
    }
}

/// While nobody writes: every byte, beginning anywhere.
void Worker::look_at_all() {
    const std::size_t first = random_.below(plan_.settings().pages);
    for (std::size_t i = 0; i < plan_.settings().pages; ++i) {
        const std::size_t page = (first + i) % plan_.settings().pages;
        const std::byte *found = shared_.memory + page * page_bytes;
        const std::byte *expected = before_.data() + page * page_bytes;
        if (std::memcmp(found, expected, page_bytes) == 0) { continue; }
        for (std::size_t at = 0; at < page_bytes; ++at) {
            if (found[at] == expected[at]) { continue; }
            expect({static_cast<std::uint32_t>(page * page_bytes + at), 1, CellKind::Idle, 0},
                   std::to_integer<std::uint64_t>(expected[at]), "after a barrier");
        }
        fail(__FILE__, __LINE__, "a page held something else for a moment", static_cast<long long>(page),
             static_cast<long long>(phase_));
    }
}

/// Nothing of this changes what memory holds.
void Worker::hint() {
    const std::size_t bytes = 1 + random_.below(3 * page_bytes);
    std::byte *at = shared_.memory + random_.below(plan_.bytes() - bytes);
    const int access = random_.below(2) == 0 ? DSM_READ : DSM_WRITE;
    switch (random_.below(4)) {
    case 0:
        DSM_REQUIRE_EQUAL(dsm_touch(at, bytes, access), 0);
        break;
    case 1:
        DSM_REQUIRE_EQUAL(dsm_prefetch(at, bytes, access), 0);
        break;
    case 2:
        DSM_REQUIRE_EQUAL(dsm_advise(at, bytes, DSM_ADVISE_DONTNEED), 0);
        break;
    default: {
        const int code = dsm_pin(at, bytes, access);
        DSM_REQUIRE(code == 0 || code == EAGAIN);
        if (code != 0) { return; }
        std::uint64_t sum = 0; // Of what others may write meanwhile: only that it can be read.
        for (std::size_t i = 0; i < bytes; i += 512) {
            sum += __atomic_load_n(reinterpret_cast<unsigned char *>(at + i), __ATOMIC_RELAXED);
        }
        static_cast<volatile std::uint64_t &>(sum) = sum;
        DSM_REQUIRE_EQUAL(dsm_unpin(at, bytes), 0);
    }
    }
}

// ---- Guarded cells

void Worker::check_guarded(std::size_t group, std::uint64_t count) {
    for (const Cell &cell : plan_.guarded(group)) { expect(cell, plan_.guarded_value(cell, count), "a guarded cell"); }
}

void Worker::enter(std::size_t group) {
    Objects::Guard &guard = shared_.objects->guards[group];
    const bool is_mutex = group % 2 == 0;
    DSM_REQUIRE_EQUAL(is_mutex ? dsm_mutex_lock(&guard.mutex) : dsm_rwlock_wrlock(&guard.rwlock), 0);
    const std::uint64_t count = guard.count;
    DSM_REQUIRE(count >= counts_[group]);
    if (random_.below(2) == 0) { check_guarded(group, count); }
    guard.count = count + 1;
    for (const Cell &cell : plan_.guarded(group)) {
        if (!plan_.is_written_at(cell, count + 1)) { continue; }
        if (random_.below(8) == 0) { store(cell, ~plan_.guarded_value(cell, count)); }
        store(cell, plan_.guarded_value(cell, count + 1));
    }
    if (random_.below(4) == 0) { look_around(); }
    check_guarded(group, count + 1);
    DSM_REQUIRE_EQUAL(is_mutex ? dsm_mutex_unlock(&guard.mutex) : dsm_rwlock_unlock(&guard.rwlock), 0);
}

void Worker::look_guarded(std::size_t group) {
    Objects::Guard &guard = shared_.objects->guards[group];
    if (group % 2 == 0) {
        const int code = dsm_mutex_trylock(&guard.mutex);
        DSM_REQUIRE(code == 0 || code == EBUSY);
        if (code != 0) { return; }
    } else {
        DSM_REQUIRE_EQUAL(dsm_rwlock_rdlock(&guard.rwlock), 0);
    }
    DSM_REQUIRE(guard.count >= counts_[group]);
    check_guarded(group, guard.count);
    DSM_REQUIRE_EQUAL(group % 2 == 0 ? dsm_mutex_unlock(&guard.mutex) : dsm_rwlock_unlock(&guard.rwlock), 0);
}

// ---- Memory that comes and goes

std::size_t Worker::area_bytes(std::size_t phase) const { return (1 + mix(seed(), 42, phase) % 5) * page_bytes; }

/// Every third phase brings an area; it is written then, looked at in the next phase, and freed after that by one.
void Worker::change_areas() {
    if (!plan_.settings().allocates) { return; }
    const bool is_new = mix(seed(), 43, phase_) % 3 == 0 && phase_ + 2 < plan_.settings().phases;
    std::byte *const old = shared_.rank->areas[phase_ % 2];
    shared_.rank->together.arrive_and_wait();
    if (thread_of_rank_ == 0) {
        const auto ranks = static_cast<std::uint64_t>(dsm_size());
        if (static_cast<std::uint64_t>(dsm_rank()) == mix(seed(), 44, phase_) % ranks) { dsm_free(old); }
        std::byte *area = nullptr;
        if (is_new) {
            const auto homes = static_cast<dsm_homes_t>(mix(seed(), 45, phase_) % 4);
            const std::size_t block = std::size_t{4096} << mix(seed(), 46, phase_) % 3;
            area = shared_release<std::byte>(area_bytes(phase_), homes, block);
        }
        shared_.rank->areas[phase_ % 2] = area;
    }
    shared_.rank->together.arrive_and_wait();
}

/// Byte after byte by thread after thread. It was all zero.
void Worker::write_area() {
    std::byte *const area = shared_.rank->areas[phase_ % 2];
    if (area == nullptr) { return; }
    for (std::size_t at = thread_; at < area_bytes(phase_); at += plan_.settings().threads) {
        if (area[at] != std::byte{0}) {
            fail(__FILE__, __LINE__, "new memory is zero", static_cast<long long>(at), static_cast<long long>(phase_));
        }
        if (at % 64 < 32) { area[at] = static_cast<std::byte>(mix(seed(), 47, phase_, at)); }
    }
}

void Worker::look_at_area() {
    if (phase_ == 0) { return; }
    const std::size_t phase = phase_ - 1;
    const std::byte *const area = shared_.rank->areas[phase % 2];
    if (area == nullptr) { return; }
    for (int i = 0; i < 200; ++i) {
        const std::size_t at = random_.below(area_bytes(phase));
        const auto expected = at % 64 < 32 ? static_cast<std::byte>(mix(seed(), 47, phase, at)) : std::byte{0};
        if (area[at] != expected) {
            fail(__FILE__, __LINE__, "an area holds what was written in the phase before", static_cast<long long>(at),
                 static_cast<long long>(phase));
        }
    }
}

} // namespace dsm_test::release
