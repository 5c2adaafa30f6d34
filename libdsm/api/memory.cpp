// The allocation functions of dsm.h: argument checks, then the runtime.
#include <dsm/dsm.h>

#include "libdsm/runtime/runtime.hpp"

#include <bit>
#include <cerrno>

namespace {

using dsm::rt::BlockResult;

/// A result as C wants it: NULL and errno on failure, errno untouched otherwise.
void *as_pointer(BlockResult result) {
    if (result.error != 0) { errno = result.error; }
    return result.block;
}

template <class Allocate> void *with_runtime(Allocate allocate) {
    dsm::rt::Runtime *runtime = dsm::rt::Runtime::running();
    if (runtime == nullptr) {
        errno = EPERM;
        return nullptr;
    }
    const int saved_errno = errno;
    const BlockResult result = allocate(runtime->memory());
    errno = saved_errno;
    return as_pointer(result);
}

int error_of(size_t bytes, const dsm_alloc_attr_t &attr, int ranks) {
    const size_t block = attr.block_size;
    if (bytes == 0 || attr.homes < DSM_HOMES_CYCLIC || attr.homes > DSM_HOMES_ONE) { return EINVAL; }
    if (attr.homes == DSM_HOMES_ONE && (attr.home_rank < 0 || attr.home_rank >= ranks)) { return EINVAL; }
    if (block != 0 && (!std::has_single_bit(block) || block < dsm::page_bytes || block > dsm::block_bytes_max)) {
        return EINVAL;
    }
    return attr.memory == DSM_SEQUENTIAL || attr.memory == DSM_RELEASE ? 0 : EINVAL;
}

} // namespace

extern "C" {

DSM_API void *dsm_malloc(size_t bytes) {
    return with_runtime([=](dsm::rt::SharedMemory &memory) { return memory.allocate(bytes); });
}

DSM_API void *dsm_calloc(size_t count, size_t bytes) {
    return with_runtime([=](dsm::rt::SharedMemory &memory) { return memory.allocate_zeroed(count, bytes); });
}

DSM_API void *dsm_realloc(void *block, size_t bytes) {
    return with_runtime([=](dsm::rt::SharedMemory &memory) { return memory.reallocate(block, bytes); });
}

DSM_API void *dsm_aligned_alloc(size_t alignment, size_t bytes) {
    return with_runtime([=](dsm::rt::SharedMemory &memory) { return memory.allocate_aligned(alignment, bytes); });
}

DSM_API void dsm_free(void *block) {
    if (block == nullptr) { return; }
    dsm::rt::Runtime *runtime = dsm::rt::Runtime::running();
    if (runtime == nullptr) {
        dsm::end_job(dsm::exit_program_error, "dsm_free(%p) outside dsm_init() and dsm_finalize()", block);
    }
    const int saved_errno = errno;
    runtime->memory().free(block);
    errno = saved_errno;
}

DSM_API size_t dsm_malloc_usable_size(void *block) {
    dsm::rt::Runtime *runtime = dsm::rt::Runtime::running();
    return runtime == nullptr ? 0 : runtime->memory().usable_size(block);
}

DSM_API int dsm_get_malloc_statistics(dsm_malloc_statistics_t *statistics) {
    dsm::rt::Runtime *runtime = dsm::rt::Runtime::running();
    if (runtime == nullptr) { return EPERM; }
    if (statistics == nullptr) { return EINVAL; }
    const dsm::rt::MallocStatistics now = runtime->memory().statistics();
    *statistics = {.heap_bytes = now.heap.chunks * dsm::memory::chunk_bytes,
                   .live_bytes = now.heap.live_bytes,
                   .live_blocks = now.heap.live_blocks,
                   .cached_bytes = now.heap.held_bytes,
                   .chunks_fetched = now.chunks.chunks_added,
                   .chunks_returned = now.chunks.chunks_given_up,
                   .allocations = now.allocations,
                   .frees = now.frees,
                   .remote_frees = now.remote_frees,
                   .spans_allocated = now.spans_allocated,
                   .spans_freed = now.spans_freed};
    return 0;
}

DSM_API void *dsm_alloc(size_t bytes, const dsm_alloc_attr_t *attr) {
    return with_runtime([=](dsm::rt::SharedMemory &memory) {
        const dsm_alloc_attr_t defaults = DSM_ALLOC_ATTR_INITIALIZER;
        const dsm_alloc_attr_t &wanted = attr != nullptr ? *attr : defaults;
        dsm::rt::CollectiveRequest request{};
        request.error = error_of(bytes, wanted, dsm_size());
        request.bytes = bytes;
        request.homes = static_cast<std::uint32_t>(wanted.homes);
        request.home_rank = wanted.homes == DSM_HOMES_ONE ? static_cast<std::uint32_t>(wanted.home_rank) : 0;
        request.memory = static_cast<std::uint32_t>(wanted.memory);
        request.block_bytes = wanted.block_size == 0 ? dsm::page_bytes : wanted.block_size;
        return memory.allocate_collectively(request);
    });
}

DSM_API int dsm_home(const void *address) {
    dsm::rt::Runtime *runtime = dsm::rt::Runtime::running();
    return runtime == nullptr ? -1 : runtime->memory().home(address);
}

} // extern "C"
