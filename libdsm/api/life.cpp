// dsm_init, dsm_finalize and who we are.
#include <dsm/dsm.h>

#include "libdsm/base/log.hpp"
#include "libdsm/runtime/agreement.hpp"
#include "libdsm/runtime/phase_watch.hpp"
#include "libdsm/runtime/runtime.hpp"
#include "libdsm/transport/start.hpp"

#include <cerrno>
#include <memory>
#include <mutex>

namespace {

enum class Life { before, running, ended };
std::mutex life_mutex;
Life life = Life::before;
/// Never destroyed at exit: a program that ends without dsm_finalize() leaves it to the kernel.
dsm::rt::Runtime *the_runtime = nullptr;

int start(const void *communicator) {
    const std::lock_guard lock(life_mutex);
    if (life == Life::running) { return EALREADY; }
    if (life == Life::ended) { return EPERM; }
    const dsm::rt::OptionsResult options = dsm::rt::read_options();
    dsm::transport::TransportOptions wanted;
    wanted.communicator = communicator;
    dsm::rt::PhaseWatch watch(options.options.timeout_s);
    watch.enter("dsm_init (MPI's start, the first meeting of all ranks)", dsm::rt::PhaseWatch::AtLimit::Report);
    auto made = dsm::transport::make_job_transport(wanted);
    if (!made.transport) {
        if (!made.reason.empty()) { dsm::log_line("%s", made.reason.c_str()); }
        return made.error;
    }
    watch.enter("dsm_init, which all ranks have entered", dsm::rt::PhaseWatch::AtLimit::EndJob);
    try {
        the_runtime = new dsm::rt::Runtime(std::move(made.transport), options);
    } catch (const dsm::rt::StartFailure &failure) {
        life = Life::ended;
        return failure.error;
    }
    life = Life::running;
    return 0;
}

} // namespace

int dsm::transport::start_on(const void *communicator) { return start(communicator); }

extern "C" {

DSM_API int dsm_init(void) { return start(nullptr); }

DSM_API int dsm_finalize(void) {
    const std::lock_guard lock(life_mutex);
    if (life != Life::running) { return EPERM; }
    the_runtime->finish();
    delete the_runtime;
    the_runtime = nullptr;
    life = Life::ended;
    return 0;
}

DSM_API int dsm_rank(void) {
    const auto *runtime = dsm::rt::Runtime::running();
    return runtime == nullptr ? -1 : runtime->topology().self().value;
}

DSM_API int dsm_size(void) {
    const auto *runtime = dsm::rt::Runtime::running();
    return runtime == nullptr ? -1 : runtime->topology().rank_count();
}

DSM_API int dsm_node(void) {
    const auto *runtime = dsm::rt::Runtime::running();
    return runtime == nullptr ? -1 : runtime->topology().self_node().value;
}

DSM_API int dsm_node_count(void) {
    const auto *runtime = dsm::rt::Runtime::running();
    return runtime == nullptr ? -1 : runtime->topology().node_count();
}

} // extern "C"
