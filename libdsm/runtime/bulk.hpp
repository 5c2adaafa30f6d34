// How the bytes of a block reach another node, chosen per destination at start: copied straight into the peer's frame
// (direct), put there by MPI (one-sided), or carried by active messages.
#pragma once

#include "libdsm/base/ids.hpp"
#include "libdsm/memory/frame_store.hpp"

#include <cstdint>
#include <vector>

namespace dsm::rt {

enum class BulkWay : std::uint8_t { ActiveMessage, Direct, OneSided };

struct BulkRoutes {
    std::vector<BulkWay> way;               ///< by node
    std::vector<memory::PeerFrames> frames; ///< by node; mapped where the way is Direct
    std::vector<memory::PeerFrames> twins;  ///< by node; the twins of its release pages, to be read alone
    BulkWay to(NodeId node) const { return way[node.value]; }
};

inline const char *name_of(BulkWay way) {
    switch (way) {
    case BulkWay::ActiveMessage:
        return "active messages";
    case BulkWay::Direct:
        return "direct";
    case BulkWay::OneSided:
        return "one-sided";
    }
    return "?";
}

} // namespace dsm::rt
