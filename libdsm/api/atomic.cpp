// Atomics of atomic.h: argument checks, then the runtime.
#include <dsm/atomic.h>

#include "libdsm/runtime/runtime.hpp"

#include <cerrno>

namespace {

constexpr int order_max = __ATOMIC_SEQ_CST;

bool is_order(int order) { return order >= __ATOMIC_RELAXED && order <= order_max; }

/// Calls with the object's number, if libdsm runs and the object stands in the segment.
template <class Call> int on_atomic(const void *object, Call call) {
    dsm::rt::Runtime *runtime = dsm::rt::Runtime::running();
    if (runtime == nullptr) { return EPERM; }
    if (object == nullptr || !runtime->node().segment.contains(object)) { return EINVAL; }
    const int saved_errno = errno;
    const int code = call(runtime->atomics(), dsm::LockId{runtime->node().offset_of(object)});
    errno = saved_errno;
    return code;
}

/// One operation on a dsm_atomic_t; the value before it, or 0 and errno.
std::uint64_t value_of(const dsm_atomic_t *object, dsm_atomic_operation_t operation, std::uint64_t operand, int order) {
    std::uint64_t value = 0;
    // A load does not change the object, and nothing ever writes its bytes.
    const int code =
        dsm_atomic_apply(const_cast<dsm_atomic_t *>(object), sizeof operand, operation, operand, &value, order);
    if (code == 0) { return value; }
    errno = code;
    return 0;
}

} // namespace

extern "C" {

DSM_API int dsm_atomic_apply(void *object, size_t bytes, dsm_atomic_operation_t operation, uint64_t operand,
                             uint64_t *value, int order) {
    const bool known = operation >= DSM_ATOMIC_LOAD && operation <= DSM_ATOMIC_FETCH_XOR;
    if (!known || !dsm::sync::is_atomic_size(bytes) || !is_order(order) || value == nullptr) { return EINVAL; }
    std::uint64_t before = 0;
    const std::uint64_t expected = operation == DSM_ATOMIC_COMPARE_EXCHANGE ? *value : 0;
    const int code = on_atomic(object, [&](dsm::rt::Atomics &atomics, dsm::LockId id) {
        return atomics.operate({id,
                                operand,
                                expected,
                                static_cast<dsm::sync::AtomicOperation>(operation),
                                static_cast<uint8_t>(bytes),
                                {}},
                               before);
    });
    if (code == 0) { *value = before; }
    return code;
}

DSM_API uint64_t dsm_atomic_load(const dsm_atomic_t *object, int order) {
    return value_of(object, DSM_ATOMIC_LOAD, 0, order);
}

DSM_API void dsm_atomic_store(dsm_atomic_t *object, uint64_t value, int order) {
    value_of(object, DSM_ATOMIC_STORE, value, order);
}

DSM_API uint64_t dsm_atomic_exchange(dsm_atomic_t *object, uint64_t value, int order) {
    return value_of(object, DSM_ATOMIC_EXCHANGE, value, order);
}

DSM_API int dsm_atomic_compare_exchange(dsm_atomic_t *object, uint64_t *expected, uint64_t desired, int success_order,
                                        int failure_order) {
    uint64_t value = expected != nullptr ? *expected : 0;
    const bool good = expected != nullptr && is_order(failure_order);
    const int code =
        !good ? EINVAL
              : dsm_atomic_apply(object, sizeof desired, DSM_ATOMIC_COMPARE_EXCHANGE, desired, &value, success_order);
    if (code != 0) {
        errno = code;
        return 0;
    }
    if (value == *expected) { return 1; }
    *expected = value;
    return 0;
}

DSM_API uint64_t dsm_atomic_fetch_add(dsm_atomic_t *object, uint64_t operand, int order) {
    return value_of(object, DSM_ATOMIC_FETCH_ADD, operand, order);
}

DSM_API uint64_t dsm_atomic_fetch_sub(dsm_atomic_t *object, uint64_t operand, int order) {
    return value_of(object, DSM_ATOMIC_FETCH_SUB, operand, order);
}

DSM_API uint64_t dsm_atomic_fetch_and(dsm_atomic_t *object, uint64_t operand, int order) {
    return value_of(object, DSM_ATOMIC_FETCH_AND, operand, order);
}

DSM_API uint64_t dsm_atomic_fetch_or(dsm_atomic_t *object, uint64_t operand, int order) {
    return value_of(object, DSM_ATOMIC_FETCH_OR, operand, order);
}

DSM_API uint64_t dsm_atomic_fetch_xor(dsm_atomic_t *object, uint64_t operand, int order) {
    return value_of(object, DSM_ATOMIC_FETCH_XOR, operand, order);
}

DSM_API int dsm_atomic_wait(const void *object, uint64_t old, int order) {
    if (!is_order(order)) { return EINVAL; }
    return on_atomic(object, [old](dsm::rt::Atomics &atomics, dsm::LockId id) { return atomics.wait(id, old); });
}

DSM_API int dsm_atomic_notify_one(const void *object) {
    return on_atomic(object, [](dsm::rt::Atomics &atomics, dsm::LockId id) { return atomics.notify(id, false); });
}

DSM_API int dsm_atomic_notify_all(const void *object) {
    return on_atomic(object, [](dsm::rt::Atomics &atomics, dsm::LockId id) { return atomics.notify(id, true); });
}

} // extern "C"
