// Read-write locks, semaphores, latches and onces of this rank's threads: asks the object's home and waits for the
// answer. At the home the machine of the object is stepped, by the message's handler or, where the home is this node,
// by the thread itself.
#pragma once

#include "libdsm/runtime/deadline.hpp"
#include "libdsm/runtime/engine.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/seat.hpp"
#include "libdsm/runtime/sync_memory.hpp"
#include "libdsm/runtime/synchronisation.hpp"
#include "libdsm/sync/home_call.hpp"

#include <atomic>
#include <cstdint>
#include <span>

namespace dsm::rt {

/// How long a thread waits for what it cannot have at once.
struct Patience {
    sync::HomeManner manner = sync::HomeManner::Block;
    Deadline deadline; ///< of Timed; valid

    static Patience endless() { return {}; }
    static Patience none() { return {sync::HomeManner::Try, {}}; }
    static Patience until(const Deadline &deadline) { return {sync::HomeManner::Timed, deadline}; }
};

/// What an object's last init has written into it; zeros are right for a zeroed one.
struct Birth {
    std::uint64_t incarnation; ///< differs from init to init (H9)
    std::uint32_t initial;     ///< value or count
};

class HomeObjects final : public RecordService {
public:
    HomeObjects(Node &node, Engine &engine, const Synchronisation &sync);

    // All return pthread's codes. The object stands in the segment; any thread may call.

    /// EDEADLK, EBUSY (no patience), ETIMEDOUT, ENOMEM.
    int rwlock_read(LockId id, const Patience &patience);
    int rwlock_write(LockId id, const Patience &patience);
    /// EPERM.
    int rwlock_unlock(LockId id);
    /// EBUSY.
    int rwlock_destroy(LockId id);

    // All that take a Birth: EBUSY when threads wait for the object as it was before its last init.

    /// EAGAIN (no patience), ETIMEDOUT, ENOMEM.
    int semaphore_take(LockId id, const Birth &birth, const Patience &patience);
    /// EOVERFLOW.
    int semaphore_put(LockId id, const Birth &birth);
    int semaphore_value(LockId id, const Birth &birth, int &value);
    int semaphore_destroy(LockId id, const Birth &birth);

    /// EINVAL: the count is lower.
    int latch_count_down(LockId id, const Birth &birth, unsigned arrivals);
    /// EAGAIN (no patience), ETIMEDOUT, ENOMEM.
    int latch_wait(LockId id, const Birth &birth, const Patience &patience);
    /// EINVAL: the count is 0. ENOMEM.
    int latch_arrive_and_wait(LockId id, const Birth &birth);

    /// Waits until it is done, or until it is this thread's turn: then `runs`, and once_end() must be called. EDEADLK,
    /// ENOMEM.
    int once_begin(LockId id, bool &runs);
    void once_end(LockId id, bool is_done);

    /// A number that no other init of the job has got; not 0.
    std::uint64_t next_incarnation();

    void on_record(std::int32_t from_rank, std::span<const std::byte> record) override;
    /// Prints what is known of a subject that is waited for here; false when it is another part's.
    bool describe(const WaitSubject &subject);

private:
    class Executor;
    /// A call as its thread makes it.
    struct Call {
        sync::HomeObjectKind object;
        sync::HomeOperation operation;
        LockId id;
        Birth birth{};
        std::uint32_t number = 0;
        bool reads = false;
    };

    sync::HomeEnd ask(const Call &call, const Patience &patience = Patience::endless());
    int ask_for_code(const Call &call, int refusal, const Patience &patience = Patience::endless());
    void await_end(const WaitSubject &subject, const sync::HomeMessage &request, const Patience &patience);
    void tell_home(const sync::HomeMessage &message);
    void step(const sync::HomeMessage &message, Executor &effects);
    void post(Rank to, const sync::HomeMessage &message);
    void note_once_done(LockId id);
    sync::HomeCall &call_of(sync::WaitSlot slot) { return memory_.home_calls[slot.value]; }
    NodeId self_node() const { return node_.topology->self_node(); }

    Node &node_;
    Engine &engine_;
    const Synchronisation &sync_;
    SyncMemory &memory_;
    SyncTable &table_;
    std::atomic<std::uint64_t> incarnations_{0};
};

} // namespace dsm::rt
