// The view of a job of one node: opened area by area at the first access, closed again, wild accesses reported.
#include "libdsm/memory/area_mapper.hpp"

#include "libdsm/memory/fault_signals.hpp"
#include "libdsm/memory/frame_store.hpp"
#include "libdsm/memory/segment.hpp"
#include "tests/faults/test_node.hpp"

#include <atomic>
#include <csignal>
#include <gtest/gtest.h>
#include <optional>
#include <sys/mman.h>
#include <thread>
#include <vector>

namespace dsm::memory::test {
namespace {

/// The one node of a job, in a process of its own.
struct SoloNode {
    explicit SoloNode(std::size_t bytes) {
        for (const std::uintptr_t base : segment_base_candidates()) {
            auto reserved = Segment::try_reserve(base, bytes);
            if (!reserved) { continue; }
            segment = std::move(reserved.value());
            break;
        }
        store = std::move(FrameStore::create(bytes).value());
        EXPECT_TRUE(store.map_application_view(segment, PROT_NONE, CoreFiles::Exclude).ok());
        mapper.emplace(std::move(AreaMapper::create(segment).value()));
        current = this;
        EXPECT_TRUE(install_fault_handlers(on_fault).ok());
    }
    ~SoloNode() { uninstall_fault_handlers(); }
    SoloNode(const SoloNode &) = delete;
    SoloNode &operator=(const SoloNode &) = delete;

    static FaultVerdict on_fault(const Fault &fault) noexcept {
        if (!current->segment.contains(fault.address) || fault.signal != SIGSEGV) { return FaultVerdict::NotOurs; }
        if (current->segment.page_of(fault.address).value >= current->allocated_pages) { return FaultVerdict::NotOurs; }
        current->faults.fetch_add(1);
        current->mapper->open(fault.address);
        return FaultVerdict::Served;
    }
    volatile std::uint64_t &word(std::size_t offset) const {
        return *reinterpret_cast<volatile std::uint64_t *>(segment.base() + offset);
    }

    static SoloNode *current;
    Segment segment;
    FrameStore store;
    std::optional<AreaMapper> mapper;
    std::size_t allocated_pages = ~std::size_t{0};
    std::atomic<std::uint64_t> faults{0};
};
SoloNode *SoloNode::current = nullptr;

TEST(AreaMapper, OneFaultOpensAnAreaForReadingAndWriting) {
    const RankEnd end = run_process([] {
        SoloNode node(64 * area_bytes);
        EXPECT_EQ(node.word(3 * area_bytes + 8), 0U);
        for (std::size_t offset = 0; offset < area_bytes; offset += page_bytes) {
            node.word(3 * area_bytes + offset) = offset;
        }
        EXPECT_EQ(node.faults.load(), 1U);
        EXPECT_TRUE(node.mapper->is_open(node.segment.base() + 3 * area_bytes));
        EXPECT_FALSE(node.mapper->is_open(node.segment.base() + 4 * area_bytes));
        node.word(4 * area_bytes) = 1;
        EXPECT_EQ(node.faults.load(), 2U);
    });
    EXPECT_EQ(end.exit_code, 0);
}

TEST(AreaMapper, WhatIsClosedFaultsAgainAndKeepsItsFrames) {
    const RankEnd end = run_process([] {
        SoloNode node(64 * area_bytes);
        for (std::size_t area = 0; area < 4; ++area) { node.word(area * area_bytes) = area + 1; }
        const std::size_t pages = area_bytes / page_bytes;
        EXPECT_TRUE(node.mapper->close({1}, 3 * pages - 1)); // Areas 1 and 2 lie inside entirely.
        EXPECT_TRUE(node.mapper->is_open(node.segment.base()));
        EXPECT_FALSE(node.mapper->is_open(node.segment.base() + area_bytes));
        EXPECT_EQ(node.word(0), 1U);
        EXPECT_EQ(node.faults.load(), 4U);
        EXPECT_EQ(node.word(area_bytes), 2U);
        EXPECT_EQ(node.word(2 * area_bytes), 3U);
        EXPECT_EQ(node.word(3 * area_bytes), 4U);
        EXPECT_EQ(node.faults.load(), 6U);
        EXPECT_TRUE(node.mapper->close({1}, 10));
    });
    EXPECT_EQ(end.exit_code, 0);
}

TEST(AreaMapper, OpeningMakesNoFramePresent) {
    const RankEnd end = run_process([] {
        SoloNode node(64 * area_bytes);
        node.word(0) = 1;
        EXPECT_EQ(node.store.present_bytes(), page_bytes);
    });
    EXPECT_EQ(end.exit_code, 0);
}

TEST(AreaMapper, AnAreaOutsideEveryAllocationCrashes) {
    const RankEnd end = run_process([] {
        SoloNode node(64 * area_bytes);
        node.allocated_pages = 512;
        node.word(0) = 1;
        node.word(40 * area_bytes) = 1;
    });
    EXPECT_EQ(end.signal, SIGSEGV);
}

TEST(AreaMapper, ThreadsOpenAreasTogether) {
    const RankEnd end = run_process([] {
        constexpr std::size_t areas = 256;
        SoloNode node(areas * area_bytes);
        std::vector<std::thread> threads;
        for (std::size_t thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&node, thread] {
                for (std::size_t area = 0; area < areas; ++area) { node.word(area * area_bytes + 8 * thread) = area; }
            });
        }
        for (std::thread &thread : threads) { thread.join(); }
        for (std::size_t area = 0; area < areas; ++area) { EXPECT_EQ(node.word(area * area_bytes + 24), area); }
        EXPECT_LE(node.faults.load(), 4 * areas);
    });
    EXPECT_EQ(end.exit_code, 0);
}

TEST(AreaMapper, EveryOtherAreaOfALargeSegmentCanBeOpened) {
    const RankEnd end = run_process([] {
        constexpr std::size_t areas = 80'000; // Every second one: more than the kernel's 65,530 areas need.
        SoloNode node(areas * area_bytes);
        for (std::size_t area = 0; area < areas; area += 2) {
            node.mapper->open(node.segment.base() + area * area_bytes);
        }
        for (std::size_t area = 0; area < areas; area += 2) {
            ASSERT_TRUE(node.mapper->is_open(node.segment.base() + area * area_bytes));
        }
        node.word(0) = 1;
        node.word((areas - 2) * area_bytes) = 1;
        EXPECT_EQ(node.faults.load(), 0U);
    });
    EXPECT_EQ(end.exit_code, 0);
}

} // namespace
} // namespace dsm::memory::test
