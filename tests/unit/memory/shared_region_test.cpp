// Regions that ranks share: zeroed, sparse, one memory for all.
#include "libdsm/memory/shared_region.hpp"

#include <cerrno>
#include <cstdint>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dsm::memory {
namespace {

constexpr std::size_t bytes = std::size_t{1} << 34;

struct Layout {
    std::uint64_t first;
    std::uint64_t second;
};

TEST(SharedRegion, IsZeroedAndSparse) {
    auto region = SharedRegion::create("test", bytes);
    ASSERT_TRUE(region.ok());
    EXPECT_EQ(region.value().as<Layout>()->second, 0U);
    region.value().base()[bytes - 1] = std::byte{1};
    struct stat status {};
    ASSERT_EQ(::fstat(region.value().descriptor(), &status), 0);
    EXPECT_LE(status.st_blocks * 512, 2 * 4096);
}

TEST(SharedRegion, IsTheSameMemoryForAll) {
    auto made = SharedRegion::create("test", bytes);
    ASSERT_TRUE(made.ok());
    auto attached = SharedRegion::attach(FileDescriptor(::dup(made.value().descriptor())), bytes);
    ASSERT_TRUE(attached.ok());
    made.value().as<Layout>()->second = 5;
    EXPECT_EQ(attached.value().as<Layout>()->second, 5U);
    EXPECT_EQ(attached.value().punch(0, 4096), 0);
    EXPECT_EQ(made.value().as<Layout>()->second, 0U);
}

TEST(SharedRegion, OneThatIsTooSmallIsRefused) {
    auto made = SharedRegion::create("test", 4096);
    ASSERT_TRUE(made.ok());
    const auto attached = SharedRegion::attach(FileDescriptor(::dup(made.value().descriptor())), 8192);
    ASSERT_FALSE(attached.ok());
    EXPECT_EQ(attached.failure().error, EINVAL);
}

TEST(SharedRegion, AWrongDescriptorIsRefused) {
    const auto attached = SharedRegion::attach(FileDescriptor(), 4096);
    ASSERT_FALSE(attached.ok());
    EXPECT_EQ(attached.failure().error, EBADF);
}

} // namespace
} // namespace dsm::memory
