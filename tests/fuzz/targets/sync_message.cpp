// Messages of locks, conditions, barriers and home objects: what is decoded encodes to the same bytes.
#include "libdsm/sync/home_wire.hpp"
#include "libdsm/sync/sync_wire.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <array>

using namespace dsm;

namespace {

template <class Message> void require_round_trip(const std::optional<Message> &message,
                                                 std::span<const std::byte> bytes, sync::SyncFamily family) {
    if (!message) { return; }
    FUZZ_REQUIRE(sync::family_of(bytes) == family);
    std::array<std::byte, sync::sync_message_bytes_max> again;
    FUZZ_REQUIRE(sync::encode(*message, again) == bytes.size());
    FUZZ_REQUIRE(std::equal(bytes.begin(), bytes.end(), again.begin()));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    fuzz::Input input(data, size);
    const auto node_count = static_cast<std::uint16_t>(1 + input.take<std::uint16_t>() % nodes_max);
    const auto bytes = input.bytes();
    const auto lock = sync::decode_lock(bytes, node_count);
    const auto condition = sync::decode_condition(bytes, node_count);
    const auto barrier = sync::decode_barrier(bytes, node_count);
    FUZZ_REQUIRE((lock ? 1 : 0) + (condition ? 1 : 0) + (barrier ? 1 : 0) <= 1);
    require_round_trip(lock, bytes, sync::SyncFamily::Lock);
    require_round_trip(condition, bytes, sync::SyncFamily::Condition);
    require_round_trip(barrier, bytes, sync::SyncFamily::Barrier);
    if (const auto home = sync::decode_home(bytes, node_count); home) {
        std::array<std::byte, sync::home_message_bytes> again;
        sync::encode(*home, again);
        FUZZ_REQUIRE(std::equal(bytes.begin(), bytes.end(), again.begin(), again.end()));
    }
    return 0;
}
