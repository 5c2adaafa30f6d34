// Messages of the page protocol: what is decoded is in range and encodes to the same bytes.
#include "libdsm/protocol/page_wire.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace dsm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    fuzz::Input input(data, size);
    const unsigned node_count = 1 + input.take<std::uint16_t>() % nodes_max;
    const auto message = protocol::decode_page_message(input.bytes(), node_count);
    if (!message) { return 0; }
    FUZZ_REQUIRE(message->from.value < node_count && message->origin.value < node_count);
    FUZZ_REQUIRE(message->owner.value < node_count);
    protocol::NodeBits nodes;
    FUZZ_REQUIRE(nodes.decode(message->nodes, node_count));
    std::vector<std::byte> again(protocol::page_record_bytes + message->nodes.size());
    FUZZ_REQUIRE(protocol::encode(*message, again) == again.size());
    FUZZ_REQUIRE(again.size() == input.bytes().size());
    FUZZ_REQUIRE(std::equal(again.begin(), again.end(), input.bytes().begin()));
    return 0;
}
