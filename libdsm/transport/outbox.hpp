// The sending side before MPI sees it: per destination the packet that is being filled, and the order of departure.
// Many small records that become ready together leave in one packet.
#pragma once

#include "libdsm/transport/packet_pool.hpp"

#include <vector>

namespace dsm::transport {

class Outbox {
public:
    Outbox(int ranks, PacketPool &pool) : filling_(static_cast<std::size_t>(ranks), nullptr), pool_(pool) {}

    /// Adds a record to the packet for `to`, which holds at most packet_bytes; begins a new one when it does not fit.
    /// Returns the packet.
    Packet &append(Rank to, std::size_t packet_bytes, std::span<const std::byte> head, std::span<const std::byte> body);
    /// The packet that has waited longest, no longer being filled; nullptr when there is none.
    Packet *take() noexcept;
    bool empty() const noexcept { return waiting_.empty(); }

private:
    std::vector<Packet *> filling_; ///< by destination; each of them stands in waiting_ too
    PacketQueue waiting_;
    PacketPool &pool_;
};

} // namespace dsm::transport
