// Events to steps, and what all steps share.
#include "libdsm/protocol/release/release_step.hpp"

namespace dsm::protocol {

ReleaseStep::ReleaseStep(const ReleaseProtocol &protocol, ReleasePageState &state, const PageContext &context,
                         ReleaseEffects &effects) noexcept
    : protocol_(protocol), state_(state), context_(context), effects_(effects), pool_(protocol.pool_) {
    if (is(ReleaseFlag::Started)) { return; }
    set(ReleaseFlag::Started);
    state_.home = context.home;
    state_.last_writer = no_node;
    if (context.self != context.home) { return; }
    set(ReleaseFlag::Home);
    set(ReleaseFlag::Zero);
    set(ReleaseFlag::Valid);
    if (context.first_touch) { set(ReleaseFlag::Untouched); }
}

void ReleaseStep::enter(Access access) { state_.access = access; }

void ReleaseStep::lower(Access access) {
    if (state_.access <= access) { return; }
    effects_.restrict_access(access);
    enter(access);
}

void ReleaseStep::raise(Access access) {
    if (state_.access < access) { enter(access); }
    if (writes_unseen()) { forget_versions(); }
    effects_.grant_access(state_.access);
}

void ReleaseStep::drop_twin() {
    clear(ReleaseFlag::Twin);
    if (writes_unseen()) { forget_versions(); }
    effects_.drop_twin();
}

void ReleaseStep::list() {
    if (is(ReleaseFlag::Listed)) { return; }
    set(ReleaseFlag::Listed);
    effects_.list();
}

/// A page is bound to a lock only while every write that is seen is made under that lock.
void ReleaseStep::note_lock(std::uint64_t lock) {
    if (lock == state_.lock) { return; }
    state_.lock = lock;
    state_.lock_streak = 0;
    clear(ReleaseFlag::Bound);
}

ReleaseMessage ReleaseStep::message_of(ReleaseMessageKind kind) const {
    ReleaseMessage message{};
    message.kind = kind;
    message.from = context_.self;
    message.epoch = state_.epoch;
    message.page = context_.page;
    return message;
}

/// Of the home: counted, so that an Update that is older than something else is known for it (R14).
ReleaseMessage ReleaseStep::answer_of(ReleaseMessageKind kind) {
    ReleaseMessage message = message_of(kind);
    const ReleaseLimits &limits = protocol_.limits_;
    if (limits.push_streak == ReleaseLimits::never && limits.lines_max == 0) { return message; }
    if (++state_.serial == 0) { ++state_.serial; }
    message.serial = state_.serial;
    return message;
}

/// What the home answers tells where it is. A late answer must not lead back (R2).
void ReleaseStep::learn(const ReleaseMessage &message) {
    if (is(ReleaseFlag::Home)) { return; }
    if (message.epoch == state_.epoch && is_later(message.serial, state_.serial)) { state_.serial = message.serial; }
    if (message.epoch <= state_.epoch && !mutates(ReleaseMutation::HintGoesBack)) { return; }
    if (message.from == context_.self) { return; }
    state_.epoch = message.epoch;
    state_.home = message.from;
    state_.serial = message.serial;
    if (!mutates(ReleaseMutation::VersionOutlivesHome)) { state_.version = 0; }
}

bool ReleaseStep::on_message(const ReleaseMessage &message) {
    switch (message.kind) {
    case ReleaseMessageKind::Fetch:
        on_fetch(message);
        return false;
    case ReleaseMessageKind::Data:
        on_data(message);
        return false;
    case ReleaseMessageKind::Flush:
        return on_flush(message);
    case ReleaseMessageKind::FlushAck:
        on_flush_ack(message);
        return true;
    case ReleaseMessageKind::Home:
        return on_home(message);
    case ReleaseMessageKind::Update:
        on_update(message);
        return false;
    }
    return false;
}

// ---- The interface ----

void ReleaseProtocol::on_fault(ReleasePageState &state, const PageContext &context, const ReleaseWish &wish,
                               ReleaseEffects &effects) const {
    ReleaseStep(*this, state, context, effects).on_fault(wish);
}

Install ReleaseProtocol::install_of(const ReleasePageState &state, const ReleaseMessage &message) const {
    if (message.kind == ReleaseMessageKind::Update) {
        if (!takes(state, message)) { return Install::Nothing; }
        return has(state, ReleaseFlag::Twin) ? Install::MergeTwin : Install::MergeMapped;
    }
    const bool is_late = message.kind == ReleaseMessageKind::Data &&
                         (!has(state, ReleaseFlag::Fetching) || has(state, ReleaseFlag::Killed) || is_home(state));
    if (is_late) { return Install::Nothing; }
    const bool overwrites = mutation_ == ReleaseMutation::MergeOverwrites;
    if (has(state, ReleaseFlag::Twin) && !overwrites) { return Install::MergeTwin; }
    return has(state, ReleaseFlag::Valid) && !overwrites ? Install::MergeMapped : Install::Overwrite;
}

bool ReleaseProtocol::must_wait(const ReleasePageState &state, const ReleaseMessage &message) const {
    if (message.kind != ReleaseMessageKind::Home) { return false; }
    if (message.reason == HomeReason::Flush) { return state.flush_parts > 1; } // The other parts are acknowledged.
    if (message.reason != HomeReason::Lock) { return false; }
    const bool is_fetching = has(state, ReleaseFlag::Fetching) && mutation_ != ReleaseMutation::HomeDuringFetch;
    const bool is_flushing = state.flush_parts != state.parts_back && mutation_ != ReleaseMutation::HomeDuringFlush;
    return is_fetching || is_flushing;
}

bool ReleaseProtocol::on_message(ReleasePageState &state, const PageContext &context, const ReleaseMessage &message,
                                 ReleaseEffects &effects) const {
    return ReleaseStep(*this, state, context, effects).on_message(message);
}

bool ReleaseProtocol::takes(ReleasePageState state, const ReleaseMessage &update) const {
    if (mutation_ == ReleaseMutation::UpdateGoesBack) { state.serial = update.serial - 1; }
    if (mutation_ == ReleaseMutation::UpdateUnderWrites) {
        state.flags = static_cast<std::uint16_t>(state.flags & ~static_cast<unsigned>(ReleaseFlag::Flushing));
    }
    if (mutation_ == ReleaseMutation::LinesAcrossGap && state.version != 0) { state.version = update.serial; }
    return takes_update(state, update);
}

void ReleaseProtocol::on_notice(ReleasePageState &state, const PageContext &context, const PageNotice &notice,
                                ReleaseEffects &effects) const {
    if (!has(state, ReleaseFlag::Started)) { return; }
    ReleaseStep(*this, state, context, effects).on_notice(notice);
}

CloseOutcome ReleaseProtocol::on_close(ReleasePageState &state, const PageContext &context, std::uint64_t interval,
                                       ReleaseEffects &effects) const {
    if (!has(state, ReleaseFlag::Listed)) { return {}; } // The allocation in which it was listed has ended.
    return ReleaseStep(*this, state, context, effects).on_close(interval);
}

void ReleaseProtocol::on_published(ReleasePageState &state, const PageContext &context, std::uint64_t interval,
                                   ReleaseEffects &effects) const {
    if (!has(state, ReleaseFlag::Started)) { return; } // The allocation whose page it was has ended.
    ReleaseStep(*this, state, context, effects).on_published(interval);
}

bool ReleaseProtocol::on_evict(ReleasePageState &state, const PageContext &context, ReleaseEffects &effects) const {
    return ReleaseStep(*this, state, context, effects).on_evict();
}

bool ReleaseProtocol::try_pin(ReleasePageState &state, const PageContext &context, Access wanted,
                              ReleaseEffects &effects) const {
    return ReleaseStep(*this, state, context, effects).try_pin(wanted);
}

void ReleaseProtocol::unpin(ReleasePageState &state) const {
    DSM_CHECK(state.pins > 0, "R12 an unpin finds a pin", state.lock);
    --state.pins;
}

bool ReleaseProtocol::on_token(ReleasePageState &state, const PageContext &context, NodeId to,
                               ReleaseEffects &effects) const {
    if (!has(state, ReleaseFlag::Started)) { return false; }
    return ReleaseStep(*this, state, context, effects).on_token(to);
}

} // namespace dsm::protocol
