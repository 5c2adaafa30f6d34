// A packet: several records on their way to one rank, framed one behind the other. Pure bytes, no MPI.
//
//   | length (4) | zero (4) | record, padded to a multiple of 8 | length ...
//
// Records therefore stand at multiples of 8 in the buffer.
#pragma once

#include "libdsm/base/ids.hpp"
#include "libdsm/transport/transport.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::transport {

constexpr std::size_t frame_head_bytes = 8;

/// What a record of this length takes in a packet.
constexpr std::size_t framed_bytes(std::size_t record_bytes) noexcept {
    return frame_head_bytes + (record_bytes + 7) / 8 * 8;
}
/// The longest record that fits a packet of this size.
constexpr std::size_t record_bytes_max_of(std::size_t packet_bytes) noexcept {
    return packet_bytes / 8 * 8 - frame_head_bytes;
}

/// A packet being filled or sent. Lives in a PacketPool; its bytes follow it in memory.
struct alignas(64) Packet {
    Packet *next = nullptr; ///< in whichever list holds it: free, waiting or in flight
    Rank to = no_rank;
    std::uint32_t bytes = 0; ///< filled so far
    bool wakes = false;      ///< a record in it is urgent
    /// For the carrier: what it needs to recognise the packet while it is in flight.
    alignas(8) std::byte carrier_state[16] = {};

    std::byte *data() noexcept { return reinterpret_cast<std::byte *>(this + 1); }
    std::span<const std::byte> contents() noexcept { return {data(), bytes}; }
    /// Adds a record; the caller has made sure that there is room.
    void append(std::span<const std::byte> head, std::span<const std::byte> body) noexcept;
};

/// Hands each record of a packet to the handler. Returns their number. Ends the job when the framing is broken.
std::size_t hand_over(Rank from, std::span<const std::byte> packet, RecordHandler &handler);

/// A first-in, first-out list of packets, linked through Packet::next.
class PacketQueue {
public:
    bool empty() const noexcept { return first_ == nullptr; }
    void push(Packet *packet) noexcept;
    /// Takes the first packet; nullptr when there is none.
    Packet *pop() noexcept;
    std::size_t size() const noexcept { return size_; }

private:
    Packet *first_ = nullptr;
    Packet *last_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace dsm::transport
