// The frame store: two views of the same frames, memory only for what is touched.
#include "libdsm/memory/frame_store.hpp"

#include <cerrno>
#include <cstdint>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace dsm::memory {
namespace {

constexpr std::size_t bytes = std::size_t{64} << 20;

struct Node {
    Node() {
        for (const std::uintptr_t base : segment_base_candidates()) {
            auto reserved = Segment::try_reserve(base, bytes);
            if (!reserved) { continue; }
            segment = std::move(reserved.value());
            break;
        }
        store = std::move(FrameStore::create(bytes).value());
    }
    Segment segment;
    FrameStore store;
};

TEST(FrameStore, BothViewsShowTheSameFrames) {
    const Node node;
    ASSERT_TRUE(node.store.map_application_view(node.segment, PROT_READ | PROT_WRITE, CoreFiles::Exclude).ok());
    *node.segment.address_of({5}) = std::byte{7};
    EXPECT_EQ(*node.store.frame({5}), std::byte{7});
    *node.store.frame({6}) = std::byte{8};
    EXPECT_EQ(*node.segment.address_of({6}), std::byte{8});
}

TEST(FrameStore, TakesMemoryOnlyForWhatIsTouched) {
    const Node node;
    EXPECT_EQ(node.store.present_bytes(), 0U);
    *node.store.frame({100}) = std::byte{1};
    EXPECT_EQ(node.store.present_bytes(), page_bytes);
}

TEST(FrameStore, PunchedFramesTakeNoMemoryAndReadAsZero) {
    const Node node;
    for (std::uint64_t page = 0; page < 4; ++page) { *node.store.frame({page}) = std::byte{9}; }
    EXPECT_EQ(node.store.punch(page_bytes, 2 * page_bytes), 0);
    EXPECT_EQ(node.store.present_bytes(), 2 * page_bytes);
    EXPECT_EQ(*node.store.frame({0}), std::byte{9});
    EXPECT_EQ(*node.store.frame({1}), std::byte{0});
    EXPECT_EQ(*node.store.frame({2}), std::byte{0});
    EXPECT_EQ(*node.store.frame({3}), std::byte{9});
}

TEST(FrameStore, AllocateMakesFramesPresentAndKeepsWhatIsThere) {
    const Node node;
    *node.store.frame({1}) = std::byte{9};
    EXPECT_EQ(node.store.allocate(0, 8 * page_bytes), 0);
    EXPECT_EQ(node.store.present_bytes(), 8 * page_bytes);
    EXPECT_EQ(*node.store.frame({1}), std::byte{9});
    EXPECT_EQ(*node.store.frame({2}), std::byte{0});
}

TEST(FrameStore, OtherRanksAndOtherNodesSeeTheFrames) {
    const Node node;
    *node.store.frame({2}) = std::byte{3};
    auto rank = FrameStore::attach(FileDescriptor(::dup(node.store.descriptor())), bytes);
    ASSERT_TRUE(rank.ok());
    EXPECT_EQ(*rank.value().frame({2}), std::byte{3});
    auto peer = PeerFrames::map(FileDescriptor(::dup(node.store.descriptor())), bytes);
    ASSERT_TRUE(peer.ok());
    EXPECT_EQ(*peer.value().frame({2}), std::byte{3});
    EXPECT_FALSE(PeerFrames().mapped());
}

TEST(FrameStore, ASegmentOfAnotherSizeIsRefused) {
    const Node node;
    const auto small = FrameStore::create(bytes / 2);
    ASSERT_TRUE(small.ok());
    auto store = FrameStore::create(bytes / 2);
    const auto mapped = store.value().map_application_view(node.segment, PROT_NONE, CoreFiles::Exclude);
    ASSERT_FALSE(mapped.ok());
    EXPECT_EQ(mapped.failure().error, EINVAL);
}

TEST(FrameStore, AWrongDescriptorIsRefused) {
    const auto store = FrameStore::attach(FileDescriptor(), bytes);
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.failure().error, EBADF);
}

} // namespace
} // namespace dsm::memory
