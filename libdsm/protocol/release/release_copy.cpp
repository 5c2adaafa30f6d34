// A node that is not the home: its copy, its twin, its writes.
#include "libdsm/protocol/release/release_step.hpp"

#include <bit>

namespace dsm::protocol {
namespace {

constexpr unsigned trials_max = 5; ///< doublings of the notices between two trials

} // namespace

void ReleaseStep::on_fault(const ReleaseWish &wish) {
    if (is(ReleaseFlag::Home)) { return fault_at_home(wish); }
    if (!is(ReleaseFlag::Valid)) {
        if (wish.is_awaited) {
            set(ReleaseFlag::Wanted);
            if (take(ReleaseFlag::Noticed)) { count_miss(); }
        }
        return request();
    }
    if (wish.access != Access::Write || state_.access == Access::Write) { return; }
    if (is(ReleaseFlag::PutDue)) {
        if (wish.is_awaited) { set(ReleaseFlag::Wanted); }
        return;
    }
    begin_writing(wish);
}

/// The frame is readable alone, in every rank, so the copy is of one moment.
void ReleaseStep::begin_writing(const ReleaseWish &wish) {
    DSM_CHECK(!is(ReleaseFlag::Twin), "R5 a page without write access has no twin", subject());
    effects_.make_twin();
    set(ReleaseFlag::Twin);
    heat_up();
    note_lock(wish.lock);
    list();
    raise(Access::Write);
}

//   self --Fetch--> home's hint --> ... --> home --Data--> self
void ReleaseStep::request() {
    const bool waits = is(ReleaseFlag::Flushing) && !mutates(ReleaseMutation::FetchDuringFlush);
    if (is(ReleaseFlag::Fetching) || waits) { return; } // Asked for when that has ended (R3, R4).
    set(ReleaseFlag::Fetching);
    ReleaseMessage message = message_of(ReleaseMessageKind::Fetch);
    message.origin = context_.self;
    const bool is_to_be_written = is(ReleaseFlag::Valid) && is(ReleaseFlag::Wanted);
    message.may_put = !is(ReleaseFlag::Twin) && !is_to_be_written;
    if (is(ReleaseFlag::Twin) || is(ReleaseFlag::Valid)) { message.serial = state_.version; }
    if (message.may_put) { set(ReleaseFlag::PutDue); }
    effects_.send(state_.home, message);
}

void ReleaseStep::on_data(const ReleaseMessage &message) {
    DSM_CHECK(is(ReleaseFlag::Fetching), "R3 data finds its fetch", subject());
    clear(ReleaseFlag::Fetching);
    clear(ReleaseFlag::PutDue);
    const bool is_killed = take(ReleaseFlag::Killed);
    if (is(ReleaseFlag::Home)) { return; }
    look_at_kept(); // A Home that comes with a lock waits for this.
    learn(message);
    if (is_killed) {
        if (asks_again()) { request(); }
        return;
    }
    install_zeros(message.contents);
    note_version(message);
    set(ReleaseFlag::Valid);
    clear(ReleaseFlag::Wanted);
    clear(ReleaseFlag::Noticed);
    if (take(ReleaseFlag::Stale)) { effects_.update_done(); }
    raise(is(ReleaseFlag::Twin) ? Access::Write : Access::Read);
}

/// R15: the page has come, or what the copy lacked of it.
void ReleaseStep::note_version(const ReleaseMessage &message) {
    const bool is_known = message.epoch == state_.epoch;
    const bool has_rest = is_known && state_.version != 0 && (is(ReleaseFlag::Valid) || is(ReleaseFlag::Twin));
    DSM_CHECK(message.contents != Contents::Lines || has_rest, "R15 lines find the copy that they are for", subject());
    state_.version = is_known ? message.serial : 0;
}

void ReleaseStep::install_zeros(Contents contents) {
    if (contents != Contents::Zero) { return; }
    const bool is_mapped = is(ReleaseFlag::Valid);
    effects_.install_zeros(is(ReleaseFlag::Twin) ? Install::MergeTwin
                           : is_mapped           ? Install::MergeMapped
                                                 : Install::Overwrite);
}

/// Whether a notice is answered by a Fetch. Now and then it is not, to see whether the page is still used.
bool ReleaseStep::wants_update() {
    if (state_.pins > 0) { return true; }
    const std::uint8_t enough = protocol_.limits_.refresh_misses;
    if (enough == ReleaseLimits::never || state_.misses < enough) { return false; }
    count_refresh();
    if (state_.refreshes < protocol_.limits_.trial_every << state_.trials) { return true; }
    state_.refreshes = 0;
    if (state_.trials < trials_max) { ++state_.trials; }
    return false;
}

/// The page has come before the notice, and with it what the notice tells of.
bool ReleaseStep::has_update_for(const PageNotice &notice) const {
    if (!is(ReleaseFlag::Valid) || is(ReleaseFlag::Fetching) || notice.writer == no_node) { return false; }
    if (state_.last_writer != notice.writer) { return false; }
    const std::uint64_t updated_to = std::uint64_t{state_.number_high} << 32U | state_.number;
    return notice.interval <= updated_to || mutates(ReleaseMutation::UpdateForever);
}

/// A hint: it is used where nothing else is under way, and the copy then has all that the home's interval has written.
void ReleaseStep::on_update(const ReleaseMessage &message) {
    if (!protocol_.takes(state_, message)) { return; }
    learn(message);
    note_version(message);
    state_.last_writer = message.from;
    state_.number = static_cast<std::uint32_t>(message.number);
    state_.number_high = static_cast<std::uint16_t>(message.number >> 32U);
}

void ReleaseStep::on_notice(const PageNotice &notice) {
    if (is(ReleaseFlag::Home)) { return; } // What was flushed is here.
    if (has_update_for(notice)) {
        count_refresh(); // A trial is due sooner or later.
        // The home sends to who came again and again: where it does not for once, the page is fetched without a miss.
        count_miss();
        return;
    }
    if (is(ReleaseFlag::Fetching) && !mutates(ReleaseMutation::NoticeKeepsFetch)) { set(ReleaseFlag::Killed); }
    if (!is(ReleaseFlag::Valid) || is(ReleaseFlag::Stale)) { return; }
    if (wants_update()) {
        if (mutates(ReleaseMutation::StaleIsDone)) { return request(); }
        set(ReleaseFlag::Stale);
        effects_.update_due();
        return request();
    }
    clear(ReleaseFlag::Valid);
    set(ReleaseFlag::Noticed);
    lower(Access::None);
    if (is(ReleaseFlag::Twin) && mutates(ReleaseMutation::NoticeDropsTwin)) { drop_twin(); }
    if (!is(ReleaseFlag::Twin)) { effects_.drop_frame(); }
}

CloseOutcome ReleaseStep::on_close(std::uint64_t interval) {
    clear(ReleaseFlag::Listed);
    return is(ReleaseFlag::Home) ? close_home(interval) : close_copy(interval);
}

/// A page that is written in every interval with what it holds already: nothing is to be flushed, but it is compared
/// for ever. So it is flushed as if it had changed, now and then, until its home comes here.
bool ReleaseStep::claims_home() const {
    return protocol_.limits_.move_streak != 0 && state_.unchanged > 1 &&
           std::has_single_bit(unsigned{state_.unchanged});
}

//   self --Flush (diff)--> home --FlushAck--> self
CloseOutcome ReleaseStep::close_copy(std::uint64_t interval) {
    CloseOutcome outcome{take(ReleaseFlag::MustNotice), 0};
    if (!is(ReleaseFlag::Twin)) { return outcome; }
    DSM_CHECK(!is(ReleaseFlag::Flushing), "R4 one flush of a page at a time", subject());
    const bool is_given_up = state_.unchanged >= protocol_.limits_.unchanged_max && state_.pins == 0;
    const bool stays = is(ReleaseFlag::Valid) && is_hot() && !is_given_up;
    // Listed before the bytes are read: a thread that writes behind the reading, and then releases, finds it there.
    if (stays) {
        list();
    } else {
        lower(is(ReleaseFlag::Valid) ? Access::Read : Access::None);
    }
    ReleaseMessage message = message_of(ReleaseMessageKind::Flush);
    message.origin = context_.self;
    message.number = interval;
    message.lock = state_.lock;
    if (state_.last_writer == state_.home) { message.serial = state_.number; }
    if (!mutates(ReleaseMutation::FlushForgotten)) {
        outcome.flush_parts = effects_.flush(state_.home, message, stays);
    }
    if (!stays) {
        drop_twin();
        if (!is(ReleaseFlag::Valid)) {
            effects_.drop_frame();
            if (is(ReleaseFlag::Fetching)) { set(ReleaseFlag::Killed); } // Parts of its answer may have gone with it.
        }
    }
    if (is_given_up) { state_.heat = 0; }
    const bool is_changed = outcome.flush_parts != 0;
    state_.unchanged = is_changed || is_given_up ? std::uint8_t{0} : static_cast<std::uint8_t>(state_.unchanged + 1);
    if (!is_changed && stays && claims_home()) {
        message.is_last = true;
        effects_.claim(state_.home, message);
        outcome.flush_parts = 1;
    }
    if (outcome.flush_parts == 0) { return outcome; }
    state_.flush_parts = static_cast<std::uint16_t>(outcome.flush_parts);
    set(ReleaseFlag::Flushing);
    if (is(ReleaseFlag::Fetching) && !mutates(ReleaseMutation::FlushKeepsFetch)) { set(ReleaseFlag::Killed); }
    outcome.notice = true;
    return outcome;
}

void ReleaseStep::on_flush_ack(const ReleaseMessage &message) {
    DSM_CHECK(is(ReleaseFlag::Flushing) && state_.flush_parts > 0, "R4 an acknowledgement finds its flush", subject());
    learn(message);
    if (mutates(ReleaseMutation::VersionOfAck) && message.epoch == state_.epoch) { state_.version = message.serial; }
    --state_.flush_parts;
    if (!is(ReleaseFlag::Home)) { look_at_kept(); } // A Home may have waited for this.
    if (state_.flush_parts != 0) { return; }        // Or the others have come back, and a Home is on its way.
    clear(ReleaseFlag::Flushing);
    if (!is(ReleaseFlag::Home) && asks_again()) { request(); }
}

bool ReleaseStep::on_evict() {
    const bool is_busy = is(ReleaseFlag::Home) || is(ReleaseFlag::Twin) || is(ReleaseFlag::Listed) ||
                         is(ReleaseFlag::Fetching) || is(ReleaseFlag::Flushing) || is(ReleaseFlag::Stale) ||
                         state_.pins > 0;
    if (is_busy) { return false; }
    clear(ReleaseFlag::Valid);
    clear(ReleaseFlag::Noticed); // It goes because there was no room for it, not because of a notice.
    lower(Access::None);
    effects_.drop_frame();
    return true;
}

bool ReleaseStep::try_pin(Access wanted) {
    if (state_.access < wanted) { on_fault({wanted}); }
    if (state_.access < wanted || state_.pins == 0xff) { return false; }
    ++state_.pins;
    return true;
}

} // namespace dsm::protocol
