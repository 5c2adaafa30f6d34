// Traces of the page protocol as bytes: what DSM_TRACE records, one file per rank. docs/tracing.md has the layout.
//
// A file is a head, records, and a record that says the end. A record is one step of a page's state machine at a node:
// what happened, the time that was given to the step, the message if there was one, what the step wanted done, and what
// became of the state. The steps of a page at its node are numbered, so that the files of the node's ranks can be put
// together. All numbers are little endian.
#pragma once

#include "libdsm/protocol/sequential/sequential_protocol.hpp"
#include "libdsm/runtime/page_table.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace dsm::rt {

constexpr std::array<char, 8> trace_magic{'D', 'S', 'M', 'T', 'R', 'A', 'C', 'E'};
/// Grows with every change of the layout below.
constexpr std::uint32_t trace_format = 1;
/// Bytes of effects that a record shows; of longer ones it has the hash.
constexpr std::size_t trace_effects_bytes_max = 1024;
constexpr std::size_t trace_record_alignment = 8;

/// Numbers of a file; one that is retired is never used again.
enum class TraceEvent : std::uint8_t {
    Fault = 1,      ///< argument: the access wanted
    Prefetch = 2,   ///< argument: the access wanted
    Message = 3,    ///< the message's bytes follow the record's head
    Accessed = 4,   ///< a thread of this rank has mapped the page
    Timer = 5,      ///<
    Evict = 6,      ///< result: protocol::Eviction
    Free = 7,       ///<
    Pin = 8,        ///< argument: the access wanted; result: whether it is pinned
    Unpin = 9,      ///<
    LoadAhead = 10, ///< result: whether the page waits for its contents now
    Loaded = 11,    ///<
    Clean = 12,     ///< result: whether write access is gone
    Reset = 13,     ///< the allocation has ended at this node: the last step of its pages
    End = 255,      ///< no step: the end of the file; TraceEnd has its fields
};

/// Numbers of a file: what stands in front of each effect.
enum class TraceEffect : std::uint8_t {
    Send = 1,        ///< then: node (2), length (2), the encoded message
    Restrict = 2,    ///< then: access (1)
    Grant = 3,       ///< then: access (1)
    DropFrame = 4,   ///<
    ZeroFrame = 5,   ///<
    SetTimer = 6,    ///< then: the time (8)
    Freed = 7,       ///<
    WakeWaiters = 8, ///<
    Load = 9,        ///<
};

struct TraceFileHead {
    std::array<char, 8> magic;
    std::uint32_t format;
    std::uint32_t head_bytes;      ///< of this struct: the first record stands behind it
    std::uint32_t library_version; ///< DSM_VERSION
    std::uint32_t rank;
    std::uint32_t rank_count;
    std::uint16_t limits_bytes; ///< of `limits` in use
    std::uint16_t state_bytes;  ///< of a PageState; state hashes can be compared where it is equal
    std::uint64_t job;          ///< equal in all files of one job
    std::int64_t monotonic_ns;  ///< the clock of the records (of this host) ...
    std::int64_t realtime_ns;   ///< ... and the time of day at the same moment
    std::uint64_t size_max;     ///< DSM_TRACE_SIZE
    std::uint16_t node;
    std::uint16_t node_count;
    std::uint16_t node_ranks; ///< how many ranks this node has
    std::uint16_t reserved;
    std::array<std::byte, 64> limits; ///< protocol::SequentialLimits as in memory
};
static_assert(std::is_trivially_copyable_v<TraceFileHead> && sizeof(TraceFileHead) == 136);

/// What a state is, for readers that do not replay. The hash beside it covers every field.
struct TraceState {
    std::uint32_t version;
    std::uint16_t flags; ///< protocol::Flag
    std::uint16_t hint;
    std::uint16_t next;
    std::uint16_t acks_left;
    std::uint16_t copyset; ///< members
    std::uint16_t readers; ///< members
    std::uint8_t access;
    std::uint8_t pending;
    std::uint8_t stay;
    std::uint8_t pins;
    friend bool operator==(const TraceState &, const TraceState &) = default;
};

