// Counts what one operation costs: statistics of all ranks before and after, with MPI's own barrier between the steps,
// which libdsm does not count.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

/// Costs of many operations together, over all ranks.
struct Costs {
    std::uint64_t messages, pages, copies, faults, invalidations, hand_overs;
    std::uint64_t fetches, diffs, twins, notices, homes_moved; ///< of release memory
    std::uint64_t packets;                                     ///< MPI messages in which the messages went
};

/// What an operation may cost, each over all ranks.
struct Bounds {
    double messages_min, messages_max, pages, faults;
};

class Measurement {
public:
    /// Runs `step` in all ranks; rank `rank` alone does the operations. Between steps MPI lines the ranks up.
    static Costs of(const std::function<void()> &step);
    /// Prints a row of the table on rank 0 and checks it against the bounds.
    static void report(const std::string &name, const Costs &costs, std::uint64_t operations, const Bounds &bounds);
    static void headline();
    static void line_up();
};
