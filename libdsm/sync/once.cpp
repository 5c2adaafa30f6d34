// Who runs the function. Invariants: docs/synchronisation.md.
#include "libdsm/sync/once.hpp"

#include "libdsm/base/check.hpp"

#include <atomic>

namespace dsm::sync {

namespace {

constexpr LockOwner nobody{0};

class OnceStep : HomeStep {
public:
    OnceStep(OnceState &state, const HomeContext &context, HomeEffects &effects) noexcept
        : HomeStep(HomeObjectKind::Once, state.queue, context, effects), state_(state) {}

    void on_request(const HomeMessage &request);
    /// Nobody waits for a once with a time limit.
    [[noreturn]] void on_cancel(const HomeMessage &cancel) { impossible_at_home(cancel); }

private:
    void on_begin(const HomeMessage &request);
    void on_finish(const HomeMessage &request);
    void on_fail(const HomeMessage &request);

    OnceState &state_;
};

void OnceStep::on_begin(const HomeMessage &request) {
    if (is_known_done(state_)) {
        answer(request.waiter, HomeResult::Granted);
    } else if (state_.runner == request.owner) {
        answer(request.waiter, HomeResult::Deadlock);
    } else if (state_.runner == nobody || planted(HomeMutation::OnceRunsTwice)) {
        state_.runner = request.owner;
        answer(request.waiter, HomeResult::Run);
    } else {
        queue_or_refuse(request);
    }
}

/// Who does not run it any more (the memory was freed meanwhile) changes nothing.
void OnceStep::on_finish(const HomeMessage &request) {
    if (state_.runner != request.owner) {
        answer(request.waiter, HomeResult::NotOwner);
        return;
    }
    state_.runner = nobody;
    note_done(state_);
    answer(request.waiter, HomeResult::Granted);
    while (!queue().empty()) { answer(pop().waiter, HomeResult::Granted); }
}

/// The longest waiting thread runs its own function.
void OnceStep::on_fail(const HomeMessage &request) {
    if (state_.runner != request.owner) {
        answer(request.waiter, HomeResult::NotOwner);
        return;
    }
    state_.runner = nobody;
    answer(request.waiter, HomeResult::Granted);
    if (queue().empty() || planted(HomeMutation::FailureLeavesWaiters)) { return; }
    const HomeRecord next = pop();
    state_.runner = next.owner;
    answer(next.waiter, HomeResult::Run);
}

void OnceStep::on_request(const HomeMessage &request) {
    switch (request.operation) {
    case HomeOperation::Begin:
        on_begin(request);
        break;
    case HomeOperation::Finish:
        on_finish(request);
        break;
    case HomeOperation::Fail:
        on_fail(request);
        break;
    case HomeOperation::Query:
    case HomeOperation::Read:
    case HomeOperation::Write:
    case HomeOperation::Unlock:
    case HomeOperation::TakeUnit:
    case HomeOperation::PutUnit:
    case HomeOperation::ReadValue:
    case HomeOperation::CountDown:
    case HomeOperation::AwaitZero:
    case HomeOperation::ArriveAndWait:
        impossible_at_home(request);
    }
}

} // namespace

void step(OnceState &state, const HomeContext &context, HomeEffects &effects, const HomeMessage &message) {
    dispatch(OnceStep(state, context, effects), message);
    DSM_CHECK(state.runner != nobody || state.queue.empty() || context.mutation != HomeMutation::None,
              "H12 who waits for a once waits for its runner", context.id.value);
}

bool is_known_done(OnceState &state) noexcept {
    return std::atomic_ref(state.done).load(std::memory_order_acquire) != 0;
}

void note_done(OnceState &state) noexcept { std::atomic_ref(state.done).store(1, std::memory_order_release); }

} // namespace dsm::sync
