// Packets on their way out: handed to MPI, tested until they are complete, given back to the pool.
#pragma once

#include "libdsm/transport/outbox.hpp"

#include <mpi.h>

namespace dsm::transport {

class SendSide {
public:
    SendSide(MPI_Comm communicator, PacketPool &pool) : communicator_(communicator), pool_(pool) {}

    void set_sent_notice(Transport::SentNotice notice, void *context) noexcept {
        notice_ = notice;
        notice_context_ = context;
    }
    /// Gives a packet to MPI. Never waits; the packet belongs to this until it is complete.
    void start(Packet *packet);
    /// Looks at packets in flight, a bounded number of them in turn.
    void poll();
    bool idle() const noexcept { return in_flight_.empty(); }

    std::uint64_t packets_sent() const noexcept { return packets_sent_; }
    std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }

private:
    bool test(Packet *packet);

    MPI_Comm communicator_;
    PacketPool &pool_;
    PacketQueue in_flight_;
    Transport::SentNotice notice_ = nullptr;
    void *notice_context_ = nullptr;
    std::uint64_t packets_sent_ = 0;
    std::uint64_t bytes_sent_ = 0;
};

} // namespace dsm::transport
