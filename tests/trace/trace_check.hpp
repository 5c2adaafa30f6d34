// Replays the traces of a job through the shipped protocol and compares.
//
// Each page of each allocation is replayed by itself, on all nodes that have stepped it. A node's steps are taken in
// their order; a step that received a message waits until the replay of the sender has sent these very bytes. So the
// steps are run through in an order that the job may have had: a send before its receipt. After each of them the
// invariants that concern several nodes are checked (S1, S3 of sequential_protocol.hpp).
#pragma once

#include "tests/trace/trace_file.hpp"

#include <array>
#include <map>
#include <string>
#include <vector>

namespace dsm::trace_test {

struct TraceVerdict {
    std::string difference;     ///< empty: the traces agree with the protocol
    std::uint64_t lives = 0;    ///< pages of allocations
    std::uint64_t steps = 0;    ///< replayed
    std::uint64_t received = 0; ///< messages, of which the sender's step was found but for `unknown_senders`
    std::uint64_t unknown_senders = 0;
    std::uint64_t never_received = 0; ///< sent at the end of an allocation or of the job
    std::uint64_t not_replayed = 0;   ///< steps behind a gap that a lost or missing record leaves
    std::uint64_t nodes_missing = 0;  ///< of which some rank's file was not given
    std::array<std::uint64_t, 16> by_event{};
};

/// Replays. Complaints about the files as such ("of another job") are differences too. Where the protocol itself ends
/// the program (a broken invariant), describe_current() has what was being replayed.
TraceVerdict check_traces(const std::vector<TraceFile> &files);

/// The step that is being replayed and those before it, oldest first; for the report of a broken invariant.
std::string describe_current();

} // namespace dsm::trace_test
