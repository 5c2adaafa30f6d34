// MPI_Abort under an alarm.
#include "mpi_transport/abort.hpp"

#include "libdsm/base/check.hpp"

#include <atomic>
#include <csignal>
#include <unistd.h>

namespace dsm::transport {
namespace {
constexpr unsigned abort_s_max = 5;
MPI_Comm abort_communicator = MPI_COMM_NULL;
std::atomic<int> code_of_abort{1};

void leave(int) { ::_exit(code_of_abort.load()); }

void leave_after(unsigned seconds) noexcept {
    struct sigaction action = {};
    action.sa_handler = leave;
    ::sigaction(SIGALRM, &action, nullptr);
    sigset_t alarm_alone;
    ::sigemptyset(&alarm_alone);
    ::sigaddset(&alarm_alone, SIGALRM);
    ::pthread_sigmask(SIG_UNBLOCK, &alarm_alone, nullptr);
    ::alarm(seconds);
}
} // namespace

void set_abort_communicator(MPI_Comm communicator) noexcept {
    abort_communicator = communicator;
    set_job_ender(communicator == MPI_COMM_NULL ? nullptr : abort_job);
}

void abort_job(int exit_code) noexcept {
    static std::atomic<bool> aborting{false};
    code_of_abort.store(exit_code);
    if (abort_communicator == MPI_COMM_NULL) { ::_exit(exit_code); }
    if (aborting.exchange(true)) {
        ::pause(); // Another thread is at it; its alarm, or MPI_Abort, ends the process.
        ::_exit(exit_code);
    }
    leave_after(abort_s_max);
    MPI_Abort(abort_communicator, exit_code);
    ::_exit(exit_code);
}

} // namespace dsm::transport
