// Hashes, the short form of a state, and effects as bytes.
#include "libdsm/runtime/trace_format.hpp"

#include "libdsm/protocol/page_wire.hpp"

#include <algorithm>
#include <cstring>

namespace dsm::rt {
namespace {

static_assert(std::has_unique_object_representations_v<protocol::PageState>, "a hash of its bytes is one of its value");

template <class Number> std::span<const std::byte> bytes_of_number(const Number &number) {
    return std::as_bytes(std::span(&number, 1));
}

std::uint64_t add_set(std::uint64_t hash, const protocol::NodeSet &set, const protocol::SetPool &pool) {
    if (set.empty()) { return trace_hash({}, hash) * 3; }
    std::array<std::byte, protocol::encoded_nodes_bytes_max> encoded;
    return trace_hash(std::span(encoded).first(set.encode(pool, encoded)), hash);
}

} // namespace

std::uint32_t trace_checksum(std::span<const std::byte> record) noexcept {
    constexpr std::size_t first = offsetof(TraceRecordHead, page);
    const std::uint64_t hash = trace_hash(record.subspan(first), trace_hash(record.first(sizeof(std::uint32_t))));
    return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

TraceState trace_state_of(const protocol::PageState &state) noexcept {
    return {.version = state.version.value,
            .flags = state.flags,
            .hint = state.hint.value,
            .next = state.next.value,
            .acks_left = state.acks_left,
            .copyset = static_cast<std::uint16_t>(state.copyset.count()),
            .readers = static_cast<std::uint16_t>(state.readers.count()),
            .access = static_cast<std::uint8_t>(state.access),
            .pending = static_cast<std::uint8_t>(state.pending),
            .stay = static_cast<std::uint8_t>(state.stay),
            .pins = state.pins};
}

std::uint64_t trace_hash_of(const protocol::PageState &state, const protocol::SetPool &pool) noexcept {
    const std::uint64_t sets = add_set(add_set(trace_hash_begin, state.copyset, pool), state.readers, pool);
    protocol::PageState rest = state;
    rest.copyset = {};
    rest.readers = {};
    return trace_hash(bytes_of_number(rest), sets);
}

void TracedEffects::note(TraceEffect kind, std::span<const std::byte> fields, std::span<const std::byte> more) {
    const std::size_t length = 1 + fields.size() + more.size();
    hash_ = trace_hash(more, trace_hash(fields, trace_hash(bytes_of_number(kind), hash_)));
    bytes_all_ += static_cast<std::uint32_t>(length);
    is_full_ = is_full_ || used_ + length > bytes_.size();
    if (is_full_) { return; }
    std::byte *place = bytes_.data() + used_;
    *place++ = static_cast<std::byte>(kind);
    place = std::copy(fields.begin(), fields.end(), place);
    std::copy(more.begin(), more.end(), place);
    used_ = static_cast<std::uint16_t>(used_ + length);
}

void TracedEffects::send(NodeId to, const protocol::PageMessage &message) {
    std::array<std::byte, protocol::encoded_page_message_bytes_max> encoded;
    const auto wire = std::span(encoded).first(protocol::encode(message, encoded));
    const std::array<std::uint16_t, 2> fields{to.value, static_cast<std::uint16_t>(wire.size())};
    note(TraceEffect::Send, std::as_bytes(std::span(fields)), wire);
    if (next_ != nullptr) { next_->send(to, message); }
}

void TracedEffects::restrict_access(Access access) {
    note(TraceEffect::Restrict, bytes_of_number(access));
    if (next_ != nullptr) { next_->restrict_access(access); }
}

void TracedEffects::grant_access(Access access) {
    note(TraceEffect::Grant, bytes_of_number(access));
    if (next_ != nullptr) { next_->grant_access(access); }
}

void TracedEffects::drop_frame() {
    note(TraceEffect::DropFrame, {});
    if (next_ != nullptr) { next_->drop_frame(); }
}

void TracedEffects::zero_frame() {
    note(TraceEffect::ZeroFrame, {});
    if (next_ != nullptr) { next_->zero_frame(); }
}

void TracedEffects::set_timer(protocol::TimeUs at) {
    note(TraceEffect::SetTimer, bytes_of_number(at));
    if (next_ != nullptr) { next_->set_timer(at); }
}

void TracedEffects::freed() {
    note(TraceEffect::Freed, {});
    if (next_ != nullptr) { next_->freed(); }
}

void TracedEffects::wake_waiters() {
    note(TraceEffect::WakeWaiters, {});
    if (next_ != nullptr) { next_->wake_waiters(); }
}

void TracedEffects::load() {
    note(TraceEffect::Load, {});
    if (next_ != nullptr) { next_->load(); }
}

} // namespace dsm::rt
