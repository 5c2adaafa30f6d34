// The MPI transport under the contract suite, as one rank of a job.
//
//   transport_contract [--start library|program|funneled|mixed|split|abort] [--window yes|no|any] [--at-once yes|no]
//
// --start: who starts MPI and how; --window: whether one-sided copies must be there, and --at-once: whether what is
// sent must be in the receiver's memory when it is complete, on the path that the command line chose.
#include "contract.hpp"
#include "dsm/mpi.h"
#include "libdsm/base/check.hpp"
#include "libdsm/base/log.hpp"
#include "libdsm/transport/start.hpp"
#include "shared_flag.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mpi.h>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace dsm::transport {
namespace {

using contract::require;

struct Options {
    std::string start = "program";
    std::string window = "any";
    std::string at_once = "any";
};

TransportResult result_of_start_on;

struct Count final : RecordHandler {
    int records = 0;
    void on_record(Rank, std::span<const std::byte>) override { ++records; }
};

/// Records of the greatest length are flushed, and then their sender stays outside MPI: the receiver gets them all the
/// same. It was outside MPI until then; over shared memory it finds them in two polls, which is what a rank does before
/// it sleeps.
void receivers_need_no_help(Transport &transport) {
    SharedFlag steps(transport); // raised by the sender after flush, by the receiver when it has everything
    constexpr int repeats = 20;
    unsigned done = 0;
    for (int sender = 0; sender < transport.size() && transport.size() > 1; ++sender) {
        const Rank from{sender};
        const Rank to{(sender + 1) % transport.size()};
        const bool at_once = transport.arrives_at_once(transport.rank() == from ? to : from);
        for (int repeat = 0; repeat < repeats; ++repeat, done += 2) {
            const int records = at_once && repeat % 2 == 1 ? 10 : 1;
            Count count;
            if (transport.rank() == from) {
                const std::vector<std::byte> body(transport.record_bytes_max(to));
                for (int i = 0; i < records; ++i) { transport.send(to, {}, body); }
                transport.flush();
                steps.raise();
            }
            steps.wait_for(done + 1);
            if (transport.rank() == to) {
                transport.poll(count);
                transport.poll(count);
                require(!at_once || count.records == records, "two polls did not find what is said to arrive at once");
                while (count.records < records) { transport.poll(count); }
                steps.raise();
            }
            steps.wait_for(done + 2);
            while (!transport.quiet()) { transport.poll(count); }
            transport.barrier();
        }
    }
}

/// Sparse memory as the segment's service view is: 1 TiB, nothing of it present.
std::span<std::byte> sparse_memory() {
    constexpr std::size_t bytes = std::size_t{1} << 40;
    const int file = ::memfd_create("window", 0);
    if (file < 0 || ::ftruncate(file, static_cast<off_t>(bytes)) != 0) {
        std::perror("memfd");
        std::exit(1);
    }
    void *memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
    if (memory == MAP_FAILED) {
        std::perror("mmap");
        std::exit(1);
    }
    return {static_cast<std::byte *>(memory), bytes};
}

void check_window(Transport &transport, const std::string &expected) {
    const std::string reason = contract::puts_are_in_place(transport, sparse_memory());
    if (transport.rank().value == 0) { std::printf("one-sided copies: %s\n", reason.empty() ? "yes" : reason.c_str()); }
    require(expected != "yes" || reason.empty(), "no one-sided copies: " + reason);
    require(expected != "no" || !reason.empty(), "one-sided copies where none were expected");
}

void run_cases(Transport &transport, const Options &options) {
    contract::collectives_agree(transport);
    contract::every_record_comes_once_and_whole(transport);
    contract::small_records_travel_together(transport);
    contract::own_records_wait_for_poll(transport);
    contract::sends_become_quiet_after_notices(transport);
    contract::handlers_may_send(transport, 100'000);
    receivers_need_no_help(transport);
    check_window(transport, options.window);
    if (transport.size() > 1 && options.at_once != "any") {
        const Rank next{(transport.rank().value + 1) % transport.size()};
        require(transport.arrives_at_once(next) == (options.at_once == "yes"), "arrives_at_once is not as expected");
    }
    require(transport.arrives_at_once(transport.rank()), "own records do not arrive at once");
    // After one-sided copies messages still work.
    contract::every_record_comes_once_and_whole(transport);
}

/// After finalize the sum over all ranks tells that nothing was lost; it needs an MPI that the program started.
void check_finalize(Transport &transport, MPI_Comm communicator) {
    constexpr int hops = 500;
    const int size = transport.size();
    const int handled = contract::finalize_delivers_everything(transport, hops);
    int all = handled;
    if (communicator != MPI_COMM_NULL) { MPI_Allreduce(&handled, &all, 1, MPI_INT, MPI_SUM, communicator); }
    require(communicator == MPI_COMM_NULL || all == size * hops, "finalize lost records");
}

void start_mpi(int wanted) {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, wanted, &provided);
    require(provided == wanted, "the test needs an MPI that gives the thread level that is asked for");
}

void check_refusal(int level) {
    start_mpi(level);
    const TransportResult result = make_job_transport({});
    require(result.transport == nullptr && result.error == ENOTSUP, "a low thread level was not refused");
    // One rank says why, the first that has too low a level itself.
    const int says = result.reason.empty() ? 0 : 1;
    int saying = 0;
    MPI_Allreduce(&says, &saying, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    require(saying == 1, "the reason is not given exactly once");
    require(says == 0 || (result.reason.find("MPI_THREAD_FUNNELED") != std::string::npos &&
                          result.reason.find("MPI_THREAD_MULTIPLE") != std::string::npos),
            "the reason does not name both levels: " + result.reason);
    MPI_Barrier(MPI_COMM_WORLD); // The program's MPI works on.
    MPI_Finalize();
}

void check_split(const Options &options) {
    start_mpi(MPI_THREAD_MULTIPLE);
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    require(dsm_init_on_communicator(MPI_COMM_NULL) == EINVAL, "MPI_COMM_NULL was accepted");
    MPI_Comm part = MPI_COMM_NULL;
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &part);
    int part_rank = 0;
    MPI_Comm_rank(part, &part_rank);
    require(dsm_init_on_communicator(part) == 0, "dsm_init_on_communicator failed");
    Transport &transport = *result_of_start_on.transport;
    require(transport.rank().value == part_rank, "the rank is not the one in the communicator");
    run_cases(transport, options);
    check_finalize(transport, part);
    MPI_Comm_free(&part);
    MPI_Finalize();
}

/// The highest rank ends the job while another thread of it is inside MPI all the time and the others wait.
[[noreturn]] void check_abort() {
    TransportResult result = make_job_transport({});
    Transport &transport = *result.transport;
    std::thread poller([&] {
        for (Count count;;) { transport.poll(count); }
    });
    if (transport.rank().value == transport.size() - 1) { end_job(exit_silent_peer, "the test ends the job"); }
    while (true) { ::pause(); }
}

void run(const Options &options) {
    if (options.start == "abort") { check_abort(); }
    if (options.start == "funneled") { return check_refusal(MPI_THREAD_FUNNELED); }
    if (options.start == "mixed") {
        const char *rank = std::getenv("OMPI_COMM_WORLD_RANK");
        return check_refusal(rank != nullptr && std::strcmp(rank, "1") == 0 ? MPI_THREAD_FUNNELED
                                                                            : MPI_THREAD_MULTIPLE);
    }
    if (options.start == "split") { return check_split(options); }
    const bool program_starts = options.start == "program";
    if (program_starts) { start_mpi(MPI_THREAD_MULTIPLE); }
    TransportResult result = make_job_transport({});
    require(result.transport != nullptr, "no transport: " + result.reason);
    require(std::strcmp(result.transport->name(), "mpi") == 0, "not the MPI transport");
    run_cases(*result.transport, options);
    check_finalize(*result.transport, program_starts ? MPI_COMM_WORLD : MPI_COMM_NULL);
    int finalized = 0;
    MPI_Finalized(&finalized);
    require(finalized == (program_starts ? 0 : 1), "MPI was not ended by whom it was started");
    if (program_starts) { MPI_Finalize(); }
}

} // namespace

/// In the library the api layer defines this; here it stops at the transport.
int start_on(const void *communicator, int) {
    TransportOptions options;
    options.communicator = communicator;
    result_of_start_on = make_job_transport(options);
    return result_of_start_on.error;
}

} // namespace dsm::transport

int main(int count, char **arguments) {
    dsm::transport::Options options;
    for (int i = 1; i + 1 < count; i += 2) {
        const std::string name = arguments[i];
        if (name == "--start") { options.start = arguments[i + 1]; }
        if (name == "--window") { options.window = arguments[i + 1]; }
        if (name == "--at-once") { options.at_once = arguments[i + 1]; }
    }
    if (std::getenv("DSM_TEST_LOG") != nullptr) { dsm::set_log_level(dsm::LogLevel::info); }
    try {
        dsm::transport::run(options);
    } catch (const dsm::transport::contract::Violation &violation) {
        std::fprintf(stderr, "contract broken: %s\n", violation.what());
        std::_Exit(1); // The launcher ends the others.
    }
    return 0;
}
