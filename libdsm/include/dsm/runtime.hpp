/**
 * @file runtime.hpp
 * The lifetime of libdsm as an object, and who we are.
 */
#ifndef DSM_RUNTIME_HPP
#define DSM_RUNTIME_HPP

#include <dsm/error.hpp>
#include <dsm/life.h>

namespace dsm {

/** Starts libdsm and ends it with the scope. Collective, as dsm_init() and dsm_finalize(). */
class runtime {
public:
    runtime() { detail::throw_on(dsm_init(), "dsm_init"); }
    ~runtime() { dsm_finalize(); }
    runtime(const runtime &) = delete;
    runtime &operator=(const runtime &) = delete;
};

inline int rank() noexcept { return dsm_rank(); }
inline int size() noexcept { return dsm_size(); }
inline int node() noexcept { return dsm_node(); }
inline int node_count() noexcept { return dsm_node_count(); }

} // namespace dsm

#endif // DSM_RUNTIME_HPP
