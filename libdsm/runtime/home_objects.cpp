// Calls on home objects: what each function asks, and what it makes of the answer.
#include "libdsm/runtime/home_objects.hpp"

#include "libdsm/runtime/held_reads.hpp"
#include "libdsm/runtime/release_node.hpp"
#include "libdsm/sync/once.hpp"

#include <cerrno>
#include <mutex>

namespace dsm::rt {
namespace {

using Object = sync::HomeObjectKind;
using Operation = sync::HomeOperation;
using Result = sync::HomeResult;

int code_of(Result result, int refusal) {
    switch (result) {
    case Result::Granted:
    case Result::Run:
        return 0;
    case Result::Refused:
        return refusal;
    case Result::Deadlock:
        return EDEADLK;
    case Result::NotOwner:
        return EPERM;
    case Result::Overflow:
        return EOVERFLOW;
    case Result::BadCount:
        return EINVAL;
    case Result::InUse:
        return EBUSY;
    case Result::NoSpace:
        return ENOMEM;
    case Result::TimedOut:
        return ETIMEDOUT;
    }
    return EINVAL;
}

} // namespace

int HomeObjects::ask_for_code(const Call &call, int refusal, const Patience &patience) {
    return code_of(ask(call, patience).result, refusal);
}

std::uint64_t HomeObjects::next_incarnation() {
    constexpr unsigned counter_bits = 40; // A process that initialises a million times a second needs 12 days for them.
    const auto rank = static_cast<std::uint64_t>(node_.topology->self().value) + 1;
    return (rank << counter_bits) | (incarnations_.fetch_add(1, std::memory_order_relaxed) + 1);
}

// ---- Read-write locks

int HomeObjects::rwlock_read(LockId id, const Patience &patience) {
    HeldReads &held = HeldReads::of_this_thread();
    if (!held.make_room()) { return ENOMEM; }
    const Call call{.object = Object::Rwlock, .operation = Operation::Read, .id = id, .reads = held.contains(id)};
    const int code = ask_for_code(call, EBUSY, patience);
    if (code == 0) { held.add(id); }
    return code;
}

int HomeObjects::rwlock_write(LockId id, const Patience &patience) {
    HeldReads &held = HeldReads::of_this_thread();
    const Call call{.object = Object::Rwlock, .operation = Operation::Write, .id = id, .reads = held.contains(id)};
    const int code = ask_for_code(call, EBUSY, patience);
    if (code == 0) { held.forget(id); }
    return code;
}

int HomeObjects::rwlock_unlock(LockId id) {
    HeldReads &held = HeldReads::of_this_thread();
    const bool reads = held.contains(id);
    const Call call{.object = Object::Rwlock, .operation = Operation::Unlock, .id = id, .reads = reads};
    const int code = ask_for_code(call, EBUSY);
    // Who writes has no reads here: they were forgotten when the writing began.
    if (code == 0 && reads) { held.remove_one(id); }
    return code;
}

int HomeObjects::rwlock_destroy(LockId id) {
    return ask_for_code({.object = Object::Rwlock, .operation = Operation::Query, .id = id}, EBUSY);
}

// ---- Semaphores

int HomeObjects::semaphore_take(LockId id, const Birth &birth, const Patience &patience) {
    const Call call{.object = Object::Semaphore, .operation = Operation::TakeUnit, .id = id, .birth = birth};
    return ask_for_code(call, EAGAIN, patience);
}

int HomeObjects::semaphore_put(LockId id, const Birth &birth) {
    return ask_for_code({.object = Object::Semaphore, .operation = Operation::PutUnit, .id = id, .birth = birth},
                        EBUSY);
}

int HomeObjects::semaphore_value(LockId id, const Birth &birth, int &value) {
    const Call call{.object = Object::Semaphore, .operation = Operation::ReadValue, .id = id, .birth = birth};
    const sync::HomeEnd end = ask(call);
    const int code = code_of(end.result, EBUSY);
    if (code == 0) { value = static_cast<int>(end.number); }
    return code;
}

int HomeObjects::semaphore_destroy(LockId id, const Birth &birth) {
    return ask_for_code({.object = Object::Semaphore, .operation = Operation::Query, .id = id, .birth = birth}, EBUSY);
}

// ---- Latches. A zeroed one is open for ever, which needs no question.

int HomeObjects::latch_count_down(LockId id, const Birth &birth, unsigned arrivals) {
    if (birth.incarnation == 0) { return arrivals == 0 ? 0 : EINVAL; }
    const Call call{
        .object = Object::Latch, .operation = Operation::CountDown, .id = id, .birth = birth, .number = arrivals};
    return ask_for_code(call, EBUSY);
}

int HomeObjects::latch_wait(LockId id, const Birth &birth, const Patience &patience) {
    if (birth.incarnation == 0) { return 0; }
    const Call call{.object = Object::Latch, .operation = Operation::AwaitZero, .id = id, .birth = birth};
    return ask_for_code(call, EAGAIN, patience);
}

int HomeObjects::latch_arrive_and_wait(LockId id, const Birth &birth) {
    if (birth.incarnation == 0) { return EINVAL; }
    const Call call{.object = Object::Latch, .operation = Operation::ArriveAndWait, .id = id, .birth = birth};
    return ask_for_code(call, EBUSY);
}

// ---- Onces

int HomeObjects::once_begin(LockId id, bool &runs) {
    runs = false;
    if (sync::is_known_done(table_.find(SyncKind::Once, id).states.once)) {
        acquired(node_); // What tells of the end may have come a moment ago.
        return 0;
    }
    const Result result = ask({.object = Object::Once, .operation = Operation::Begin, .id = id}).result;
    runs = result == Result::Run;
    if (result == Result::Granted) { note_once_done(id); }
    return code_of(result, EBUSY);
}

void HomeObjects::note_once_done(LockId id) {
    SyncEntry &entry = table_.lock(SyncKind::Once, id);
    const std::lock_guard held(entry.lock, std::adopt_lock);
    sync::note_done(entry.states.once);
}

void HomeObjects::once_end(LockId id, bool is_done) {
    const Operation operation = is_done ? Operation::Finish : Operation::Fail;
    const Result result = ask({.object = Object::Once, .operation = operation, .id = id}).result;
    if (is_done && result == Result::Granted) { note_once_done(id); }
}

} // namespace dsm::rt
