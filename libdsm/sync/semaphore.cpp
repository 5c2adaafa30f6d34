// Units and who waits for them. Invariants: docs/synchronisation.md.
#include "libdsm/sync/semaphore.hpp"

#include "libdsm/base/check.hpp"

namespace dsm::sync {

namespace {

class SemaphoreStep : HomeStep {
public:
    SemaphoreStep(SemaphoreState &state, const HomeContext &context, HomeEffects &effects) noexcept
        : HomeStep(HomeObjectKind::Semaphore, state.queue, context, effects), state_(state) {}

    void on_request(const HomeMessage &request);
    using HomeStep::on_cancel;

private:
    void on_take(const HomeMessage &request);
    void on_put(const HomeMessage &request);

    SemaphoreState &state_;
};

void SemaphoreStep::on_take(const HomeMessage &request) {
    if (state_.value == 0) {
        queue_or_refuse(request);
        return;
    }
    --state_.value;
    answer(request.waiter, HomeResult::Granted);
}

void SemaphoreStep::on_put(const HomeMessage &request) {
    if (state_.value == semaphore_value_max) {
        answer(request.waiter, HomeResult::Overflow);
        return;
    }
    answer(request.waiter, HomeResult::Granted);
    const bool waited_for = !queue().empty();
    if (waited_for) { answer(pop().waiter, HomeResult::Granted); }
    if (!waited_for || planted(HomeMutation::PostCountsAndWakes)) { ++state_.value; }
}

void SemaphoreStep::on_request(const HomeMessage &request) {
    if (!is_of_this_incarnation(request, state_.incarnation, state_.value)) {
        answer(request.waiter, HomeResult::InUse);
        return;
    }
    switch (request.operation) {
    case HomeOperation::TakeUnit:
        on_take(request);
        break;
    case HomeOperation::PutUnit:
        on_put(request);
        break;
    case HomeOperation::ReadValue:
        answer(request.waiter, HomeResult::Granted, state_.value);
        break;
    case HomeOperation::Query:
        answer(request.waiter, queue().empty() ? HomeResult::Granted : HomeResult::Refused);
        break;
    case HomeOperation::Read:
    case HomeOperation::Write:
    case HomeOperation::Unlock:
    case HomeOperation::CountDown:
    case HomeOperation::AwaitZero:
    case HomeOperation::ArriveAndWait:
    case HomeOperation::Begin:
    case HomeOperation::Finish:
    case HomeOperation::Fail:
        impossible_at_home(request);
    }
}

} // namespace

void step(SemaphoreState &state, const HomeContext &context, HomeEffects &effects, const HomeMessage &message) {
    dispatch(SemaphoreStep(state, context, effects), message);
    DSM_CHECK(state.value == 0 || state.queue.empty() || context.mutation != HomeMutation::None,
              "H10 nobody waits for a unit that is there", context.id.value);
}

} // namespace dsm::sync
