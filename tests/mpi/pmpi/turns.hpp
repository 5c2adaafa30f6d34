// Shared numbers in parts, one for each rank: written by one rank, sent by another, checked by a third.
#pragma once

#include "tests/mpi/support/job.hpp"

#include <mpi.h>

namespace dsm_test {

inline int before_of(int rank) { return (rank + dsm_size() - 1) % dsm_size(); }

class Field {
public:
    explicit Field(std::size_t part_count)
        : part_count_(part_count), numbers_(shared<double>(part_count * static_cast<std::size_t>(dsm_size()))) {}
    double *part(int rank) const { return numbers_ + part_count_ * static_cast<std::size_t>(rank); }
    void write_part(int rank, int count, int round) {
        for (int at = 0; at < count; ++at) { part(rank)[at] = value(rank, at, round); }
    }
    /// The part of `rank` holds what write_part(writer, count, round) wrote.
    void check_part(int rank, int count, int writer, int round) const {
        for (int at = 0; at < count; ++at) { DSM_REQUIRE_EQUAL(part(rank)[at], value(writer, at, round)); }
    }
    /// The part of `rank` holds the sums over all ranks' parts of what was written in a round.
    void check_sums(int rank, int count, int ranks, int round) const {
        for (int at = 0; at < count; ++at) {
            double sum = 0;
            for (int one = 0; one < ranks; ++one) { sum += value(one, at, round); }
            DSM_REQUIRE_EQUAL(part(rank)[at], sum);
        }
    }

    static double value(int rank, int at, int round) { return rank * 1e6 + at * 10.0 + round; }
    void fill(int rank, int count, double number) {
        for (int at = 0; at < count; ++at) { part(rank)[at] = number; }
    }

private:
    std::size_t part_count_;
    double *numbers_;
};

inline constexpr double untouched = -1;

/// One call on shared memory in turns. What every rank sends was written by the rank before it (part r has value(r, at,
/// round)) and is overwritten as soon as the call is over; what it gets is judged by the rank before it: at each place
/// it is expect(rank, at).
template <class Call, class Expect>
void take_turn(Field &from, Field &into, int count, int round, Call call, Expect expect) {
    const int rank = dsm_rank();
    const int next = (rank + 1) % dsm_size();
    from.write_part(next, count, round);
    into.fill(next, count, untouched);
    dsm_barrier_all();
    call(from.part(rank), into.part(rank));
    from.fill(rank, count, 99);
    dsm_barrier_all();
    for (int at = 0; at < count; ++at) { DSM_REQUIRE_EQUAL(into.part(next)[at], expect(next, at)); }
    dsm_barrier_all();
}

/// A call that begins, and its end.
template <class Begin> void to_its_end(Begin begin) {
    MPI_Request request = MPI_REQUEST_NULL;
    DSM_REQUIRE_EQUAL(begin(&request), MPI_SUCCESS);
    DSM_REQUIRE_EQUAL(MPI_Wait(&request, MPI_STATUS_IGNORE), MPI_SUCCESS);
}

} // namespace dsm_test

using dsm_test::before_of;
