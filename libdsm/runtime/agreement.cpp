// Agreeing on failure at start-up.
#include "libdsm/runtime/agreement.hpp"

#include "libdsm/base/log.hpp"

#include <cerrno>

namespace dsm::rt {

void agree(transport::Transport &transport, int error, const std::string &reason) {
    const std::vector<int> errors = gather(transport, error);
    for (std::size_t rank = 0; rank < errors.size(); ++rank) {
        if (errors[rank] == 0) { continue; }
        if (Rank{static_cast<std::int32_t>(rank)} == transport.rank()) { log_line("%s", reason.c_str()); }
        // What dsm_init() does not list is a want of some resource (EFBIG, EMFILE, ...).
        const bool listed = errors[rank] == EINVAL || errors[rank] == ENOTSUP;
        throw StartFailure{listed ? errors[rank] : ENOMEM};
    }
}

} // namespace dsm::rt
