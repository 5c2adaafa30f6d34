// How long a record of 16 bytes takes there and back between two spinning ranks, beside a bare MPI ping-pong of 16
// bytes in the same run. Rounds alternate, so that both see the same machine; the best tenth of many short rounds
// counts, those that nobody else on the machine disturbed.
#include "libdsm/transport/transport.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mpi.h>
#include <vector>

namespace dsm::transport {
namespace {

constexpr int rounds = 401;
constexpr std::size_t record_bytes = 16;

struct Arrived final : RecordHandler {
    int records = 0;
    void on_record(Rank, std::span<const std::byte>) override { ++records; }
};

double bare_us(MPI_Comm communicator, int rank, int repeats) {
    char buffer[record_bytes] = {};
    const double start = MPI_Wtime();
    for (int i = 0; i < repeats; ++i) {
        if (rank == 0) { MPI_Send(buffer, record_bytes, MPI_BYTE, 1, 0, communicator); }
        MPI_Recv(buffer, record_bytes, MPI_BYTE, 1 - rank, 0, communicator, MPI_STATUS_IGNORE);
        if (rank == 1) { MPI_Send(buffer, record_bytes, MPI_BYTE, 0, 0, communicator); }
    }
    return (MPI_Wtime() - start) * 1e6 / repeats;
}

double record_us(Transport &transport, int repeats) {
    const std::byte record[record_bytes] = {};
    const Rank peer{1 - transport.rank().value};
    const auto send = [&] {
        transport.send(peer, record, {});
        transport.flush();
    };
    Arrived arrived;
    const double start = MPI_Wtime();
    for (int i = 0; i < repeats; ++i) {
        if (peer.value == 1) { send(); }
        while (arrived.records == i) { transport.poll(arrived); }
        if (peer.value == 0) { send(); }
    }
    while (!transport.quiet()) { transport.poll(arrived); }
    return (MPI_Wtime() - start) * 1e6 / repeats;
}

double best_tenth(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + rounds / 10, values.end());
    return values[rounds / 10];
}

int run(int repeats) {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided);
    TransportResult result = make_job_transport({});
    if (result.transport == nullptr || result.transport->size() != 2) {
        std::fprintf(stderr, "run me with mpirun -n 2\n");
        return 1;
    }
    Transport &transport = *result.transport;
    std::vector<double> bare;
    std::vector<double> record;
    for (int round = 0; round < rounds; ++round) {
        MPI_Barrier(MPI_COMM_WORLD);
        bare.push_back(bare_us(MPI_COMM_WORLD, transport.rank().value, repeats));
        MPI_Barrier(MPI_COMM_WORLD);
        record.push_back(record_us(transport, repeats));
    }
    if (transport.rank().value == 0) {
        std::printf("round trip of %zu bytes: bare MPI %.2f us, record %.2f us, ratio %.2f\n", record_bytes,
                    best_tenth(bare), best_tenth(record), best_tenth(record) / best_tenth(bare));
    }
    transport.finalize();
    MPI_Finalize();
    return 0;
}

} // namespace
} // namespace dsm::transport

int main(int count, char **arguments) { return dsm::transport::run(count > 1 ? std::atoi(arguments[1]) : 200); }
