// One-sided copies: one MPI window over one reservation, open to everybody from start to end.
#pragma once

#include "libdsm/base/ids.hpp"
#include "mpi_transport/path_limits.hpp"

#include <cstdint>
#include <mpi.h>
#include <span>
#include <string>
#include <vector>

namespace dsm::transport {

class Window {
public:
    Window() = default;
    Window(const Window &) = delete;
    Window &operator=(const Window &) = delete;

    /// Finds out whether MPI really has one-sided copies between these ranks, then opens `memory`. Collective over the
    /// communicator, which the window keeps using. Returns the reason for failing, the same on all ranks, or nothing.
    std::string open(MPI_Comm communicator, std::span<std::byte> memory, const std::vector<int> &hosts,
                     const PathLimits &limits);
    bool is_open() const noexcept { return window_ != MPI_WIN_NULL; }
    /// Writes bytes and waits until they are in place. Peers may have to be inside MPI for that.
    void put(Rank to, std::uint64_t offset, std::span<const std::byte> bytes);
    /// Collective.
    void close();

private:
    MPI_Win window_ = MPI_WIN_NULL;
    std::size_t bytes_ = 0;
};

} // namespace dsm::transport
