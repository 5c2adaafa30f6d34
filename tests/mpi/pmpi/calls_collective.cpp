// Reductions and exchanges, blocking and not.
#include "tests/mpi/pmpi/calls.hpp"

#include <vector>

namespace dsm_test {
namespace {

MPI_Comm world = MPI_COMM_WORLD;

double sum(int first, int end, int at, int round) {
    double all = 0;
    for (int rank = first; rank < end; ++rank) { all += Field::value(rank, at, round); }
    return all;
}

/// Counts of blocks, and where each begins if there is nothing between them.
struct Blocks {
    std::vector<int> counts;
    std::vector<int> places;
    explicit Blocks(int first_count, int growth = 1) {
        int place = 0;
        for (int block = 0; block < dsm_size(); ++block) {
            counts.push_back(first_count + growth * block);
            places.push_back(place);
            place += counts.back();
        }
    }
    [[nodiscard]] int count_of(int block) const { return counts[static_cast<std::size_t>(block)]; }
    [[nodiscard]] int place_of(int block) const { return places[static_cast<std::size_t>(block)]; }
    [[nodiscard]] int total() const { return places.back() + counts.back(); }
};

void scans(Field &from, Field &into, int count) {
    const auto up_to_here = [](int round) { return [=](int rank, int at) { return sum(0, rank + 1, at, round); }; };
    const auto before_here = [](int round) {
        return [=](int rank, int at) { return rank == 0 ? untouched : sum(0, rank, at, round); };
    };
    take_turn(
        from, into, count, 1,
        [&](double *sent, double *got) { MPI_Scan(sent, got, count, MPI_DOUBLE, MPI_SUM, world); }, up_to_here(1));
    take_turn(
        from, into, count, 2,
        [&](double *sent, double *got) {
            to_its_end([&](MPI_Request *it) { return MPI_Iscan(sent, got, count, MPI_DOUBLE, MPI_SUM, world, it); });
        },
        up_to_here(2));
    take_turn(
        from, into, count, 3,
        [&](double *sent, double *got) { MPI_Exscan(sent, got, count, MPI_DOUBLE, MPI_SUM, world); }, before_here(3));
    take_turn(
        from, into, count, 4,
        [&](double *sent, double *got) {
            to_its_end([&](MPI_Request *it) { return MPI_Iexscan(sent, got, count, MPI_DOUBLE, MPI_SUM, world, it); });
        },
        before_here(4));
}

void scattered_reductions(Field &from, Field &into, int count) {
    const int all = count * dsm_size();
    const auto own_of_equal = [=](int round) {
        return [=](int rank, int at) { return at < count ? sum(0, dsm_size(), rank * count + at, round) : untouched; };
    };
    take_turn(
        from, into, all, 1,
        [&](double *sent, double *got) { MPI_Reduce_scatter_block(sent, got, count, MPI_DOUBLE, MPI_SUM, world); },
        own_of_equal(1));
    take_turn(
        from, into, all, 2,
        [&](double *sent, double *got) {
            to_its_end([&](MPI_Request *it) {
                return MPI_Ireduce_scatter_block(sent, got, count, MPI_DOUBLE, MPI_SUM, world, it);
            });
        },
        own_of_equal(2));
    const Blocks blocks(count);
    const auto own = [&blocks](int round) {
        return [&blocks, round](int rank, int at) {
            return at < blocks.count_of(rank) ? sum(0, dsm_size(), blocks.place_of(rank) + at, round) : untouched;
        };
    };
    take_turn(
        from, into, blocks.total(), 3,
        [&](double *sent, double *got) {
            MPI_Reduce_scatter(sent, got, blocks.counts.data(), MPI_DOUBLE, MPI_SUM, world);
        },
        own(3));
    take_turn(
        from, into, blocks.total(), 4,
        [&](double *sent, double *got) {
            to_its_end([&](MPI_Request *it) {
                return MPI_Ireduce_scatter(sent, got, blocks.counts.data(), MPI_DOUBLE, MPI_SUM, world, it);
            });
        },
        own(4));
}

void rooted(Field &from, Field &into, int count) {
    const int root = dsm_size() - 1;
    take_turn(
        from, into, count, 1,
        [&](double *sent, double *got) {
            double *const buffer = dsm_rank() == root ? sent : got;
            to_its_end([&](MPI_Request *it) { return MPI_Ibcast(buffer, count, MPI_DOUBLE, root, world, it); });
        },
        [&](int rank, int at) { return rank == root ? untouched : Field::value(root, at, 1); });
    for (const bool waits : {false, true}) {
        const int round = waits ? 2 : 3;
        take_turn(
            from, into, count, round,
            [&](double *sent, double *got) {
                if (!waits) { return void(MPI_Reduce(sent, got, count, MPI_DOUBLE, MPI_SUM, root, world)); }
                to_its_end([&](MPI_Request *it) {
                    return MPI_Ireduce(sent, got, count, MPI_DOUBLE, MPI_SUM, root, world, it);
                });
            },
            [&](int rank, int at) { return rank == root ? sum(0, dsm_size(), at, round) : untouched; });
    }
    const Blocks equal(count, 0);
    const auto gathered = [&](int round) {
        return [=](int rank, int at) { return rank == root ? Field::value(at / count, at % count, round) : untouched; };
    };
    take_turn(
        from, into, equal.total(), 4,
        [&](double *sent, double *got) {
            to_its_end([&](MPI_Request *it) {
                return MPI_Igather(sent, count, MPI_DOUBLE, got, count, MPI_DOUBLE, root, world, it);
            });
        },
        gathered(4));
    take_turn(
        from, into, equal.total(), 5,
        [&](double *sent, double *got) {
            to_its_end([&](MPI_Request *it) {
                return MPI_Igatherv(sent, count, MPI_DOUBLE, got, equal.counts.data(), equal.places.data(), MPI_DOUBLE,
                                    root, world, it);
            });
        },
        gathered(5));
    const auto scattered = [&](int round) {
        return [=](int rank, int at) { return at < count ? Field::value(root, rank * count + at, round) : untouched; };
    };
    for (const bool is_blocking : {true, false}) {
        const int round = is_blocking ? 6 : 7;
        take_turn(
            from, into, equal.total(), round,
            [&](double *sent, double *got) {
                if (is_blocking) {
                    return void(MPI_Scatter(sent, count, MPI_DOUBLE, got, count, MPI_DOUBLE, root, world));
                }
                to_its_end([&](MPI_Request *it) {
                    return MPI_Iscatter(sent, count, MPI_DOUBLE, got, count, MPI_DOUBLE, root, world, it);
                });
            },
            scattered(round));
    }
    take_turn(
        from, into, equal.total(), 8,
        [&](double *sent, double *got) {
            to_its_end([&](MPI_Request *it) {
                return MPI_Iscatterv(sent, equal.counts.data(), equal.places.data(), MPI_DOUBLE, got, count, MPI_DOUBLE,
                                     root, world, it);
            });
        },
        scattered(8));
}

void among_all(Field &from, Field &into, int count) {
    const Blocks equal(count, 0);
    const auto gathered = [=](int round) {
        return [=](int, int at) { return Field::value(at / count, at % count, round); };
    };
    const auto exchanged = [=](int round) {
        return [=](int rank, int at) { return Field::value(at / count, rank * count + at % count, round); };
    };
    const int *counts = equal.counts.data();
    const int *places = equal.places.data();
    const auto turn = [&](int round, auto begin, auto expect) {
        take_turn(
            from, into, equal.total(), round,
            [&](double *sent, double *got) { to_its_end([&](MPI_Request *it) { return begin(sent, got, it); }); },
            expect);
    };
    const auto type = MPI_DOUBLE;
    turn(
        1, [&](auto s, auto g, auto it) { return MPI_Iallgather(s, count, type, g, count, type, world, it); },
        gathered(1));
    turn(
        2, [&](auto s, auto g, auto it) { return MPI_Iallgatherv(s, count, type, g, counts, places, type, world, it); },
        gathered(2));
    turn(
        3, [&](auto s, auto g, auto it) { return MPI_Ialltoall(s, count, type, g, count, type, world, it); },
        exchanged(3));
    turn(
        4,
        [&](auto s, auto g, auto it) {
            return MPI_Ialltoallv(s, counts, places, type, g, counts, places, type, world, it);
        },
        exchanged(4));
}

/// Each block with a datatype of its own: those of odd ranks are received with a gap behind every number.
void typed_exchange(Field &from, Field &into, int count) {
    const auto size = static_cast<std::size_t>(dsm_size());
    MPI_Datatype spread;
    MPI_Type_vector(count, 1, 2, MPI_DOUBLE, &spread);
    MPI_Type_commit(&spread);
    std::vector<int> sent_counts(size, count);
    std::vector<int> sent_places(size);
    std::vector<int> got_counts(size);
    std::vector<int> got_places(size);
    const std::vector<MPI_Datatype> sent_types(size, MPI_DOUBLE);
    std::vector<MPI_Datatype> got_types(size);
    for (std::size_t block = 0; block < size; ++block) {
        const auto place = block * static_cast<std::size_t>(count) * sizeof(double);
        sent_places[block] = static_cast<int>(place);
        got_places[block] = static_cast<int>(2 * place);
        got_types[block] = block % 2 == 1 ? spread : MPI_DOUBLE;
        got_counts[block] = block % 2 == 1 ? 1 : count;
    }
    for (const int round : {1, 2}) {
        take_turn(
            from, into, 2 * count * dsm_size(), round,
            [&](double *sent, double *got) {
                if (round == 1) {
                    MPI_Alltoallw(sent, sent_counts.data(), sent_places.data(), sent_types.data(), got,
                                  got_counts.data(), got_places.data(), got_types.data(), world);
                    return;
                }
                to_its_end([&](MPI_Request *it) {
                    return MPI_Ialltoallw(sent, sent_counts.data(), sent_places.data(), sent_types.data(), got,
                                          got_counts.data(), got_places.data(), got_types.data(), world, it);
                });
            },
            [=](int rank, int at) {
                const int block = at / (2 * count);
                const int place = at % (2 * count);
                const bool is_gap = block % 2 == 1 ? place % 2 == 1 : place >= count;
                const int number = block % 2 == 1 ? place / 2 : place;
                return is_gap ? untouched : Field::value(block, rank * count + number, round);
            });
    }
    MPI_Type_free(&spread);
}

} // namespace

void try_reductions(Field &from, Field &into) {
    for (const int count : {3, 4'000}) {
        scans(from, into, count);
        scattered_reductions(from, into, count);
    }
}

void try_exchanges(Field &from, Field &into) {
    for (const int count : {3, 4'000}) {
        rooted(from, into, count);
        among_all(from, into, count);
        typed_exchange(from, into, count);
    }
}

} // namespace dsm_test
