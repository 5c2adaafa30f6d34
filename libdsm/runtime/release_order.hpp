// Which records order memory: their receiver may rely on what the sender's node has written or learned before.
#pragma once

#include "libdsm/runtime/wire.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::rt {

enum class RecordOrder : std::uint8_t {
    None,     ///< it goes as it is
    Informs,  ///< it brings the notices of what others were told to have released
    Arrives,  ///< of the barrier of all ranks: it follows what the node had written when its ranks had come
    Releases, ///< it follows all writes of the node, and brings their notices
};

/// `head` begins with the service's number.
RecordOrder order_of(std::span<const std::byte> head) noexcept;

} // namespace dsm::rt
