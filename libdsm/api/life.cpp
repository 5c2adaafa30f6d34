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
#include <string>

namespace {

enum class Life { before, running, ended };
std::mutex life_mutex;
Life life = Life::before;
/// Never destroyed at exit: a program that ends without dsm_finalize() leaves it to the kernel.
dsm::rt::Runtime *the_runtime = nullptr;

/// The sentence about headers of another version, or nothing. 0 stands for headers that do not say.
std::string complaint_of_version(int header_version) {
    constexpr int patches = 100; // Versions that differ in the patch alone go together.
    if (header_version == 0 || header_version / patches == DSM_VERSION / patches) { return {}; }
    const auto text = [](int version) {
        return std::to_string(version / 10000) + "." + std::to_string(version / patches % 100);
    };
    return "the program was compiled with headers of libdsm " + text(header_version) + " and runs with the library " +
           text(DSM_VERSION);
}

int start(const void *communicator, int header_version) {
    const std::lock_guard lock(life_mutex);
    if (life == Life::running) { return EALREADY; }
    if (life == Life::ended) { return EPERM; }
    dsm::rt::OptionsResult options = dsm::rt::read_options();
    if (auto complaint = complaint_of_version(header_version); !complaint.empty()) { options.error = complaint; }
    dsm::set_log_levels(options.options.log);
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

int dsm::transport::start_on(const void *communicator, int header_version) {
    return start(communicator, header_version);
}

extern "C" {

DSM_API int dsm_version(void) { return DSM_VERSION; }

DSM_API int(dsm_init)(void) { return start(nullptr, 0); } // In parentheses: dsm_init() is a macro, too.

DSM_API int dsm_init_version(int header_version) { return start(nullptr, header_version); }

DSM_API int dsm_finalize(void) {
    const std::lock_guard lock(life_mutex);
    if (life != Life::running) { return EPERM; }
    const int error = the_runtime->finish();
    delete the_runtime;
    the_runtime = nullptr;
    life = Life::ended;
    return error;
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
