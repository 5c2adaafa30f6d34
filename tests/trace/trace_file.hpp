// A trace's file, checked and taken apart. Everything in it is doubted: it comes from outside.
#pragma once

#include "libdsm/runtime/trace_format.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dsm::trace_test {

/// One step; the spans point into the file's bytes.
struct TraceStep {
    rt::TraceRecordHead head;
    std::span<const std::byte> message;
    std::span<const std::byte> effects;
    std::uint32_t rank;
};

struct TraceFile {
    rt::TraceFileHead head;
    std::vector<TraceStep> steps; ///< in the order of the file
    bool is_finished;             ///< has its end; only a file that was asked for with Unfinished::Taken may have none
    rt::TraceEnd end;
    std::uint64_t steps_lost; ///< that were not recorded any more
};

/// What to do with a file without an end: its rank was killed, or the file has been cut.
enum class Unfinished { Refused, Taken };

/// Nothing, and why in one line, if the bytes are no whole trace of this version of the library.
std::optional<TraceFile> read_trace(std::span<const std::byte> bytes, Unfinished unfinished, std::string &error);

/// Names as docs/tracing.md has them; "?" for what is none.
std::string_view name_of(rt::TraceEvent event) noexcept;

/// Calls visit(TraceEffect, fields) for each effect; false if the bytes are not effects. The fields of a Send are the
/// node (2), the length (2) and the message.
template <class Visit> bool for_each_effect(std::span<const std::byte> bytes, Visit visit);

/// How many bytes of fields an effect has at the front of `rest`, which begins behind its number; nothing if it is
/// none.
std::optional<std::size_t> effect_field_bytes(std::byte kind, std::span<const std::byte> rest) noexcept;

template <class Visit> bool for_each_effect(std::span<const std::byte> bytes, Visit visit) {
    while (!bytes.empty()) {
        const auto fields = effect_field_bytes(bytes[0], bytes.subspan(1));
        if (!fields || *fields > bytes.size() - 1) { return false; }
        visit(static_cast<rt::TraceEffect>(bytes[0]), bytes.subspan(1, *fields));
        bytes = bytes.subspan(1 + *fields);
    }
    return true;
}

} // namespace dsm::trace_test
