// Operations under way whose buffers have images: what is to be done when the program learns of their end.
//
// A request is taken out of the table before MPI may end it, and put back if it did not: once MPI has ended a request,
// its handle may belong to another one.
#pragma once

#include "mpi_transport/pmpi/image.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace dsm::pmpi {

struct Operation {
    Image sent;                  ///< kept until the end
    Image received;              ///< stored at the end
    bool is_persistent = false;  ///< the handle stays, for the next start
    bool counts_received = true; ///< the status says how much has come
};

class PendingOperations {
public:
    static PendingOperations &all();
    /// Whether there are any: otherwise nothing need be looked up.
    [[nodiscard]] bool any() const { return count_.load(std::memory_order_acquire) != 0; }
    /// Remembers the operation, unless all its buffers are private.
    void add(MPI_Request request, Operation operation);
    std::optional<Operation> take(MPI_Request request);
    void put_back(MPI_Request request, Operation operation);
    /// A persistent request is started: its data is read now.
    void started(MPI_Request request);
    /// The end of an operation, which was taken. Stores what it has received; a persistent one goes back.
    void finish(MPI_Request request, Operation operation, const MPI_Status &status);

private:
    std::mutex mutex_; // Never held while shared memory is touched: a fault may call MPI.
    std::map<MPI_Request, Operation> operations_;
    std::atomic<std::size_t> count_{0};
};

/// Notes a request that an MPI call has just begun. Returns the call's code.
int began(int code, const MPI_Request *request, Image sent, Image received, bool counts_received);

/// Begins an operation that sends alone: `begin` is given the image.
template <class Begin> int begin_send(Image sent, const MPI_Request *request, Begin begin) {
    const int code = begin(sent);
    return began(code, request, std::move(sent), {}, true);
}

/// The end of a blocking call that fills all of `image`. Returns the call's code.
inline int stored(int code, const Image &image) {
    if (code == MPI_SUCCESS) { image.store(); }
    return code;
}

/// A blocking call with a status that says how much has come, also where the program wants none.
template <class Receive> int receive(const Image &into, MPI_Status *status, Receive call) {
    MPI_Status own;
    MPI_Status *const used = status == MPI_STATUS_IGNORE && !into.is_private() ? &own : status;
    const int code = call(used);
    if (code == MPI_SUCCESS && !into.is_private()) { into.store_received(*used); }
    return code;
}

} // namespace dsm::pmpi
