// What the tables of libdsm take, by the sizes of the shipped types.
#pragma once

#include <cstddef>
#include <vector>

namespace dsm::scale_test {

struct MemoryFigure {
    const char *what;
    const char *per;   ///< "page in use", "rank of the job", "rank", ...
    const char *where; ///< at which nodes or ranks
    std::size_t bytes;
};

std::vector<MemoryFigure> memory_figures();

/// Of all tables that have an entry per rank of the job, each rank being a node: what one rank keeps for each other.
std::size_t bytes_per_rank_of_job();

} // namespace dsm::scale_test
