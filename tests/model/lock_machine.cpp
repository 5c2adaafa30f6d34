// Steps of a node's locks, done once by the shipped machine.
#include "tests/model/lock_machine.hpp"

#include <vector>

namespace dsm::model {
using namespace dsm::sync;

namespace {
constexpr std::uint32_t nodes_parts_max = 1U << 20;
constexpr std::uint32_t letters_max = 1U << 16;
constexpr std::uint32_t steps_max = 1U << 23;
constexpr unsigned memo_bits = 24;
constexpr std::uint32_t relocks_max = 1;
} // namespace

class LockMachine::Effects final : public LockEffects {
public:
    Effects(LockNode &node, unsigned self, unsigned nodes) : node_(node), self_(self), nodes_(nodes) {}
    void send(NodeId to, const LockMessage &message) override {
        if (to.value == self_ || to.value >= nodes_) { return fail("a message to nobody"); }
        std::array<std::byte, sync_message_bytes_max> bytes{};
        LockLetter letter{};
        if (encode(message, bytes) > letter.record.size()) { give_up("a lock's message is longer than it was"); }
        std::copy_n(bytes.begin(), letter.record.size(), letter.record.begin());
        letter.to = static_cast<std::uint8_t>(to.value);
        sent.push_back(letter);
    }
    void wake(WaitSlot slot) override { node_.threads[slot.value].is_woken = true; }
    void fail(const char *what) {
        if (failure == nullptr) { failure = what; }
    }

