// How long a message may be so that MPI sends it eagerly, without asking the receiver, on each kind of path.
#pragma once

#include <cstddef>

namespace dsm::transport {

struct PathLimits {
    std::size_t same_host_bytes;  ///< to ranks of this host
    std::size_t other_host_bytes; ///< to all others
    /// A message to a rank of this host is in its memory once its send is complete (shared memory).
    bool same_host_arrives_at_once;
    /// Open MPI's ob1 carries messages over shared memory that can also write into the peer by cross-memory attach.
    bool same_host_writes_by_cma;
    /// One-sided copies between hosts are conceivable: something other than TCP connects them.
    bool rdma_between_hosts;
};

/// Asks the MPI at hand through the MPI tool interface; what cannot be asked is guessed low.
PathLimits find_path_limits();

} // namespace dsm::transport
