// The transport: all that libdsm asks of MPI, and all that another carrier would have to give.
//
// Contract. Records (active messages) are reliable and come whole, in no promised order, each exactly once. Handlers
// run inside poll() on the thread that calls it. Except where a function says otherwise, at most one thread is inside a
// Transport at a time (the progress engine's lock sees to that), whichever thread it is. No function but the ones
// marked "blocks" waits for another rank.
#pragma once

#include "libdsm/base/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace dsm::transport {

/// What poll() hands to the layer above for each record; the bytes are valid until it returns, at a multiple of 8.
class RecordHandler {
public:
    virtual ~RecordHandler() = default;
    virtual void on_record(Rank from, std::span<const std::byte> record) = 0;
};

/// Counts since the start, for statistics.
struct TransportCounts {
    std::uint64_t packets_sent = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t packets_received = 0;
    std::uint64_t rma_puts = 0;
};

/// Whether the receiver is to be woken for a record, or finds it when it next waits for something. Of a packet: of the
/// most urgent of its records.
enum class Urgency : std::uint8_t { Waits, Wakes };

class Transport {
public:
    virtual ~Transport() = default;

    virtual Rank rank() const noexcept = 0;
    virtual int size() const noexcept = 0;
    /// "mpi" or "loopback", for logs.
    virtual const char *name() const noexcept = 0;

    // -- Start and end: collective, block; called by one thread before and after everything else.

    /// Every rank gives `mine` (the same size everywhere); `all` receives size() pieces in order of rank.
    virtual void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) = 0;
    virtual void barrier() = 0;
    /// A number that is equal for ranks on the same host (ranks that can share memory), and differs between hosts.
    virtual int host_of(Rank rank) const noexcept = 0;
    /// Delivers what is left, to the handler of the last poll() (which must still live), also what its handlers send
    /// meanwhile, then ends. Collective, blocks. The object can only be destroyed afterwards.
    virtual void finalize() = 0;

    // -- Active messages.

    /// The longest record that may be sent to a rank.
    virtual std::size_t record_bytes_max(Rank to) const noexcept = 0;
    /// True when a receiver that polls twice after the sent notice finds the record (shared memory). False when it may
    /// still be on its way (TCP).
    virtual bool arrives_at_once(Rank to) const noexcept = 0;
    /// Adds a record, `head` followed by `body`, to the packet that is being filled for `to` (which may be this rank:
    /// then it is handed to the handler by the next poll). Copies; never waits: what MPI cannot take yet is kept.
    virtual void send(Rank to, std::span<const std::byte> head, std::span<const std::byte> body, Urgency urgency) = 0;
    void send(Rank to, std::span<const std::byte> head, std::span<const std::byte> body) {
        send(to, head, body, Urgency::Wakes);
    }
    /// Hands every packet that has been filled to MPI.
    virtual void flush() = 0;
    /// `notice(context, to, urgency)` tells that `to` may have something new to find, so that its doorbell can be rung:
    /// when a packet has been handed over, in flush(); ever less often in the polls that look at it and find its send
    /// incomplete (a sender short of buffers moves it into the receiver's memory only then); and when it is complete,
    /// unless that says that the receiver has it. At least once for each packet, cheap calls, and never for records to
    /// this rank. Must not call the transport.
    using SentNotice = void (*)(void *context, Rank to, Urgency urgency);
    virtual void set_sent_notice(SentNotice notice, void *context) noexcept = 0;
    /// Flushes, completes sends and receives what has arrived, a bounded number of packets. Returns the number of
    /// records handed over.
    virtual std::size_t poll(RecordHandler &handler) = 0;
    /// True when no send is incomplete and no record waits here, to this rank or another.
    /// In Open MPI's shared memory a send of more than 256 bytes is complete only when its receiver has polled.
    virtual bool quiet() const noexcept = 0;
    /// True when what is incomplete will most likely arrive without a poll() of this rank: it may sleep for some
    /// milliseconds. Quiet, it may sleep for as long as it likes.
    virtual bool may_rest() const noexcept = 0;

    // -- One-sided bulk copies, where MPI has them.

    /// Opens `window` (the service view, the same size on all ranks) to writes of all ranks. Collective, blocks.
    /// Returns an empty string, or the reason why there are no one-sided copies (the same on all ranks).
    virtual std::string open_window(std::span<std::byte> window) = 0;
    /// Writes bytes to `offset` of rank `to`'s window; returns when they are in place there. Blocks: where the network
    /// has no remote memory access, until `to` is inside MPI (polls or puts itself), so a sleeper is to be woken first.
    virtual void put(Rank to, std::uint64_t offset, std::span<const std::byte> bytes) = 0;

    virtual TransportCounts counts() const noexcept = 0;
    /// Ends the whole job at once. Any thread, also in a signal handler.
    [[noreturn]] virtual void abort(int exit_code) noexcept = 0;
};

/// What start-up needs to know to choose a transport.
struct TransportOptions {
    const void *communicator = nullptr; ///< an MPI_Comm of the program's, nullptr for MPI_COMM_WORLD
};

/// A transport, or the errno code and the sentence why there is none; the sentence is empty in ranks that failed only
/// because another one did.
struct TransportResult {
    std::unique_ptr<Transport> transport;
    int error = 0;
    std::string reason;
};

/// The transport of this job: MPI under a launcher or when the program has initialised MPI, else loopback. Defined by
/// mpi_transport; a program linked without it uses make_loopback_transport().
TransportResult make_job_transport(const TransportOptions &options);

/// A single rank without MPI.
std::unique_ptr<Transport> make_loopback_transport();

} // namespace dsm::transport
