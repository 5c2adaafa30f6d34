// The contract of Transport as executable cases. Every implementation runs them: the loopback as unit tests, MPI under
// mpirun on each kind of path. A case is collective, returns when all its records have been handled everywhere, and
// throws Violation with a sentence where the contract is broken.
#pragma once

#include "libdsm/transport/transport.hpp"

#include <span>
#include <stdexcept>
#include <string>

namespace dsm::transport::contract {

struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline void require(bool condition, const std::string &sentence) {
    if (!condition) { throw Violation(sentence); }
}

/// Records of every length up to the longest, to every rank, come once, whole, unchanged and at multiples of 8.
void every_record_comes_once_and_whole(Transport &transport);
/// Many small records that are sent before one flush leave in as few packets as hold them.
void small_records_travel_together(Transport &transport);
/// Handlers may send: about `records` records hop from rank to rank at random.
void handlers_may_send(Transport &transport, int records);
/// A record to oneself is handed over by poll, never from within send, and never inside another handler.
void own_records_wait_for_poll(Transport &transport);
/// quiet() is false while something waits and becomes true; by then there was a notice for each packet.
void sends_become_quiet_after_notices(Transport &transport);
/// all_gather brings every piece, and host_of() is the same everywhere.
void collectives_agree(Transport &transport);
/// Opens a window of `window` (zeroed memory) where that is possible, and writes into every rank at the same time.
/// Returns the transport's reason when it has no one-sided copies.
std::string puts_are_in_place(Transport &transport, std::span<std::byte> window);
/// Starts records that hop `hops` times and finalizes at once. Returns how many this rank handled: over all ranks they
/// are ranks * hops.
int finalize_delivers_everything(Transport &transport, int hops);

} // namespace dsm::transport::contract
