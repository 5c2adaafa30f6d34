// Nanoseconds per allocation and free: the node's heap beside the C library's malloc, in the same run.
#include "libdsm/memory/heap.hpp"
#include "sparse_memory.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace {
using dsm::memory::HeapBlock;
using dsm::memory::HeapStatus;
using dsm::memory::NodeHeap;

constexpr std::uint32_t chunk_count = 4096;

class OurHeap {
public:
    using Block = std::uint64_t;
    Block take(std::size_t bytes) {
        HeapBlock block = heap_.allocate(bytes);
        if (block.status == HeapStatus::NeedChunk) {
            const std::lock_guard guard(heap_.growth_mutex());
            block = heap_.allocate(bytes);
            if (block.status == HeapStatus::NeedChunk) {
                heap_.add_chunk({next_chunk_++});
                block = heap_.allocate(bytes);
            }
        }
        return block.offset;
    }
    void give(Block block) { heap_.free_block(block); }

private:
    dsm::test::SparseMemory memory_{NodeHeap::region_bytes(chunk_count)};
    NodeHeap heap_{memory_.base(), chunk_count, chunk_count}; // keeps what it has: no traffic with a directory
    std::uint32_t next_chunk_ = 0;
};

class LibraryHeap {
public:
    using Block = void *;
    Block take(std::size_t bytes) {
        void *volatile block = std::malloc(bytes); // volatile: the pair must not be optimised away
        return block;
    }
    void give(Block block) { std::free(block); }
};

template <class Work> double ns_per(std::size_t operations, Work work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::nano> passed = std::chrono::steady_clock::now() - start;
    return passed.count() / static_cast<double>(operations);
}

/// One block taken and given at once.
template <class Heap> void pairs(Heap &heap, std::size_t bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) { heap.give(heap.take(bytes)); }
}

/// A working set of blocks of mixed sizes; each step replaces a random one.
template <class Heap> void churn(Heap &heap, std::size_t largest, std::size_t set_size, std::size_t count) {
    std::mt19937 random(1);
    std::vector<typename Heap::Block> blocks;
    for (std::size_t i = 0; i < set_size; ++i) { blocks.push_back(heap.take(1 + random() % largest)); }
    for (std::size_t i = 0; i < count; ++i) {
        auto &block = blocks[random() % set_size];
        heap.give(block);
        block = heap.take(1 + random() % largest);
    }
    for (const auto block : blocks) { heap.give(block); }
}

template <class Work> void on_threads(int thread_count, Work work) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < thread_count; ++i) { threads.emplace_back(work); }
}

template <class Heap> void measure(const char *name) {
    Heap heap;
    constexpr std::size_t count = 1'000'000;
    pairs(heap, 64, count / 10); // warm
    std::printf("%-8s", name);
    std::printf(" %12.1f", ns_per(count, [&] { pairs(heap, 64, count); }));
    std::printf(" %12.1f", ns_per(count, [&] { churn(heap, 512, 20'000, count); }));
    std::printf(" %12.1f", ns_per(count / 5, [&] { churn(heap, 32'768, 4'000, count / 5); }));
    std::printf(" %12.1f", ns_per(count / 10, [&] { churn(heap, 500'000, 200, count / 10); }));
    std::printf(" %12.1f", ns_per(2 * count, [&] { on_threads(2, [&] { churn(heap, 512, 20'000, count); }); }));
    std::printf(" %12.1f\n", ns_per(2 * count, [&] { on_threads(2, [&] { pairs(heap, 64, count); }); }));
}
} // namespace

int main() {
    std::printf("ns per allocation and free together (2x: two threads, time divided by the operations of both)\n");
    std::printf("%-8s %12s %12s %12s %12s %12s %12s\n", "", "64 B pairs", "to 512 B", "to 32 KiB", "to 500 kB",
                "2x to 512 B", "2x 64 B");
    measure<LibraryHeap>("malloc");
    measure<OurHeap>("NodeHeap");
    return 0;
}
