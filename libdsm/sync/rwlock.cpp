// Who may read and who may write. Invariants: docs/synchronisation.md.
#include "libdsm/sync/rwlock.hpp"

#include "libdsm/base/check.hpp"

namespace dsm::sync {

namespace {

constexpr LockOwner nobody{0};

class RwlockStep : HomeStep {
public:
    RwlockStep(RwlockState &state, const HomeContext &context, HomeEffects &effects) noexcept
        : HomeStep(HomeObjectKind::Rwlock, state.queue, context, effects), state_(state) {}

    void on_request(const HomeMessage &request);
    void on_cancel(const HomeMessage &cancel);

private:
    void on_read(const HomeMessage &request);
    void on_write(const HomeMessage &request);
    void on_unlock(const HomeMessage &request);
    bool is_held() const noexcept { return state_.writer != nobody || state_.readers != 0; }
    void serve();

    RwlockState &state_;
};

/// H7: a newcomer does not pass who waits. Only who reads already does, or it would wait for a writer that waits for
/// it.
void RwlockStep::on_read(const HomeMessage &request) {
    const bool is_ours = state_.writer == request.owner;
    if (is_ours && request.manner != HomeManner::Try) {
        answer(request.waiter, HomeResult::Deadlock);
        return;
    }
    const bool reads_again = request.reads && state_.readers != 0;
    const bool may_enter = queue().empty() || reads_again || planted(HomeMutation::ReaderPassesWriter);
    if (state_.writer == nobody && may_enter) {
        ++state_.readers;
        answer(request.waiter, HomeResult::Granted);
        return;
    }
    queue_or_refuse(request);
}

/// A reader with a time limit may wait to write: the limit resolves it.
void RwlockStep::on_write(const HomeMessage &request) {
    const bool is_ours = state_.writer == request.owner && request.manner != HomeManner::Try;
    const bool waits_for_itself = request.reads && state_.readers != 0 && request.manner == HomeManner::Block;
    if (is_ours || waits_for_itself) {
        answer(request.waiter, HomeResult::Deadlock);
        return;
    }
    const bool joins = planted(HomeMutation::WriterJoinsReaders) && state_.writer == nobody;
    if ((!is_held() && queue().empty()) || joins) {
        state_.writer = request.owner;
        answer(request.waiter, HomeResult::Granted);
        return;
    }
    queue_or_refuse(request);
}

void RwlockStep::on_unlock(const HomeMessage &request) {
    const bool writes = state_.writer == request.owner;
    const bool reads = state_.writer == nobody && state_.readers != 0 && request.reads;
    if (!writes && !reads) {
        answer(request.waiter, HomeResult::NotOwner);
        return;
    }
    if (writes) { state_.writer = nobody; }
    if (reads) { --state_.readers; }
    answer(request.waiter, HomeResult::Granted);
    if (!(reads && planted(HomeMutation::LastReaderServesNone))) { serve(); }
}

/// H8: lets in from the front whoever may enter, so that a lock that could be had is never waited for.
void RwlockStep::serve() {
    while (!queue().empty()) {
        const bool reads = front().operation == HomeOperation::Read;
        if (state_.writer != nobody || (!reads && state_.readers != 0)) { return; }
        const HomeRecord next = pop();
        if (reads) {
            ++state_.readers;
        } else {
            state_.writer = next.owner;
        }
        answer(next.waiter, HomeResult::Granted);
    }
}

/// Readers may stand behind the writer that gives up.
void RwlockStep::on_cancel(const HomeMessage &cancel) {
    HomeStep::on_cancel(cancel);
    if (!planted(HomeMutation::CancelServesNone)) { serve(); }
}

void RwlockStep::on_request(const HomeMessage &request) {
    switch (request.operation) {
    case HomeOperation::Read:
        on_read(request);
        break;
    case HomeOperation::Write:
        on_write(request);
        break;
    case HomeOperation::Unlock:
        on_unlock(request);
        break;
    case HomeOperation::Query:
        answer(request.waiter, is_held() || !queue().empty() ? HomeResult::Refused : HomeResult::Granted);
        break;
    case HomeOperation::TakeUnit:
    case HomeOperation::PutUnit:
    case HomeOperation::ReadValue:
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

void step(RwlockState &state, const HomeContext &context, HomeEffects &effects, const HomeMessage &message) {
    dispatch(RwlockStep(state, context, effects), message);
    DSM_CHECK(state.writer == nobody || state.readers == 0 || context.mutation != HomeMutation::None,
              "H6 many readers or one writer", context.id.value);
}

} // namespace dsm::sync
