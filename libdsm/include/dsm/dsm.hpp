/**
 * @file dsm.hpp
 * The C++ interface of libdsm: the names and named requirements of the standard library over dsm.h.
 * Errors are std::system_error with the errno code that the C function gives; std::bad_alloc for memory.
 */
#ifndef DSM_DSM_HPP
#define DSM_DSM_HPP

#include <dsm/allocator.hpp>
#include <dsm/atomic.hpp>
#include <dsm/barrier.hpp>
#include <dsm/condition_variable.hpp>
#include <dsm/containers.hpp>
#include <dsm/dsm.h>
#include <dsm/latch.hpp>
#include <dsm/memory.hpp>
#include <dsm/mutex.hpp>
#include <dsm/names.hpp>
#include <dsm/once.hpp>
#include <dsm/runtime.hpp>
#include <dsm/semaphore.hpp>
#include <dsm/shareable.hpp>
#include <dsm/shared_mutex.hpp>

#endif // DSM_DSM_HPP
