// The transport over MPI: the parts put together, start to end.
#include "mpi_transport/mpi_transport.hpp"

#include "libdsm/base/check.hpp"
#include "mpi_transport/abort.hpp"
#include "mpi_transport/hosts.hpp"
#include "mpi_transport/mpi_error.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace dsm::transport {
namespace {
/// Where poll() was never called, no record can have been expected.
class NoRecords final : public RecordHandler {
    void on_record(Rank from, std::span<const std::byte>) override {
        DSM_CHECK(false, "finalize: a record, but never a poll", from.value);
    }
};
} // namespace

MpiTransport::Layout MpiTransport::find_layout(const MpiSession &session, PathLimits &limits) {
    Layout layout{};
    PMPI_Comm_rank(session.collective, &layout.rank);
    PMPI_Comm_size(session.collective, &layout.size);
    layout.hosts = find_hosts(session.collective);
    const bool one_host = std::all_of(layout.hosts.begin(), layout.hosts.end(), [](int host) { return host == 0; });
    if (one_host) { limits.other_host_bytes = limits.same_host_bytes; }
    const unsigned long mine = std::max(limits.same_host_bytes, limits.other_host_bytes);
    unsigned long largest = mine;
    expect_mpi(PMPI_Allreduce(&mine, &largest, 1, MPI_UNSIGNED_LONG, MPI_MAX, session.collective), "MPI_Allreduce");
    layout.largest_packet_bytes = largest;
    return layout;
}

MpiTransport::MpiTransport(const MpiSession &session, const PathLimits &limits, Layout layout)
    : session_(session), limits_(limits), rank_{layout.rank}, size_(layout.size), hosts_(std::move(layout.hosts)),
      pool_(std::max(limits.same_host_bytes, limits.other_host_bytes)), outbox_(layout.size, pool_),
      sends_(session.records, pool_), receives_(session.records, layout.largest_packet_bytes) {
    set_abort_communicator(session_.collective);
}

void MpiTransport::all_gather(std::span<const std::byte> mine, std::span<std::byte> all) {
    DSM_CHECK(all.size() == mine.size() * static_cast<std::size_t>(size_), "all_gather: one piece per rank",
              all.size());
    const int bytes = static_cast<int>(mine.size());
    expect_mpi(PMPI_Allgather(mine.data(), bytes, MPI_BYTE, all.data(), bytes, MPI_BYTE, session_.collective),
               "MPI_Allgather");
}

void MpiTransport::barrier() { expect_mpi(PMPI_Barrier(session_.collective), "MPI_Barrier"); }

std::size_t MpiTransport::packet_bytes(Rank to) const noexcept {
    return on_this_host(to) ? limits_.same_host_bytes : limits_.other_host_bytes;
}

std::size_t MpiTransport::record_bytes_max(Rank to) const noexcept { return record_bytes_max_of(packet_bytes(to)); }

bool MpiTransport::arrives_at_once(Rank to) const noexcept {
    return to == rank_ || (limits_.same_host_arrives_at_once && on_this_host(to));
}

void MpiTransport::send(Rank to, std::span<const std::byte> head, std::span<const std::byte> body, Urgency urgency) {
    Packet &packet = outbox_.append(to, packet_bytes(to), head, body);
    packet.wakes = packet.wakes || urgency == Urgency::Wakes;
}

void MpiTransport::flush() {
    while (Packet *packet = outbox_.take()) {
        if (packet->to == rank_) {
            own_.push(packet);
        } else {
            sends_.start(packet, arrives_at_once(packet->to));
        }
    }
}

void MpiTransport::set_sent_notice(SentNotice rung, void *context) noexcept { sends_.set_sent_notice(rung, context); }

std::size_t MpiTransport::poll(RecordHandler &handler) {
    handler_ = &handler;
    flush(); // Records to this rank stand in the outbox too.
    sends_.poll();
    const std::size_t own = hand_over_own(handler);
    return own + receives_.poll(handler);
}

std::size_t MpiTransport::hand_over_own(RecordHandler &handler) {
    std::size_t records = 0;
    // What the handlers send to this rank waits in the outbox for the next poll, so this ends.
    for (std::size_t left = own_.size(); left > 0; --left) {
        Packet *packet = own_.pop();
        records += hand_over(rank_, packet->contents(), handler);
        pool_.give_back(packet);
    }
    return records;
}

bool MpiTransport::quiet() const noexcept { return outbox_.empty() && own_.empty() && sends_.idle(); }

bool MpiTransport::may_rest() const noexcept { return outbox_.empty() && own_.empty() && sends_.needs_no_help(); }

std::string MpiTransport::open_window(std::span<std::byte> window) {
    return window_.open(session_.window, window, hosts_, limits_);
}

void MpiTransport::put(Rank to, std::uint64_t offset, std::span<const std::byte> bytes) {
    window_.put(to, offset, bytes);
    ++rma_puts_;
}

TransportCounts MpiTransport::counts() const noexcept {
    return {sends_.packets_sent(), sends_.bytes_sent(), receives_.packets_received(), rma_puts_};
}

void MpiTransport::abort(int exit_code) noexcept { abort_job(exit_code); }

/// Mattern's four counters (1987): nothing is under way once two counts in a row, of packets sent and received by all,
/// are equal in themselves and to one another. Records are handled all the while.
void MpiTransport::deliver_everything() {
    NoRecords no_records;
    RecordHandler &handler = handler_ != nullptr ? *handler_ : no_records;
    std::array<unsigned long, 2> before{1, 0};
    while (true) {
        do { poll(handler); } while (!quiet());
        const std::array<unsigned long, 2> mine{sends_.packets_sent(), receives_.packets_received()};
        std::array<unsigned long, 2> all{};
        MPI_Request counting = MPI_REQUEST_NULL;
        expect_mpi(
            PMPI_Iallreduce(mine.data(), all.data(), 2, MPI_UNSIGNED_LONG, MPI_SUM, session_.collective, &counting),
            "MPI_Iallreduce");
        int counted = 0;
        while (counted == 0) {
            poll(handler);
            expect_mpi(PMPI_Test(&counting, &counted, MPI_STATUS_IGNORE), "MPI_Test of a count");
        }
        if (all[0] == all[1] && all == before) { return; }
        before = all;
    }
}

void MpiTransport::finalize() {
    deliver_everything();
    barrier();
    window_.close();
    receives_.cancel();
    set_abort_communicator(MPI_COMM_NULL);
    close_session(session_);
}

} // namespace dsm::transport
