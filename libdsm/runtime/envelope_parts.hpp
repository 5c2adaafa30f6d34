// Envelopes whose parts have not all come. Each waits in a place of its own, in memory that is touched as it is used.
// Driver only.
#pragma once

#include "libdsm/base/ids.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::rt {

class EnvelopeParts {
public:
    EnvelopeParts();
    ~EnvelopeParts();
    EnvelopeParts(const EnvelopeParts &) = delete;
    EnvelopeParts &operator=(const EnvelopeParts &) = delete;

    struct Incoming {
        std::int32_t from;    ///< rank
        std::uint32_t number; ///< of the envelope
        std::uint32_t come;   ///< parts; 0: the place is free
        std::uint32_t parts;  ///< of the whole; 0: the last has not come
        std::size_t bytes;
    };
    /// Adds a part; gives the place when all are there, else nullptr.
    Incoming *add(std::int32_t from, std::uint32_t number, std::uint16_t part, bool is_last,
                  std::span<const std::byte> record);
    /// Calls visit(record) for every part that has come, in their order.
    template <class Visit> void for_each(const Incoming &incoming, Visit visit) const;
    void end(Incoming &incoming);

private:
    /// In front of each part, one behind the other in the order of their coming.
    struct PartHead {
        std::uint32_t length;
        std::uint32_t part;
    };
    static constexpr std::size_t places = 256;
    static constexpr std::size_t place_bytes = std::size_t{8} << 20;
    std::byte *memory_of(const Incoming &incoming) const {
        return memory_ + static_cast<std::size_t>(&incoming - incoming_.data()) * place_bytes;
    }
    std::byte *memory_;
    std::array<Incoming, places> incoming_{};
};

/// They mostly came in order: each is looked for from where the one before ended.
template <class Visit> void EnvelopeParts::for_each(const Incoming &incoming, Visit visit) const {
    const std::byte *const begin = memory_of(incoming);
    std::size_t at = 0;
    for (std::uint32_t part = 0; part < incoming.parts;) {
        if (at == incoming.bytes) { at = 0; }
        PartHead head;
        __builtin_memcpy(&head, begin + at, sizeof head);
        if (head.part == part) {
            visit(std::span<const std::byte>(begin + at + sizeof head, head.length));
            ++part;
        }
        at += sizeof head + head.length;
    }
}

} // namespace dsm::rt
