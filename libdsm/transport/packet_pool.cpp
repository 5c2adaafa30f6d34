// Chunks of packets, mapped with the raw system call: MPI libraries put hooks on mmap, and a pool may grow on the fault
// path.
#include "libdsm/transport/packet_pool.hpp"

#include "libdsm/base/check.hpp"

#include <cerrno>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dsm::transport {
namespace {
constexpr std::size_t packets_per_chunk = 64;
} // namespace

PacketPool::PacketPool(std::size_t packet_bytes) noexcept
    : packet_bytes_(packet_bytes), stride_bytes_(sizeof(Packet) + (packet_bytes + 63) / 64 * 64) {}

PacketPool::~PacketPool() {
    while (chunks_ != nullptr) {
        Chunk *chunk = chunks_;
        chunks_ = chunk->next;
        ::syscall(SYS_munmap, chunk, sizeof(Chunk) + packets_per_chunk * stride_bytes_);
    }
}

Packet *PacketPool::take(Rank to) {
    if (free_ == nullptr) { grow(); }
    Packet *packet = free_;
    free_ = packet->next;
    packet->next = nullptr;
    packet->to = to;
    packet->bytes = 0;
    packet->wakes = false;
    return packet;
}

void PacketPool::give_back(Packet *packet) noexcept {
    packet->next = free_;
    free_ = packet;
}

void PacketPool::grow() {
    const std::size_t chunk_bytes = sizeof(Chunk) + packets_per_chunk * stride_bytes_;
    const long address =
        ::syscall(SYS_mmap, nullptr, chunk_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    if (address == -1) {
        end_job(exit_machine_failed, "no memory for %zu bytes of packet buffers: %s", chunk_bytes,
                std::strerror(errno));
    }
    Chunk *chunk = new (reinterpret_cast<void *>(address)) Chunk;
    chunk->next = chunks_;
    chunks_ = chunk;
    std::byte *place = reinterpret_cast<std::byte *>(chunk + 1);
    for (std::size_t i = packets_per_chunk; i-- > 0;) { give_back(new (place + i * stride_bytes_) Packet); }
}

} // namespace dsm::transport
