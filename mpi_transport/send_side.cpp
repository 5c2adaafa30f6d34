// Sending.
#include "mpi_transport/send_side.hpp"

#include "libdsm/base/log.hpp"
#include "mpi_transport/mpi_error.hpp"

#include <algorithm>
#include <bit>
#include <new>

namespace dsm::transport {
namespace {
/// A test of an incomplete send runs MPI's whole progress engine: with many in flight, each poll looks at a few.
constexpr std::size_t tests_per_poll_max = 16;
/// In shared memory the sends of such packets are complete before their receiver has taken them.
constexpr std::size_t short_bytes_max = 256;
constexpr std::uint32_t looks_between_notices = 64; ///< at most; fewer at first

} // namespace

struct SendSide::Flight {
    MPI_Request request;
    std::uint32_t looks; ///< how often it was found incomplete
    bool is_there;       ///< at the receiver, at the latest when it has taken what came before; complete when taken
};

SendSide::Flight &SendSide::flight_of(Packet *packet) {
    static_assert(sizeof(Flight) <= sizeof(Packet::carrier_state));
    return *reinterpret_cast<Flight *>(packet->carrier_state);
}

void SendSide::start(Packet *packet, bool arrives_at_once) {
    // Short ones are complete at once, or wait here for room at the receiver.
    const bool is_there = arrives_at_once && packet->bytes > short_bytes_max;
    Flight *const flight = new (packet->carrier_state) Flight{MPI_REQUEST_NULL, 0, is_there};
    expect_mpi(PMPI_Isend(packet->data(), static_cast<int>(packet->bytes), MPI_BYTE, packet->to.value, 0, communicator_,
                          &flight->request),
               "MPI_Isend");
    DSM_LOG(transport, debug, "packet of %zu bytes to rank %d", static_cast<std::size_t>(packet->bytes),
            packet->to.value);
    ++packets_sent_;
    bytes_sent_ += packet->bytes;
    if (test(packet)) { return; }
    in_flight_.push(packet);
    if (!is_there) { ++held_; }
}

void SendSide::poll() {
    for (std::size_t left = std::min(in_flight_.size(), tests_per_poll_max); left > 0; --left) {
        Packet *packet = in_flight_.pop();
        const bool is_there = flight_of(packet).is_there;
        if (!test(packet)) {
            in_flight_.push(packet); // At the end: next time it is the turn of others.
        } else if (!is_there) {
            --held_;
        }
    }
}

bool SendSide::test(Packet *packet) {
    int complete = 0;
    Flight &flight = flight_of(packet);
    expect_mpi(PMPI_Test(&flight.request, &complete, MPI_STATUS_IGNORE), "MPI_Test of a send");
    // Also while it is incomplete: over shared memory the packet lies at the receiver already, or has been put there by
    // this very look, and the send becomes complete only when the receiver, which may be asleep, takes it. But each
    // notice may wake a thread: so ever less often, and not when it has been taken. What was held back here may have
    // held back others, whose notices have come too early: it wakes whatever it is.
    const bool is_first = flight.looks++ == 0;
    const bool is_due = std::has_single_bit(flight.looks) || flight.looks % looks_between_notices == 0;
    const bool tells = is_first || (complete != 0 ? !flight.is_there : is_due);
    const bool was_held = complete != 0 && !is_first && !flight.is_there;
    const Rank to = packet->to;
    const Urgency urgency = packet->wakes || was_held ? Urgency::Wakes : Urgency::Waits;
    if (complete != 0) { pool_.give_back(packet); }
    if (notice_ != nullptr && tells) { notice_(notice_context_, to, urgency); }
    return complete != 0;
}

} // namespace dsm::transport
