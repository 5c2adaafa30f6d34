// Which records need not wake their receiver: it has no use for them before it waits for something itself, and who
// waits looks at the network. So a rank that computes is left alone.
#pragma once

#include "libdsm/transport/transport.hpp"

#include <cstddef>
#include <span>

namespace dsm::rt {

/// Of a record of any service. `head`: all of it but the bytes of a page.
transport::Urgency urgency_of(std::span<const std::byte> head) noexcept;

} // namespace dsm::rt
