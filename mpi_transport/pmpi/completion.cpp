// The ends of nonblocking and persistent operations. Requests whose buffers are private are in no table and go straight
// through; while the table is empty nothing is looked up at all.
#include "mpi_transport/pmpi/parts.hpp"
#include "mpi_transport/pmpi/pending.hpp"

#include <dsm/api.h>

#include <algorithm>

namespace {

using dsm::pmpi::Operation;
using dsm::pmpi::PendingOperations;

/// The operations of some requests, taken out of the table around the call that may end them.
class Taken {
public:
    Taken(int count, MPI_Request *requests) : requests_(requests, requests + (count > 0 ? count : 0)) {
        for (const MPI_Request request : requests_) { operations_.push_back(PendingOperations::all().take(request)); }
    }
    Taken(const Taken &) = delete;
    Taken &operator=(const Taken &) = delete;
    ~Taken() {
        for (std::size_t index = 0; index < requests_.size(); ++index) {
            if (operations_[index]) {
                PendingOperations::all().put_back(requests_[index], std::move(*operations_[index]));
            }
        }
    }
    void finish(int index, const MPI_Status &status) {
        auto &operation = operations_[static_cast<std::size_t>(index)];
        if (!operation) { return; }
        Operation ended = std::move(*operation);
        operation.reset();
        PendingOperations::all().finish(requests_[static_cast<std::size_t>(index)], std::move(ended), status);
    }
    void finish_all(const MPI_Status *statuses) {
        for (int index = 0; index < static_cast<int>(requests_.size()); ++index) { finish(index, statuses[index]); }
    }

private:
    std::vector<MPI_Request> requests_;
    std::vector<std::optional<Operation>> operations_;
};

/// Statuses of ours where the program wants none.
class Statuses {
public:
    Statuses(int count, MPI_Status *wanted) : used_(wanted) {
        if (wanted != MPI_STATUSES_IGNORE) { return; }
        own_.resize(static_cast<std::size_t>(std::max(count, 1)));
        used_ = own_.data();
    }
    MPI_Status *get() { return used_; }

private:
    std::vector<MPI_Status> own_;
    MPI_Status *used_;
};

bool none_pending() { return !PendingOperations::all().any(); }

/// Whether an operation that an array call lists has ended well.
bool is_well(int code, const MPI_Status &status) {
    return code == MPI_SUCCESS || (code == MPI_ERR_IN_STATUS && status.MPI_ERROR == MPI_SUCCESS);
}

} // namespace

const char dsm::pmpi::completion_part = 0;

