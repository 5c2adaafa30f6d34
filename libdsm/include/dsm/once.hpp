/**
 * @file once.hpp
 * A function that runs once in the whole job.
 */
#ifndef DSM_ONCE_HPP
#define DSM_ONCE_HPP

#include <dsm/error.hpp>
#include <dsm/once.h>

#include <cerrno>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

namespace dsm {

/** std::once_flag between ranks. It stands in shared memory; a zeroed one is valid. */
class once_flag {
public:
    using dsm_shareable = once_flag;
    constexpr once_flag() noexcept = default;
    once_flag(const once_flag &) = delete;
    once_flag &operator=(const once_flag &) = delete;
    dsm_once_t *native_handle() noexcept { return &once_; }

private:
    dsm_once_t once_ DSM_ONCE_INIT;
};

namespace detail {

/// Runs the callable that `argument` points to; no exception crosses the C interface.
template <class Work> int run_once(void *argument) {
    auto &work = *static_cast<Work *>(argument);
    try {
        work.function();
        return 0;
    } catch (...) {
        work.thrown = std::current_exception();
        return ECANCELED;
    }
}

} // namespace detail

/**
 * std::call_once between ranks: runs the function in the first thread of the job that comes; all others wait until it
 * has returned. When it throws, the exception goes to its caller, and the next thread runs it.
 */
template <class Function, class... Arguments>
void call_once(once_flag &flag, Function &&function, Arguments &&...arguments) {
    const auto call = [&] { std::invoke(std::forward<Function>(function), std::forward<Arguments>(arguments)...); };
    struct work_type {
        decltype(call) &function;
        std::exception_ptr thrown;
    } work{call, nullptr};
    const int code = dsm_call_once(flag.native_handle(), &detail::run_once<work_type>, &work);
    if (work.thrown) { std::rethrow_exception(work.thrown); }
    detail::throw_on(code, "dsm::call_once");
}

} // namespace dsm

#endif // DSM_ONCE_HPP
