// Heat diffusion with plain MPI: every rank keeps its rows and a copy of the row above and below (the halo), which
// travel by persistent requests while the rows that need no halo are computed.
#include "apps/stencil_mpi.hpp"

#include "apps/stencil_kernel.hpp"
#include "apps/support/mpi_communicator.hpp"
#include "apps/support/timing.hpp"

#include <algorithm>
#include <array>

namespace apps {
namespace {

constexpr int tag_upwards = 1;
constexpr int tag_downwards = 2;

// One field of a rank: local row 0 is the halo above, 1 to count are the own rows, count + 1 is the halo below.
class LocalField {
public:
    LocalField(std::size_t rows, std::size_t width) : width_(width), cells_((rows + 2) * width, 0.0) {}
    LocalField(const LocalField &) = delete;
    LocalField &operator=(const LocalField &) = delete;
    ~LocalField() {
        for (MPI_Request &request : exchange_) { MPI_Request_free(&request); }
    }

    double *row(std::size_t local) { return &cells_[local * width_]; }

    void prepare_exchange(std::size_t rows, int above, int below, MPI_Comm all) {
        const int count = static_cast<int>(width_);
        MPI_Recv_init(row(0), count, MPI_DOUBLE, above, tag_downwards, all, &exchange_[0]);
        MPI_Recv_init(row(rows + 1), count, MPI_DOUBLE, below, tag_upwards, all, &exchange_[1]);
        MPI_Send_init(row(1), count, MPI_DOUBLE, above, tag_upwards, all, &exchange_[2]);
        MPI_Send_init(row(rows), count, MPI_DOUBLE, below, tag_downwards, all, &exchange_[3]);
    }
    void start_exchange() { MPI_Startall(static_cast<int>(exchange_.size()), exchange_.data()); }
    void finish_exchange() { MPI_Waitall(static_cast<int>(exchange_.size()), exchange_.data(), MPI_STATUSES_IGNORE); }

private:
    std::size_t width_;
    std::vector<double> cells_;
    std::array<MPI_Request, 4> exchange_ = {MPI_REQUEST_NULL, MPI_REQUEST_NULL, MPI_REQUEST_NULL, MPI_REQUEST_NULL};
};

// The neighbour's number, or none where the field ends or the neighbour has no row.
int neighbour(std::size_t height, int rank, int ranks) {
    return rank >= 0 && rank < ranks && rows_of(height, rank, ranks).count() > 0 ? rank : MPI_PROC_NULL;
}

} // namespace

struct MpiStencil::State {
    State(std::size_t field_height, std::size_t field_width)
        : height(field_height), width(field_width), own(rows_of(height, communicator.rank(), communicator.size())),
          now(own.count(), width), next(own.count(), width) {
        const int rank = communicator.rank();
        const int ranks = communicator.size();
        const int above = own.count() > 0 ? neighbour(height, rank - 1, ranks) : MPI_PROC_NULL;
        const int below = own.count() > 0 ? neighbour(height, rank + 1, ranks) : MPI_PROC_NULL;
        now.prepare_exchange(own.count(), above, below, communicator.get());
        next.prepare_exchange(own.count(), above, below, communicator.get());
        for (int other = 0; other < ranks; ++other) {
            const RowRange strip = rows_of(height, other, ranks);
            counts.push_back(static_cast<int>(strip.count() * width));
            firsts.push_back(static_cast<int>(strip.first * width));
        }
        if (rank == 0) { result.assign(height * width, 0.0); }
    }

    // Computes local rows from `first` up to `end`, those of the fixed border left out.
    void relax(LocalField &from, LocalField &to, std::size_t first, std::size_t end) {
        for (std::size_t local = first; local < end; ++local) {
            const std::size_t row = own.first + local - 1;
            if (row == 0 || row + 1 == height) { continue; }
            relax_row(to.row(local), from.row(local - 1), from.row(local), from.row(local + 1), width);
        }
    }

    void step(LocalField &from, LocalField &to) {
        const std::size_t count = own.count();
        from.start_exchange();
        relax(from, to, 2, count); // all but the first and the last row
        from.finish_exchange();
        if (count > 0) { relax(from, to, 1, 2); }
        if (count > 1) { relax(from, to, count, count + 1); }
    }

    MpiCommunicator communicator;
    std::size_t height;
    std::size_t width;
    RowRange own;
    LocalField now, next;
    std::vector<int> counts; // cells of each rank
    std::vector<int> firsts;
    std::vector<double> result; // on rank 0
    double step_seconds = 0.0;
};

MpiStencil::MpiStencil(std::size_t height, std::size_t width) : state_(std::make_unique<State>(height, width)) {}

MpiStencil::~MpiStencil() = default;

double MpiStencil::run(const SharedRows &initial, std::size_t steps) {
    State &s = *state_;
    for (std::size_t row = s.own.first; row < s.own.end; ++row) {
        std::copy_n(initial.row(row), s.width, s.now.row(row - s.own.first + 1));
        std::copy_n(initial.row(row), s.width, s.next.row(row - s.own.first + 1));
    }
    const MPI_Comm all = s.communicator.get();
    MPI_Barrier(all);
    const Stopwatch clock;
    LocalField *from = &s.now;
    LocalField *to = &s.next;
    for (std::size_t step = 0; step < steps; ++step) {
        s.step(*from, *to);
        std::swap(from, to);
    }
    s.step_seconds = clock.seconds();
    MPI_Gatherv(from->row(1), static_cast<int>(s.own.count() * s.width), MPI_DOUBLE, s.result.data(), s.counts.data(),
                s.firsts.data(), MPI_DOUBLE, 0, all);
    MPI_Barrier(all);
    return clock.seconds();
}

double MpiStencil::step_seconds() const { return state_->step_seconds; }

const std::vector<double> &MpiStencil::result() const { return state_->result; }

} // namespace apps
