// The same calls on pthread's objects and on libdsm's give the same codes: this program is built for each of the two.
#include "tests/mpi/conformance/scenarios.hpp"

int main() {
#ifndef DSM_CONFORMANCE_PTHREAD
    const int started = dsm_init();
    if (started != 0) { conformance::fail(__FILE__, __LINE__, -1, "dsm_init", started, 0); }
#endif
    conformance::mutex_scenarios();
    conformance::condition_scenarios();
    conformance::barrier_scenarios();
#ifdef DSM_CONFORMANCE_HOME_OBJECTS
    conformance::rwlock_scenarios();
    conformance::semaphore_scenarios();
    conformance::once_scenarios();
#endif
#ifndef DSM_CONFORMANCE_PTHREAD
    const int ended = dsm_finalize();
    if (ended != 0) { conformance::fail(__FILE__, __LINE__, -1, "dsm_finalize", ended, 0); }
#endif
    return 0;
}
