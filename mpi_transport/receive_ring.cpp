// Receiving.
#include "mpi_transport/receive_ring.hpp"

#include "libdsm/base/check.hpp"
#include "mpi_transport/mpi_error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace dsm::transport {
namespace {
/// The memory for receives does not depend on the number of ranks: 1 MiB, and no more slots than are any use.
constexpr std::size_t ring_bytes_max = std::size_t{1} << 20;
constexpr std::size_t slots_max = 64;
/// The oldest receive is the first to be matched, but a long message may still be coming in (TCP) while younger ones
/// are complete: so often without success, and all are looked at.
constexpr unsigned polls_before_sweep = 256;
} // namespace

ReceiveRing::ReceiveRing(MPI_Comm communicator, std::size_t packet_bytes)
    : communicator_(communicator), packet_bytes_((packet_bytes + 63) / 64 * 64),
      slots_(std::clamp<std::size_t>(ring_bytes_max / packet_bytes_, 8, slots_max)),
      requests_(slots_, MPI_REQUEST_NULL), order_(slots_) {
    void *memory = ::mmap(nullptr, slots_ * packet_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        end_job(exit_machine_failed, "no memory for %zu bytes of receive buffers: %s", slots_ * packet_bytes_,
                std::strerror(errno));
    }
    buffers_ = static_cast<std::byte *>(memory);
    for (std::size_t slot = 0; slot < slots_; ++slot) {
        order_[slot] = slot;
        post(slot);
    }
}

ReceiveRing::~ReceiveRing() { ::munmap(buffers_, slots_ * packet_bytes_); }

void ReceiveRing::post(std::size_t slot) {
    expect_mpi(PMPI_Irecv(buffers_ + slot * packet_bytes_, static_cast<int>(packet_bytes_), MPI_BYTE, MPI_ANY_SOURCE, 0,
                          communicator_, &requests_[slot]),
               "MPI_Irecv");
}

std::size_t ReceiveRing::poll(RecordHandler &handler) {
    std::size_t records = 0;
    for (std::size_t round = 0; round < slots_; ++round) {
        const std::size_t slot = order_[head_];
        int arrived = 0;
        MPI_Status status;
        expect_mpi(PMPI_Test(&requests_[slot], &arrived, &status), "MPI_Test of a receive");
        if (arrived == 0) {
            if (round == 0 && ++fruitless_polls_ % polls_before_sweep == 0) { return sweep(handler); }
            return records;
        }
        fruitless_polls_ = 0;
        head_ = (head_ + 1) % slots_; // The slot is posted again as the youngest: its place in the ring is the last.
        records += take(slot, status, handler);
    }
    return records;
}

std::size_t ReceiveRing::take(std::size_t slot, const MPI_Status &status, RecordHandler &handler) {
    int bytes = 0;
    PMPI_Get_count(&status, MPI_BYTE, &bytes);
    ++packets_received_;
    const std::span<const std::byte> packet(buffers_ + slot * packet_bytes_, static_cast<std::size_t>(bytes));
    const std::size_t records = hand_over(Rank{status.MPI_SOURCE}, packet, handler);
    post(slot);
    return records;
}

std::size_t ReceiveRing::sweep(RecordHandler &handler) {
    std::size_t records = 0;
    std::rotate(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(head_), order_.end());
    head_ = 0;
    for (std::size_t place = 0, left = slots_; left > 0; --left) {
        const std::size_t slot = order_[place];
        int arrived = 0;
        MPI_Status status;
        expect_mpi(PMPI_Test(&requests_[slot], &arrived, &status), "MPI_Test of a receive");
        if (arrived == 0) {
            ++place;
            continue;
        }
        std::rotate(order_.begin() + static_cast<std::ptrdiff_t>(place),
                    order_.begin() + static_cast<std::ptrdiff_t>(place) + 1, order_.end());
        records += take(slot, status, handler);
    }
    return records;
}

void ReceiveRing::cancel() {
    for (MPI_Request &request : requests_) {
        if (request == MPI_REQUEST_NULL) { continue; }
        expect_mpi(PMPI_Cancel(&request), "MPI_Cancel");
        expect_mpi(PMPI_Wait(&request, MPI_STATUS_IGNORE), "MPI_Wait for a cancelled receive");
    }
}

} // namespace dsm::transport
