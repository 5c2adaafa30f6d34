// The asking side: what a node wants, and what it does with the answers.
//
//   read     R --ReadRequest--> ... --> O --ReadReply--> R
//   write    R --WriteRequest--> ... --> O --Grant--> R, then R --Invalidate--> copies --InvalidateAck--> R
//   upgrade  O --Invalidate--> copies --InvalidateAck--> O
#include "libdsm/protocol/sequential/sequential_step.hpp"

#include <algorithm>

namespace dsm::protocol {

void SequentialStep::on_fault(Access wanted, bool is_awaited) {
    DSM_CHECK(wanted != Access::None, "a fault wants access", subject());
    if (state_.access >= wanted) { return effects_.grant_access(state_.access); }
    // An upgrade under way is invalidated like any copy (rule 1), so it waits for the pin's end (S11, rule 14).
    if (is_pinned() && !is(Flag::Owns) && !mutates(Mutation::AskWhilePinned)) { return; }
    if (is_awaited) { set(Flag::Awaited); }
    load_if_in_file();
    if (state_.pending != Pending::None) { return; }
    state_.moved_at_us = now_us_; // Of the journey that begins now.
    set(Flag::Evicting, false);
    if (is(Flag::Owns)) {
        if (wanted == Access::Write) {
            enter(state_.access, Pending::Write);
            return invalidate_copies();
        }
        return complete_own(); // A page never written: zeros are made here.
    }
    if (wanted == Access::Write) { return ask_write(false); }
    ask_to_read();
}

/// How long the page stays this time: about as long as it took to come.
void SequentialStep::note_journey() {
    const SequentialLimits &limits = protocol_.limits_;
    const TimeUs journey_us = now_us_ - std::min(state_.moved_at_us, now_us_);
    std::uint8_t doublings = 0;
    while (doublings < limits.residence_doublings && (TimeUs{limits.residence_us} << (doublings + 1)) <= journey_us) {
        ++doublings;
    }
    state_.stay_doublings = doublings;
}

/// A copy, for local threads or for children in the tree; the ownership if the last copy was lost unused (rule 9).
void SequentialStep::ask_to_read() {
    if (is(Flag::ReadLost)) { return ask_own(); }
    ask_read();
}

void SequentialStep::ask_read() {
    PageMessage request = message_of(PageMessageKind::ReadRequest);
    request.climbs = state_.reads_climb;
    enter(state_.access, Pending::Read);
    effects_.send(request.climbs ? parent_of(context_.self) : state_.hint, request);
}

void SequentialStep::ask_write(bool discard) {
    PageMessage request = message_of(PageMessageKind::WriteRequest);
    request.have_copy = state_.access == Access::Read;
    request.version = state_.version;
    request.discard = discard;
    const NodeId to = state_.hint;
    enter(state_.access, Pending::Write);
    if (!mutates(Mutation::HintNotUpdated)) { state_.hint = context_.self; }
    effects_.send(to, request);
}

void SequentialStep::ask_own() {
    PageMessage request = message_of(PageMessageKind::WriteRequest);
    request.own_only = true;
    request.have_copy = state_.access == Access::Read;
    request.version = state_.version;
    const NodeId to = state_.hint;
    enter(state_.access, Pending::Own);
    set(Flag::ReadLost, false);
    state_.hint = context_.self;
    effects_.send(to, request);
}

void SequentialStep::on_read_reply(const PageMessage &message) {
    DSM_CHECK(state_.pending == Pending::Read && !is(Flag::Owns), "S6 a reply finds its request", subject());
    DSM_CHECK(state_.access == Access::None, "S5 bytes find no access", subject());
    if (is(Flag::Dropped) &&
        !mutates(Mutation::IgnoreDroppedMark)) { // Rule 2; the second try moves the owner (rule 9).
        set(Flag::Dropped, false);
        set(Flag::WantedBack, false);
        if (message.contents == Contents::Bytes) { effects_.drop_frame(); }
        return ask_own();
    }
    set(Flag::Dropped, false);
    if (message.contents == Contents::Zero) { effects_.zero_frame(); }
    set(Flag::Zero, message.contents == Contents::Zero);
    state_.version = message.version;
    enter(Access::Read, Pending::None);
    effects_.grant_access(Access::Read);
    settle();
    const bool wanted_back = is(Flag::WantedBack);
    set(Flag::WantedBack, false);
    if (wanted_back && state_.pending == Pending::None) { ask_own(); }
}

void SequentialStep::on_redo() {
    DSM_CHECK(state_.pending == Pending::Read, "S6 a redo finds its request", subject());
    set(Flag::Dropped, false);
    set(Flag::WantedBack, false);
    ask_own();
}

void SequentialStep::on_grant(const PageMessage &message) {
    DSM_CHECK(state_.pending == (message.own_only ? Pending::Own : Pending::Write) && !is(Flag::Owns),
              "S6 a grant finds its request", subject());
    DSM_CHECK(!is(Flag::Relaying), "S8 nobody both owns and relays", subject());
    DSM_CHECK(message.contents != Contents::Bytes || state_.access == Access::None, "S5 bytes find no access",
              subject());
    DSM_CHECK(message.contents != Contents::None || state_.access == Access::Read,
              "S5 a grant without bytes finds a copy", subject());
    set(Flag::Owns);
    set(Flag::Zero, message.contents == Contents::Zero);
    state_.version = message.version;
    // Whom this node served as a reader joins those whom the last owner knew (S4).
    if (mutates(Mutation::ServedLostAtGrant)) { state_.copyset.clear(pool_); }
    const bool is_valid = state_.copyset.decode(message.nodes, context_.node_count, pool_);
    DSM_CHECK(is_valid, "a grant names nodes of the job", subject());
    state_.copyset.erase(context_.self, pool_);
    if (message.own_only) { return complete_own(); }
    invalidate_copies();
}

/// Ownership without invalidations has come, or was here already.
void SequentialStep::complete_own() {
    DSM_CHECK(is(Flag::Owns), "S3 an owner completes", subject());
    const bool is_mapped = is(Flag::Awaited) || !is(Flag::Zero) || state_.access != Access::None;
    if (is_mapped && state_.access == Access::None && is(Flag::Zero)) { effects_.zero_frame(); }
    enter(is_mapped ? Access::Read : Access::None, Pending::None);
    if (is_mapped) { effects_.grant_access(Access::Read); }
    settle();
}

/// Every copy is gone.
void SequentialStep::complete_write() {
    if (is(Flag::Freeing)) { return complete_free(); }
    if (is(Flag::Zero) && state_.access == Access::None) { effects_.zero_frame(); }
    set(Flag::Zero, mutates(Mutation::ZeroAfterWrite) && is(Flag::Zero));
    ++state_.version.value;
    enter(Access::Write, Pending::None);
    effects_.grant_access(Access::Write);
    settle();
}

void SequentialStep::settle() {
    if (context_.first_touch && is_home() && is(Flag::Owns) && is(Flag::Awaited) && state_.first_toucher == no_node) {
        state_.first_toucher = context_.self;
    }
    note_journey();
    state_.moved_at_us = now_us_;
    state_.stay = is(Flag::Awaited) ? Stay::AwaitingAccess : Stay::Free;
    set(Flag::Awaited, false);
    if (is(Flag::FreeWanted) && !is_pinned()) {
        set(Flag::FreeWanted, false);
        return start_free();
    }
    serve_when_due();
}

// A free is a write transaction of the home that wants no bytes and ends with a page as it was in the beginning;
// versions and hints go on, so that late messages of the block's earlier life stay harmless.
void SequentialStep::on_free() {
    DSM_CHECK(is_home(), "a block is freed at its home", subject());
    DSM_CHECK(!is(Flag::Freeing) && !is(Flag::FreeWanted), "a block is freed once", subject());
    load_if_in_file(); // A page without an owner cannot be asked for.
    if (state_.pending != Pending::None || is_pinned()) { return set(Flag::FreeWanted); }
    start_free();
}

void SequentialStep::start_free() {
    set(Flag::Freeing);
    if (!is(Flag::Owns)) { return ask_write(true); }
    enter(state_.access, Pending::Write);
    invalidate_copies();
}

void SequentialStep::complete_free() {
    lower_access(Access::None);
    effects_.drop_frame();
    set(Flag::Freeing, false);
    set(Flag::Zero);
    ++state_.version.value;
    state_.first_toucher = no_node;
    state_.stay = Stay::Free;
    state_.stay_doublings = 0;
    set(Flag::Awaited, false);
    enter(Access::None, Pending::None);
    effects_.freed();
    effects_.wake_waiters(); // Also those who have waited for it to settle, to pin it.
    serve_when_due();
}

} // namespace dsm::protocol
