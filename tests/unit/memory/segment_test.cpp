// Reserving the segment: bases, refusals, translation between addresses and pages.
#include "libdsm/memory/segment.hpp"

#include <cerrno>
#include <gtest/gtest.h>
#include <optional>
#include <sys/mman.h>

namespace dsm::memory {
namespace {

constexpr std::size_t bytes = std::size_t{64} << 20;

Segment reserve_anywhere(std::size_t size) {
    for (const std::uintptr_t base : segment_base_candidates()) {
        auto segment = Segment::try_reserve(base, size);
        if (segment) { return std::move(segment.value()); }
    }
    return {};
}

TEST(Segment, LiesExactlyWhereItWasAskedFor) {
    const Segment segment = reserve_anywhere(bytes);
    ASSERT_TRUE(segment.reserved());
    EXPECT_EQ(segment.bytes(), bytes);
    EXPECT_EQ(segment.page_count(), bytes / page_bytes);
}

TEST(Segment, TheDefaultSizeFitsAtOneOfTheBases) { EXPECT_TRUE(reserve_anywhere(segment_bytes_default).reserved()); }

TEST(Segment, TranslatesAddressesAndPages) {
    const Segment segment = reserve_anywhere(bytes);
    EXPECT_TRUE(segment.contains(segment.base()));
    EXPECT_TRUE(segment.contains(segment.base() + bytes - 1));
    EXPECT_FALSE(segment.contains(segment.base() + bytes));
    EXPECT_FALSE(segment.contains(segment.base() - 1));
    EXPECT_FALSE(segment.contains(nullptr));
    EXPECT_EQ(segment.page_of(segment.base() + page_bytes - 1), PageId{0});
    EXPECT_EQ(segment.page_of(segment.base() + page_bytes), PageId{1});
    EXPECT_EQ(segment.address_of({3}), segment.base() + 3 * page_bytes);
}

TEST(Segment, ContainsNothingWhereNothingIsReserved) { EXPECT_FALSE(Segment().contains(nullptr)); }

TEST(Segment, RefusesARangeThatIsTakenAndLeavesItAlone) {
    const Segment first = reserve_anywhere(bytes);
    const auto base = reinterpret_cast<std::uintptr_t>(first.base());
    const auto second = Segment::try_reserve(base, bytes);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.failure().error, EEXIST);
    EXPECT_NE(second.failure().reason.find("other memory is mapped there"), std::string::npos);
    EXPECT_FALSE(Segment::try_reserve(base + bytes / 2, bytes).ok());
    EXPECT_EQ(::mprotect(first.base(), page_bytes, PROT_READ | PROT_WRITE), 0);
}

TEST(Segment, IsFreeAgainAfterRelease) {
    std::uintptr_t base = 0;
    {
        const Segment segment = reserve_anywhere(bytes);
        base = reinterpret_cast<std::uintptr_t>(segment.base());
    }
    EXPECT_TRUE(Segment::try_reserve(base, bytes).ok());
}

TEST(Segment, RefusesOddBasesAndSizes) {
    const std::uintptr_t base = segment_base_candidates().front();
    const std::uintptr_t last_block = ~std::uintptr_t{0} - block_bytes_max + 1;
    for (const auto &[at, size] : {std::pair{base + page_bytes, bytes},
                                   {base, page_bytes},
                                   {base, std::size_t{0}},
                                   {std::uintptr_t{0}, bytes},
                                   {last_block, bytes}}) {
        const auto segment = Segment::try_reserve(at, size);
        ASSERT_FALSE(segment.ok());
        EXPECT_EQ(segment.failure().error, EINVAL);
    }
}

TEST(Segment, RefusesMoreThanTheProcessorAddresses) {
    const auto segment = Segment::try_reserve(std::uintptr_t{1} << 62, bytes);
    ASSERT_FALSE(segment.ok());
    EXPECT_EQ(segment.failure().error, ENOMEM);
}

} // namespace
} // namespace dsm::memory
