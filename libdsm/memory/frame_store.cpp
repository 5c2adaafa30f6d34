// The node's memory file and its views.
#include "libdsm/memory/frame_store.hpp"

#include "libdsm/memory/memory_file.hpp"
#include "libdsm/memory/raw_syscalls.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace dsm::memory {

Outcome<FrameStore> FrameStore::create(std::size_t bytes) {
    auto file = create_memory_file("dsm-frames", bytes);
    if (!file) { return file.failure(); }
    return attach(std::move(file.value()), bytes);
}

Outcome<FrameStore> FrameStore::attach(FileDescriptor descriptor, std::size_t bytes) {
    auto view = map_shared(descriptor.get(), bytes);
    if (!view) { return view.failure(); }
    return FrameStore(std::move(descriptor), std::move(view.value()));
}

Outcome<Done> FrameStore::map_application_view(const Segment &segment, int protection, CoreFiles core_files) const {
    if (segment.bytes() != bytes()) { return Failure{EINVAL, "segment and frame store differ in size"}; }
    void *view = ::mmap(segment.base(), segment.bytes(), protection, MAP_SHARED | MAP_NORESERVE | MAP_FIXED,
                        descriptor_.get(), 0);
    if (view == MAP_FAILED) { return mapping_failure(errno, "the application view", segment.bytes()); }
    return keep_out(view, segment.bytes(), core_files == CoreFiles::Include);
}

int FrameStore::punch(std::size_t offset, std::size_t bytes) const noexcept {
    return raw_fallocate(descriptor_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
}

int FrameStore::allocate(std::size_t offset, std::size_t bytes) const noexcept {
    return raw_fallocate(descriptor_.get(), FALLOC_FL_KEEP_SIZE, offset, bytes);
}

std::size_t FrameStore::present_bytes() const noexcept {
    constexpr std::size_t stat_block_bytes = 512;
    struct stat status {};
    return ::fstat(descriptor_.get(), &status) == 0 ? static_cast<std::size_t>(status.st_blocks) * stat_block_bytes : 0;
}

Outcome<PeerFrames> PeerFrames::map(FileDescriptor descriptor, std::size_t bytes) {
    auto view = map_shared(descriptor.get(), bytes);
    if (!view) { return view.failure(); }
    return PeerFrames(std::move(view.value()));
}

Outcome<PeerFrames> PeerFrames::map_to_read(FileDescriptor descriptor, std::size_t offset, std::size_t bytes) {
    auto view = map_part_to_read(descriptor.get(), offset, bytes);
    if (!view) { return view.failure(); }
    return PeerFrames(std::move(view.value()));
}

} // namespace dsm::memory
