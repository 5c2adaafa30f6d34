// How a rank takes rights from another rank of its node where only the other one can change its own mappings.
//
// Every rank has a mailbox of request slots in memory that the node shares, and a thread that serves it. A requester
// claims a slot, fills it, rings, and waits until it is marked done:
//
//   requester                         rights server of the other rank
//     slot Free -> Filling -> Posted ->
//     ring the mailbox's doorbell       slot Posted -> mprotect -> Done, wake
//     slot Done -> Free
//
// The server takes no page's lock and asks nobody, so two ranks may restrict one another at once.
#pragma once

#include "libdsm/base/access.hpp"
#include "libdsm/base/futex.hpp"
#include "libdsm/base/ids.hpp"
#include "libdsm/memory/outcome.hpp"
#include "libdsm/memory/shared_region.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>

namespace dsm::memory {

/// Changes this rank's own rights; called by the server's thread.
class OwnRights {
public:
    virtual ~OwnRights() = default;
    virtual void restrict_own(PageId first, std::size_t count, Access access) = 0;
};

class RightsServer {
public:
    /// How large the shared region must be.
    static std::size_t region_bytes(int rank_count) noexcept;

    /// `region` is shared by the node's ranks and outlives this. A rank that does not answer for `timeout_s` (0: for
    /// ever) ends the job.
    RightsServer(const SharedRegion &region, int own_local_rank, int rank_count, OwnRights &own, double timeout_s);
    ~RightsServer();
    RightsServer(const RightsServer &) = delete;
    RightsServer &operator=(const RightsServer &) = delete;

    /// Starts the thread. Every rank must have done so before any rank restricts.
    Outcome<Done> start();
    /// Ends the thread; requests from now on count as done, so the caller has taken all rights of this rank before.
    void stop() noexcept;

    /// One request under way to one rank.
    struct Ticket {
        std::uint16_t local_rank;
        std::uint16_t slot; ///< no_slot: the rank is gone, nothing to wait for
    };
    static constexpr std::uint16_t no_slot = 0xffff;

    Ticket post(int local_rank, PageId first, std::size_t count, Access access) noexcept;
    void await(Ticket ticket) noexcept;

private:
    struct Slot;
    struct Mailbox;
    void run() noexcept;
    bool serve_posted(Mailbox &mailbox) noexcept;
    Mailbox &mailbox_of(int local_rank) const noexcept;
    bool is_gone(const Mailbox &mailbox) const noexcept;
    void check_patience(Nanoseconds since, int local_rank) const noexcept;

    const SharedRegion &region_;
    int own_local_rank_;
    int rank_count_;
    OwnRights &own_;
    Nanoseconds timeout_ns_;
    std::thread thread_;
};

} // namespace dsm::memory
