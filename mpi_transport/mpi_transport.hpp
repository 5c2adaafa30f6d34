// The transport over MPI, put together from its parts.
#pragma once

#include "libdsm/transport/outbox.hpp"
#include "libdsm/transport/transport.hpp"
#include "mpi_transport/mpi_session.hpp"
#include "mpi_transport/path_limits.hpp"
#include "mpi_transport/receive_ring.hpp"
#include "mpi_transport/send_side.hpp"
#include "mpi_transport/window.hpp"

#include <vector>

namespace dsm::transport {

class MpiTransport final : public Transport {
public:
    /// What all ranks found out together before the parts are made.
    struct Layout {
        int rank;
        int size;
        std::vector<int> hosts;           ///< by rank
        std::size_t largest_packet_bytes; ///< of all ranks and paths
    };
    /// Collective. When there is one host alone, no path to others widens the packets.
    static Layout find_layout(const MpiSession &session, PathLimits &limits);
    /// Takes over the session.
    MpiTransport(const MpiSession &session, const PathLimits &limits, Layout layout);

    Rank rank() const noexcept override { return rank_; }
    int size() const noexcept override { return size_; }
    const char *name() const noexcept override { return "mpi"; }

    void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) override;
    void barrier() override;
    int host_of(Rank rank) const noexcept override { return hosts_[static_cast<std::size_t>(rank.value)]; }
    void finalize() override;

    std::size_t record_bytes_max(Rank to) const noexcept override;
    bool arrives_at_once(Rank to) const noexcept override;
    using Transport::send;
    void send(Rank to, std::span<const std::byte> head, std::span<const std::byte> body, Urgency urgency) override;
    void flush() override;
    void set_sent_notice(SentNotice rung, void *context) noexcept override;
    std::size_t poll(RecordHandler &handler) override;
    bool quiet() const noexcept override;
    bool may_rest() const noexcept override;

    std::string open_window(std::span<std::byte> window) override;
    void put(Rank to, std::uint64_t offset, std::span<const std::byte> bytes) override;

    TransportCounts counts() const noexcept override;
    [[noreturn]] void abort(int exit_code) noexcept override;

private:
    bool on_this_host(Rank to) const noexcept { return host_of(to) == host_of(rank_); }
    std::size_t packet_bytes(Rank to) const noexcept;
    std::size_t hand_over_own(RecordHandler &handler);
    void deliver_everything();

    MpiSession session_;
    PathLimits limits_;
    Rank rank_;
    int size_;
    std::vector<int> hosts_; ///< by rank
    PacketPool pool_;
    Outbox outbox_;
    PacketQueue own_; ///< packets to this rank
    SendSide sends_;
    ReceiveRing receives_;
    Window window_;
    std::uint64_t rma_puts_ = 0;
    RecordHandler *handler_ = nullptr; ///< of the last poll; finalize() hands over to it
};

} // namespace dsm::transport
