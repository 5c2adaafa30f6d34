// Faults by page protection: SIGSEGV in the faulting thread. Needs nothing from the kernel that it may refuse.
//
// The kernel bounds how many areas of different rights a process may have (vm.max_map_count). At that limit this rank's
// rights over windows of pages are dropped so that areas merge; the pages fault again when they are used. That slows
// down and never fails. Rights of other ranks of the node are taken by their rights servers.
//
// What holds: a right of this rank that the page tables give is noted in the ledger. This rank's bits are set under the
// page's lock and map_lock_ shared, and cleared under the page's lock (by whoever restricts, once the right is gone) or
// under map_lock_ exclusively (by whoever drops, likewise).
#pragma once

#include "libdsm/memory/fault_backend.hpp"
#include "libdsm/memory/frame_store.hpp"
#include "libdsm/memory/map_lock.hpp"
#include "libdsm/memory/outcome.hpp"
#include "libdsm/memory/rights_server.hpp"
#include "libdsm/memory/segment.hpp"

#include <atomic>
#include <memory>
#include <optional>

namespace dsm::memory {

class MprotectBackend final : public FaultBackend, private OwnRights {
public:
    /// For an application view mapped with PROT_NONE. What is given outlives the backend. The store is not used: it
    /// stands here so that both backends are made alike.
    static Outcome<std::unique_ptr<MprotectBackend>> create(const Segment &segment, const FrameStore &store,
                                                            RightsLedger &ledger);
    ~MprotectBackend() override;
    /// Joins the node's ranks through a region of RightsServer::region_bytes(rank_count) that they share, and starts
    /// the server thread. All ranks of the node must have called it before any of them restricts; a node of one rank
    /// need not. `timeout_s`: how long a rank's silence is borne, 0 for ever.
    Outcome<Done> join_node(const SharedRegion &region, int own_local_rank, int rank_count, double timeout_s);
    /// Takes all rights of this rank and answers nobody any more. Before the shared region goes.
    void leave_node() noexcept;

    const char *name() const noexcept override { return "mprotect"; }
    int fault_signal() const noexcept override;
    void map(PageId first, std::size_t count, Access access) override;
    void restrict_ranks(PageId first, std::size_t count, Access access, bool frame_unneeded) override;

    /// How often rights were dropped to make areas merge.
    std::uint64_t merge_count() const noexcept { return merges_.load(std::memory_order_relaxed); }

private:
    MprotectBackend(const Segment &segment, RightsLedger &ledger, Mapping windows) noexcept;
    RankMask own_bit() const noexcept { return rank_bit(own_local_rank_); }
    void restrict_own(PageId first, std::size_t count, Access access) override;
    void restrict_others(RankMask ranks, PageId first, std::size_t count, Access access);
    int map_run(PageId first, std::size_t count, Access access) noexcept;
    void map_after_merging(PageId first, std::size_t count, Access access);
    int lower_own(PageId first, std::size_t count, Access access) noexcept;
    int protect(PageId first, std::size_t count, Access access) const noexcept;
    bool merge_areas() noexcept;
    void drop_windows(std::size_t begin, std::size_t end) noexcept;
    void forget_window(std::size_t window) noexcept;
    std::size_t window_count() const noexcept;
    std::atomic<std::uint32_t> &changes_of(std::size_t window) const noexcept;
    void note_changes(PageId first, std::size_t count) noexcept;

    const Segment &segment_;
    RightsLedger &ledger_;
    Mapping windows_; ///< per window of pages: how often this rank's rights changed since they were dropped
    std::atomic<std::size_t> windows_used_{0}; ///< windows from here on were never mapped
    std::size_t cursor_ = 0;                   ///< the window to drop next; guarded by map_lock_, exclusively
    MapLock map_lock_;
    std::atomic<std::uint64_t> merges_{0};
    int own_local_rank_ = 0;
    int rank_count_ = 1;
    std::optional<RightsServer> server_;
};

} // namespace dsm::memory
