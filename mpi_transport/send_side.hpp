// Packets on their way out: handed to MPI, tested until they are complete, given back to the pool.
#pragma once

#include "libdsm/transport/outbox.hpp"

#include <mpi.h>

namespace dsm::transport {

class SendSide {
public:
    /// MPI has room for so many packets between ranks of a host; beyond it waits for us.
    static constexpr std::size_t in_flight_few = 32;

    SendSide(MPI_Comm communicator, PacketPool &pool) : communicator_(communicator), pool_(pool) {}

    void set_sent_notice(Transport::SentNotice notice, void *context) noexcept {
        notice_ = notice;
        notice_context_ = context;
    }
    /// Gives a packet to MPI. Never waits; the packet belongs to this until it is complete.
    void start(Packet *packet, bool arrives_at_once);
    /// Looks at packets in flight, a bounded number of them in turn.
    void poll();
    bool idle() const noexcept { return in_flight_.empty(); }
    /// Whether every packet in flight has most likely reached its receiver's memory and is complete when it is taken.
    bool needs_no_help() const noexcept { return held_ == 0 && in_flight_.size() <= in_flight_few; }

    std::uint64_t packets_sent() const noexcept { return packets_sent_; }
    std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }

private:
    struct Flight; // What is known of a packet in flight.
    static Flight &flight_of(Packet *packet);
    bool test(Packet *packet);

    MPI_Comm communicator_;
    PacketPool &pool_;
    PacketQueue in_flight_;
    std::size_t held_ = 0; ///< of them, those that MPI may hold back at this end
    Transport::SentNotice notice_ = nullptr;
    void *notice_context_ = nullptr;
    std::uint64_t packets_sent_ = 0;
    std::uint64_t bytes_sent_ = 0;
};

} // namespace dsm::transport
