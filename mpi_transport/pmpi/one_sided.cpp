// One-sided operations: the origin's buffers have images until the origin learns that they are free (a flush, an
// unlock, a fence, a complete). A window itself cannot stand in shared memory: MPI would write to it at any time.
#include "mpi_transport/pmpi/group.hpp"
#include "mpi_transport/pmpi/parts.hpp"
#include "mpi_transport/pmpi/pending.hpp"

#include <dsm/api.h>

#include <list>

namespace {

using dsm::pmpi::began;
using dsm::pmpi::complain;
using dsm::pmpi::Image;
using dsm::pmpi::image_if;
using dsm::pmpi::Use;

constexpr int all_targets = -1;

/// Operations that have begun on some window and are not known to have ended.
class OpenOperations {
public:
    int add(int code, MPI_Win window, int target, Image sent, Image received) {
        if (code != MPI_SUCCESS || (sent.is_private() && received.is_private())) { return code; }
        const std::lock_guard lock(mutex_);
        operations_.push_back({window, target, std::move(sent), std::move(received)});
        count_.store(operations_.size(), std::memory_order_release);
        return code;
    }
    /// After a call that has ended the operations of a window towards a target.
    int end(int code, MPI_Win window, int target) {
        if (code != MPI_SUCCESS || count_.load(std::memory_order_acquire) == 0) { return code; }
        std::list<Operation> ended;
        {
            const std::lock_guard lock(mutex_);
            for (auto at = operations_.begin(); at != operations_.end();) {
                const auto next = std::next(at);
                const bool is_meant = at->window == window && (target == all_targets || at->target == target);
                if (is_meant) { ended.splice(ended.end(), operations_, at); }
                at = next;
            }
            count_.store(operations_.size(), std::memory_order_release);
        }
        for (const Operation &operation : ended) { operation.received.store(); } // Without the lock: it may fault.
        return code;
    }

private:
    struct Operation {
        MPI_Win window;
        int target;
        Image sent;
        Image received;
    };
    std::mutex mutex_;
    std::list<Operation> operations_;
    std::atomic<std::size_t> count_{0};
};

OpenOperations &open_operations() {
    static auto *operations = new OpenOperations;
    return *operations;
}

/// True after a complaint if window memory lies in the segment.
bool is_refused(const char *call, void *base, MPI_Aint bytes) {
    if (Image(base, bytes, MPI_BYTE, Use::Write).is_private()) { return false; }
    complain(call, "window memory", base);
    return true;
}

} // namespace

const char dsm::pmpi::one_sided_part = 0;

