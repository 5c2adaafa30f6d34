// The matrix product as one writes it with plain MPI, to compare with. Does not include <mpi.h>.
#pragma once

#include "apps/matrix_problem.hpp"

#include <memory>

namespace apps {

class MpiProduct {
public:
    /// Collective; call require_mpi() first. `input` is read on rank 0 alone and must outlive the object. Takes and
    /// touches all memory here, so that no run pays for it.
    MpiProduct(const ProductShape &shape, const ProductInput &input);
    ~MpiProduct();

    /// Collective. Seconds from "A and B are in rank 0's memory" to "C is in rank 0's memory".
    double run();

    /// C, row-major, on rank 0.
    const std::vector<double> &result() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace apps
