// Parts of envelopes: what is decoded is in range, is written again in no more bytes, and does a log no harm.
#include "libdsm/protocol/release/notice_log.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace dsm;
using protocol::NoticeLog;
using protocol::NoticeRun;

namespace {

constexpr std::uint16_t log_nodes_max = 64;
constexpr std::size_t entries = 32;
constexpr NodeId self{0};

/// What the part would be if it were written by us; nothing if it leaves something to be joined.
void require_same_again(const protocol::EnvelopePart &part, std::size_t bytes) {
    std::vector<std::byte> again(bytes + protocol::envelope_part_bytes_min);
    protocol::PartWriter writer(again);
    part.for_each([&](const NoticeRun &run) { FUZZ_REQUIRE(writer.add(run)); });
    again.resize(writer.finish(part.head));
    FUZZ_REQUIRE(again.size() <= bytes);
    const auto decoded = protocol::decode_envelope_part(again, nodes_max, protocol::noticed_pages_max);
    FUZZ_REQUIRE(decoded && decoded->head == part.head);
    std::vector<NoticeRun> runs;
    part.for_each([&](const NoticeRun &run) { runs.push_back(run); });
    std::size_t i = 0;
    decoded->for_each([&](const NoticeRun &run) {
        FUZZ_REQUIRE(i < runs.size() && run.writer == runs[i].writer && run.interval == runs[i].interval);
        FUZZ_REQUIRE(run.first == runs[i].first && run.count == runs[i].count);
        ++i;
    });
    FUZZ_REQUIRE(i == runs.size());
}

/// A node that has taken it knows all of it, and so does whom it tells.
void adopt_and_pass_on(const protocol::EnvelopePart &part, std::uint16_t node_count) {
    bool is_whole = part.head.is_last && part.head.part == 0;
    part.for_each([&](const NoticeRun &run) { is_whole = is_whole && run.writer != self; });
    if (!is_whole) { return; }
    alignas(64) static std::byte memory[2][16'384];
    FUZZ_REQUIRE(NoticeLog::region_bytes(node_count, entries) <= sizeof memory[0]);
    std::memset(memory, 0, sizeof memory);
    NoticeLog log(memory[0], self, node_count, entries);
    if (!log.begin_adopt(part.head)) { return; }
    log.adopt_part(part);
    log.end_adopt();
    part.for_each([&](const NoticeRun &run) { FUZZ_REQUIRE(!log.is_news(run.writer, run.interval)); });
    const NodeId to{static_cast<std::uint16_t>(node_count - 1)};
    if (to == self || to == part.head.from) { return; }
    NoticeLog third(memory[1], to, node_count, entries);
    bool is_first = true;
    for (NoticeLog::Encoder encoder(log, to); !encoder.done(); is_first = false) {
        std::vector<std::byte> bytes(100);
        bytes.resize(encoder.next(bytes));
        const auto passed_on = protocol::decode_envelope_part(bytes, node_count, protocol::noticed_pages_max);
        FUZZ_REQUIRE(passed_on.has_value());
        FUZZ_REQUIRE(!is_first || third.begin_adopt(passed_on->head));
        third.adopt_part(*passed_on);
    }
    third.end_adopt();
    for (std::uint16_t node = 0; node < to.value; ++node) {
        FUZZ_REQUIRE(third.known(NodeId{node}) == log.known(NodeId{node}));
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    fuzz::Input input(data, size);
    const unsigned node_count = 1 + input.take<std::uint16_t>() % nodes_max;
    const std::uint64_t page_count = 1 + input.take<std::uint64_t>() % protocol::noticed_pages_max;
    const auto part = protocol::decode_envelope_part(input.bytes(), node_count, page_count);
    if (!part) { return 0; }
    FUZZ_REQUIRE(part->head.from.value < node_count);
    part->for_each([&](const NoticeRun &run) {
        FUZZ_REQUIRE(run.writer.value < node_count && run.interval > 0);
        FUZZ_REQUIRE(run.first.value < page_count && run.first.value + run.count <= page_count);
    });
    require_same_again(*part, input.bytes().size());
    if (node_count <= log_nodes_max) { adopt_and_pass_on(*part, static_cast<std::uint16_t>(node_count)); }
    return 0;
}
