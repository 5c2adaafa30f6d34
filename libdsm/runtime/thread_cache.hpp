// The caches of small blocks of this rank's threads: one each, made at the thread's first allocation or free, its
// blocks given back when the thread ends.
#pragma once

#include "libdsm/base/futex.hpp"
#include "libdsm/memory/heap_cache.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace dsm::rt {

class ThreadCaches {
public:
    /// `after_giving_back` is called when the end of a thread gave back blocks; it must not wait.
    ThreadCaches(memory::NodeHeap &heap, std::function<void()> after_giving_back);
    ~ThreadCaches();
    ThreadCaches(const ThreadCaches &) = delete;
    ThreadCaches &operator=(const ThreadCaches &) = delete;

    /// This thread's cache; nullptr for a thread that is ending and has given its own back. Not for signal handlers.
    memory::HeapCache *mine() {
        const Attachment &attached = attached_;
        return attached.to == number_ ? attached.cache : attach();
    }
    /// Sums over all threads, those that have ended too.
    memory::CacheCounts counts();
    /// The blocks of all threads go back to the heap. No thread may allocate or free any more, nor be ending.
    void end();

private:
    struct Attachment {
        std::uint64_t to = 0; ///< whose cache it is; 0: nobody's
        memory::HeapCache *cache = nullptr;
    };
    struct Leaver;
    memory::HeapCache *attach();
    void take_back(memory::HeapCache *cache);

    static thread_local constinit Attachment attached_; ///< trivial, so that looking at it costs no call

    memory::NodeHeap &heap_;
    const std::uint64_t number_; ///< among all that this process has had, from 1: an address may come again
    std::function<void()> after_giving_back_;
    FutexMutex lock_;
    std::vector<std::unique_ptr<memory::HeapCache>> all_; ///< guarded by lock_
    std::vector<memory::HeapCache *> unused_;             ///< of threads that have ended; guarded by lock_
};

} // namespace dsm::rt
