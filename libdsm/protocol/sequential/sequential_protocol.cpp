// The protocol's entry points, the first look at an event, and the one place that writes the state.
#include "libdsm/protocol/sequential/sequential_protocol.hpp"

#include "libdsm/protocol/sequential/sequential_step.hpp"

namespace dsm::protocol {

void SequentialProtocol::on_fault(PageState &state, const PageContext &context, Access wanted, TimeUs now_us,
                                  PageEffects &effects) const noexcept {
    SequentialStep(*this, state, context, now_us, effects).on_fault(wanted, true);
}

void SequentialProtocol::on_prefetch(PageState &state, const PageContext &context, Access wanted, TimeUs now_us,
                                     PageEffects &effects) const noexcept {
    SequentialStep(*this, state, context, now_us, effects).on_fault(wanted, false);
}

void SequentialProtocol::on_message(PageState &state, const PageContext &context, const PageMessage &message,
                                    TimeUs now_us, PageEffects &effects) const noexcept {
    SequentialStep(*this, state, context, now_us, effects).on_message(message);
}

void SequentialProtocol::on_accessed(PageState &state, const PageContext &context, TimeUs now_us,
                                     PageEffects &effects) const noexcept {
    SequentialStep(*this, state, context, now_us, effects).on_accessed();
}

void SequentialProtocol::on_timer(PageState &state, const PageContext &context, TimeUs now_us,
                                  PageEffects &effects) const noexcept {
    SequentialStep(*this, state, context, now_us, effects).on_timer();
}

Eviction SequentialProtocol::on_evict(PageState &state, const PageContext &context, TimeUs now_us,
                                      PageEffects &effects) const noexcept {
    return SequentialStep(*this, state, context, now_us, effects).on_evict();
}

void SequentialProtocol::on_free(PageState &state, const PageContext &context, TimeUs now_us,
                                 PageEffects &effects) const noexcept {
    SequentialStep(*this, state, context, now_us, effects).on_free();
}

bool SequentialProtocol::try_pin(PageState &state, const PageContext &context, Access wanted, TimeUs now_us,
                                 PageEffects &effects) const noexcept {
    return SequentialStep(*this, state, context, now_us, effects).try_pin(wanted);
}

void SequentialProtocol::unpin(PageState &state, const PageContext &context, TimeUs now_us,
                               PageEffects &effects) const noexcept {
    SequentialStep(*this, state, context, now_us, effects).unpin();
}

SequentialStep::SequentialStep(const SequentialProtocol &protocol, PageState &state, const PageContext &context,
                               TimeUs now_us, PageEffects &effects) noexcept
    : protocol_(protocol), state_(state), context_(context), now_us_(now_us), effects_(effects), pool_(protocol.pool_) {
    if (is(Flag::Initialised)) { return; }
    set(Flag::Initialised);
    state_.hint = context.home;
    state_.next = no_node;
    state_.relay_parent = no_node;
    state_.first_toucher = no_node;
    set(Flag::Owns, is_home() && !context.in_file);
    set(Flag::Zero, is_home() && !context.in_file);
    set(Flag::InFile, is_home() && context.in_file);
    // Of a first-touch page the first read says which node is to own it, so it must come from that node itself.
    state_.reads_climb = has_tree() && !is_home() && !context.first_touch;
}

void SequentialStep::enter(Access access, Pending pending) {
    if (protocol_.trace_ != nullptr) { protocol_.trace_(protocol_.trace_argument_, context_, state_, access, pending); }
    state_.access = access;
    state_.pending = pending;
}

void SequentialStep::set(Flag flag, bool value) {
    const auto bit = static_cast<unsigned>(flag);
    state_.flags = static_cast<std::uint16_t>(value ? state_.flags | bit : state_.flags & ~bit);
}

void SequentialStep::lower_access(Access access) {
    if (state_.access <= access) { return; }
    effects_.restrict_access(access);
    enter(access, state_.pending);
    if (access == Access::None && !is(Flag::Owns)) { set(Flag::Zero, false); } // It was said of the copy.
}

PageMessage SequentialStep::message_of(PageMessageKind kind) const {
    PageMessage message{};
    message.kind = kind;
    message.from = context_.self;
    message.origin = context_.self;
    message.page = context_.page;
    return message;
}

void SequentialStep::on_message(const PageMessage &message) {
    DSM_CHECK(message.from != context_.self, "messages come from other nodes", subject());
    load_if_in_file();
    serve_when_due(); // What waited longer goes first.
    switch (message.kind) {
    case PageMessageKind::ReadRequest:
        return on_read_request(message);
    case PageMessageKind::ReadReply:
        return on_read_reply(message);
    case PageMessageKind::WriteRequest:
        return on_write_request(message);
    case PageMessageKind::Grant:
        return on_grant(message);
    case PageMessageKind::Invalidate:
        return on_invalidate(message);
    case PageMessageKind::InvalidateAck:
        return on_invalidate_ack(message);
    case PageMessageKind::Redo:
        return on_redo();
    case PageMessageKind::TakeBack:
        return on_take_back();
    }
    DSM_CHECK(false, "a message has a kind", subject());
}

void SequentialStep::on_accessed() {
    if (state_.stay != Stay::AwaitingAccess) { return; } // Another thread of the node was first.
    state_.stay = Stay::Resident;
    state_.moved_at_us = now_us_;
    set(Flag::ReadLost, false);
    serve_when_due();
}

bool SequentialStep::try_pin(Access wanted) {
    if (state_.access < wanted) { on_fault(wanted, true); }
    if (state_.pending != Pending::None) { set(Flag::Awaited); } // Its end wakes whoever waits.
    if (state_.access < wanted || state_.pending != Pending::None || is_pin_late()) { return false; }
    ++state_.pins;
    return true;
}

/// Pins that follow one another without a gap would keep a page for ever: where others wait, no pin joins earlier ones.
bool SequentialStep::is_pin_late() const {
    const bool others_wait = has_deferred() || is(Flag::PinDelays) || is(Flag::WantedBack) || is(Flag::FreeWanted);
    return state_.pins == pins_max || (is_pinned() && others_wait);
}

/// The last pin lets everything go on that it has held up: an invalidation, requests, a wish to take back, a free, and
/// local threads that want more access or a pin of their own.
void SequentialStep::unpin() {
    DSM_CHECK(is_pinned(), "S11 an unpin finds a pin", subject());
    if (--state_.pins > 0) { return; }
    if (is(Flag::PinDelays)) {
        set(Flag::PinDelays, false);
        drop_copy();
        count_acks(1);
    }
    effects_.wake_waiters();
    if (state_.pending == Pending::None && is(Flag::FreeWanted)) {
        set(Flag::FreeWanted, false);
        set(Flag::WantedBack, false);
        return start_free();
    }
    const bool wanted_back = is(Flag::WantedBack);
    set(Flag::WantedBack, false);
    if (wanted_back && !is(Flag::Owns)) { return ask_own(); }
    serve_when_due();
}

// Eviction of an owned page is a pull (rule 10), so that no request ever finds a page that is nowhere:
//   evictor --TakeBack--> home --WriteRequest, own only--> ... --> evictor --Grant--> home
Eviction SequentialStep::on_evict() {
    if (state_.pending != Pending::None || is_held()) { return Eviction::Refused; }
    if (!is(Flag::Owns) || is(Flag::Zero)) {
        if (state_.access != Access::None) {
            lower_access(Access::None);
            effects_.drop_frame();
        }
        if (mutates(Mutation::ServedLostAtEviction) && !is(Flag::Owns)) { state_.copyset.clear(pool_); }
        return Eviction::Dropped; // Whom it served stays known: their copies are still there (S4).
    }
    if (mutates(Mutation::EvictOwnedPage)) {
        lower_access(Access::None);
        effects_.drop_frame();
        return Eviction::Dropped;
    }
    if (is_home()) { return Eviction::Refused; }
    if (!is(Flag::Evicting)) {
        set(Flag::Evicting);
        effects_.send(context_.home, message_of(PageMessageKind::TakeBack));
    }
    return Eviction::Asked;
}

void SequentialStep::on_take_back() {
    DSM_CHECK(is_home(), "a page is taken back by its home", subject());
    if (is(Flag::Owns)) { return; } // It has come by itself.
    switch (state_.pending) {
    case Pending::None:
        return is_pinned() ? set(Flag::WantedBack) : ask_own(); // Who pins a copy asks for nothing (S11).
    case Pending::Read:
        return set(Flag::WantedBack);
    case Pending::Write:
    case Pending::Own:
        return; // What is pending brings the page.
    }
}

} // namespace dsm::protocol
