// How a thread comes by its cache and how it leaves it.
#include "libdsm/runtime/thread_cache.hpp"

#include <atomic>
#include <mutex>

namespace dsm::rt {
namespace {
/// The caches that ending threads give theirs back to, and what keeps these from going away meanwhile.
FutexMutex current_lock;
ThreadCaches *current = nullptr;
std::atomic<std::uint64_t> made{0};
} // namespace

thread_local constinit ThreadCaches::Attachment ThreadCaches::attached_{};

/// Made in each thread that has a cache; its end is the thread's.
struct ThreadCaches::Leaver {
    bool left = false;
    ~Leaver() {
        const Attachment mine = attached_;
        attached_.cache = nullptr; // What other thread-local objects still free goes straight to the heap.
        left = true;
        const std::lock_guard guard(current_lock);
        if (mine.cache != nullptr && current != nullptr && mine.to == current->number_) {
            current->take_back(mine.cache);
        }
    }
};

ThreadCaches::ThreadCaches(memory::NodeHeap &heap, std::function<void()> after_giving_back)
    : heap_(heap), number_(++made), after_giving_back_(std::move(after_giving_back)) {
    const std::lock_guard guard(current_lock);
    current = this;
}

ThreadCaches::~ThreadCaches() {
    const std::lock_guard guard(current_lock);
    if (current == this) { current = nullptr; }
}

memory::HeapCache *ThreadCaches::attach() {
    static thread_local Leaver leaver;
    attached_ = {number_, nullptr};
    if (leaver.left) { return nullptr; }
    const std::lock_guard guard(lock_);
    if (unused_.empty()) {
        unused_.reserve(all_.size() + 1); // So that the end of a thread allocates nothing.
        all_.push_back(std::make_unique<memory::HeapCache>(heap_));
        unused_.push_back(all_.back().get());
    }
    attached_.cache = unused_.back();
    unused_.pop_back();
    return attached_.cache;
}

void ThreadCaches::take_back(memory::HeapCache *cache) {
    const bool release_pending = cache->give_back_all();
    {
        const std::lock_guard guard(lock_);
        unused_.push_back(cache);
    }
    if (release_pending) { after_giving_back_(); }
}

memory::CacheCounts ThreadCaches::counts() {
    const std::lock_guard guard(lock_);
    memory::CacheCounts sum;
    for (const auto &cache : all_) {
        const memory::CacheCounts one = cache->counts();
        sum.allocations += one.allocations;
        sum.frees += one.frees;
    }
    return sum;
}

void ThreadCaches::end() {
    {
        const std::lock_guard guard(current_lock);
        if (current == this) { current = nullptr; }
    }
    const std::lock_guard guard(lock_);
    for (const auto &cache : all_) { cache->give_back_all(); }
}

} // namespace dsm::rt