extern "C" {

DSM_API int MPI_Win_create(void *base, MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, MPI_Win *window) {
    if (is_refused("MPI_Win_create", base, size)) {
        PMPI_Comm_call_errhandler(comm, MPI_ERR_BASE);
        return MPI_ERR_BASE;
    }
    return PMPI_Win_create(base, size, unit, info, comm, window);
}

DSM_API int MPI_Win_attach(MPI_Win window, void *base, MPI_Aint size) {
    if (is_refused("MPI_Win_attach", base, size)) {
        PMPI_Win_call_errhandler(window, MPI_ERR_BASE);
        return MPI_ERR_BASE;
    }
    return PMPI_Win_attach(window, base, size);
}

DSM_API int MPI_Put(const void *origin, int count, MPI_Datatype type, int target, MPI_Aint at, int target_count,
                    MPI_Datatype target_type, MPI_Win window) {
    Image sent(origin, count, type, Use::Read);
    const int code = PMPI_Put(sent, count, type, target, at, target_count, target_type, window);
    return open_operations().add(code, window, target, std::move(sent), {});
}

DSM_API int MPI_Get(void *origin, int count, MPI_Datatype type, int target, MPI_Aint at, int target_count,
                    MPI_Datatype target_type, MPI_Win window) {
    Image got(origin, count, type, Use::Write);
    const int code = PMPI_Get(got, count, type, target, at, target_count, target_type, window);
    return open_operations().add(code, window, target, {}, std::move(got));
}

DSM_API int MPI_Accumulate(const void *origin, int count, MPI_Datatype type, int target, MPI_Aint at, int target_count,
                           MPI_Datatype target_type, MPI_Op op, MPI_Win window) {
    Image sent(origin, count, type, Use::Read);
    const int code = PMPI_Accumulate(sent, count, type, target, at, target_count, target_type, op, window);
    return open_operations().add(code, window, target, std::move(sent), {});
}

DSM_API int MPI_Get_accumulate(const void *origin, int count, MPI_Datatype type, void *result, int result_count,
                               MPI_Datatype result_type, int target, MPI_Aint at, int target_count,
                               MPI_Datatype target_type, MPI_Op op, MPI_Win window) {
    Image sent = image_if(op != MPI_NO_OP, origin, count, type, Use::Read);
    Image got(result, result_count, result_type, Use::Write);
    const int code = PMPI_Get_accumulate(sent, count, type, got, result_count, result_type, target, at, target_count,
                                         target_type, op, window);
    return open_operations().add(code, window, target, std::move(sent), std::move(got));
}

DSM_API int MPI_Fetch_and_op(const void *origin, void *result, MPI_Datatype type, int target, MPI_Aint at, MPI_Op op,
                             MPI_Win window) {
    Image sent = image_if(op != MPI_NO_OP, origin, 1, type, Use::Read);
    Image got(result, 1, type, Use::Write);
    const int code = PMPI_Fetch_and_op(sent, got, type, target, at, op, window);
    return open_operations().add(code, window, target, std::move(sent), std::move(got));
}

DSM_API int MPI_Compare_and_swap(const void *origin, const void *compare, void *result, MPI_Datatype type, int target,
                                 MPI_Aint at, MPI_Win window) {
    Image sent(origin, 1, type, Use::Read);
    Image compared(compare, 1, type, Use::Read);
    Image got(result, 1, type, Use::Write);
    const int code = PMPI_Compare_and_swap(sent, compared, got, type, target, at, window);
    open_operations().add(code, window, target, std::move(compared), {});
    return open_operations().add(code, window, target, std::move(sent), std::move(got));
}

DSM_API int MPI_Rput(const void *origin, int count, MPI_Datatype type, int target, MPI_Aint at, int target_count,
                     MPI_Datatype target_type, MPI_Win window, MPI_Request *request) {
    Image sent(origin, count, type, Use::Read);
    const int code = PMPI_Rput(sent, count, type, target, at, target_count, target_type, window, request);
    return began(code, request, std::move(sent), {}, false);
}

DSM_API int MPI_Rget(void *origin, int count, MPI_Datatype type, int target, MPI_Aint at, int target_count,
                     MPI_Datatype target_type, MPI_Win window, MPI_Request *request) {
    Image got(origin, count, type, Use::Write);
    const int code = PMPI_Rget(got, count, type, target, at, target_count, target_type, window, request);
    return began(code, request, {}, std::move(got), false);
}

DSM_API int MPI_Raccumulate(const void *origin, int count, MPI_Datatype type, int target, MPI_Aint at, int target_count,
                            MPI_Datatype target_type, MPI_Op op, MPI_Win window, MPI_Request *request) {
    Image sent(origin, count, type, Use::Read);
    const int code = PMPI_Raccumulate(sent, count, type, target, at, target_count, target_type, op, window, request);
    return began(code, request, std::move(sent), {}, false);
}

DSM_API int MPI_Rget_accumulate(const void *origin, int count, MPI_Datatype type, void *result, int result_count,
                                MPI_Datatype result_type, int target, MPI_Aint at, int target_count,
                                MPI_Datatype target_type, MPI_Op op, MPI_Win window, MPI_Request *request) {
    Image sent = image_if(op != MPI_NO_OP, origin, count, type, Use::Read);
    Image got(result, result_count, result_type, Use::Write);
    const int code = PMPI_Rget_accumulate(sent, count, type, got, result_count, result_type, target, at, target_count,
                                          target_type, op, window, request);
    return began(code, request, std::move(sent), std::move(got), false);
}

DSM_API int MPI_Win_fence(int assertion, MPI_Win window) {
    return open_operations().end(PMPI_Win_fence(assertion, window), window, all_targets);
}

DSM_API int MPI_Win_complete(MPI_Win window) {
    return open_operations().end(PMPI_Win_complete(window), window, all_targets);
}

DSM_API int MPI_Win_unlock(int target, MPI_Win window) {
    return open_operations().end(PMPI_Win_unlock(target, window), window, target);
}

DSM_API int MPI_Win_unlock_all(MPI_Win window) {
    return open_operations().end(PMPI_Win_unlock_all(window), window, all_targets);
}

DSM_API int MPI_Win_flush(int target, MPI_Win window) {
    return open_operations().end(PMPI_Win_flush(target, window), window, target);
}

DSM_API int MPI_Win_flush_all(MPI_Win window) {
    return open_operations().end(PMPI_Win_flush_all(window), window, all_targets);
}

DSM_API int MPI_Win_flush_local(int target, MPI_Win window) {
    return open_operations().end(PMPI_Win_flush_local(target, window), window, target);
}

DSM_API int MPI_Win_flush_local_all(MPI_Win window) {
    return open_operations().end(PMPI_Win_flush_local_all(window), window, all_targets);
}

DSM_API int MPI_Win_free(MPI_Win *window) {
    const MPI_Win freed = *window;
    return open_operations().end(PMPI_Win_free(window), freed, all_targets);
}

} // extern "C"
