// Sending.
#include "mpi_transport/send_side.hpp"

#include "libdsm/base/log.hpp"
#include "mpi_transport/mpi_error.hpp"

#include <algorithm>
#include <new>

namespace dsm::transport {
namespace {
/// A test of an incomplete send runs MPI's whole progress engine: with many in flight, each poll looks at a few.
constexpr std::size_t tests_per_poll_max = 16;

static_assert(sizeof(MPI_Request) <= sizeof(Packet::carrier_state));
MPI_Request &request_of(Packet *packet) { return *reinterpret_cast<MPI_Request *>(packet->carrier_state); }
} // namespace

void SendSide::start(Packet *packet) {
    MPI_Request *request = new (packet->carrier_state) MPI_Request(MPI_REQUEST_NULL);
    expect_mpi(PMPI_Isend(packet->data(), static_cast<int>(packet->bytes), MPI_BYTE, packet->to.value, 0, communicator_,
                          request),
               "MPI_Isend");
    DSM_LOG(transport, debug, "packet of %zu bytes to rank %d", static_cast<std::size_t>(packet->bytes),
            packet->to.value);
    ++packets_sent_;
    bytes_sent_ += packet->bytes;
    if (!test(packet)) { in_flight_.push(packet); }
}

void SendSide::poll() {
    for (std::size_t left = std::min(in_flight_.size(), tests_per_poll_max); left > 0; --left) {
        Packet *packet = in_flight_.pop();
        if (!test(packet)) { in_flight_.push(packet); } // At the end: next time it is the turn of others.
    }
}

bool SendSide::test(Packet *packet) {
    int complete = 0;
    expect_mpi(PMPI_Test(&request_of(packet), &complete, MPI_STATUS_IGNORE), "MPI_Test of a send");
    const Rank to = packet->to;
    if (complete != 0) { pool_.give_back(packet); }
    // Also while incomplete: over shared memory the packet lies at the receiver already, or has been put there by this
    // very test, and the send becomes complete only when the receiver, which may be asleep, takes it.
    if (notice_ != nullptr) { notice_(notice_context_, to); }
    return complete != 0;
}

} // namespace dsm::transport
