// The frame store of a node: one sparse memory file, as large as the segment, that its ranks map twice.
//
// The page at offset o of the segment has its frame at offset o of the store. A frame that was never touched, or was
// punched, takes no memory and reads as zeros in the service view, where any touch makes it present.
#pragma once

#include "libdsm/memory/outcome.hpp"
#include "libdsm/memory/owned.hpp"
#include "libdsm/memory/segment.hpp"

#include <cstddef>

namespace dsm::memory {

/// What a view of frames may be used for in core files.
enum class CoreFiles { Exclude, Include };

class FrameStore {
public:
    FrameStore() = default;
    /// Makes the store (first rank of a node). Raises the soft file size limit (`ulimit -f`) for the call if it must.
    static Outcome<FrameStore> create(std::size_t bytes);
    /// Takes part in a store that another rank of this node made.
    static Outcome<FrameStore> attach(FileDescriptor descriptor, std::size_t bytes);

    /// Replaces the reservation by the application view, with `protection` (PROT_...) over all of it. Once, before use.
    Outcome<Done> map_application_view(const Segment &segment, int protection, CoreFiles core_files) const;

    int descriptor() const noexcept { return descriptor_.get(); }
    std::size_t bytes() const noexcept { return service_view_.bytes(); }
    std::byte *service_view() const noexcept { return service_view_.base(); }
    std::byte *frame(PageId page) const noexcept { return service_view() + (page.value << page_shift); }

    /// Gives the memory of [offset, offset + bytes) back: no view maps it any more, and it reads as zeros. Multiples of
    /// the page size. Usable in a signal handler. Returns 0 or errno's value.
    int punch(std::size_t offset, std::size_t bytes) const noexcept;
    /// Makes the memory present now, for callers that must not find out by SIGBUS. Returns 0, ENOMEM or ENOSPC.
    int allocate(std::size_t offset, std::size_t bytes) const noexcept;
    /// The memory that frames take up at present.
    std::size_t present_bytes() const noexcept;

private:
    FrameStore(FileDescriptor descriptor, Mapping service_view) noexcept
        : descriptor_(std::move(descriptor)), service_view_(std::move(service_view)) {}
    FileDescriptor descriptor_;
    Mapping service_view_;
};

/// The service view of another node's store on the same host, for copies without messages.
class PeerFrames {
public:
    PeerFrames() = default;
    static Outcome<PeerFrames> map(FileDescriptor descriptor, std::size_t bytes);
    /// Memory that lies for each page at the page's own offset in some region, from `offset` of it, to be read.
    static Outcome<PeerFrames> map_to_read(FileDescriptor descriptor, std::size_t offset, std::size_t bytes);
    bool mapped() const noexcept { return view_.base() != nullptr; }
    std::byte *frame(PageId page) const noexcept { return view_.base() + (page.value << page_shift); }

private:
    explicit PeerFrames(Mapping view) noexcept : view_(std::move(view)) {}
    Mapping view_;
};

} // namespace dsm::memory
