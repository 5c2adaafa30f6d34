// Messages about release pages: what is decoded is in range and encodes to the same bytes.
#include "libdsm/protocol/release/release_wire.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace dsm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    fuzz::Input input(data, size);
    const unsigned node_count = 1 + input.take<std::uint16_t>() % nodes_max;
    const auto message = protocol::decode_release_message(input.bytes(), node_count);
    if (!message) { return 0; }
    FUZZ_REQUIRE(message->from.value < node_count && message->origin.value < node_count);
    const bool is_home = message->kind == protocol::ReleaseMessageKind::Home;
    const bool is_flush = message->kind == protocol::ReleaseMessageKind::Flush;
    FUZZ_REQUIRE(is_home == (message->reason != protocol::HomeReason::None));
    const bool is_claim = is_flush && message->is_last && message->part == 0; // May be without a diff.
    FUZZ_REQUIRE(is_claim || is_flush == !message->diff.empty());
    std::vector<std::byte> again(protocol::release_record_bytes + message->diff.size());
    FUZZ_REQUIRE(protocol::encode(*message, again) == again.size());
    FUZZ_REQUIRE(again.size() == input.bytes().size());
    FUZZ_REQUIRE(std::equal(again.begin(), again.end(), input.bytes().begin()));
    return 0;
}
