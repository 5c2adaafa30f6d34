// Heat diffusion as one writes it with plain MPI, to compare with. Does not include <mpi.h>.
#pragma once

#include "apps/support/shared_rows.hpp"

#include <memory>
#include <vector>

namespace apps {

class MpiStencil {
public:
    /// Collective; call require_mpi() first. Takes and touches all memory here, so that no run pays for it.
    MpiStencil(std::size_t height, std::size_t width);
    ~MpiStencil();

    /// Collective. Every rank first copies its rows of `initial` into private memory. Seconds from "every rank has its
    /// rows" to "the last field is in rank 0's memory".
    double run(const SharedRows &initial, std::size_t steps);

    /// The part of the last run's seconds before the field was gathered.
    double step_seconds() const;

    /// The last field, row-major, on rank 0.
    const std::vector<double> &result() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace apps
