// Sets of nodes as bytes: both decoders agree, a set survives encoding, and nobody beyond the job is in it.
#include "libdsm/protocol/node_set.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace dsm;
using protocol::NodeBits;
using protocol::NodeSet;
using protocol::SetPool;

namespace {

constexpr std::size_t chunks = 128;
constexpr unsigned erased_max = 40; ///< of a large set; it costs a walk each
alignas(64) std::byte pool_memory[SetPool::bytes_for(chunks)];

/// A set has one list: sorted, nobody twice.
void require_rising_list(std::span<const std::byte> bytes) {
    if (bytes.empty() || bytes[0] != std::byte{0}) { return; }
    const auto number = [&](std::size_t at) {
        return std::to_integer<unsigned>(bytes[at]) | std::to_integer<unsigned>(bytes[at + 1]) << 8U;
    };
    for (std::size_t at = 3; at < bytes.size(); at += 2) { FUZZ_REQUIRE(number(at - 2) < number(at)); }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    static SetPool pool(pool_memory, sizeof pool_memory);
    fuzz::Input input(data, size);
    const unsigned node_count = 1 + input.take<std::uint16_t>() % nodes_max;
    NodeBits bits;
    NodeSet set{};
    const bool is_good = bits.decode(input.bytes(), node_count);
    FUZZ_REQUIRE(set.decode(input.bytes(), node_count, pool) == is_good);
    if (!is_good) {
        FUZZ_REQUIRE(set.empty());
        return 0;
    }
    FUZZ_REQUIRE(set.count() == bits.count());
    require_rising_list(input.bytes());
    set.for_each(pool, [&](NodeId node) { FUZZ_REQUIRE(node.value < node_count && bits.contains(node)); });
    std::vector<std::byte> encoded(protocol::encoded_nodes_bytes_max);
    encoded.resize(bits.encode(0, node_count, encoded));
    std::vector<std::byte> of_set(protocol::encoded_nodes_bytes_max);
    of_set.resize(set.encode(pool, of_set));
    NodeBits again;
    FUZZ_REQUIRE(again.decode(encoded, node_count) && again.count() == bits.count());
    NodeSet set_again{};
    FUZZ_REQUIRE(set_again.decode(of_set, node_count, pool) && set_again.count() == bits.count());
    again.for_each([&](NodeId node) { FUZZ_REQUIRE(bits.contains(node) && set_again.contains(node, pool)); });
    unsigned erased = 0;
    bits.for_each([&](NodeId node) {
        if (erased == erased_max) { return; }
        FUZZ_REQUIRE(set.erase(node, pool) && !set.contains(node, pool));
        ++erased;
    });
    FUZZ_REQUIRE(set.count() + erased == bits.count());
    set.clear(pool);
    set_again.clear(pool);
    FUZZ_REQUIRE(pool.chunks_in_use() == 0);
    return 0;
}
