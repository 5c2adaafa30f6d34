// The frame around every program: start, one voice for messages, exit codes, and decisions of rank 0 that all ranks
// act on. Exit code 0: done and verified; 1: verification failed; 2: bad usage, input or options; 3: the run itself
// failed.
#pragma once

#include "apps/support/input_error.hpp"

#include <CLI/CLI.hpp>
#include <dsm/dsm.hpp>

#include <functional>
#include <new>
#include <stdexcept>
#include <type_traits>

namespace apps {

/// Thrown on all ranks together, after rank 0 has printed the reason; run_program() makes exit code 2 of it.
class RunRefused : public std::runtime_error {
public:
    RunRefused() : std::runtime_error("refused, the reason was printed") {}
};

/// Parses the options, starts libdsm, runs `body` (true: verified, or nothing to verify) and ends libdsm. Only rank 0
/// prints. An exception that a single rank meets ends the job, since the others could not know of it.
int run_program(CLI::App &app, int argc, char **argv, const std::function<bool()> &body);

/// Prints "PROGRAM: reason" on rank 0, nothing elsewhere.
void print_error(const std::string &reason);

/// Collective. Runs `decide` on rank 0 alone and gives its result to all ranks. Where it throws InputError or
/// std::bad_alloc, rank 0 prints the reason and all ranks throw RunRefused: nobody is left waiting.
template <class Result>
requires std::is_trivially_copyable_v<Result> Result decide_on_first_rank(const std::function<Result()> &decide);

/// Collective. Shared, zeroed memory for `count` values; where it cannot be had, as decide_on_first_rank().
template <class Value> std::span<Value> alloc_shared(std::size_t count, const dsm_alloc_attr_t &attr);

/// Collective. The same for what is not computed in: sequential memory, its homes on rank 0.
template <class Value> std::span<Value> alloc_on_first_rank(std::size_t count);

namespace detail {

void print_out_of_shared_memory(std::size_t bytes);

/// True if `action` ran to its end; else the reason was printed.
bool run_reporting(const std::function<void()> &action);

} // namespace detail

template <class Value> std::span<Value> alloc_shared(std::size_t count, const dsm_alloc_attr_t &attr) {
    try {
        return dsm::alloc_array<Value>(count, attr);
    } catch (const std::bad_alloc &) { // on all ranks together
        detail::print_out_of_shared_memory(count * sizeof(Value));
    }
    throw RunRefused();
}

template <class Value> std::span<Value> alloc_on_first_rank(std::size_t count) {
    dsm::alloc_attr attr;
    attr.homes = DSM_HOMES_ONE;
    return alloc_shared<Value>(count, attr);
}

template <class Result>
requires std::is_trivially_copyable_v<Result> Result decide_on_first_rank(const std::function<Result()> &decide) {
    struct Decision {
        int made;
        Result result;
    };
    Decision *const shared = alloc_on_first_rank<Decision>(1).data();
    if (dsm::rank() == 0) {
        shared->made = detail::run_reporting([&] { shared->result = decide(); }) ? 1 : 0;
    }
    dsm::barrier_all();
    const Decision decision = *shared;
    dsm::barrier_all();
    if (dsm::rank() == 0) { dsm_free(shared); }
    if (decision.made == 0) { throw RunRefused(); }
    return decision.result;
}

} // namespace apps
