// The table of operations under way.
#include "mpi_transport/pmpi/pending.hpp"

namespace dsm::pmpi {

PendingOperations &PendingOperations::all() {
    static auto *table = new PendingOperations; // Never destroyed: MPI may be used until the program's very end.
    return *table;
}

void PendingOperations::add(MPI_Request request, Operation operation) {
    if (operation.sent.is_private() && operation.received.is_private()) { return; }
    put_back(request, std::move(operation));
}

void PendingOperations::put_back(MPI_Request request, Operation operation) {
    const std::lock_guard lock(mutex_);
    operations_.insert_or_assign(request, std::move(operation));
    count_.store(operations_.size(), std::memory_order_release);
}

std::optional<Operation> PendingOperations::take(MPI_Request request) {
    if (!any() || request == MPI_REQUEST_NULL) { return std::nullopt; }
    const std::lock_guard lock(mutex_);
    auto found = operations_.extract(request);
    count_.store(operations_.size(), std::memory_order_release);
    if (found.empty()) { return std::nullopt; }
    return std::move(found.mapped());
}

void PendingOperations::started(MPI_Request request) {
    auto operation = take(request);
    if (!operation) { return; }
    operation->sent.load();
    operation->received.prepare_to_receive();
    put_back(request, std::move(*operation));
}

void PendingOperations::finish(MPI_Request request, Operation operation, const MPI_Status &status) {
    // Only here: file operations that block leave that part of their status unset.
    int is_cancelled = 0;
    PMPI_Test_cancelled(&status, &is_cancelled);
    if (operation.counts_received && is_cancelled == 0) {
        operation.received.store_received(status);
    } else if (!operation.counts_received) {
        operation.received.store();
    }
    if (operation.is_persistent) { put_back(request, std::move(operation)); }
}

int began(int code, const MPI_Request *request, Image sent, Image received, bool counts_received) {
    if (code == MPI_SUCCESS) {
        PendingOperations::all().add(*request, {std::move(sent), std::move(received), false, counts_received});
    }
    return code;
}

} // namespace dsm::pmpi
