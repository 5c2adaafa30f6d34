// What faults and changes of rights cost on this machine, for docs/memory.md. Prints a table; tests nothing.
#include "libdsm/memory/area_mapper.hpp"
#include "libdsm/memory/raw_syscalls.hpp"
#include "tests/faults/test_node.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>
#include <sys/mman.h>

namespace dsm::memory::test {
namespace {

constexpr std::size_t pages = 16'384;

void print(const char *backend, const char *what, Nanoseconds elapsed_ns, std::size_t count) {
    std::printf("%-12s %-58s %9.3f us\n", backend, what,
                static_cast<double>(elapsed_ns) / 1e3 / static_cast<double>(count));
}

Nanoseconds time_of(const std::function<void()> &body) {
    const Nanoseconds begin = now_ns();
    body();
    return now_ns() - begin;
}

/// The best of several rounds per page: other work on the machine only ever adds.
void measure(const TestRank &rank, const char *what, std::size_t count, const std::function<void()> &prepare,
             const std::function<void()> &body) {
    Nanoseconds best = 0;
    for (int round = 0; round < 5; ++round) {
        prepare();
        const Nanoseconds elapsed = time_of(body);
        best = round == 0 ? elapsed : std::min(best, elapsed);
    }
    print(name_of(rank.kind()), what, best, count);
}

void measure_alone(TestRank &rank) {
    FaultBackend &backend = rank.backend();
    const auto each = [](auto act) {
        for (std::size_t page = 0; page < pages; ++page) { act(page); }
    };
    const auto take_all = [&] { backend.restrict_ranks({0}, pages, Access::None, false); };
    const auto map_all = [&](Access access) { backend.map({0}, pages, access); };
    std::memset(rank.store().service_view(), 1, pages * page_bytes);
    const auto read = [&](std::size_t page) { [[maybe_unused]] const std::uint64_t seen = rank.word(page); };
    const auto write = [&](std::size_t page) { rank.word(page) = 1; };
    const auto write_all = [&] { map_all(Access::Write); };

    measure(rank, "read fault, frame present", pages, take_all, [&] { each(read); });
    measure(rank, "write fault, frame present", pages, take_all, [&] { each(write); });
    measure(
        rank, "write fault on a readable page", pages,
        [&] {
            take_all();
            map_all(Access::Read);
        },
        [&] { each(write); });
    measure(rank, "map for reading, one call", pages, take_all, [&] { map_all(Access::Read); });
    measure(rank, "map for writing, one call", pages, take_all, [&] { map_all(Access::Write); });
    measure(rank, "restrict to Read, one call", pages, write_all,
            [&] { backend.restrict_ranks({0}, pages, Access::Read, false); });
    measure(rank, "restrict to None, one call", pages, write_all, take_all);
    measure(rank, "restrict to Read, page by page", pages, write_all,
            [&] { each([&](std::size_t page) { backend.restrict_ranks({page}, 1, Access::Read, false); }); });
    measure(rank, "restrict to None, page by page", pages, write_all,
            [&] { each([&](std::size_t page) { backend.restrict_ranks({page}, 1, Access::None, false); }); });
}

/// Rank 0 takes pages from rank 1, which sleeps.
void measure_together(TestRank &rank) {
    constexpr std::size_t count = 2048;
    const auto both_map = [&] {
        rank.barrier();
        rank.backend().map({0}, count, Access::Write);
        rank.barrier();
    };
    const auto take_each = [&](Access access, bool unneeded) {
        if (rank.rank() != 0) { return; }
        for (std::size_t page = 0; page < count; ++page) { rank.backend().restrict_ranks({page}, 1, access, unneeded); }
    };
    const auto run = [&](const char *what, Access access, bool unneeded) {
        Nanoseconds best = 0;
        for (int round = 0; round < 5; ++round) {
            both_map();
            const Nanoseconds elapsed = time_of([&] { take_each(access, unneeded); });
            best = round == 0 ? elapsed : std::min(best, elapsed);
            rank.barrier();
            if (rank.rank() == 0) { rank.backend().restrict_ranks({0}, count, Access::None, true); }
        }
        if (rank.rank() == 0) { print(name_of(rank.kind()), what, best, count); }
    };
    run("two ranks map it: restrict to Read", Access::Read, false);
    run("two ranks map it: restrict to None, frame not needed", Access::None, true);
    run("two ranks map it: restrict to None, bytes kept", Access::None, false);
}

enum class Filling { Kernel, Populate, HugePages };
enum class Frames { Missing, Present };

constexpr int advice_populate_write = 23; ///< MADV_POPULATE_WRITE, Linux 5.14
constexpr std::size_t solo_bytes = std::size_t{256} << 20;

/// Touches every `stride_pages`th page of a view that is opened area by area.
void touch_solo(const Segment &segment, AreaMapper &mapper, Filling filling, std::size_t stride_pages) {
    for (std::size_t at = 0; at < solo_bytes; at += stride_pages * page_bytes) {
        std::byte *address = segment.base() + at;
        if (!mapper.is_open(address)) {
            mapper.open(address);
            if (filling == Filling::Populate) { raw_madvise(address, area_bytes, advice_populate_write); }
        }
        *reinterpret_cast<volatile std::uint64_t *>(address) = 1;
    }
}

void measure_solo(const char *what, Frames frames, Filling filling, std::size_t stride_pages) {
    std::optional<Segment> segment;
    for (const std::uintptr_t base : segment_base_candidates()) {
        auto reserved = Segment::try_reserve(base, solo_bytes);
        if (!reserved) { continue; }
        segment.emplace(std::move(reserved.value()));
        break;
    }
    auto store = FrameStore::create(solo_bytes);
    if (!segment || !store || !store.value().map_application_view(*segment, PROT_NONE, CoreFiles::Exclude)) { return; }
    auto mapper = AreaMapper::create(*segment);
    if (!mapper) { return; }
    if (frames == Frames::Present) { std::memset(store.value().service_view(), 1, solo_bytes); }
    if (filling == Filling::HugePages) { raw_madvise(segment->base(), solo_bytes, MADV_HUGEPAGE); }
    const Nanoseconds elapsed = time_of([&] { touch_solo(*segment, mapper.value(), filling, stride_pages); });
    const std::size_t touched = solo_bytes / page_bytes / stride_pages;
    std::printf("%-12s %-58s %9.3f us, %zu of %zu MiB present\n", "solo", what,
                static_cast<double>(elapsed) / 1e3 / static_cast<double>(touched), store.value().present_bytes() >> 20,
                solo_bytes >> 20);
}

void measure_all_solo() {
    measure_solo("(warming up)", Frames::Missing, Filling::Populate, 1);
    measure_solo("every page, frames missing", Frames::Missing, Filling::Kernel, 1);
    measure_solo("every page, frames missing, area populated", Frames::Missing, Filling::Populate, 1);
    measure_solo("every page, frames missing, huge pages asked for", Frames::Missing, Filling::HugePages, 1);
    measure_solo("every 64th page, frames missing", Frames::Missing, Filling::Kernel, 64);
    measure_solo("every 64th page, frames missing, area populated", Frames::Missing, Filling::Populate, 64);
    measure_solo("every 64th page, frames missing, huge pages asked for", Frames::Missing, Filling::HugePages, 64);
    measure_solo("every page, frames present", Frames::Present, Filling::Kernel, 1);
    measure_solo("every page, frames present, area populated", Frames::Present, Filling::Populate, 1);
    measure_solo("every 64th page, frames present", Frames::Present, Filling::Kernel, 64);
}

} // namespace
} // namespace dsm::memory::test

int main() {
    using namespace dsm::memory::test;
    for (const BackendKind kind : {BackendKind::Userfaultfd, BackendKind::Mprotect}) {
        if (const std::string reason = why_not(kind); !reason.empty()) {
            std::printf("%s: %s\n", name_of(kind), reason.c_str());
            continue;
        }
        const NodeShape shape{.kind = kind, .pages = pages, .allocated_pages = pages};
        run_node(shape, measure_alone);
        run_node({.kind = kind, .rank_count = 2}, measure_together);
    }
    run_process(measure_all_solo);
    return 0;
}
