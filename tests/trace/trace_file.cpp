// Every field of a trace's head and records is checked here.
#include "tests/trace/trace_file.hpp"

#include "libdsm/protocol/page_wire.hpp"

#include <algorithm>
#include <cstring>
#include <dsm/api.h>

namespace dsm::trace_test {
namespace {

using rt::TraceEffect;
using rt::TraceEvent;
using rt::TraceFileHead;
using rt::TraceRecordHead;

constexpr unsigned block_shift_max = 21;
constexpr auto access_max = static_cast<std::uint8_t>(Access::Write);
constexpr auto origin_max = static_cast<std::uint8_t>(rt::PageOrigin::File);
constexpr auto eviction_max = static_cast<std::uint8_t>(protocol::Eviction::Refused);

template <class Value> Value value_at(std::span<const std::byte> bytes, std::size_t at) {
    Value value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

std::string_view fault_of(const TraceFileHead &head) {
    if (head.format != rt::trace_format) { return "is of another format than this program knows"; }
    if (head.head_bytes != sizeof head) { return "has a head of another length"; }
    if (head.library_version != DSM_VERSION || head.state_bytes != sizeof(protocol::PageState) ||
        head.limits_bytes != sizeof(protocol::SequentialLimits)) {
        return "is of another version of the library";
    }
    if (head.node_count == 0 || head.node_count > nodes_max || head.node >= head.node_count ||
        head.rank >= head.rank_count || head.node_ranks == 0 || head.node_ranks > head.rank_count) {
        return "has a head with impossible numbers";
    }
    return {};
}

bool wants_access(TraceEvent event) {
    return event == TraceEvent::Fault || event == TraceEvent::Prefetch || event == TraceEvent::Pin;
}

bool is_step(TraceEvent event) { return event >= TraceEvent::Fault && event <= TraceEvent::Reset; }

std::string_view fault_of(const TraceStep &step, const TraceFileHead &file) {
    const TraceRecordHead &head = step.head;
    if (!is_step(head.event)) { return "has an unknown event"; }
    const bool wants = wants_access(head.event);
    if (wants ? head.argument == 0 || head.argument > access_max : head.argument != 0) {
        return "wants an impossible access";
    }
    if (head.result > (head.event == TraceEvent::Evict ? eviction_max : 1)) { return "has an impossible result"; }
    if (head.home >= file.node_count || head.origin > origin_max || head.block_shift < page_shift ||
        head.block_shift > block_shift_max || head.step == 0 || head.generation == 0) {
        return "has an impossible allocation or step number";
    }
    if ((head.event == TraceEvent::Message) != !step.message.empty()) { return "has a message where none belongs"; }
    if (!step.message.empty()) {
        const auto message = protocol::decode_page_message(step.message, file.node_count);
        if (!message || message->page.value != head.page || message->from.value == file.node) {
            return "has a message that is none of this page";
        }
    }
    if (!for_each_effect(step.effects, [](TraceEffect, std::span<const std::byte>) {})) {
        return "has effects that are none";
    }
    const bool is_shown = step.effects.size() == head.effects_bytes_all;
    if (step.effects.size() > head.effects_bytes_all ||
        (is_shown && rt::trace_hash(step.effects) != head.effects_hash)) {
        return "has effects that do not fit their hash";
    }
    return {};
}

/// Reads the records of one file, one after the other.
class RecordReader {
public:
    RecordReader(std::span<const std::byte> bytes, TraceFile &file) : rest_(bytes), file_(file) {}

    /// The first complaint; empty if there is none.
    std::string read_all() {
        while (!rest_.empty() && !file_.is_finished) {
            const std::string_view fault = read_one();
            if (!fault.empty()) {
                return "record " + std::to_string(file_.steps.size() + 1) + " " + std::string(fault);
            }
            if (is_unfinished_) { return {}; }
        }
        return file_.is_finished && !rest_.empty() ? "has bytes behind its end" : "";
    }

private:
    std::string_view read_one() {
        TraceRecordHead head;
        if (rest_.size() < sizeof head) { return is_unfinished_ = true, std::string_view(); }
        std::memcpy(&head, rest_.data(), sizeof head);
        if (head.bytes == 0) { return is_unfinished_ = true, std::string_view(); }
        if (head.bytes < sizeof head || head.bytes > rt::trace_record_bytes_max ||
            head.bytes % rt::trace_record_alignment != 0) {
            return "has an impossible length";
        }
        if (head.bytes > rest_.size()) { return is_unfinished_ = true, std::string_view(); }
        const auto record = rest_.first(head.bytes);
        rest_ = rest_.subspan(head.bytes);
        if (rt::trace_checksum(record) != head.checksum) { return "does not fit its checksum"; }
        const std::size_t used = sizeof head + head.message_bytes + head.effects_bytes;
        if (used > record.size() || record.size() - used >= rt::trace_record_alignment) {
            return "has parts that do not fit its length";
        }
        if (head.event == TraceEvent::End) { return read_end(head); }
        const auto body = record.subspan(sizeof head);
        const TraceStep step{head, body.first(head.message_bytes), body.subspan(head.message_bytes, head.effects_bytes),
                             file_.head.rank};
        const std::string_view fault = fault_of(step, file_.head);
        if (fault.empty()) { file_.steps.push_back(step); }
        return fault;
    }

    std::string_view read_end(const TraceRecordHead &head) {
        if (head.result > static_cast<std::uint8_t>(rt::TraceEnd::DiskFull)) { return "ends for no reason"; }
        file_.end = static_cast<rt::TraceEnd>(head.result);
        file_.steps_lost = head.effects_hash;
        if (head.page != file_.steps.size()) { return "is the end of another number of records"; }
        if ((file_.steps_lost != 0) != (file_.end != rt::TraceEnd::Complete)) { return "ends for no reason"; }
        file_.is_finished = true;
        return {};
    }

    std::span<const std::byte> rest_;
    TraceFile &file_;
    bool is_unfinished_ = false;
};

} // namespace

std::optional<std::size_t> effect_field_bytes(std::byte kind, std::span<const std::byte> rest) noexcept {
    switch (static_cast<TraceEffect>(kind)) {
    case TraceEffect::Send:
        if (rest.size() < 4) { return std::nullopt; }
        return 4 + std::size_t{value_at<std::uint16_t>(rest, 2)};
    case TraceEffect::Restrict:
    case TraceEffect::Grant:
        return 1;
    case TraceEffect::SetTimer:
        return 8;
    case TraceEffect::DropFrame:
    case TraceEffect::ZeroFrame:
    case TraceEffect::Freed:
    case TraceEffect::WakeWaiters:
    case TraceEffect::Load:
        return 0;
    }
    return std::nullopt;
}

std::string_view name_of(TraceEvent event) noexcept {
    switch (event) {
    case TraceEvent::Fault:
        return "fault";
    case TraceEvent::Prefetch:
        return "prefetch";
    case TraceEvent::Message:
        return "message";
    case TraceEvent::Accessed:
        return "accessed";
    case TraceEvent::Timer:
        return "timer";
    case TraceEvent::Evict:
        return "evict";
    case TraceEvent::Free:
        return "free";
    case TraceEvent::Pin:
        return "pin";
    case TraceEvent::Unpin:
        return "unpin";
    case TraceEvent::LoadAhead:
        return "load-ahead";
    case TraceEvent::Loaded:
        return "loaded";
    case TraceEvent::Clean:
        return "clean";
    case TraceEvent::Reset:
        return "reset";
    case TraceEvent::End:
        return "end";
    }
    return "?";
}

std::optional<TraceFile> read_trace(std::span<const std::byte> bytes, Unfinished unfinished, std::string &error) {
    TraceFile file{};
    if (bytes.size() < sizeof file.head) {
        error = "is too short for a trace";
        return std::nullopt;
    }
    std::memcpy(&file.head, bytes.data(), sizeof file.head);
    error = file.head.magic != rt::trace_magic ? "is no trace" : fault_of(file.head);
    if (error.empty()) { error = RecordReader(bytes.subspan(sizeof file.head), file).read_all(); }
    if (error.empty() && !file.is_finished && unfinished == Unfinished::Refused) {
        error = "has no end: its rank was killed, or the file has been cut (--unfinished takes it)";
    }
    if (!error.empty()) { return std::nullopt; }
    return file;
}

} // namespace dsm::trace_test
