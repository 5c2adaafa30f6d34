// The matrix product with plain MPI: B is broadcast, A scattered and C gathered by rows, in whole-row datatypes (so
// that counts stay small) and in place on rank 0 (so that it copies nothing to itself).
#include "apps/matrix_mpi.hpp"

#include "apps/matrix_kernel.hpp"
#include "apps/support/mpi_communicator.hpp"
#include "apps/support/strips.hpp"
#include "apps/support/timing.hpp"

namespace apps {
namespace {

// A row of doubles as an MPI datatype.
class RowType {
public:
    explicit RowType(std::size_t width) {
        MPI_Type_contiguous(static_cast<int>(width), MPI_DOUBLE, &type_);
        MPI_Type_commit(&type_);
    }
    ~RowType() { MPI_Type_free(&type_); }
    RowType(const RowType &) = delete;
    RowType &operator=(const RowType &) = delete;
    MPI_Datatype get() const { return type_; }

private:
    MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

} // namespace

struct MpiProduct::State {
    State(const ProductShape &of_shape, const ProductInput &input)
        : shape(of_shape), row_of_a(shape.inner), row_of_b(shape.columns),
          own(rows_of(shape.rows, communicator.rank(), communicator.size())) {
        for (int rank = 0; rank < communicator.size(); ++rank) {
            const RowRange strip = rows_of(shape.rows, rank, communicator.size());
            counts.push_back(static_cast<int>(strip.count()));
            firsts.push_back(static_cast<int>(strip.first));
        }
        if (communicator.rank() == 0) {
            a = input.a.entries;
            b = input.b.entries;
            c.assign(shape.rows * shape.columns, 0.0);
        } else {
            a.assign(own.count() * shape.inner, 0.0);
            b.assign(shape.inner * shape.columns, 0.0);
            c.assign(own.count() * shape.columns, 0.0);
        }
    }

    MpiCommunicator communicator;
    ProductShape shape;
    RowType row_of_a;
    RowType row_of_b; // and of C
    RowRange own;
    std::vector<int> counts; // rows of each rank
    std::vector<int> firsts;
    // On rank 0 whole matrices, whose first rows are its own; elsewhere the own rows of A and C, and all of B.
    std::vector<double> a, b, c;
};

MpiProduct::MpiProduct(const ProductShape &shape, const ProductInput &input)
    : state_(std::make_unique<State>(shape, input)) {}

MpiProduct::~MpiProduct() = default;

double MpiProduct::run() {
    State &s = *state_;
    const MPI_Comm all = s.communicator.get();
    const MPI_Datatype row_of_a = s.row_of_a.get();
    const MPI_Datatype row_of_b = s.row_of_b.get();
    const int own_rows = static_cast<int>(s.own.count());
    const bool first = s.communicator.rank() == 0;
    MPI_Barrier(all);
    const Stopwatch clock;
    MPI_Bcast(s.b.data(), static_cast<int>(s.shape.inner), row_of_b, 0, all);
    MPI_Scatterv(s.a.data(), s.counts.data(), s.firsts.data(), row_of_a, first ? MPI_IN_PLACE : s.a.data(), own_rows,
                 row_of_a, 0, all);
    multiply_rows(s.a.data(), s.b.data(), s.c.data(), s.own.count(), s.shape.inner, s.shape.columns);
    MPI_Gatherv(first ? MPI_IN_PLACE : s.c.data(), own_rows, row_of_b, s.c.data(), s.counts.data(), s.firsts.data(),
                row_of_b, 0, all);
    MPI_Barrier(all);
    return clock.seconds();
}

const std::vector<double> &MpiProduct::result() const { return state_->c; }

} // namespace apps
