// Heap and directory under several threads and several processes at once, each process with a mapping of its own.
// Blocks are handed to other threads to be freed there. A shared map of 16-byte granules proves that no two blocks
// overlap.
#include "libdsm/memory/heap.hpp"
#include "libdsm/memory/span_directory.hpp"
#include "sparse_memory.hpp"

#include <array>
#include <atomic>
#include <gtest/gtest.h>
#include <mutex>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <vector>

namespace dsm::memory {
namespace {

constexpr std::uint32_t chunk_count = 64;
constexpr std::size_t granules = chunk_count * chunk_bytes / block_granule_bytes;

struct Shared {
    std::atomic<std::uint64_t> errors;
    std::array<std::atomic<std::uint64_t>, 64> mailboxes; ///< offset + 1 of a block that waits to be freed by somebody
    std::array<std::atomic<std::uint8_t>, granules> taken;
};

/// One participant's view of heap, directory and proof, over a mapping of its own.
class View {
public:
    explicit View(std::byte *base)
        : heap_(base, chunk_count, 1), directory_(base + NodeHeap::region_bytes(chunk_count), chunk_count, 4),
          shared_(*reinterpret_cast<Shared *>(base + NodeHeap::region_bytes(chunk_count) +
                                              SpanDirectory::region_bytes(chunk_count, 4))) {}
    static std::size_t bytes() {
        return NodeHeap::region_bytes(chunk_count) + SpanDirectory::region_bytes(chunk_count, 4) + sizeof(Shared);
    }
    void format() { directory_.format(); }

    void work(std::uint32_t seed, int steps) {
        std::mt19937 random(seed);
        std::vector<SegmentOffset> own;
        for (int step = 0; step < steps; ++step) {
            if (random() % 2 == 0 && own.size() < 300) {
                const std::size_t bytes = random() % (random() % 50 == 0 ? 200'000 : 2000);
                if (const auto offset = allocate(bytes)) { own.push_back(*offset); }
            } else if (!own.empty()) {
                std::swap(own[random() % own.size()], own.back());
                hand_over(own.back(), random() % shared_.mailboxes.size());
                own.pop_back();
            }
            // Hostile: nobody ever owns an address that is 8 off.
            if (heap_.free_block((random() % granules) * block_granule_bytes + 8).status == HeapStatus::Ok) { error(); }
        }
        for (const SegmentOffset offset : own) { free_block(offset); }
    }

    void empty_mailboxes() {
        for (auto &mailbox : shared_.mailboxes) {
            if (const std::uint64_t waiting = mailbox.exchange(0)) { free_block(waiting - 1); }
        }
        heap_.trim();
        give_chunks_back();
    }

    std::uint64_t errors() const { return shared_.errors; }
    std::uint32_t free_chunks() const { return directory_.free_chunks(); }
    std::uint32_t chunks_owned() const { return heap_.chunks_owned(); }

private:
    void error() { ++shared_.errors; }

    std::optional<SegmentOffset> allocate(std::size_t bytes) {
        HeapBlock block = heap_.allocate(bytes);
        while (block.status == HeapStatus::NeedChunk) {
            const std::lock_guard guard(heap_.growth_mutex());
            block = heap_.allocate(bytes);
            if (block.status != HeapStatus::NeedChunk) { break; }
            const auto span = directory_.allocate(
                {chunk_bytes, SpanKind::HeapChunk, NodeId{0}, HomePolicy::One, NodeId{0}, 12, MemoryKind::Sequential});
            if (!span) { return std::nullopt; }
            heap_.add_chunk(span->first);
            block = heap_.allocate(bytes);
        }
        if (block.status != HeapStatus::Ok) {
            error();
            return std::nullopt;
        }
        stamp(block, 0, 1);
        return block.offset;
    }

    void stamp(const HeapBlock &block, std::uint8_t from, std::uint8_t to) {
        for (std::size_t at = block.offset; at < block.offset + block.bytes; at += block_granule_bytes) {
            if (shared_.taken[at / block_granule_bytes].exchange(to) != from) { error(); }
        }
    }

    void hand_over(SegmentOffset offset, std::size_t mailbox) {
        if (const std::uint64_t waiting = shared_.mailboxes[mailbox].exchange(offset + 1)) { free_block(waiting - 1); }
    }

    void free_block(SegmentOffset offset) {
        const HeapBlock block = heap_.find(offset);
        if (block.status != HeapStatus::Ok) { return error(); }
        stamp(block, 1, 0);
        const HeapFree freed = heap_.free_block(offset);
        if (freed.status != HeapStatus::Ok) { error(); }
        if (freed.release_pending) { give_chunks_back(); }
    }

    void give_chunks_back() {
        while (const auto chunk = heap_.take_released_chunk()) {
            const std::uint32_t generation = directory_.lookup(*chunk)->generation;
            NodeSet holders;
            std::uint32_t left = 1;
            const bool given = directory_.begin_free(*chunk, generation, holders) == SpanStatus::Ok &&
                               directory_.forget_holder(*chunk, generation, {0}, left) == SpanStatus::Ok && left == 0 &&
                               directory_.finish_free(*chunk, generation) == SpanStatus::Ok;
            if (!given) { error(); }
        }
    }

    NodeHeap heap_;
    SpanDirectory directory_;
    Shared &shared_;
};

void expect_all_returned(View &view) {
    view.empty_mailboxes();
    EXPECT_EQ(view.errors(), 0U);
    EXPECT_EQ(view.chunks_owned(), 0U);
    EXPECT_EQ(view.free_chunks(), chunk_count);
}

TEST(SharedHeap, ServesThreads) {
    const test::SparseMemory memory(View::bytes());
    View view(memory.base());
    view.format();
    {
        std::vector<std::jthread> threads;
        for (std::uint32_t seed = 0; seed < 6; ++seed) {
            threads.emplace_back([&view, seed] { view.work(seed, 20'000); });
        }
    }
    expect_all_returned(view);
}

TEST(SharedHeap, ServesProcessesWithMappingsOfTheirOwn) {
    const test::SparseMemory memory(View::bytes());
    View view(memory.base());
    view.format();
    std::vector<pid_t> children;
    for (std::uint32_t seed = 100; seed < 104; ++seed) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            std::byte *own_base = memory.map_again(); // elsewhere: the inherited mapping still stands
            View own(own_base);
            std::jthread second([&own, seed] { own.work(seed + 1000, 10'000); });
            own.work(seed, 10'000);
            second.join();
            ::_exit(own_base == memory.base() ? 1 : 0);
        }
        children.push_back(child);
    }
    for (const pid_t child : children) {
        int status = -1;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
    }
    expect_all_returned(view);
}

} // namespace
} // namespace dsm::memory
