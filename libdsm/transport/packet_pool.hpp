// Packet buffers of one size. Grows by mapping chunks, never touches the heap after construction, keeps what it has.
#pragma once

#include "libdsm/transport/packet.hpp"

#include <cstddef>

namespace dsm::transport {

class PacketPool {
public:
    /// Packets with room for packet_bytes each.
    explicit PacketPool(std::size_t packet_bytes) noexcept;
    ~PacketPool();
    PacketPool(const PacketPool &) = delete;
    PacketPool &operator=(const PacketPool &) = delete;

    std::size_t packet_bytes() const noexcept { return packet_bytes_; }
    /// An empty packet. Ends the job when no memory can be mapped.
    Packet *take(Rank to);
    void give_back(Packet *packet) noexcept;

private:
    void grow();

    /// Heads a chunk; the packets follow.
    struct alignas(64) Chunk {
        Chunk *next = nullptr;
    };

    std::size_t packet_bytes_;
    std::size_t stride_bytes_;
    Packet *free_ = nullptr; ///< last given back, first taken: it is warm in the cache
    Chunk *chunks_ = nullptr;
};

} // namespace dsm::transport
