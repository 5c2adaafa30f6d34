// The table that every runner prints, and the judgement on what was seen.
#pragma once

#include "tests/litmus/reference.hpp"

#include <map>

namespace dsm::litmus {

using Seen = std::map<Outcome, std::uint64_t>;

/// What must appear for a run to pass.
enum class Expected : std::uint8_t {
    Nothing, ///< runs by chance: what is allowed and never appears is reported only
    Some,    ///< outcomes whose verdict is `sometimes`
    All,     ///< everything that the reference allows
};

class Report {
public:
    explicit Report(bool lists_outcomes, Memory memory = Memory::Sequential)
        : lists_outcomes_(lists_outcomes), memory_(memory) {}
    /// The heading of the table; `effort` names the fourth column.
    void head(const char *effort) const;
    /// One row: what was seen of a test at a placement. Outcomes outside the reference fail the run.
    void add(const LitmusTest &test, const char *placement, const std::string &effort, const Reference &reference,
             const Seen &seen, Expected expected);
    /// A run that came to a bad end.
    void fail(const LitmusTest &test, const std::string &where, const std::string &what,
              const std::vector<std::string> &trace);
    [[nodiscard]] bool has_failed() const { return failures_ > 0; }
    /// Prints the last line. True when nothing failed.
    [[nodiscard]] bool finish() const;

private:
    bool lists_outcomes_;
    Memory memory_;
    unsigned rows_ = 0;
    unsigned failures_ = 0;
    unsigned never_seen_ = 0;
};

} // namespace dsm::litmus
