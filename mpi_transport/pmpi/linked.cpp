// What tells libdsm that dsm_pmpi is linked. libdsm.a has a tentative definition of the same name (checked_calls.cpp):
// it makes the linker take this one, wherever libdsm_pmpi.a stands, and with it all parts; their MPI functions take the
// place of libdsm's weak ones. Among shared libraries it shows whose function comes next.
#include "mpi_transport/pmpi/parts.hpp"

#include <dsm/api.h>

#define DSM_PMPI_PLACE_OF_PART(name) &dsm::pmpi::name##_part,

static constexpr const char *parts[] = {DSM_PMPI_PARTS(DSM_PMPI_PLACE_OF_PART)};

extern "C" {
extern DSM_API const char *const *dsm_pmpi_linked;
const char *const *dsm_pmpi_linked = parts;
}