    std::vector<LockLetter> sent;
    const char *failure = nullptr;

private:
    LockNode &node_;
    unsigned self_;
    unsigned nodes_;
};

LockMachine::LockMachine(const LockRules &rules)
    : rules_(rules), nodes_(nodes_parts_max), letters_(letters_max),
      views_(std::make_unique_for_overwrite<LockNode[]>(nodes_parts_max)),
      letter_views_(std::make_unique_for_overwrite<LockLetterView[]>(letters_max)),
      steps_(std::make_unique_for_overwrite<LockNodeStep[]>(steps_max)), step_numbers_(memo_bits) {}

std::uint32_t LockMachine::first_node() {
    LockNode node{};
    for (unsigned thread = 0; thread < rules_.threads_per_node; ++thread) {
        node.threads[thread].uses_left = static_cast<std::uint8_t>(rules_.uses);
    }
    return number_of(node);
}

LockContext LockMachine::context(LockNode &node, unsigned self, unsigned lock) const {
    return {.lock = LockId{lock},
            .self = NodeId{static_cast<std::uint16_t>(self)},
            .home = NodeId{static_cast<std::uint16_t>(lock % rules_.nodes)},
            .node_count = static_cast<std::uint16_t>(rules_.nodes),
            .records = node.records,
            .local_hand_overs_max = rules_.hand_overs_max,
            .barges_max = rules_.barges_max,
            .relocks_max = relocks_max,
            .mutation = rules_.mutation};
}

std::uint32_t LockMachine::number_of(const LockNode &node) {
    NodeBytes bytes{};
    std::memcpy(bytes.bytes.data(), &node, sizeof node);
    return nodes_.number_of(bytes, [&](std::uint32_t number) { views_[number] = node; });
}

std::uint32_t LockMachine::number_of(const LockLetter &letter) {
    return letters_.number_of(letter, [&](std::uint32_t number) {
        const auto message =
            decode_lock(std::span(letter.record).first(lock_message_bytes), static_cast<std::uint16_t>(rules_.nodes));
        if (!message) { give_up("a lock's message is malformed"); }
        letter_views_[number] = {*message, letter.to};
    });
}

std::uint32_t LockMachine::step(std::uint32_t node, unsigned self, LockNodeEvent event, unsigned thread, unsigned lock,
                                std::uint32_t letter) {
    const unsigned what = (static_cast<unsigned>(event) + 1) << 4 | self << 2 | thread << 1 | lock;
    const std::uint64_t key = std::uint64_t{node} << 24 | std::uint64_t{letter} << 8 | what;
    if (const std::uint32_t known = step_numbers_.find(key); known != 0) { return known; }
    const LockNodeStep result = compute(node, self, event, thread, lock, letter);
    const std::uint32_t number = steps_used_.fetch_add(1, std::memory_order_relaxed);
    if (number >= steps_max) { give_up("more different steps than the table holds"); }
    steps_[number] = result;
    step_numbers_.insert(key, number);
    return step_numbers_.find(key);
}

LockNodeStep LockMachine::compute(std::uint32_t from, unsigned self, LockNodeEvent event, unsigned thread,
                                  unsigned lock, std::uint32_t letter) {
    LockNode node;
    std::memcpy(&node, nodes_.at(from).bytes.data(), sizeof node);
    Effects effects(node, self, rules_.nodes);
    LockNodeStep result{};
    result.from = from;
    result.event = event;
    run(node, self, event, thread, lock, letter, effects, result);
    result.to = number_of(node);
    if (effects.sent.size() > result.sends.size()) { give_up("a step sends more messages than there is room for"); }
    for (const LockLetter &sent : effects.sent) {
        result.sends[result.sends_count++] = static_cast<std::uint16_t>(number_of(sent));
    }
    result.failure = effects.failure;
    return result;
}

void LockMachine::run(LockNode &node, unsigned self, LockNodeEvent event, unsigned thread, unsigned lock,
                      std::uint32_t letter, Effects &effects, LockNodeStep &result) {
    LockThread &who = node.threads[thread];
    const WaitSlot slot{thread};
    const LockOwner owner = owner_of(self, thread);
    const auto begin = [&](LockCall call_kind) {
        --who.uses_left;
        who.lock = static_cast<std::uint8_t>(lock);
        call(node, self, thread, call_kind, effects, result);
    };
    switch (event) {
    case LockNodeEvent::Deliver: {
        const LockMessage message = letter_views_[letter].message;
        LockState &state = node.locks[message.lock.value];
        result.kind = message.kind;
        result.phase = state.phase;
        sync::step(state, context(node, self, static_cast<unsigned>(message.lock.value)), effects,
                   {LockEventKind::Message, {}, {}, &message});
        return;
    }
    case LockNodeEvent::StartLock:
        return begin(LockCall::Lock);
    case LockNodeEvent::StartTimed:
        return begin(LockCall::TimedLock);
    case LockNodeEvent::StartTry:
        return begin(LockCall::Try);
    case LockNodeEvent::GoOn:
    case LockNodeEvent::GiveUp: {
        const bool gives_up = event == LockNodeEvent::GiveUp;
        const LockEventKind kind = gives_up                       ? LockEventKind::Abandon
                                   : who.call == LockCall::Try    ? LockEventKind::TryRetry
                                   : who.call == LockCall::Unlock ? LockEventKind::UnlockRetry
                                                                  : LockEventKind::Retry;
        who.is_woken = false;
        result.outcome =
            sync::step(node.locks[who.lock], context(node, self, who.lock), effects, {kind, slot, owner, nullptr});
        return end_call(node, thread, result.outcome, effects);
    }
    case LockNodeEvent::Relock: {
        result.outcome = sync::step(node.locks[lock], context(node, self, lock), effects,
                                    {LockEventKind::Relock, slot, owner, nullptr});
        const bool may = who.relocks[lock] < relocks_max;
        if (result.outcome != (may ? LockOutcome::Acquired : LockOutcome::TooDeep)) { effects.fail("L12 a relock"); }
        who.relocks[lock] = static_cast<std::uint8_t>(who.relocks[lock] + (may ? 1 : 0));
        return;
    }
    case LockNodeEvent::Unlock: {
        const bool was_relocked = who.relocks[lock] > 0;
        who.lock = static_cast<std::uint8_t>(lock);
        result.outcome = LockOutcome::Released;
        if (!unlock_fast(node.locks[lock], owner)) {
            result.outcome = sync::step(node.locks[lock], context(node, self, lock), effects,
                                        {LockEventKind::Unlock, slot, owner, nullptr});
        }
        if (was_relocked) {
            --who.relocks[lock];
            who.lock = 0;
            if (result.outcome != LockOutcome::StillHeld) { effects.fail("L12 a lock is let go early"); }
            return;
        }
        who.holds = static_cast<std::uint8_t>(who.holds & ~(1U << lock));
        who.call = LockCall::Unlock;
        return end_call(node, thread, result.outcome, effects);
    }
    case LockNodeEvent::NoteUse:
        who.saw_use = true;
        return;
    }
}

/// A thread calls lock, timed lock or try: the fast path if it goes, else the machine.
void LockMachine::call(LockNode &node, unsigned self, unsigned thread, LockCall call, Effects &effects,
                       LockNodeStep &result) {
    LockThread &who = node.threads[thread];
    const LockOwner owner = owner_of(self, thread);
    who.call = call;
    who.is_woken = false;
    result.outcome = LockOutcome::Acquired;
    if (!lock_fast(node.locks[who.lock], owner)) {
        const LockEventKind kind = call == LockCall::Lock        ? LockEventKind::Lock
                                   : call == LockCall::TimedLock ? LockEventKind::TimedLock
                                                                 : LockEventKind::Try;
        result.outcome = sync::step(node.locks[who.lock], context(node, self, who.lock), effects,
                                    {kind, WaitSlot{thread}, owner, nullptr});
    }
    end_call(node, thread, result.outcome, effects);
}

void LockMachine::end_call(LockNode &node, unsigned thread, LockOutcome outcome, Effects &effects) const {
    LockThread &who = node.threads[thread];
    const bool unlocks = who.call == LockCall::Unlock;
    switch (outcome) {
    case LockOutcome::Wait:
        return;
    case LockOutcome::Acquired:
        if (unlocks) { effects.fail("an unlock gives the lock"); }
        who.holds = static_cast<std::uint8_t>(who.holds | 1U << who.lock);
        break;
    case LockOutcome::Released:
        if (!unlocks) { effects.fail("a call of lock releases"); }
        break;
    case LockOutcome::TimedOut:
        if (who.call != LockCall::TimedLock) { effects.fail("who has no time limit gives up"); }
        break;
    case LockOutcome::Busy:
        if (who.call != LockCall::Try) { effects.fail("a call that is no try is refused"); }
        if (!who.saw_use) { effects.fail("L11 a try is refused, and nobody used the lock"); }
        break;
    case LockOutcome::None:
    case LockOutcome::Deadlock:
    case LockOutcome::NotOwner:
    case LockOutcome::StillHeld:
    case LockOutcome::TooDeep:
        effects.fail(unlocks ? "an unlock is refused" : "a lock is refused");
    }
    who.call = LockCall::None;
    who.lock = 0;
    who.is_woken = false;
    who.saw_use = false;
}

} // namespace dsm::model
