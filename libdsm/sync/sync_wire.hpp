// Messages of locks, conditions and barriers as bytes: little-endian, fixed size per family, the kind first. Kinds of
// different families differ, so the first byte tells the family.
#pragma once

#include "libdsm/sync/barrier.hpp"
#include "libdsm/sync/condition.hpp"
#include "libdsm/sync/lock_token.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace dsm::sync {

constexpr std::size_t sync_message_bytes_max = 48;
constexpr std::size_t lock_message_bytes = 18;
constexpr std::size_t condition_message_bytes = 26;
constexpr std::size_t barrier_message_bytes = 37;

enum class SyncFamily : std::uint8_t { None, Lock, Condition, Barrier };

/// The family of an encoded message; None when the bytes are empty or begin with no known kind.
SyncFamily family_of(std::span<const std::byte> bytes) noexcept;

/// Writes a message; returns how many bytes it has.
std::size_t encode(const LockMessage &message, std::span<std::byte, sync_message_bytes_max> out) noexcept;
std::size_t encode(const ConditionMessage &message, std::span<std::byte, sync_message_bytes_max> out) noexcept;
std::size_t encode(const BarrierMessage &message, std::span<std::byte, sync_message_bytes_max> out) noexcept;

/// Reads a message from bytes that may be anything: nothing unless the length is exact, the kind is known, and nodes
/// and flags are in range. `node_count` bounds the nodes.
std::optional<LockMessage> decode_lock(std::span<const std::byte> bytes, std::uint16_t node_count) noexcept;
std::optional<ConditionMessage> decode_condition(std::span<const std::byte> bytes, std::uint16_t node_count) noexcept;
std::optional<BarrierMessage> decode_barrier(std::span<const std::byte> bytes, std::uint16_t node_count) noexcept;

} // namespace dsm::sync
