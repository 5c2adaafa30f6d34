// Traces: the input is a trace whose checksums are mended first, so that what lies behind them is reached. What is read
// is in range; what is refused says why; what ends early is taken when asked for.
#include "tests/fuzz/fuzz.hpp"
#include "tests/trace/trace_file.hpp"

using namespace dsm;
using namespace dsm::trace_test;

namespace {

void mend_checksums(std::vector<std::byte> &file) {
    std::size_t at = sizeof(rt::TraceFileHead);
    while (at + sizeof(rt::TraceRecordHead) <= file.size()) {
        rt::TraceRecordHead head;
        std::memcpy(&head, file.data() + at, sizeof head);
        if (head.bytes < sizeof head || head.bytes > file.size() - at) { return; }
        head.checksum = rt::trace_checksum(std::span(file).subspan(at, head.bytes));
        std::memcpy(file.data() + at, &head, sizeof head);
        at += head.bytes;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const fuzz::Input input(data, size);
    std::vector<std::byte> file(input.bytes().begin(), input.bytes().end());
    mend_checksums(file);
    std::string error;
    const auto whole = read_trace(file, Unfinished::Refused, error);
    FUZZ_REQUIRE(whole.has_value() == error.empty());
    const auto taken = read_trace(file, Unfinished::Taken, error);
    FUZZ_REQUIRE(taken.has_value() == error.empty());
    FUZZ_REQUIRE(!whole || (taken && taken->steps.size() == whole->steps.size()));
    if (!taken) { return 0; }
    for (const TraceStep &step : taken->steps) {
        FUZZ_REQUIRE(step.head.home < taken->head.node_count && name_of(step.head.event) != "?");
        std::size_t bytes = 0;
        FUZZ_REQUIRE(for_each_effect(
            step.effects, [&](rt::TraceEffect, std::span<const std::byte> fields) { bytes += 1 + fields.size(); }));
        FUZZ_REQUIRE(bytes == step.effects.size());
    }
    return 0;
}
