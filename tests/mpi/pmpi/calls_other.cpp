// Packing, file calls in two halves and nonblocking ones, and one-sided operations that change what they find.
#include "tests/mpi/pmpi/calls.hpp"

#include <vector>

namespace dsm_test {
namespace {

MPI_Comm world = MPI_COMM_WORLD;
int rank() { return dsm_rank(); }
int next() { return (rank() + 1) % dsm_size(); }

/// Shared words, a few for each rank: written for it and read by the rank before it.
long *words_of(long *words, int one) { return words + 4 * one; }

void accumulate(Field &from, Field &into, MPI_Win window, double *own) {
    constexpr int count = 2'000;
    const double all = dsm_size();
    for (const bool waits : {false, true}) {
        const int round = waits ? 2 : 1;
        std::fill_n(own, count, 0);
        from.write_part(next(), count, round);
        dsm_barrier_all();
        MPI_Win_lock_all(0, window);
        if (waits) {
            to_its_end([&](MPI_Request *it) {
                return MPI_Raccumulate(from.part(rank()), count, MPI_DOUBLE, 0, 0, count, MPI_DOUBLE, MPI_SUM, window,
                                       it);
            });
        } else {
            MPI_Accumulate(from.part(rank()), count, MPI_DOUBLE, 0, 0, count, MPI_DOUBLE, MPI_SUM, window);
        }
        MPI_Win_unlock_all(window);
        from.fill(rank(), count, 99);
        dsm_barrier_all();
        if (rank() == 0) {
            MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, window);
            for (int at = 0; at < count; ++at) {
                DSM_REQUIRE_EQUAL(own[at], Field::value(0, at, round) * all + 1e6 * all * (all - 1) / 2);
            }
            MPI_Win_unlock(0, window);
        }
        dsm_barrier_all();
    }
    // What each rank fetches from the next, which nobody else changes, is what stood there; what it adds is in place.
    for (const bool waits : {false, true}) {
        const int round = waits ? 4 : 3;
        for (int at = 0; at < count; ++at) { own[at] = rank() * 100.0 + round; }
        from.write_part(next(), count, round);
        into.fill(next(), count, untouched);
        dsm_barrier_all();
        double *const sent = from.part(rank());
        double *const got = into.part(rank());
        MPI_Win_lock_all(0, window);
        if (waits) {
            to_its_end([&](MPI_Request *it) {
                return MPI_Rget_accumulate(sent, count, MPI_DOUBLE, got, count, MPI_DOUBLE, next(), 0, count,
                                           MPI_DOUBLE, MPI_SUM, window, it);
            });
        } else {
            MPI_Get_accumulate(sent, count, MPI_DOUBLE, got, count, MPI_DOUBLE, next(), 0, count, MPI_DOUBLE, MPI_SUM,
                               window);
        }
        MPI_Win_unlock_all(window);
        from.fill(rank(), count, 99);
        dsm_barrier_all();
        const int after_next = (next() + 1) % dsm_size();
        for (int at = 0; at < count; ++at) {
            DSM_REQUIRE_EQUAL(into.part(next())[at], after_next * 100.0 + round);
            DSM_REQUIRE_EQUAL(own[at], rank() * 100.0 + round + Field::value(before_of(rank()), at, round));
        }
        dsm_barrier_all();
    }
}

/// Every rank fetches and adds at rank 0, and swaps at the next rank.
void take_words(MPI_Win window, long *own) {
    long *const words = shared<long>(static_cast<std::size_t>(4 * dsm_size()));
    own[0] = 0;
    own[1] = 0;
    words_of(words, next())[0] = 1;          // added
    words_of(words, next())[1] = next() + 1; // swapped in
    words_of(words, next())[2] = 0;          // compared with
    words_of(words, next())[3] = -1;
    dsm_barrier_all();
    long *const mine = words_of(words, rank());
    MPI_Win_lock_all(0, window);
    MPI_Fetch_and_op(&mine[0], &mine[3], MPI_LONG, 0, 0, MPI_SUM, window);
    MPI_Win_flush(0, window);
    mine[0] = -1;
    dsm_barrier_all();
    std::vector<bool> is_taken(static_cast<std::size_t>(dsm_size()), false);
    for (int one = 0; one < dsm_size(); ++one) {
        const auto place = static_cast<std::size_t>(words_of(words, one)[3]);
        DSM_REQUIRE(place < is_taken.size() && !is_taken[place]);
        is_taken[place] = true;
    }
    dsm_barrier_all();
    // Not one's own window: Open MPI 4.1 crashes there.
    for (const long found : {0L, rank() + 1L}) { // The second comparison fails.
        words_of(words, next())[3] = -1;
        dsm_barrier_all();
        MPI_Compare_and_swap(&mine[1], &mine[2], &mine[3], MPI_LONG, next(), 1, window);
        MPI_Win_flush(next(), window);
        DSM_REQUIRE_EQUAL(mine[3], found);
        dsm_barrier_all();
        DSM_REQUIRE_EQUAL(words_of(words, next())[3], found == 0 ? 0 : next() + 1);
        dsm_barrier_all();
    }
    MPI_Win_unlock_all(window);
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(own[1], before_of(rank()) + 1);
    dsm_barrier_all();
}

} // namespace

