// The home of a page: its own writes, what others fetch and flush, and how the home moves.
#include "libdsm/protocol/release/release_step.hpp"

#include <algorithm>
#include <bit>

namespace dsm::protocol {

/// Whether a write of this node needs no noticing beyond what is arranged already (R6).
bool ReleaseStep::is_free_to_write() const {
    return state_.copyset.empty() || is(ReleaseFlag::Twin) || is(ReleaseFlag::MustNotice);
}

void ReleaseStep::fault_at_home(const ReleaseWish &wish) {
    clear(ReleaseFlag::Untouched);
    if (wish.access == Access::Write) { return write_at_home(wish); }
    raise(is(ReleaseFlag::Zero) || !is_free_to_write() ? Access::Read : Access::Write);
}

void ReleaseStep::write_at_home(const ReleaseWish &wish) {
    if (!is_free_to_write()) {
        heat_up();
        if (is_hot()) {
            effects_.make_twin();
            set(ReleaseFlag::Twin);
        } else {
            set(ReleaseFlag::MustNotice);
        }
        list();
    }
    note_lock(wish.lock);
    clear(ReleaseFlag::Zero);
    raise(Access::Write);
}

/// What comes before the Home. A message of this node's own has found no home that could answer it, since this node is
/// to be the one: the Fetch is not needed, and the Flush is counted when the Home has come, in whose image it is by
/// then (R13). When all are back that were under way, a Home that waited for them need not wait any more.
void ReleaseStep::on_early(const ReleaseMessage &message) {
    if (message.origin != context_.self) { return effects_.keep(message); }
    if (message.kind == ReleaseMessageKind::Fetch) {
        DSM_CHECK(is(ReleaseFlag::Fetching), "R3 a fetch that comes home was sent", subject());
        clear(ReleaseFlag::Fetching);
        clear(ReleaseFlag::PutDue);
        clear(ReleaseFlag::Killed);
        return look_at_kept();
    }
    effects_.keep(message);
    if (state_.parts_back == state_.flush_parts) { return; } // Given again by the line below, and counted before.
    if (++state_.parts_back == state_.flush_parts) { effects_.release_kept(); }
}

/// What is kept is given again: the parts among it that have come back are counted anew.
void ReleaseStep::look_at_kept() {
    if (!mutates(ReleaseMutation::PartsCountTwice)) { state_.parts_back = 0; }
    effects_.release_kept();
}

/// Passes on what is not for this node any more, and keeps what is not for it yet: it became home at the message's
/// epoch, or will (R2).
bool ReleaseStep::is_for_another(const ReleaseMessage &message) {
    if (is(ReleaseFlag::Home)) { return false; }
    if (message.epoch > state_.epoch) {
        if (mutates(ReleaseMutation::EarlyFetchLost)) { return false; }
        on_early(message);
        return true;
    }
    ReleaseMessage next = message;
    next.from = context_.self;
    next.epoch = state_.epoch;
    if (message.kind == ReleaseMessageKind::Fetch) { next.serial = 0; } // The next home has not counted it.
    ++next.sends;
    effects_.send(state_.home, next);
    return true;
}

// ---- What of the page has changed (R15)

std::uint64_t ReleaseStep::refresh_twin() {
    const std::uint64_t lines = effects_.refresh_twin();
    if (!mutates(ReleaseMutation::OwnLinesLost)) { note_lines(lines); }
    return lines;
}

void ReleaseStep::note_lines(std::uint64_t lines) {
    if (lines != 0 && state_.version != 0) { protocol::note_lines(effects_.versions(), lines); }
}

/// The home is going to write what nobody compares.
void ReleaseStep::forget_versions() {
    if (!mutates(ReleaseMutation::VersionsUnwatched)) { state_.version = 0; }
}

/// Where all is known that the receiver lacks, and it is little, the answer is that alone.
void ReleaseStep::narrow(ReleaseMessage &answer, LinesSince changed) const {
    const bool is_little = std::popcount(changed.lines) <= protocol_.limits_.lines_max;
    if (changed.since == 0 || !is_little || answer.contents != Contents::Bytes) { return; }
    answer.contents = Contents::Lines;
    answer.lines = changed.lines;
}

/// Of the bytes that go with it nothing changes from now on that is not told, or nothing is known.
void ReleaseStep::note_sent(const ReleaseMessage &answer) {
    if (protocol_.limits_.lines_max == 0) { return; }
    if (state_.version != 0) { return note_sending(effects_.versions(), answer.serial); }
    if (writes_unseen()) { return; }
    begin_versions(effects_.versions(), answer.serial);
    state_.version = answer.serial;
}

/// R6: before the bytes are read, either nobody writes, or what is written from now on will be found. Where there
/// is a twin it is what is sent, and what differs now is noticed whatever comes later: a byte that is written, served
/// and written back would look as if nothing had happened.
void ReleaseStep::guard_before_serving() {
    if (is(ReleaseFlag::Twin)) {
        const bool is_written = refresh_twin() != 0;
        if (is_written && !mutates(ReleaseMutation::ServeForgetsWrites)) { set(ReleaseFlag::MustNotice); }
        return;
    }
    if (state_.access != Access::Write || is(ReleaseFlag::MustNotice)) { return; }
    note_unseen_write();
    if (mutates(ReleaseMutation::ServeUnprotected)) { return; }
    if (is_hot()) {
        list(); // Before the twin is made, while others write: see close_copy().
        effects_.make_twin();
        set(ReleaseFlag::Twin);
    } else {
        lower(Access::Read);
    }
}

/// What a home writes while nobody has a copy is not noticed: who flushes is not known to be the only writer.
void ReleaseStep::note_unseen_write() {
    state_.streak = 0;
    state_.push_streak = std::max<std::uint8_t>(state_.push_streak, 1);
}

void ReleaseStep::on_fetch(const ReleaseMessage &message) {
    if (is_for_another(message)) { return; }
    if (message.origin == context_.self) { // The home has come here meanwhile: that is the answer.
        DSM_CHECK(is(ReleaseFlag::Fetching), "R3 a fetch that comes home was sent", subject());
        clear(ReleaseFlag::Fetching);
        clear(ReleaseFlag::PutDue);
        clear(ReleaseFlag::Killed);
        return;
    }
    if (is(ReleaseFlag::Untouched)) { return give_home(message.origin, HomeReason::Fetch); }
    guard_before_serving();
    if (mutates(ReleaseMutation::ServeClearsWritten)) { clear(ReleaseFlag::MustNotice); }
    if (!mutates(ReleaseMutation::ReaderForgotten)) { state_.copyset.insert(message.origin, pool_); }
    if (take(ReleaseFlag::Bound)) { note_lock(0); }
    ReleaseMessage answer = answer_of(ReleaseMessageKind::Data);
    answer.origin = message.origin;
    answer.may_put = message.may_put;
    answer.contents = is(ReleaseFlag::Zero) ? Contents::Zero : Contents::Bytes;
    const bool is_of_this_home = message.serial != 0 && message.epoch == state_.epoch && state_.version != 0;
    // What has not been sent yet is from long ago: the count has gone round.
    if (is_of_this_home && !is_later(message.serial, state_.serial)) {
        narrow(answer, changed_since(effects_.versions(), message.serial));
    }
    effects_.send(message.origin, answer);
    note_sent(answer);
}

/// Counts parts, which come in any order, and with the last of them the whole Flush.
void ReleaseStep::note_flush(const ReleaseMessage &message) {
    const auto number = static_cast<std::uint32_t>(message.number);
    if (state_.number != number || state_.last_writer != message.origin) {
        state_.number = number;
        state_.parts_seen = 0;
        state_.parts_total = 0;
    }
    ++state_.parts_seen;
    if (message.is_last) { state_.parts_total = static_cast<std::uint8_t>(message.part + 1); }
    if (state_.last_writer != message.origin) {
        state_.last_writer = message.origin;
        state_.streak = 0;
    }
    if (!has_whole_flush()) { return; }
    if (message.lock != 0 && message.lock == state_.lock) {
        if (state_.lock_streak < protocol_.limits_.bind_streak) { ++state_.lock_streak; }
    } else {
        note_lock(message.lock);
    }
    if (state_.streak < UINT8_MAX) { ++state_.streak; }
}

/// Never before all parts of a diff are here: the rest would come after the image.
bool ReleaseStep::should_move() const {
    const ReleaseLimits &limits = protocol_.limits_;
    const bool is_busy = state_.pins > 0 || is(ReleaseFlag::MustNotice) || is(ReleaseFlag::Flushing);
    if (!has_whole_flush() || is_busy) { return false; }
    // Where the home writes too, two Flushes may come between two ends of its own intervals.
    const unsigned enough = limits.move_streak + (state_.push_streak != 0 ? limits.shared_streak : 0U);
    return (limits.move_streak != 0 && state_.streak >= enough) || is_bindable();
}

/// A page that is to move and has a twin: nobody writes it from now on. False: somebody did, and it must be noticed
/// here.
bool ReleaseStep::give_up_twin() {
    if (!is(ReleaseFlag::Twin)) { return true; }
    lower(Access::Read);
    if (refresh_twin() != 0) {
        set(ReleaseFlag::MustNotice);
        return false;
    }
    drop_twin(); // Still listed, with nothing to notice.
    return true;
}

/// Whether the page has been written under one lock alone for long enough to travel with it.
bool ReleaseStep::is_bindable() const {
    const std::uint8_t enough = protocol_.limits_.bind_streak;
    return enough != 0 && state_.lock != 0 && state_.lock_streak >= enough;
}

/// Returns whether it is this node's own, which has come home and is acknowledged thereby.
bool ReleaseStep::on_flush(const ReleaseMessage &message) {
    if (is_for_another(message)) { return false; }
    clear(ReleaseFlag::Untouched);
    if (message.origin == context_.self) {
        DSM_CHECK(state_.parts_back > 0, "R4 a flush that comes home came before its Home", subject());
        --state_.parts_back;
        if (--state_.flush_parts == 0) { clear(ReleaseFlag::Flushing); }
        return true;
    }
    if (take(ReleaseFlag::Zero)) { effects_.install_zeros(Install::Overwrite); }
    const std::uint64_t lines = effects_.apply(message.diff, is(ReleaseFlag::Twin));
    if (!mutates(ReleaseMutation::FlushedLinesLost)) { note_lines(lines); }
    note_flush(message);
    if (should_move() && give_up_twin()) {
        give_home(message.origin, HomeReason::Flush);
        return false;
    }
    ReleaseMessage answer = answer_of(ReleaseMessageKind::FlushAck);
    answer.origin = message.origin;
    effects_.send(message.origin, answer);
    update_writer(message);
    return false;
}

/// Who writes the page as the home does has got no Update while his Flush was under way.
void ReleaseStep::update_writer(const ReleaseMessage &flush) {
    if (!has_whole_flush() || !wants_push() || !state_.copyset.contains(flush.origin, pool_)) { return; }
    const std::uint64_t interval = effects_.published();
    const bool has_written = state_.number_high == static_cast<std::uint16_t>(interval);
    if (!has_written || flush.serial == static_cast<std::uint32_t>(interval)) { return; }
    ReleaseMessage message = update_of(interval);
    message.origin = flush.origin;
    effects_.push(flush.origin, message);
    note_sent(message);
}

/// At the end of an interval. Copies elsewhere are old once the notice is known there, and nobody reads an old one
/// then: so the copyset begins anew with the Fetches that follow, and until the first the page costs nothing. Or the
/// page is sent to who has a copy: then that is as good as new, and its holder stays in the copyset.
CloseOutcome ReleaseStep::close_home(std::uint64_t interval) {
    if (state_.copyset.empty()) { // It came here with a twin, and nobody has fetched it since.
        if (is(ReleaseFlag::Twin)) { drop_twin(); }
        return {};
    }
    const bool is_known = take(ReleaseFlag::MustNotice);
    const bool pushes = wants_push();
    const bool differs = is(ReleaseFlag::Twin) && (!is_known || pushes) && close_compared();
    const bool is_written = is_known || differs;
    if (!is_written || mutates(ReleaseMutation::HomeWriteUnnoticed)) { return {}; }
    note_own_write(interval);
    if (pushes && is(ReleaseFlag::Twin) && !is_trial()) { return {true, 0, true}; }
    if (is(ReleaseFlag::Twin)) { drop_twin(); }
    state_.copyset.clear(pool_);
    return {true, 0};
}

/// Others have come for the page since the home's write before.
void ReleaseStep::note_own_write(std::uint64_t interval) {
    const ReleaseLimits &limits = protocol_.limits_;
    if (limits.push_streak != ReleaseLimits::never) {
        const auto gap = static_cast<std::uint16_t>(interval - state_.number_high);
        const unsigned streak = gap <= limits.push_gap_max ? state_.push_streak + 1U : 1U;
        state_.push_streak = static_cast<std::uint8_t>(std::min<unsigned>(streak, limits.push_streak));
        state_.number_high = static_cast<std::uint16_t>(interval);
    }
    state_.unchanged = 0;
    state_.last_writer = context_.self;
    state_.streak = 0;
}

/// The origin is the reader. What readers have is not known: it serves as many as it can.
ReleaseMessage ReleaseStep::update_of(std::uint64_t interval) {
    ReleaseMessage message = answer_of(ReleaseMessageKind::Update);
    message.number = interval;
    message.contents = Contents::Bytes;
    if (state_.version == 0) { return message; }
    const LinesSince changed = for_most_copies(effects_.versions(), protocol_.limits_.lines_max);
    if (message.serial - changed.since > UINT16_MAX) { return message; }
    narrow(message, changed);
    if (message.contents == Contents::Lines) {
        message.back = static_cast<std::uint16_t>(message.serial - changed.since);
    }
    return message;
}

bool ReleaseStep::wants_push() const {
    const std::uint8_t enough = protocol_.limits_.push_streak;
    return enough != ReleaseLimits::never && is(ReleaseFlag::Twin) && state_.push_streak >= enough;
}

/// Now and then nobody is sent anything, and who still comes for the page is seen.
bool ReleaseStep::is_trial() {
    if (++state_.pushes < protocol_.limits_.push_trial) { return false; }
    state_.pushes = 0;
    return true;
}

/// The twin is as the frame was when it was compared, or newer. Not at the interval's end: those who write the page as
/// well have most likely sent their Flushes by now, with which an Update could not have been used. Who cannot be
/// reached stays in the copyset, which costs nothing.
void ReleaseStep::on_published(std::uint64_t interval) {
    if (!is(ReleaseFlag::Home) || !is(ReleaseFlag::Twin) || state_.copyset.empty()) { return; }
    ReleaseMessage message = update_of(interval);
    bool reaches_any = false;
    state_.copyset.for_each(pool_, [&](NodeId reader) {
        message.origin = reader;
        reaches_any |= effects_.push(reader, message);
    });
    note_sent(message);
    if (!reaches_any) { state_.push_streak = 1; } // The next interval goes without.
    if (mutates(ReleaseMutation::PushForgetsReader)) { state_.copyset.clear(pool_); }
}

/// Whether the comparison finds a write. Without one the page stays listed, or is protected after many in vain.
bool ReleaseStep::close_compared() {
    list(); // Before the comparison: see close_copy().
    if (refresh_twin() != 0) {
        state_.unchanged = 0;
        return true;
    }
    if (++state_.unchanged < protocol_.limits_.unchanged_max || state_.pins > 0) {
        state_.unchanged = std::min(state_.unchanged, protocol_.limits_.unchanged_max);
        return false;
    }
    state_.unchanged = 0;
    state_.heat = 0;
    lower(Access::Read);
    const bool is_written = refresh_twin() != 0; // Before the protection, after the comparison.
    drop_twin();
    return is_written;
}

// ---- The home moves ----

/// The old home keeps a copy where it is mapped; with a lock nothing stays. It has no write of its own to notice
/// (should_move(), on_token()), and what it writes from now on is a copy's. The copyset does not travel: every copy
/// that there is now is old once the notice is known that the new home has given or got before it writes. After a Flush
/// that is its own, of the interval which ends with this very answer; with a lock, those that came with the token.
void ReleaseStep::give_home(NodeId to, HomeReason reason) {
    const bool owes_notice = is(ReleaseFlag::Twin) || is(ReleaseFlag::MustNotice);
    DSM_CHECK(!owes_notice && state_.pins == 0, "R1 a home that moves owes no notice", subject());
    const bool keeps_copy = reason == HomeReason::Flush && state_.access != Access::None;
    lower(keeps_copy ? Access::Read : Access::None);
    const bool is_zero = take(ReleaseFlag::Zero);
    state_.copyset.clear(pool_);
    clear(ReleaseFlag::Home);
    clear(ReleaseFlag::Untouched);
    if (!keeps_copy) { clear(ReleaseFlag::Valid); }
    ++state_.epoch;
    state_.home = to;
    state_.last_writer = no_node;
    state_.serial = 0;
    state_.version = 0;
    state_.push_streak = 0;
    state_.streak = 0;
    ReleaseMessage message = message_of(ReleaseMessageKind::Home);
    message.origin = to;
    message.reason = reason;
    message.lock = take(ReleaseFlag::Bound) || is_bindable() ? state_.lock : 0;
    message.contents = is_zero ? Contents::Zero : Contents::Bytes;
    effects_.send(to, message);
    if (!keeps_copy) { effects_.drop_frame(); }
}

/// Returns whether it acknowledges a Flush.
bool ReleaseStep::on_home(const ReleaseMessage &message) {
    if (protocol_.must_wait(state_, message)) {
        effects_.keep(message);
        return false;
    }
    DSM_CHECK(!is(ReleaseFlag::Home), "R1 one home", subject());
    DSM_CHECK(message.epoch > state_.epoch, "R2 epochs grow", subject());
    if (message.reason == HomeReason::Fetch) {
        DSM_CHECK(is(ReleaseFlag::Fetching), "R3 a home that answers finds its fetch", subject());
        clear(ReleaseFlag::Fetching);
        clear(ReleaseFlag::PutDue);
        clear(ReleaseFlag::Killed);
    } else if (is(ReleaseFlag::Fetching)) {
        set(ReleaseFlag::Killed);
    }
    if (message.reason == HomeReason::Flush) {
        DSM_CHECK(state_.flush_parts == 1, "R4 a home that answers finds its flush", subject());
        state_.flush_parts = 0;
        clear(ReleaseFlag::Flushing);
    }
    install_zeros(message.contents);
    set(ReleaseFlag::Home);
    set(ReleaseFlag::Valid);
    clear(ReleaseFlag::Noticed);
    clear(ReleaseFlag::Wanted);
    if (message.contents == Contents::Zero && !is(ReleaseFlag::Twin)) { set(ReleaseFlag::Zero); }
    if (is(ReleaseFlag::Twin)) { drop_twin(); } // Nobody has a copy that what is written here makes old.
    state_.epoch = message.epoch;
    state_.home = context_.self;
    state_.serial = 0;
    state_.version = 0;
    state_.push_streak = 0;
    state_.last_writer = no_node; // No write of this home's own has been noticed.
    state_.streak = 0;
    state_.lock_streak = 0;
    state_.lock = message.lock;
    if (message.lock != 0) { set(ReleaseFlag::Bound); }
    if (take(ReleaseFlag::Stale)) { effects_.update_done(); }
    raise(is(ReleaseFlag::Zero) ? Access::Read : Access::Write);
    effects_.release_kept();
    return message.reason == HomeReason::Flush;
}

/// The token of the lock to which the page is bound leaves. Its interval has been closed and published before.
bool ReleaseStep::on_token(NodeId to) {
    const bool is_busy = is(ReleaseFlag::Twin) || is(ReleaseFlag::MustNotice) || is(ReleaseFlag::Flushing);
    const bool goes = is(ReleaseFlag::Home) && is(ReleaseFlag::Bound) && state_.pins == 0 && !is_busy;
    if (goes) { give_home(to, HomeReason::Lock); }
    return goes;
}

} // namespace dsm::protocol