/// Followed by `message_bytes` of an encoded message, `effects_bytes` of effects, and zeros up to `bytes`.
struct TraceRecordHead {
    std::uint32_t bytes; ///< of the whole record, a multiple of trace_record_alignment; written last
    std::uint32_t checksum;
    std::uint64_t page;
    std::uint64_t now_us;     ///< the time given to the step
    std::uint32_t generation; ///< of the allocation
    std::uint32_t step;       ///< of this page of this allocation at this node: 1, 2, 3 ...
    std::uint64_t effects_hash;
    std::uint64_t state_hash;        ///< after the step
    std::uint32_t effects_bytes_all; ///< of all effects, also of those that are not shown
    std::uint16_t effects_bytes;
    std::uint16_t message_bytes;
    TraceState state;     ///< after the step
    std::uint32_t thread; ///< the kernel's number of the thread that stepped
    std::uint16_t home;
    TraceEvent event;
    std::uint8_t argument;
    std::uint8_t result;
    std::uint8_t origin; ///< PageOrigin
    std::uint8_t block_shift;
    std::uint8_t reserved;
};
static_assert(std::is_trivially_copyable_v<TraceRecordHead> && sizeof(TraceRecordHead) == 88);
static_assert(std::endian::native == std::endian::little, "files are little endian");

/// Why a trace ends. In `result` of the record that ends it.
enum class TraceEnd : std::uint8_t {
    Complete = 0,
    SizeReached = 1, ///< of DSM_TRACE_SIZE, or of the limit on file sizes
    DiskFull = 2,
};

/// The longest record.
constexpr std::size_t trace_record_bytes_max = (sizeof(TraceRecordHead) + protocol::encoded_nodes_bytes_max + 64 +
                                                trace_effects_bytes_max + trace_record_alignment - 1) /
                                               trace_record_alignment * trace_record_alignment;

/// FNV-1a: small, without tables, good enough to see a difference.
constexpr std::uint64_t trace_hash_begin = 0xcbf29ce484222325ULL;
constexpr std::uint64_t trace_hash(std::span<const std::byte> bytes, std::uint64_t hash = trace_hash_begin) noexcept {
    for (const std::byte byte : bytes) { hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3ULL; }
    return hash;
}

/// The checksum of a record whose `bytes` is set: of all but the checksum.
std::uint32_t trace_checksum(std::span<const std::byte> record) noexcept;

TraceState trace_state_of(const protocol::PageState &state) noexcept;
/// Equal for equal states, wherever their sets have their chunks.
std::uint64_t trace_hash_of(const protocol::PageState &state, const protocol::SetPool &pool) noexcept;

/// Gathers the effects of one step and hands each on.
class TracedEffects final : public protocol::PageEffects {
public:
    explicit TracedEffects(protocol::PageEffects *next) noexcept : next_(next) {}

    void send(NodeId to, const protocol::PageMessage &message) override;
    void restrict_access(Access access) override;
    void grant_access(Access access) override;
    void drop_frame() override;
    void zero_frame() override;
    void set_timer(protocol::TimeUs at) override;
    void freed() override;
    void wake_waiters() override;
    void load() override;

    /// As many whole effects as are shown.
    std::span<const std::byte> shown() const { return std::span(bytes_).first(used_); }
    std::uint32_t bytes_all() const { return bytes_all_; }
    std::uint64_t hash() const { return hash_; }

private:
    void note(TraceEffect kind, std::span<const std::byte> fields, std::span<const std::byte> more = {});
    protocol::PageEffects *next_; ///< nullptr: nobody
    std::uint64_t hash_ = trace_hash_begin;
    std::uint32_t bytes_all_ = 0;
    std::uint16_t used_ = 0;
    bool is_full_ = false;
    std::array<std::byte, trace_effects_bytes_max> bytes_;
};

} // namespace dsm::rt
