// The serving side: requests are served by the owner, deferred where a write is pending, and passed on elsewhere.
#include "libdsm/protocol/sequential/sequential_step.hpp"

#include <array>

namespace dsm::protocol {

/// Whether requests end here but are not served now (S9): they wait for what is pending, or for a local thread's turn.
bool SequentialStep::defers() const {
    switch (state_.pending) {
    case Pending::Write:
    case Pending::Own:
        return true;
    case Pending::Read:
        return false;
    case Pending::None:
        return is(Flag::Owns) && is_held();
    }
    return false;
}

bool SequentialStep::is_held() const {
    return (is_pinned() && !mutates(Mutation::IgnorePinAtOwner)) || now_us_ < held_until_us();
}

/// A time that is past unless a local thread is having its turn.
TimeUs SequentialStep::held_until_us() const {
    const SequentialLimits &limits = protocol_.limits_;
    switch (state_.stay) {
    case Stay::Free:
        return 0;
    case Stay::AwaitingAccess:
        return state_.moved_at_us + limits.access_wait_us;
    case Stay::Resident:
        return state_.moved_at_us + (TimeUs{limits.residence_us} << state_.stay_doublings);
    }
    return 0;
}

/// Serves what is deferred: the reads, then the one write. Or asks to be stepped when it may.
void SequentialStep::serve_when_due() {
    if (state_.pending != Pending::None || !has_deferred()) { return; }
    if (!is(Flag::Owns)) { return serve_children(); }
    if (is_pinned() && !mutates(Mutation::IgnorePinAtOwner)) { return; } // The last unpin comes back to it.
    if (is_held()) { return effects_.set_timer(held_until_us()); }
    NodeSet readers = state_.readers.take();
    readers.for_each(pool_, [this](NodeId reader) { serve_read(reader); });
    readers.clear(pool_);
    if (state_.next == no_node) { return; }
    const WriteWish wish{.origin = state_.next,
                         .version = state_.next_version,
                         .own_only = is(Flag::NextOwnOnly),
                         .have_copy = is(Flag::NextHaveCopy),
                         .discard = is(Flag::NextDiscard)};
    state_.next = no_node;
    state_.next_version = Version{0};
    set(Flag::NextOwnOnly, false);
    set(Flag::NextHaveCopy, false);
    set(Flag::NextDiscard, false);
    serve_write(wish); // The hint points at `next` or at a later writer behind it already.
}

void SequentialStep::on_read_request(const PageMessage &message) {
    DSM_CHECK(message.origin != context_.self, "S7 a request never comes back", subject());
    if (defers()) { return defer_read(message.origin); }
    if (is(Flag::Owns)) { return serve_read(message.origin); }
    if (message.climbs) { return serve_or_join(message.origin); }
    if (mutates(Mutation::ChasersJoin) && state_.pending == Pending::Read) { return join(message.origin); }
    if (message.sends >= context_.node_count) { // Rule 9: it chases a page that moves.
        PageMessage redo = message_of(PageMessageKind::Redo);
        redo.origin = message.origin;
        return effects_.send(message.origin, redo);
    }
    forward(message, state_.hint);
}

void SequentialStep::on_write_request(const PageMessage &message) {
    DSM_CHECK(message.origin != context_.self, "S7 a request never comes back", subject());
    if (defers() && state_.next == no_node) { return defer_write(message); }
    const NodeId to = state_.hint;
    if (!mutates(Mutation::HintNotUpdated)) { state_.hint = message.origin; } // Rules 7 and 8.
    if (defers() || !is(Flag::Owns)) { return forward(message, to); }
    if (mutates(Mutation::HintNotUpdated)) { state_.hint = message.origin; }
    serve_write({.origin = message.origin,
                 .version = message.version,
                 .own_only = message.own_only,
                 .have_copy = message.have_copy,
                 .discard = message.discard});
}

void SequentialStep::defer_read(NodeId reader) {
    const bool is_first = !has_deferred();
    join(reader);
    if (is_first) { serve_when_due(); }
}

void SequentialStep::defer_write(const PageMessage &message) {
    const bool is_first = !has_deferred();
    state_.next = message.origin;
    state_.next_version = message.version;
    set(Flag::NextOwnOnly, message.own_only);
    set(Flag::NextHaveCopy, message.have_copy);
    set(Flag::NextDiscard, message.discard);
    state_.hint = message.origin;
    if (is_first) { serve_when_due(); }
}

void SequentialStep::forward(const PageMessage &message, NodeId to) {
    DSM_CHECK(to != context_.self && to != message.origin, "S3 hints lead on to the owner", subject());
    PageMessage passed_on = message;
    passed_on.from = context_.self;
    ++passed_on.sends;
    effects_.send(to, passed_on);
}

/// As the owner, or from a copy, which loses nothing by it: so no turn holds it back.
void SequentialStep::serve_read(NodeId reader) {
    if (context_.first_touch && is(Flag::Owns) && is_home() && state_.first_toucher == no_node && is(Flag::Zero)) {
        // The first to touch becomes the owner, also by a read: it is told to ask for the ownership.
        PageMessage redo = message_of(PageMessageKind::Redo);
        redo.origin = reader;
        return effects_.send(reader, redo);
    }
    if (mutates(Mutation::ServeWithoutDowngrade)) {
        enter(state_.access, state_.pending);
    } else if (state_.access == Access::Write) {
        lower_access(Access::Read);
        state_.moved_at_us = now_us_;
        state_.stay = Stay::Free;
    }
    state_.copyset.insert(reader, pool_);
    PageMessage reply = message_of(PageMessageKind::ReadReply);
    reply.origin = reader;
    reply.contents = is(Flag::Zero) ? Contents::Zero : Contents::Bytes;
    reply.version = state_.version;
    effects_.send(reader, reply);
}

/// S5: no bytes only for a copy that is known to be there and current, since an invalidation may have overtaken the
/// request, or the copy may have been evicted and written elsewhere since.
Contents SequentialStep::contents_for(const WriteWish &wish) const {
    if (is(Flag::Zero) || wish.discard) { return Contents::Zero; }
    const bool is_current = wish.version == state_.version || state_.copyset.contains(wish.origin, pool_);
    const bool is_trusted = mutates(Mutation::GrantStaleWithoutBytes) || is_current;
    return wish.have_copy && is_trusted ? Contents::None : Contents::Bytes;
}

/// Ownership goes to wish.origin. Access is taken first, in every rank, so that no write is lost (S1, S10).
void SequentialStep::serve_write(const WriteWish &wish) {
    DSM_CHECK(!has_deferred(), "S9 who waited longer was served", subject());
    const bool had_access = state_.access != Access::None;
    const bool keeps_copy = wish.own_only && had_access && !is(Flag::Evicting);
    lower_access(keeps_copy ? Access::Read : Access::None);
    PageMessage grant = message_of(PageMessageKind::Grant);
    grant.origin = wish.origin;
    grant.own_only = wish.own_only;
    grant.contents = contents_for(wish);
    grant.version = state_.version;
    state_.copyset.erase(wish.origin, pool_);
    if (keeps_copy) { state_.copyset.insert(context_.self, pool_); }
    std::array<std::byte, encoded_nodes_bytes_max> nodes;
    const bool loses = mutates(Mutation::OwnLosesCopyset) && wish.own_only;
    grant.nodes = std::span(nodes).first(loses ? 0 : state_.copyset.encode(pool_, nodes));
    if (!wish.own_only) { state_.reads_climb = is_crowd(state_.copyset.count()) && !is_home(); }
    state_.copyset.clear(pool_);
    if (context_.first_touch && is_home() && state_.first_toucher == no_node) { state_.first_toucher = wish.origin; }
    effects_.send(wish.origin, grant);
    if (!keeps_copy && (had_access || !is(Flag::Zero))) { effects_.drop_frame(); }
    set(Flag::Owns, false);
    set(Flag::Zero, keeps_copy && is(Flag::Zero));
    set(Flag::Evicting, false);
    state_.stay = Stay::Free;
    state_.moved_at_us = now_us_;
}

} // namespace dsm::protocol
