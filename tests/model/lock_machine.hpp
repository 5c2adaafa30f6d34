// The shipped lock machine as an explorer steps it: all that one node has of the locks, with its threads, is one part
// of a state, known by a number; a step is looked up once it has been done.
#pragma once

#include "libdsm/sync/lock_token.hpp"
#include "libdsm/sync/sync_wire.hpp"
#include "tests/model/interned.hpp"

#include <array>

namespace dsm::model {

constexpr unsigned locks_max = 2;
constexpr unsigned lock_nodes_max = 4;
constexpr unsigned lock_threads_max = 2; ///< of one node

/// The call that a thread is in.
enum class LockCall : std::uint8_t { None, Lock, TimedLock, Try, Unlock };

struct LockThread {
    std::uint8_t uses_left; ///< locks or tries that it may still begin
    LockCall call;
    std::uint8_t lock; ///< of the call
    bool is_woken;
    std::uint8_t holds;                          ///< bits of locks
    std::array<std::uint8_t, locks_max> relocks; ///< owed, beyond the one unlock
    bool saw_use; ///< while it tries: the lock was in use at some moment of its call (L11)
};

struct LockNode {
    std::array<sync::LockState, locks_max> locks;
    std::array<sync::WaitRecord, lock_threads_max> records;
    std::array<LockThread, lock_threads_max> threads;
};

enum class LockNodeEvent : std::uint8_t {
    Deliver,
    StartLock,
    StartTimed,
    StartTry,
    GoOn,   ///< a thread that was woken
    GiveUp, ///< the time limit of a thread that waits is reached
    Relock,
    Unlock,
    NoteUse, ///< not the machine's: see LockThread::saw_use
};

struct LockLetter {
    std::array<std::byte, 24> record; ///< as it travels
    std::uint8_t to;
    std::array<std::uint8_t, 7> reserved;
};
struct LockLetterView {
    sync::LockMessage message;
    std::uint8_t to;
};

struct LockNodeStep {
    std::uint32_t from, to;
    LockNodeEvent event;
    std::uint8_t sends_count;
    std::array<std::uint16_t, 6> sends;
    sync::LockOutcome outcome;
    sync::LockMessageKind kind; ///< Deliver
    sync::TokenPhase phase;     ///< Deliver: in which it met the node
    const char *failure;
};

struct LockRules {
    unsigned nodes = 2;
    unsigned threads_per_node = 1;
    unsigned locks = 1;
    unsigned uses = 2; ///< of each thread
    std::uint16_t hand_overs_max = 1;
    std::uint16_t barges_max = 1;
    sync::LockMutation mutation = sync::LockMutation::None;
};

class LockMachine {
public:
    explicit LockMachine(const LockRules &rules);

    std::uint32_t first_node();
    std::uint32_t step(std::uint32_t node, unsigned self, LockNodeEvent event, unsigned thread, unsigned lock,
                       std::uint32_t letter = 0);
    const LockNodeStep &step_at(std::uint32_t number) const { return steps_[number]; }
    std::uint32_t steps_end() const { return steps_used_.load(std::memory_order_relaxed); }
    const LockNode &node(std::uint32_t number) const { return views_[number]; }
    const LockLetterView &letter(std::uint32_t number) const { return letter_views_[number]; }
    std::uint32_t nodes_end() const { return nodes_.end(); }

private:
    class Effects;
    struct NodeBytes {
        std::array<std::byte, sizeof(LockNode)> bytes;
    };
    LockNodeStep compute(std::uint32_t from, unsigned self, LockNodeEvent event, unsigned thread, unsigned lock,
                         std::uint32_t letter);
    void run(LockNode &node, unsigned self, LockNodeEvent event, unsigned thread, unsigned lock, std::uint32_t letter,
             Effects &effects, LockNodeStep &result);
    void call(LockNode &node, unsigned self, unsigned thread, LockCall call, Effects &effects, LockNodeStep &result);
    void end_call(LockNode &node, unsigned thread, sync::LockOutcome outcome, Effects &effects) const;
    std::uint32_t number_of(const LockNode &node);
    std::uint32_t number_of(const LockLetter &letter);
    sync::LockContext context(LockNode &node, unsigned self, unsigned lock) const;

    LockRules rules_;
    InternTable<NodeBytes> nodes_;
    InternTable<LockLetter> letters_;
    std::unique_ptr<LockNode[]> views_;
    std::unique_ptr<LockLetterView[]> letter_views_;
    std::unique_ptr<LockNodeStep[]> steps_;
    std::atomic<std::uint32_t> steps_used_ = 1;
    MemoTable step_numbers_;
};

/// The threads' owner numbers: node and thread.
inline sync::LockOwner owner_of(unsigned node, unsigned thread) {
    return sync::lock_owner(Rank{static_cast<std::int32_t>(node)}, thread + 1);
}

} // namespace dsm::model
