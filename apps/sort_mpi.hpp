// The sort as one writes it with plain MPI, to compare with. Does not include <mpi.h>.
#pragma once

#include "apps/sort_problem.hpp"

#include <memory>

namespace apps {

class MpiSort {
public:
    /// Collective; call require_mpi() first.
    explicit MpiSort(const SortInput &input);
    ~MpiSort();

    /// Collective. Seconds from "every rank has its keys" to "every rank has its part of the sorted keys", as the
    /// shared-memory version is timed. Then the parts are gathered.
    double run();

    /// The sorted keys, on rank 0.
    const std::vector<Key> &result() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace apps
