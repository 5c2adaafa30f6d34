// Starting and ending MPI.
#include "mpi_transport/mpi_session.hpp"

#include "mpi_transport/agreement.hpp"
#include "mpi_transport/mpi_error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sys/resource.h>

namespace dsm::transport {
namespace {

const char *name_of_level(int level) {
    switch (level) {
    case MPI_THREAD_SINGLE:
        return "MPI_THREAD_SINGLE";
    case MPI_THREAD_FUNNELED:
        return "MPI_THREAD_FUNNELED";
    case MPI_THREAD_SERIALIZED:
        return "MPI_THREAD_SERIALIZED";
    case MPI_THREAD_MULTIPLE:
        return "MPI_THREAD_MULTIPLE";
    }
    return "an unknown thread level";
}

std::string thread_level_lack(int level, bool started_here) {
    if (level >= MPI_THREAD_MULTIPLE) { return {}; }
    if (started_here) {
        return std::string("this MPI gives ") + name_of_level(level) + ", libdsm needs MPI_THREAD_MULTIPLE";
    }
    return std::string("the program initialised MPI with ") + name_of_level(level) +
           ", libdsm needs MPI_THREAD_MULTIPLE (call MPI_Init_thread)";
}

MPI_Comm duplicate(MPI_Comm communicator) {
    MPI_Comm copy = MPI_COMM_NULL;
    expect_mpi(PMPI_Comm_dup(communicator, &copy), "MPI_Comm_dup");
    PMPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN);
    return copy;
}

} // namespace

bool under_launcher() noexcept {
    // Open MPI; PMIx; MPICH, its kin and Slurm through PMI; Cray PALS and ALPS.
    constexpr std::array variables = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK",  "PMI_RANK", "PMI_SIZE", "PMI_FD",
                                      "PALS_RANKID",          "ALPS_APP_PE"};
    return std::any_of(variables.begin(), variables.end(),
                       [](const char *name) { return std::getenv(name) != nullptr; });
}

bool mpi_runs() noexcept {
    int initialized = 0;
    int finalized = 0;
    PMPI_Initialized(&initialized);
    PMPI_Finalized(&finalized);
    return initialized != 0 && finalized == 0;
}

/// Starts MPI as libdsm needs it. Returns the thread level that was obtained.
///
/// Open MPI gives the core away inside every unsuccessful MPI_Test when a host has more ranks than cores; libdsm's
/// waiting threads sleep by themselves, and whoever polls holds the engine, so that is switched off unless the user
/// has said otherwise. Its shared memory is made of files: a low `ulimit -f` would kill the process with SIGXFSZ before
/// anybody could say why.
int start_mpi() {
    ::setenv("OMPI_MCA_mpi_yield_when_idle", "0", 0);
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != limit.rlim_max) {
        const rlimit raised{limit.rlim_max, limit.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &raised);
    }
    struct sigaction ignore {};
    struct sigaction before {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGXFSZ, &ignore, &before);
    int level = MPI_THREAD_SINGLE;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &level);
    ::sigaction(SIGXFSZ, &before, nullptr);
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return level;
}

SessionResult open_session(const TransportOptions &options) {
    SessionResult result;
    int finalized = 0;
    PMPI_Finalized(&finalized);
    if (finalized != 0) {
        result.error = ENOTSUP;
        result.reason = "MPI has been finalized";
        return result;
    }
    MpiSession &session = result.session;
    int level = MPI_THREAD_SINGLE;
    session.started_here = !mpi_runs();
    if (session.started_here) {
        level = start_mpi();
    } else {
        PMPI_Query_thread(&level);
    }
    const MPI_Comm given =
        options.communicator != nullptr ? *static_cast<const MPI_Comm *>(options.communicator) : MPI_COMM_WORLD;
    session.collective = duplicate(given);
    bool mine = false;
    result.reason = agree(session.collective, thread_level_lack(level, session.started_here), &mine);
    if (!result.reason.empty()) {
        result.error = ENOTSUP;
        if (!mine) { result.reason.clear(); }
        close_session(session);
        return result;
    }
    session.records = duplicate(session.collective);
    session.window = duplicate(session.collective);
    return result;
}

void close_session(MpiSession &session) {
    for (MPI_Comm *communicator : {&session.records, &session.window, &session.collective}) {
        if (*communicator != MPI_COMM_NULL) { PMPI_Comm_free(communicator); }
    }
    if (session.started_here) { MPI_Finalize(); }
    session.started_here = false;
}

} // namespace dsm::transport
