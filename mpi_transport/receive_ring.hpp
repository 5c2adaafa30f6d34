// Pre-posted receives. MPI matches messages to them in the order in which they were posted, so the oldest one is tested
// first and, as a rule, it alone; the message is handed over where MPI has put it, and the receive is posted again.
#pragma once

#include "libdsm/transport/packet.hpp"

#include <mpi.h>
#include <vector>

namespace dsm::transport {

class ReceiveRing {
public:
    /// Posts receives for packets of at most packet_bytes from every rank.
    ReceiveRing(MPI_Comm communicator, std::size_t packet_bytes);
    ~ReceiveRing();
    ReceiveRing(const ReceiveRing &) = delete;
    ReceiveRing &operator=(const ReceiveRing &) = delete;

    /// Hands over what has arrived, at most one round of the ring. Returns the number of records.
    std::size_t poll(RecordHandler &handler);
    std::uint64_t packets_received() const noexcept { return packets_received_; }
    /// Withdraws the receives. Nothing may be on its way any more.
    void cancel();

private:
    void post(std::size_t slot);
    std::size_t take(std::size_t slot, const MPI_Status &status, RecordHandler &handler);
    std::size_t sweep(RecordHandler &handler);

    MPI_Comm communicator_;
    std::size_t packet_bytes_;
    std::size_t slots_;
    std::byte *buffers_ = nullptr; ///< slots_ times packet_bytes_, mapped
    std::vector<MPI_Request> requests_;
    std::vector<std::size_t> order_; ///< slots in the order of posting, a ring that begins at head_
    std::size_t head_ = 0;
    unsigned fruitless_polls_ = 0;
    std::uint64_t packets_received_ = 0;
};

} // namespace dsm::transport
