/**
 * @file dsm.hpp
 * The C++ interface of libdsm: the names and named requirements of the standard library over dsm.h.
 * Errors are std::system_error with the errno code that the C function gives; std::bad_alloc for memory.
 */
#ifndef DSM_DSM_HPP
#define DSM_DSM_HPP

#include <dsm/barrier.hpp>
#include <dsm/condition_variable.hpp>
#include <dsm/dsm.h>
#include <dsm/memory.hpp>
#include <dsm/mutex.hpp>
#include <dsm/runtime.hpp>

#endif // DSM_DSM_HPP
