// What the DSM_* environment variables say, checked. The reference of every variable is docs/environment.md.
#pragma once

#include "libdsm/base/log.hpp"
#include "libdsm/memory/span_record.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dsm::rt {

enum class FaultChoice { automatic, userfaultfd, mprotect };
enum class BulkChoice { automatic, direct, rma, am };
enum class ProgressChoice { automatic, poll, event };
enum class CoreChoice { none, present };

struct Options {
    FaultChoice fault = FaultChoice::automatic;
    BulkChoice bulk = BulkChoice::automatic;
    ProgressChoice progress = ProgressChoice::automatic;
    int ranks_per_node = 0;                           ///< 0: all ranks of a host
    std::size_t segment_bytes = std::size_t{1} << 40; ///< a multiple of 2 MiB
    std::uintptr_t segment_base = 0;                  ///< 0: the first candidate that is free in every rank
    std::size_t cache_bytes = 0;                      ///< frames of a node; 0: chosen from the host's memory
    double timeout_s = 60;                            ///< a peer's silence that ends the job; 0: never
    CoreChoice core = CoreChoice::none;
    memory::MemoryKind memory = memory::MemoryKind::Sequential; ///< of what asks for none; Release: of all but files
    bool adapts = true;                                         ///< release memory learns from how its pages are used
    bool checks_races = false;                                  ///< release memory tells of writes that nothing orders
    int tree_above_nodes = 32;                                  ///< in jobs of more nodes reads climb a tree
    std::string trace_file;                                     ///< ".RANK" is added; empty: no trace
    std::size_t trace_bytes = std::size_t{1} << 30;             ///< of a rank's trace
    LogLevels log = log_levels_of(LogLevel::warn);
};

struct OptionsResult {
    Options options;
    std::string error; ///< empty, or the sentence that names the variable, its value and what it may be
    std::vector<std::string> unknown_names; ///< variables that begin with DSM_ and that libdsm does not know
};

/// Reads the environment.
OptionsResult read_options();

} // namespace dsm::rt
