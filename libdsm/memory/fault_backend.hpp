// The two ways to notice and to allow accesses to pages, behind one interface.
//
// Contract. Pages are ranges of the application view, the same in every rank of the node. `map` gives this rank access;
// `restrict_ranks` takes access from ranks of the node, this one included, and returns when no thread of them has more
// than `access`. Both are called with the page's lock held, may run in a signal handler, and never allocate from the
// heap, throw or wait for anything that needs a page's lock. A page that no rank has mapped faults at every access. A
// rank may lose an access that it was given without being told (the kernel reclaims memory, areas are merged): it
// faults again, and `map` is called again. What the machine refuses for good ends the job with the reason.
#pragma once

#include "libdsm/base/access.hpp"
#include "libdsm/base/ids.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dsm::memory {

/// A set of the ranks of one node by their number in the node, modulo 64: with more ranks a superset, never less.
using RankMask = std::uint64_t;
constexpr int rank_mask_bits = 64;
constexpr RankMask rank_bit(int local_rank) { return RankMask{1} << (static_cast<unsigned>(local_rank) % 64U); }

/// Which ranks may have a page mapped, kept beside the page's lock. Atomic because the mprotect backend drops rights of
/// whole areas without their locks. All zero: nobody maps it.
struct RankRights {
    std::atomic<RankMask> readers; ///< ranks that map it at all
    std::atomic<RankMask> writers; ///< of those, the ones that map it writable
};

/// Where backends note who maps a page.
class RightsLedger {
public:
    virtual ~RightsLedger() = default;
    /// The rights words of a page: those of the first page of its block, for every page of the block. A block is
    /// aligned to its size. May be called without the page's lock and from any thread, for any page of the 2 MiB around
    /// one that was ever given to `map`.
    virtual RankRights &rights_of(PageId page) = 0;
    /// Whether this rank must not lose its access to some page of the range unasked, since the kernel works on it.
    virtual bool must_keep(PageId /*first*/, std::size_t /*count*/) { return false; }
};

class FaultBackend {
public:
    virtual ~FaultBackend() = default;
    virtual const char *name() const noexcept = 0;
    /// The signal by which a missing right shows. The other one of SIGSEGV and SIGBUS on a page of the segment is never
    /// about rights: with mprotect a SIGBUS means that memory for a frame cannot be had.
    virtual int fault_signal() const noexcept = 0;
    /// Gives this rank access (Read or Write) to pages [first, first + count) whose frames are filled, and notes it in
    /// their rights. A frame that is not present becomes present, and zero, by then or at the first access. The range
    /// is whole blocks; any number.
    virtual void map(PageId first, std::size_t count, Access access) = 0;
    /// Leaves the ranks that have the pages mapped with at most `access` (None or Read), and notes it in their rights.
    /// The rights of all pages of a block are kept at its first page; the range is whole blocks.
    /// With None and `frame_unneeded` the frame may be punched out of the store if that is the cheaper way. Without it
    /// the bytes are the same afterwards, but a service view may see them gone for a moment, so whoever reads frames
    /// without the page's lock (a direct copy by another node) must be done.
    /// To hand bytes out: restrict to Read, copy, restrict to None. Any other order loses writes of other ranks.
    virtual void restrict_ranks(PageId first, std::size_t count, Access access, bool frame_unneeded) = 0;
};

} // namespace dsm::memory
