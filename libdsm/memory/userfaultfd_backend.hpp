// Faults by userfaultfd: missing, minor and write-protect faults come as SIGBUS in the faulting thread.
//
// Page tables change, areas do not, so nothing limits how rights alternate. A userfaultfd works on the address space
// that it was made in, whoever calls it: any rank write-protects a page in any rank of its node without waking it.
#pragma once

#include "libdsm/memory/fault_backend.hpp"
#include "libdsm/memory/frame_store.hpp"
#include "libdsm/memory/outcome.hpp"
#include "libdsm/memory/owned.hpp"
#include "libdsm/memory/segment.hpp"

#include <memory>
#include <vector>

namespace dsm::memory {

/// Tries on two pages whether this machine's userfaultfd does all that the backend needs; says what it refuses.
Outcome<Done> probe_userfaultfd();

class UserfaultfdBackend final : public FaultBackend {
public:
    /// Registers the application view, which must be mapped with PROT_READ | PROT_WRITE and untouched. What is given
    /// outlives the backend.
    static Outcome<std::unique_ptr<UserfaultfdBackend>> create(const Segment &segment, const FrameStore &store,
                                                               RightsLedger &ledger);
    /// This rank's descriptor, to be offered to the other ranks of the node.
    int descriptor() const noexcept { return own_.get(); }
    /// The node's descriptors by local rank, this rank's own entry empty. Before the first fault; a node of one rank
    /// need not call it.
    void set_node(std::vector<FileDescriptor> descriptors, int own_local_rank);

    const char *name() const noexcept override { return "userfaultfd"; }
    int fault_signal() const noexcept override;
    void map(PageId first, std::size_t count, Access access) override;
    void restrict_ranks(PageId first, std::size_t count, Access access, bool frame_unneeded) override;

private:
    UserfaultfdBackend(const Segment &segment, const FrameStore &store, RightsLedger &ledger, FileDescriptor own);
    std::uint64_t address_of(PageId page) const noexcept;
    int descriptor_of(std::size_t local_rank) const noexcept;
    void install(PageId first, std::size_t count, Access access);
    void write_protect(int descriptor, PageId first, std::size_t count, bool on);
    void write_protect_in(RankMask ranks, PageId first, std::size_t count);
    void take_away(RankMask readers, RankMask writers, PageId first, std::size_t count, bool frame_unneeded);
    void take_away_keeping_bytes(PageId first, std::size_t count);

    const Segment &segment_;
    const FrameStore &store_;
    RightsLedger &ledger_;
    FileDescriptor own_;
    std::vector<FileDescriptor> node_; ///< by local rank; the own entry is empty
    std::size_t own_local_rank_ = 0;
    std::size_t rank_count_ = 1;
};

} // namespace dsm::memory
