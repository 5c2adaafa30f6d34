// A dense matrix in private memory: what the readers give and the writers take.
#pragma once

#include <cstddef>
#include <vector>

namespace apps {

struct Matrix {
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::vector<double> entries; ///< row-major, rows * columns of them
};

} // namespace apps
