// dsm_get_statistics and the names of what was chosen at start.
#include <dsm/dsm.h>

#include "libdsm/runtime/runtime.hpp"

#include <cerrno>

extern "C" {

DSM_API int dsm_get_statistics(dsm_statistics_t *statistics) {
    dsm::rt::Runtime *runtime = dsm::rt::Runtime::running();
    if (runtime == nullptr) { return EPERM; }
    if (statistics == nullptr) { return EINVAL; }
    const dsm::rt::Statistics &here = runtime->statistics();
    const dsm::transport::TransportCounts sent = runtime->transport().counts();
    const auto value = [](const dsm::rt::Statistics::Count &count) { return count.load(std::memory_order_relaxed); };
    statistics->read_faults = value(here.read_faults);
    statistics->write_faults = value(here.write_faults);
    statistics->faults_served_here = value(here.faults_served_here);
    statistics->messages_sent = value(here.messages_sent);
    statistics->messages_received = value(here.messages_received);
    statistics->packets_sent = sent.packets_sent;
    statistics->bytes_sent = sent.bytes_sent;
    statistics->pages_sent = value(here.pages_sent);
    statistics->page_copies = value(here.page_copies);
    statistics->invalidations = value(here.invalidations);
    statistics->evictions = value(here.evictions);
    statistics->lock_hand_overs = value(here.lock_hand_overs);
    statistics->wake_ups = value(here.wake_ups);
    statistics->sync_objects = runtime->node().objects->size();
    statistics->fetches = value(here.fetches);
    statistics->twins = value(here.twins);
    statistics->diffs_sent = value(here.diffs_sent);
    statistics->diff_bytes = value(here.diff_bytes);
    statistics->lines_sent = value(here.lines_sent);
    statistics->notices = value(here.notices_sent);
    statistics->homes_moved = value(here.homes_moved);
    return 0;
}

DSM_API const char *dsm_fault_backend(void) {
    dsm::rt::Runtime *runtime = dsm::rt::Runtime::running();
    return runtime == nullptr ? "none" : runtime->backend_name();
}

} // extern "C"
