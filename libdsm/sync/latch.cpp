// The count of a latch. Invariants: docs/synchronisation.md.
#include "libdsm/sync/latch.hpp"

#include "libdsm/base/check.hpp"

namespace dsm::sync {

namespace {

class LatchStep : HomeStep {
public:
    LatchStep(LatchState &state, const HomeContext &context, HomeEffects &effects) noexcept
        : HomeStep(HomeObjectKind::Latch, state.queue, context, effects), state_(state) {}

    void on_request(const HomeMessage &request);
    using HomeStep::on_cancel;

private:
    void on_count_down(const HomeMessage &request);
    void on_wait(const HomeMessage &request);
    void on_arrive_and_wait(const HomeMessage &request);
    void count_down(std::uint32_t arrivals);

    LatchState &state_;
};

/// H11: at 0 everybody goes.
void LatchStep::count_down(std::uint32_t arrivals) {
    state_.count -= arrivals;
    if (state_.count != 0) { return; }
    while (!queue().empty()) {
        const HomeRecord record = pop();
        if (queue().empty() && planted(HomeMutation::LatchForgetsLast)) { return; }
        answer(record.waiter, HomeResult::Granted);
    }
}

void LatchStep::on_count_down(const HomeMessage &request) {
    if (request.number > state_.count) {
        answer(request.waiter, HomeResult::BadCount);
        return;
    }
    answer(request.waiter, HomeResult::Granted);
    if (request.number != 0) { count_down(request.number); }
}

void LatchStep::on_wait(const HomeMessage &request) {
    if (state_.count == 0) {
        answer(request.waiter, HomeResult::Granted);
    } else {
        queue_or_refuse(request);
    }
}

void LatchStep::on_arrive_and_wait(const HomeMessage &request) {
    if (state_.count == 0) {
        answer(request.waiter, HomeResult::BadCount);
    } else if (state_.count == 1) {
        answer(request.waiter, HomeResult::Granted);
        count_down(1);
    } else if (queue_or_refuse(request)) {
        count_down(1);
    }
}

void LatchStep::on_request(const HomeMessage &request) {
    if (!is_of_this_incarnation(request, state_.incarnation, state_.count)) {
        answer(request.waiter, HomeResult::InUse);
        return;
    }
    switch (request.operation) {
    case HomeOperation::CountDown:
        on_count_down(request);
        break;
    case HomeOperation::AwaitZero:
        on_wait(request);
        break;
    case HomeOperation::ArriveAndWait:
        on_arrive_and_wait(request);
        break;
    case HomeOperation::Query:
    case HomeOperation::Read:
    case HomeOperation::Write:
    case HomeOperation::Unlock:
    case HomeOperation::TakeUnit:
    case HomeOperation::PutUnit:
    case HomeOperation::ReadValue:
    case HomeOperation::Begin:
    case HomeOperation::Finish:
    case HomeOperation::Fail:
        impossible_at_home(request);
    }
}

} // namespace

void step(LatchState &state, const HomeContext &context, HomeEffects &effects, const HomeMessage &message) {
    dispatch(LatchStep(state, context, effects), message);
    DSM_CHECK(state.count != 0 || state.queue.empty() || context.mutation != HomeMutation::None,
              "H11 nobody waits at an open latch", context.id.value);
}

} // namespace dsm::sync
