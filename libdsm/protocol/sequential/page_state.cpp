// States and messages in words, for reports and traces.
#include "libdsm/protocol/sequential/page_state.hpp"

#include <algorithm>
#include <cstdio>

namespace dsm::protocol {
namespace {

/// What snprintf really wrote.
std::size_t written(int length, std::size_t bytes) {
    return bytes == 0 || length < 0 ? 0 : std::min(static_cast<std::size_t>(length), bytes - 1);
}

const char *word_if(bool condition, const char *word) { return condition ? word : ""; }

} // namespace

const char *name_of(Access access) noexcept {
    switch (access) {
    case Access::None:
        return "none";
    case Access::Read:
        return "read";
    case Access::Write:
        return "write";
    }
    return "?";
}

const char *name_of(Pending pending) noexcept {
    switch (pending) {
    case Pending::None:
        return "none";
    case Pending::Read:
        return "read";
    case Pending::Write:
        return "write";
    case Pending::Own:
        return "own";
    }
    return "?";
}

const char *name_of(PageMessageKind kind) noexcept {
    switch (kind) {
    case PageMessageKind::ReadRequest:
        return "ReadRequest";
    case PageMessageKind::ReadReply:
        return "ReadReply";
    case PageMessageKind::WriteRequest:
        return "WriteRequest";
    case PageMessageKind::Grant:
        return "Grant";
    case PageMessageKind::Invalidate:
        return "Invalidate";
    case PageMessageKind::InvalidateAck:
        return "InvalidateAck";
    case PageMessageKind::Redo:
        return "Redo";
    case PageMessageKind::TakeBack:
        return "TakeBack";
    }
    return "?";
}

const char *name_of(Contents contents) noexcept {
    switch (contents) {
    case Contents::None:
        return "none";
    case Contents::Zero:
        return "zero";
    case Contents::Bytes:
        return "bytes";
    case Contents::Lines:
        return "lines";
    }
    return "?";
}

std::size_t describe(const PageState &state, char *buffer, std::size_t bytes) noexcept {
    if (!is_initialised(state)) { return written(std::snprintf(buffer, bytes, "untouched"), bytes); }
    const auto flag = [&](Flag one, const char *word) { return word_if(has(state, one), word); };
    return written(
        std::snprintf(buffer, bytes,
                      "access %s, pending %s%s%s%s%s%s%s%s%s%s%s%s%s, hint %d, next %d, version %u, copyset %u, "
                      "readers deferred %u, acks left %u, stay %u, pins %u%s",
                      name_of(state.access), name_of(state.pending), flag(Flag::Owns, ", owns"),
                      flag(Flag::Zero, ", zero"), flag(Flag::Dropped, ", dropped"), flag(Flag::ReadLost, ", read lost"),
                      flag(Flag::WantedBack, ", wanted back"), flag(Flag::Evicting, ", evicting"),
                      flag(Flag::Relaying, ", relaying"), flag(Flag::PinDelays, ", pin delays"),
                      flag(Flag::Awaited, ", awaited"), flag(Flag::Freeing, ", freeing"),
                      flag(Flag::FreeWanted, ", free wanted"), flag(Flag::InFile, ", in file"), state.hint.value,
                      state.next == no_node ? -1 : int{state.next.value}, state.version.value, state.copyset.count(),
                      state.readers.count(), state.acks_left, static_cast<unsigned>(state.stay), state.pins,
                      word_if(state.reads_climb, ", reads climb")),
        bytes);
}

std::size_t describe(const PageMessage &message, char *buffer, std::size_t bytes) noexcept {
    return written(std::snprintf(buffer, bytes,
                                 "%s page %llu from %u origin %u%s%s%s%s, contents %s, version %u, sends %u, count %u, "
                                 "nodes %zu bytes",
                                 name_of(message.kind), static_cast<unsigned long long>(message.page.value),
                                 message.from.value, message.origin.value, word_if(message.own_only, ", own only"),
                                 word_if(message.have_copy, ", has copy"), word_if(message.discard, ", discard"),
                                 word_if(message.climbs, ", climbs"), name_of(message.contents), message.version.value,
                                 message.sends, message.count, message.nodes.size()),
                   bytes);
}

} // namespace dsm::protocol
