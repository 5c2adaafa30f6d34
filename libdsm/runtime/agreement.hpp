// Collective steps of start-up: every rank does its part, and all learn whether somebody failed.
#pragma once

#include "libdsm/transport/transport.hpp"

#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace dsm::rt {

/// Every rank's value, in order of rank. Collective, blocks.
template <class T> std::vector<T> gather(transport::Transport &transport, const T &mine) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<T> all(static_cast<std::size_t>(transport.size()));
    transport.all_gather(std::as_bytes(std::span<const T, 1>(&mine, 1)), std::as_writable_bytes(std::span<T>(all)));
    return all;
}

/// Start-up cannot go on: an errno code, which all ranks return.
struct StartFailure {
    int error;
};

/// Throws StartFailure on every rank when a rank comes with an error; the first such rank prints its reason.
/// Collective.
void agree(transport::Transport &transport, int error, const std::string &reason);

} // namespace dsm::rt