extern "C" {

DSM_API int MPI_Wait(MPI_Request *request, MPI_Status *status) {
    if (none_pending()) { return PMPI_Wait(request, status); }
    Taken taken(1, request);
    Statuses statuses(1, status);
    const int code = PMPI_Wait(request, statuses.get());
    if (code == MPI_SUCCESS) { taken.finish(0, *statuses.get()); }
    return code;
}

DSM_API int MPI_Test(MPI_Request *request, int *flag, MPI_Status *status) {
    if (none_pending()) { return PMPI_Test(request, flag, status); }
    Taken taken(1, request);
    Statuses statuses(1, status);
    const int code = PMPI_Test(request, flag, statuses.get());
    if (code == MPI_SUCCESS && *flag != 0) { taken.finish(0, *statuses.get()); }
    return code;
}

DSM_API int MPI_Request_get_status(MPI_Request request, int *flag, MPI_Status *status) {
    if (none_pending()) { return PMPI_Request_get_status(request, flag, status); }
    auto operation = PendingOperations::all().take(request);
    Statuses statuses(1, status);
    const int code = PMPI_Request_get_status(request, flag, statuses.get());
    if (!operation) { return code; }
    if (code == MPI_SUCCESS && *flag != 0) {
        PendingOperations::all().finish(request, std::move(*operation), *statuses.get());
    } else {
        PendingOperations::all().put_back(request, std::move(*operation));
    }
    return code;
}

DSM_API int MPI_Waitall(int count, MPI_Request requests[], MPI_Status wanted[]) {
    if (none_pending()) { return PMPI_Waitall(count, requests, wanted); }
    Taken taken(count, requests);
    Statuses statuses(count, wanted);
    const int code = PMPI_Waitall(count, requests, statuses.get());
    for (int index = 0; index < count; ++index) {
        if (is_well(code, statuses.get()[index])) { taken.finish(index, statuses.get()[index]); }
    }
    return code;
}

DSM_API int MPI_Testall(int count, MPI_Request requests[], int *flag, MPI_Status wanted[]) {
    if (none_pending()) { return PMPI_Testall(count, requests, flag, wanted); }
    Taken taken(count, requests);
    Statuses statuses(count, wanted);
    const int code = PMPI_Testall(count, requests, flag, statuses.get());
    if (code == MPI_SUCCESS && *flag != 0) { taken.finish_all(statuses.get()); }
    return code;
}

DSM_API int MPI_Waitany(int count, MPI_Request requests[], int *index, MPI_Status *status) {
    if (none_pending()) { return PMPI_Waitany(count, requests, index, status); }
    Taken taken(count, requests);
    Statuses statuses(1, status);
    const int code = PMPI_Waitany(count, requests, index, statuses.get());
    if (code == MPI_SUCCESS && *index != MPI_UNDEFINED) { taken.finish(*index, *statuses.get()); }
    return code;
}

DSM_API int MPI_Testany(int count, MPI_Request requests[], int *index, int *flag, MPI_Status *status) {
    if (none_pending()) { return PMPI_Testany(count, requests, index, flag, status); }
    Taken taken(count, requests);
    Statuses statuses(1, status);
    const int code = PMPI_Testany(count, requests, index, flag, statuses.get());
    if (code == MPI_SUCCESS && *flag != 0 && *index != MPI_UNDEFINED) { taken.finish(*index, *statuses.get()); }
    return code;
}

DSM_API int MPI_Waitsome(int count, MPI_Request requests[], int *done, int indices[], MPI_Status wanted[]) {
    if (none_pending()) { return PMPI_Waitsome(count, requests, done, indices, wanted); }
    Taken taken(count, requests);
    Statuses statuses(count, wanted);
    const int code = PMPI_Waitsome(count, requests, done, indices, statuses.get());
    for (int i = 0; *done != MPI_UNDEFINED && i < *done; ++i) {
        if (is_well(code, statuses.get()[i])) { taken.finish(indices[i], statuses.get()[i]); }
    }
    return code;
}

DSM_API int MPI_Testsome(int count, MPI_Request requests[], int *done, int indices[], MPI_Status wanted[]) {
    if (none_pending()) { return PMPI_Testsome(count, requests, done, indices, wanted); }
    Taken taken(count, requests);
    Statuses statuses(count, wanted);
    const int code = PMPI_Testsome(count, requests, done, indices, statuses.get());
    for (int i = 0; *done != MPI_UNDEFINED && i < *done; ++i) {
        if (is_well(code, statuses.get()[i])) { taken.finish(indices[i], statuses.get()[i]); }
    }
    return code;
}

DSM_API int MPI_Start(MPI_Request *request) {
    PendingOperations::all().started(*request);
    return PMPI_Start(request);
}

DSM_API int MPI_Startall(int count, MPI_Request requests[]) {
    for (int index = 0; index < count; ++index) { PendingOperations::all().started(requests[index]); }
    return PMPI_Startall(count, requests);
}

// Who frees a request never learns of its end, and neither do we: MPI may use the image until the program's end.
DSM_API int MPI_Request_free(MPI_Request *request) {
    auto operation = PendingOperations::all().take(*request);
    if (operation) { static_cast<void>(new Operation(std::move(*operation))); }
    return PMPI_Request_free(request);
}

} // extern "C"