void try_packing(Field &from, Field &into) {
    constexpr int count = 3'000;
    const int bytes = count * static_cast<int>(sizeof(double));
    take_turn(
        from, into, 2 * count, 1,
        [&](double *sent, double *got) { // The second half first; nothing changes before and behind it.
            int position = bytes;
            MPI_Pack(sent, count, MPI_DOUBLE, got, 2 * bytes, &position, world);
            DSM_REQUIRE_EQUAL(position, 2 * bytes);
        },
        [](int one, int at) { return at < count ? untouched : Field::value(one, at - count, 1); });
    take_turn(
        from, into, count, 2,
        [&](double *sent, double *got) {
            int position = 0;
            MPI_Unpack(sent, bytes, &position, got, count, MPI_DOUBLE, world);
        },
        [](int one, int at) { return Field::value(one, at, 2); });
    take_turn(
        from, into, count, 3,
        [&](double *sent, double *got) { MPI_Reduce_local(sent, got, count, MPI_DOUBLE, MPI_SUM); },
        [](int one, int at) { return Field::value(one, at, 3) + untouched; });
}

void try_files(Field &from, Field &into, const std::string &name) {
    constexpr int count = 5'000;
    const MPI_Offset place = MPI_Offset{rank()} * count * static_cast<MPI_Offset>(sizeof(double));
    MPI_File file;
    DSM_REQUIRE_EQUAL(MPI_File_open(world, name.c_str(), MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &file), 0);
    const auto expect = [](int round) { return [=](int one, int at) { return Field::value(one, at, round); }; };
    take_turn(
        from, into, count, 1,
        [&](double *sent, double *got) {
            DSM_REQUIRE_EQUAL(MPI_File_write_at_all_begin(file, place, sent, count, MPI_DOUBLE), 0);
            DSM_REQUIRE_EQUAL(MPI_File_write_at_all_end(file, sent, MPI_STATUS_IGNORE), 0);
            MPI_File_sync(file);
            MPI_Barrier(world);
            MPI_File_sync(file);
            DSM_REQUIRE_EQUAL(MPI_File_read_at_all_begin(file, place, got, count, MPI_DOUBLE), 0);
            MPI_Status status;
            DSM_REQUIRE_EQUAL(MPI_File_read_at_all_end(file, got, &status), 0);
            int elements = 0;
            MPI_Get_count(&status, MPI_DOUBLE, &elements);
            DSM_REQUIRE_EQUAL(elements, count);
        },
        expect(1));
    take_turn(
        from, into, count, 2,
        [&](double *sent, double *got) {
            MPI_File_seek(file, place, MPI_SEEK_SET);
            MPI_File_write_all_begin(file, sent, count, MPI_DOUBLE);
            DSM_REQUIRE_EQUAL(MPI_File_write_all_end(file, sent, MPI_STATUS_IGNORE), 0);
            MPI_File_sync(file);
            MPI_Barrier(world);
            MPI_File_sync(file);
            MPI_File_seek(file, place, MPI_SEEK_SET);
            MPI_File_read_all_begin(file, got, count, MPI_DOUBLE);
            DSM_REQUIRE_EQUAL(MPI_File_read_all_end(file, got, MPI_STATUS_IGNORE), 0);
        },
        expect(2));
    take_turn(
        from, into, count, 3,
        [&](double *sent, double *got) {
            to_its_end([&](MPI_Request *it) { return MPI_File_iwrite_at(file, place, sent, count, MPI_DOUBLE, it); });
            MPI_File_sync(file);
            MPI_Barrier(world);
            MPI_File_sync(file);
            to_its_end([&](MPI_Request *it) { return MPI_File_iread_at(file, place, got, count, MPI_DOUBLE, it); });
        },
        expect(3));
    MPI_File_close(&file);
    if (rank() == 0) { ::unlink(name.c_str()); }
    dsm_barrier_all();
}

void try_one_sided(Field &from, Field &into) {
    std::vector<double> own(2'000);
    MPI_Win window = MPI_WIN_NULL;
    MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN);
    const int code = MPI_Win_create(own.data(), static_cast<MPI_Aint>(own.size() * sizeof own[0]), sizeof own[0],
                                    MPI_INFO_NULL, world, &window);
    MPI_Comm_set_errhandler(world, MPI_ERRORS_ARE_FATAL);
    if (code != MPI_SUCCESS) { return; }
    accumulate(from, into, window, own.data());
    MPI_Win_free(&window);
    std::vector<long> words(2);
    MPI_Win_create(words.data(), 2 * sizeof(long), sizeof(long), MPI_INFO_NULL, world, &window);
    take_words(window, words.data());
    MPI_Win_free(&window);
    dsm_barrier_all();
}

} // namespace dsm_test
