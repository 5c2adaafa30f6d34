// What may be done with a page: by a thread that faults, by a rank, by a node.
#pragma once

#include <cstdint>

namespace dsm {

enum class Access : std::uint8_t { None, Read, Write };

} // namespace dsm
