// The places of envelopes that come in parts.
#include "libdsm/runtime/envelope_parts.hpp"

#include "libdsm/base/check.hpp"

#include <cstring>
#include <sys/mman.h>

namespace dsm::rt {

EnvelopeParts::EnvelopeParts() {
    void *memory = ::mmap(nullptr, places * place_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    DSM_CHECK(memory != MAP_FAILED, "memory for envelopes in parts", places * place_bytes);
    memory_ = static_cast<std::byte *>(memory);
}

EnvelopeParts::~EnvelopeParts() { ::munmap(memory_, places * place_bytes); }

EnvelopeParts::Incoming *EnvelopeParts::add(std::int32_t from, std::uint32_t number, std::uint16_t part, bool is_last,
                                            std::span<const std::byte> record) {
    Incoming *place = nullptr;
    for (Incoming &each : incoming_) {
        if (each.come != 0 && each.from == from && each.number == number) {
            place = &each;
            break;
        }
        if (each.come == 0 && place == nullptr) { place = &each; }
    }
    DSM_CHECK(place != nullptr, "P11 there is a place for an envelope in parts", number);
    if (place->come == 0) { *place = {from, number, 0, 0, 0}; }
    const PartHead head{static_cast<std::uint32_t>(record.size()), part};
    DSM_CHECK(place->bytes + sizeof head + record.size() <= place_bytes, "P11 an envelope fits its place",
              place->bytes);
    std::byte *at = memory_of(*place) + place->bytes;
    std::memcpy(at, &head, sizeof head);
    std::memcpy(at + sizeof head, record.data(), record.size());
    place->bytes += sizeof head + record.size();
    ++place->come;
    if (is_last) { place->parts = part + std::uint32_t{1}; }
    return place->come == place->parts ? place : nullptr;
}

void EnvelopeParts::end(Incoming &incoming) {
    constexpr std::size_t kept_bytes = std::size_t{64} << 10;
    if (incoming.bytes > kept_bytes) { ::madvise(memory_of(incoming), place_bytes, MADV_DONTNEED); }
    incoming = {};
}

} // namespace dsm::rt
