// Bytes by mask: every way does the same, and touches nothing else.
#include "libdsm/protocol/release/masked_bytes.hpp"
#include "tests/simulation/random.hpp"

#include <array>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace dsm::protocol {
namespace {

using Line = std::array<std::byte, line_bytes>;
constexpr Compare ways[] = {Compare::Words, Compare::Avx2, Compare::Avx512};
constexpr std::byte untouched{0xa5};

/// Two pages of which the second must not be touched: what lies at the end of the first.
class AtTheEnd {
public:
    AtTheEnd() {
        memory_ = static_cast<std::byte *>(
            ::mmap(nullptr, 2 * page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        EXPECT_EQ(::mprotect(memory_ + page(), page(), PROT_NONE), 0);
    }
    ~AtTheEnd() { ::munmap(memory_, 2 * page()); }
    AtTheEnd(const AtTheEnd &) = delete;
    AtTheEnd &operator=(const AtTheEnd &) = delete;
    /// So many bytes in front of the end.
    std::byte *place(std::size_t bytes) { return memory_ + page() - bytes; }

private:
    static std::size_t page() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }
    std::byte *memory_;
};

/// Some of the aligned units of 2, 4 or 8 bytes, whole.
std::uint64_t random_units(protocol_test::Random &random, unsigned bytes) {
    const std::uint64_t one = (std::uint64_t{1} << bytes) - 1;
    std::uint64_t mask = 0;
    for (unsigned at = 0; at < line_bytes; at += bytes) {
        if (random.one_in(2)) { mask |= one << at; }
    }
    return mask;
}

std::uint64_t random_mask(protocol_test::Random &random) {
    switch (random.below(9)) {
    case 0:
        return 0;
    case 1:
        return ~std::uint64_t{0};
    case 2:
        return 0x5555555555555555U << random.below(2);
    case 3:
        return random.next() & random.next() & random.next();
    case 4:
        return 0x0101010101010101U << random.below(8);
    case 5:
        return random.next() & 0x5555555555555555U;
    case 6:
        return random_units(random, 2U << random.below(3));
    case 7:
        return random_units(random, 8) ^ random_units(random, 4) ^ random_units(random, 2);
    default:
        return random.next();
    }
}

/// Byte by byte.
MaskShape plain_shape(std::uint64_t mask) {
    MaskShape shape{};
    for (std::size_t i = 0; i < line_bytes; ++i) {
        if ((mask >> i & 1U) == 0) { continue; }
        ++shape.bytes;
        if (i == 0 || (mask >> (i - 1) & 1U) == 0) { ++shape.runs; }
    }
    return shape;
}

TEST(MaskedBytes, AreCountedTheSameInEveryWay) {
    protocol_test::Random random(6);
    for (unsigned round = 0; round < 20'000; ++round) {
        const std::uint64_t mask = random_mask(random);
        const MaskShape expected = plain_shape(mask);
        for (const Compare how : ways) {
            if (!can_compare(how)) { continue; }
            ASSERT_EQ(count_ones(mask, how), expected.bytes) << mask;
            ASSERT_EQ(shape_of(mask, how).bytes, expected.bytes) << mask;
            ASSERT_EQ(shape_of(mask, how).runs, expected.runs) << mask;
        }
    }
}

TEST(MaskedBytes, OfAWordArePackedByEveryMask) {
    Line line;
    for (std::size_t i = 0; i < line_bytes; ++i) { line[i] = static_cast<std::byte>(i + 1); }
    for (std::uint64_t word = 0; word < 8; ++word) {
        for (std::uint64_t named = 0; named < 256; ++named) {
            // The rest of the line is named too, so that there are enough for words.
            const std::uint64_t mask = ~(std::uint64_t{0xff} << (8 * word)) | named << (8 * word);
            Line packed;
            packed.fill(untouched);
            for (std::size_t i = 0, at = 0; i < line_bytes; ++i) {
                if ((mask >> i & 1U) != 0) { packed[at++] = line[i]; }
            }
            for (const Compare how : ways) {
                if (!can_compare(how)) { continue; }
                Line to;
                to.fill(untouched);
                pack_masked(to.data(), line.data(), mask, how);
                ASSERT_EQ(to, packed) << word << ' ' << named;
            }
        }
    }
}

TEST(MaskedBytes, AreStoredPackedAndUnpackedTheSameInEveryWay) {
    protocol_test::Random random(5);
    AtTheEnd end;
    for (unsigned round = 0; round < 20'000; ++round) {
        const std::uint64_t mask = random_mask(random);
        const auto count = static_cast<std::size_t>(std::popcount(mask));
        Line line;
        for (std::byte &byte : line) { byte = std::byte{static_cast<std::uint8_t>(random.next())}; }
        Line stored;
        stored.fill(untouched);
        Line packed;
        packed.fill(untouched);
        for (std::size_t i = 0, at = 0; i < line_bytes; ++i) {
            if ((mask >> i & 1U) != 0) { stored[i] = packed[at++] = line[i]; }
        }
        for (const Compare how : ways) {
            if (!can_compare(how)) { continue; }
            Line to;
            to.fill(untouched);
            store_masked(to.data(), line.data(), mask, how);
            ASSERT_EQ(to, stored) << round;
            to.fill(untouched);
            pack_masked(to.data(), line.data(), mask, how);
            ASSERT_EQ(to, packed) << round;
            pack_masked(end.place(count), line.data(), mask, how); // No more are written,
            to.fill(untouched);
            unpack_masked(to.data(), end.place(count), mask, how); // and no more are read.
            ASSERT_EQ(to, stored) << round;
        }
    }
}

} // namespace
} // namespace dsm::protocol
