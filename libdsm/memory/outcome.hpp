// The result of a start-up step that the machine may refuse: a value, or errno with a sentence for the user.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace dsm::memory {

/// Why the machine refused something.
struct Failure {
    int error;          ///< errno at the time, never 0
    std::string reason; ///< one sentence without a final full stop, fit to be shown to the user
};

/// Failure with "`what`: text of `error`".
Failure failure_of(int error, const std::string &what);

template <class Value> class [[nodiscard]] Outcome {
public:
    Outcome(Value value) : state_(std::move(value)) {}       // NOLINT(google-explicit-constructor)
    Outcome(Failure failure) : state_(std::move(failure)) {} // NOLINT(google-explicit-constructor)
    bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }
    /// Only if ok().
    Value &value() { return std::get<0>(state_); }
    /// Only if not ok().
    const Failure &failure() const { return std::get<1>(state_); }

private:
    std::variant<Value, Failure> state_;
};

struct Done {};

} // namespace dsm::memory
