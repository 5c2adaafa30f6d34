// A litmus test over release memory: in every order of delivery and of local steps, and in random ones.
//
// As exhaustive.hpp does for sequential memory: depth first, states known by hashes of 64 bits.
#pragma once

#include "tests/litmus/exhaustive.hpp"
#include "tests/litmus/random_runs.hpp"
#include "tests/litmus/release_threads.hpp"

namespace dsm::litmus {

struct ReleaseOptions {
    Placement placement = Placement::Pages;
    Manner manner = Manner::Stay;
    Start start = Start::Cold;
    bool is_fine = false;   ///< notices and diffs page by page
    bool puts_late = false; ///< bytes go straight into a frame, as late as can be
    unsigned evictions = 0;
    std::uint64_t states_max = 8'000'000;
    protocol::ReleaseMutation mutation = protocol::ReleaseMutation::None;
    bool overlooks_invariants = false; ///< what programs see alone is judged
};

class ReleaseSearch {
public:
    ReleaseSearch(const LitmusTest &test, const Reference &reference, const ReleaseOptions &options);
    ExhaustiveResult run();
    /// The way to the event that is being tried.
    [[nodiscard]] std::vector<std::string> path();

private:
    struct Frame {
        ReleaseThreads threads;
        std::vector<ReleaseAction> actions;
        std::size_t next;
    };

    [[nodiscard]] ReleaseThreads beginning();
    bool at_end(ReleaseThreads &threads);
    void fail(const std::string &what);

    const LitmusTest &test_;
    const Reference &reference_;
    ReleaseOptions options_;
    ReleaseSetting setting_;
    SmallPool pool_;
    std::vector<Frame> stack_;
    ExhaustiveResult result_;
};

struct ReleaseRandomOptions {
    Placement placement = Placement::Pages;
    std::uint64_t seed = 1;
    protocol::ReleaseMutation mutation = protocol::ReleaseMutation::None;
    std::vector<std::string> *trace = nullptr;
    bool overlooks_invariants = false;
};

/// One run, all of which the seed says: how pages are treated and begin, what is delayed, put late, cut into parts,
/// evicted.
[[nodiscard]] RandomResult run_release_random(const LitmusTest &test, const ReleaseRandomOptions &options);

} // namespace dsm::litmus
