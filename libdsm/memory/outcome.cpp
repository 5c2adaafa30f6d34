// Wording of what the machine refused.
#include "libdsm/memory/outcome.hpp"

#include <cerrno>
#include <cstring>

namespace dsm::memory {

Failure failure_of(int error, const std::string &what) {
    const int known = error != 0 ? error : EIO;
    return {known, what + ": " + ::strerrordesc_np(known)};
}

} // namespace dsm::memory
