// What can happen in a small job of locks, and what it does.
#include "tests/model/lock_model.hpp"

#include <algorithm>

namespace dsm::model {
using namespace dsm::sync;

namespace {

const char *name_of(LockMessageKind kind) {
    switch (kind) {
    case LockMessageKind::Request:
        return "Request";
    case LockMessageKind::Token:
        return "Token";
    case LockMessageKind::TryRequest:
        return "TryRequest";
    case LockMessageKind::TryGrant:
        return "TryGrant";
    case LockMessageKind::TryBusy:
        return "TryBusy";
    case LockMessageKind::Return:
        return "Return";
    case LockMessageKind::ReturnAck:
        return "ReturnAck";
    case LockMessageKind::Kept:
        return "Kept";
    case LockMessageKind::TryAhead:
        return "TryAhead";
    case LockMessageKind::TryLater:
        return "TryLater";
    }
    return "?";
}

const char *name_of(LockNodeEvent event) {
    switch (event) {
    case LockNodeEvent::Deliver:
        return "receives a message";
    case LockNodeEvent::StartLock:
        return "locks";
    case LockNodeEvent::StartTimed:
        return "locks with a time limit";
    case LockNodeEvent::StartTry:
        return "tries";
    case LockNodeEvent::GoOn:
        return "goes on";
    case LockNodeEvent::GiveUp:
        return "gives up";
    case LockNodeEvent::Relock:
        return "locks again";
    case LockNodeEvent::Unlock:
        return "unlocks";
    case LockNodeEvent::NoteUse:
        return "";
    }
    return "?";
}

const char *name_of(LockOutcome outcome) {
    switch (outcome) {
    case LockOutcome::None:
        return "";
    case LockOutcome::Acquired:
        return ": has it";
    case LockOutcome::Wait:
        return ": waits";
    case LockOutcome::Busy:
        return ": busy";
    case LockOutcome::Deadlock:
        return ": deadlock";
    case LockOutcome::TimedOut:
        return ": timed out";
    case LockOutcome::Released:
        return ": released";
    case LockOutcome::NotOwner:
        return ": not the owner";
    case LockOutcome::StillHeld:
        return ": still held";
    case LockOutcome::TooDeep:
        return ": too deep";
    }
    return "?";
}

} // namespace

void LockTally::add(const LockTally &other) {
    step_uses.resize(std::max(step_uses.size(), other.step_uses.size()));
    for (std::size_t i = 0; i < other.step_uses.size(); ++i) { step_uses[i] += other.step_uses[i]; }
    for (std::size_t i = 0; i < invariants.size(); ++i) { invariants[i] += other.invariants[i]; }
    letters_most = std::max(letters_most, other.letters_most);
}

LockJobState LockModel::initial() {
    State state{};
    for (unsigned index = 0; index < options_.rules.nodes; ++index) { state.nodes[index] = machine_.first_node(); }
    state.timed_left = static_cast<std::uint8_t>(options_.timed);
    state.tries_left = static_cast<std::uint8_t>(options_.tries);
    state.relocks_left = static_cast<std::uint8_t>(options_.relocks);
    return state;
}

void LockModel::thread_actions(const State &state, unsigned index, unsigned thread, ActionList &list) const {
    const LockThread &who = node(state, index).threads[thread];
    const auto add = [&](LockNodeEvent event, unsigned lock) {
        list.add(LockAction{event, index, thread, lock, 0}.packed());
    };
    if (who.call != LockCall::None) {
        if (who.is_woken) { add(LockNodeEvent::GoOn, 0); }
        if (who.call == LockCall::TimedLock) { add(LockNodeEvent::GiveUp, 0); }
        return;
    }
    for (unsigned lock = 0; lock < options_.rules.locks; ++lock) {
        if ((who.holds >> lock & 1) != 0) {
            add(LockNodeEvent::Unlock, lock);
            if (state.relocks_left > 0) { add(LockNodeEvent::Relock, lock); }
        } else if (who.uses_left > 0 && (who.holds >> lock) == 0) { // In rising order alone.
            add(LockNodeEvent::StartLock, lock);
            if (state.timed_left > 0) { add(LockNodeEvent::StartTimed, lock); }
            if (state.tries_left > 0) { add(LockNodeEvent::StartTry, lock); }
        }
    }
}

void LockModel::actions(const State &state, ActionList &list) const {
    for (unsigned i = 0; i < state.letter_count; ++i) {
        if (i > 0 && state.letters[i] == state.letters[i - 1]) { continue; } // Of equal letters one is enough.
        list.add(LockAction{LockNodeEvent::Deliver, machine_.letter(state.letters[i]).to, 0, 0, i}.packed());
    }
    for (unsigned index = 0; index < options_.rules.nodes; ++index) {
        for (unsigned thread = 0; thread < options_.rules.threads_per_node; ++thread) {
            thread_actions(state, index, thread, list);
        }
    }
}

/// An unlock comes by itself: no program holds a lock for ever.
bool LockModel::happens_by_itself(std::uint32_t action) const {
    const LockNodeEvent event = LockAction::unpacked(action).event;
    return event == LockNodeEvent::Deliver || event == LockNodeEvent::GoOn || event == LockNodeEvent::Unlock;
}

bool LockModel::is_quiet(const State &state) const {
    if (state.letter_count > 0) { return false; }
    for (unsigned index = 0; index < options_.rules.nodes; ++index) {
        for (const LockThread &who : node(state, index).threads) {
            if (who.call != LockCall::None || who.holds != 0) { return false; }
        }
    }
    return true;
}

const char *LockModel::step(State &state, LockAction action, std::uint32_t letter, Tally &tally, Chart *chart) {
    const std::uint32_t number =
        machine_.step(state.nodes[action.node], action.node, action.event, action.thread, action.lock, letter);
    const LockNodeStep &result = machine_.step_at(number);
    if (number >= tally.step_uses.size()) { tally.step_uses.resize(number * 2); }
    ++tally.step_uses[number];
    state.nodes[action.node] = result.to;
    for (unsigned i = 0; i < result.sends_count; ++i) {
        if (state.letter_count == lock_letters_max) { give_up("more messages under way than there is room for"); }
        state.letters[state.letter_count++] = result.sends[i];
    }
    tally.letters_most = std::max<unsigned>(tally.letters_most, state.letter_count);
    if (chart == nullptr || action.event == LockNodeEvent::NoteUse) { return result.failure; }
    if (action.event != LockNodeEvent::Deliver) {
        chart->local(action.node,
                     "thread " + std::to_string(action.thread) + " " + name_of(action.event) + name_of(result.outcome));
    }
    for (unsigned i = 0; i < result.sends_count; ++i) {
        const LockLetterView &sent = machine_.letter(result.sends[i]);
        chart->local(action.node,
                     std::string("sends ") + name_of(sent.message.kind) + " to " + std::to_string(sent.to));
    }
    return result.failure;
}

const char *LockModel::run(State &state, LockAction action, Tally &tally, Chart *chart) {
    std::uint32_t letter = 0;
    switch (action.event) {
    case LockNodeEvent::Deliver: {
        letter = state.letters[action.place];
        std::copy(state.letters.begin() + action.place + 1, state.letters.end(), state.letters.begin() + action.place);
        state.letters.back() = 0;
        --state.letter_count;
        const LockLetterView &seen = machine_.letter(letter);
        if (chart != nullptr) { chart->arrow(seen.message.from.value, seen.to, name_of(seen.message.kind)); }
        break;
    }
    case LockNodeEvent::StartTimed:
        --state.timed_left;
        break;
    case LockNodeEvent::StartTry:
        --state.tries_left;
        if (is_in_use(state, action.lock)) { // At the moment of the call.
            step(state, {LockNodeEvent::NoteUse, action.node, action.thread, action.lock, 0}, 0, tally, chart);
        }
        break;
    case LockNodeEvent::Relock:
        --state.relocks_left;
        break;
    case LockNodeEvent::StartLock:
    case LockNodeEvent::GoOn:
    case LockNodeEvent::GiveUp:
    case LockNodeEvent::Unlock:
    case LockNodeEvent::NoteUse:
        break;
    }
    const char *failure = step(state, action, letter, tally, chart);
    note_uses(state, tally);
    std::sort(state.letters.begin(), state.letters.begin() + state.letter_count);
    return failure;
}

const char *LockModel::apply(State &state, std::uint32_t action, Tally &tally) {
    return run(state, LockAction::unpacked(action), tally, nullptr);
}

/// Tells threads that try a lock which is in use now.
void LockModel::note_uses(State &state, Tally &tally) {
    for (unsigned index = 0; index < options_.rules.nodes; ++index) {
        for (unsigned thread = 0; thread < options_.rules.threads_per_node; ++thread) {
            const LockThread &who = node(state, index).threads[thread];
            if (who.call != LockCall::Try || who.saw_use || !is_in_use(state, who.lock)) { continue; }
            step(state, {LockNodeEvent::NoteUse, index, thread, 0, 0}, 0, tally, nullptr);
        }
    }
}

std::string LockModel::chart(const std::vector<std::uint32_t> &path, bool runs_last) {
    Chart chart(options_.rules.nodes);
    Tally tally;
    State state = initial();
    for (std::size_t i = 0; i < path.size(); ++i) {
        const LockAction action = LockAction::unpacked(path[i]);
        if (i + 1 < path.size() || runs_last) {
            if (run(state, action, tally, &chart) != nullptr) { break; }
            continue;
        }
        if (action.event == LockNodeEvent::Deliver) {
            const LockLetterView &seen = machine_.letter(state.letters[action.place]);
            chart.arrow(seen.message.from.value, seen.to, name_of(seen.message.kind));
        } else {
            chart.local(action.node, "thread " + std::to_string(action.thread) + " " + name_of(action.event));
        }
        chart.local(action.node, "a check in the lock machine fails");
    }
    return chart.text();
}

} // namespace dsm::model
