// Probing and using MPI windows. What is probed, and the bugs that made it necessary, stands in docs/transport.md.
#include "mpi_transport/window.hpp"

#include "libdsm/base/check.hpp"
#include "mpi_transport/agreement.hpp"
#include "mpi_transport/mpi_error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/uio.h>
#include <unistd.h>

namespace dsm::transport {
namespace {

/// MPI counts in int; a put beyond this goes in pieces.
constexpr std::size_t piece_bytes_max = std::size_t{1} << 30;

/// A window with everybody's passive lock. Returns the reason when there is none.
std::string create(MPI_Comm communicator, void *memory, std::size_t bytes, MPI_Win &window) {
    MPI_Win made = MPI_WIN_NULL;
    int code = PMPI_Win_create(memory, static_cast<MPI_Aint>(bytes), 1, MPI_INFO_NULL, communicator, &made);
    std::string reason;
    if (code != MPI_SUCCESS) {
        reason = "MPI_Win_create: " + mpi_error_text(code);
    } else {
        PMPI_Win_set_errhandler(made, MPI_ERRORS_RETURN);
    }
    reason = agree(communicator, reason);
    if (reason.empty()) {
        code = PMPI_Win_lock_all(MPI_MODE_NOCHECK, made);
        reason = agree(communicator, code == MPI_SUCCESS ? "" : "MPI_Win_lock_all: " + mpi_error_text(code));
        if (reason.empty()) { window = made; }
    }
    // A window that only some ranks have is left alone: freeing it is collective.
    return reason;
}

/// Cross-memory attach, tried on a neighbour: where it is forbidden (containers, ptrace rules) Open MPI notices only in
/// the middle of a put.
std::string probe_cma(MPI_Comm communicator, const std::vector<int> &hosts, int rank) {
    struct Place {
        long pid;
        const void *address;
    };
    static const long pattern = 0x64736d; // Read by the neighbour.
    const Place mine{::getpid(), &pattern};
    std::vector<Place> all(hosts.size());
    expect_mpi(PMPI_Allgather(&mine, sizeof mine, MPI_BYTE, all.data(), sizeof mine, MPI_BYTE, communicator),
               "MPI_Allgather");
    std::string reason;
    for (std::size_t step = 1; step < hosts.size(); ++step) {
        const std::size_t peer = (static_cast<std::size_t>(rank) + step) % hosts.size();
        if (hosts[peer] != hosts[static_cast<std::size_t>(rank)]) { continue; }
        long seen = 0;
        iovec here{&seen, sizeof seen};
        iovec there{const_cast<void *>(all[peer].address), sizeof seen};
        if (::process_vm_readv(static_cast<pid_t>(all[peer].pid), &here, 1, &there, 1, 0) != sizeof seen ||
            seen != pattern) {
            reason = std::string("cross-memory attach to a rank of the same host: ") + std::strerror(errno);
        }
        break;
    }
    return agree(communicator, reason);
}

/// Puts a word into both neighbours through a small window.
std::string probe_puts(MPI_Comm communicator, int rank, int size) {
    long words[2] = {-1, -1}; // from the rank below, from the rank above
    MPI_Win window = MPI_WIN_NULL;
    std::string reason = create(communicator, words, sizeof words, window);
    if (!reason.empty()) { return reason; }
    const int above = (rank + 1) % size;
    const int below = (rank + size - 1) % size;
    const long mine = rank;
    int code = PMPI_Put(&mine, sizeof mine, MPI_BYTE, above, 0, sizeof mine, MPI_BYTE, window);
    if (code == MPI_SUCCESS) {
        code = PMPI_Put(&mine, sizeof mine, MPI_BYTE, below, sizeof mine, sizeof mine, MPI_BYTE, window);
    }
    if (code == MPI_SUCCESS) { code = PMPI_Win_flush_all(window); }
    reason = agree(communicator, code == MPI_SUCCESS ? "" : "MPI_Put: " + mpi_error_text(code));
    PMPI_Win_sync(window);
    const long volatile *seen = words;
    if (reason.empty() && (seen[0] != below || seen[1] != above)) { reason = "MPI_Put did not write"; }
    reason = agree(communicator, reason);
    PMPI_Win_unlock_all(window);
    PMPI_Win_free(&window);
    return reason;
}

} // namespace

std::string Window::open(MPI_Comm communicator, std::span<std::byte> memory, const std::vector<int> &hosts,
                         const PathLimits &limits) {
    int rank = 0;
    int size = 0;
    PMPI_Comm_rank(communicator, &rank);
    PMPI_Comm_size(communicator, &size);
    const bool several_hosts = std::any_of(hosts.begin(), hosts.end(), [](int host) { return host != 0; });
    // Open MPI 4's osc/rdma does not notice that nothing reaches the other host and crashes in MPI_Win_lock_all.
    const bool unreachable = several_hosts && !limits.rdma_between_hosts;
    std::string reason = agree(communicator, unreachable ? "only TCP connects the hosts" : "");
    // Open MPI 4 names the files behind windows by host, job and communicator number: windows of two disjoint
    // communicators with equal numbers take one another's file away.
    int job_size = 0;
    PMPI_Comm_size(MPI_COMM_WORLD, &job_size);
    if (reason.empty()) { reason = agree(communicator, size != job_size ? "libdsm runs on a part of the job" : ""); }
    if (reason.empty() && !agree(communicator, limits.same_host_writes_by_cma ? "cma" : "").empty()) {
        reason = probe_cma(communicator, hosts, rank);
    }
    if (reason.empty()) { reason = probe_puts(communicator, rank, size); }
    if (reason.empty()) { reason = create(communicator, memory.data(), memory.size(), window_); }
    if (reason.empty()) { bytes_ = memory.size(); }
    return reason;
}

void Window::put(Rank to, std::uint64_t offset, std::span<const std::byte> bytes) {
    DSM_CHECK(is_open(), "put: an open window", to.value);
    DSM_CHECK(offset <= bytes_ && bytes.size() <= bytes_ - offset, "put: inside the window", offset);
    while (!bytes.empty()) {
        const std::span<const std::byte> piece = bytes.first(std::min(bytes.size(), piece_bytes_max));
        const int count = static_cast<int>(piece.size());
        expect_mpi(
            PMPI_Put(piece.data(), count, MPI_BYTE, to.value, static_cast<MPI_Aint>(offset), count, MPI_BYTE, window_),
            "MPI_Put");
        bytes = bytes.subspan(piece.size());
        offset += piece.size();
    }
    expect_mpi(PMPI_Win_flush(to.value, window_), "MPI_Win_flush");
}

void Window::close() {
    if (!is_open()) { return; }
    expect_mpi(PMPI_Win_unlock_all(window_), "MPI_Win_unlock_all");
    expect_mpi(PMPI_Win_free(&window_), "MPI_Win_free");
}

} // namespace dsm::transport
