// Simulated threads as coroutines: a Task runs when it is awaited or resumed, and goes back to who awaited it at its
// end.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace dsm::sync_test {

struct Nothing {};

template <class Result = Nothing> class [[nodiscard]] Task {
public:
    struct promise_type {
        std::coroutine_handle<> continuation = std::noop_coroutine();
        std::optional<Result> result;

        Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        auto final_suspend() noexcept {
            struct Continue {
                bool await_ready() noexcept { return false; }
                std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> ended) noexcept {
                    return ended.promise().continuation;
                }
                void await_resume() noexcept {}
            };
            return Continue{};
        }
        void return_value(Result value) { result = std::move(value); }
        void unhandled_exception() { std::terminate(); }
    };

    Task(Task &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task &operator=(Task &&) = delete;
    ~Task() {
        if (handle_) { handle_.destroy(); }
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
        handle_.promise().continuation = awaiting;
        return handle_;
    }
    Result await_resume() { return std::move(*handle_.promise().result); }

    std::coroutine_handle<> handle() const noexcept { return handle_; }
    bool done() const noexcept { return handle_.done(); }

private:
    explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

} // namespace dsm::sync_test
