// Rows and judgements.
#include "tests/litmus/report.hpp"

#include <algorithm>
#include <cstdio>

namespace dsm::litmus {

void Report::head(const char *effort) const {
    std::printf("%-22s %-8s %14s %8s  %s\n", "test", "placed", effort, "outcomes", "verdict: how often seen");
}

void Report::add(const LitmusTest &test, const char *placement, const std::string &effort, const Reference &reference,
                 const Seen &seen, Expected expected) {
    ++rows_;
    unsigned allowed_seen = 0;
    for (const auto &[outcome, count] : seen) {
        if (reference.outcomes.contains(outcome)) {
            ++allowed_seen;
            continue;
        }
        fail(test, placement, "seen " + std::to_string(count) + " times, forbidden: " + text(test, outcome), {});
    }
    std::vector<std::string> missing;
    const std::string share = std::to_string(allowed_seen) + "/" + std::to_string(reference.outcomes.size());
    std::printf("%-22s %-8s %14s %8s  ", test.name.c_str(), placement, effort.c_str(), share.c_str());
    for (const Condition &condition : test.conditions) {
        std::uint64_t count = 0;
        for (const auto &[outcome, times] : seen) { count += holds(condition, outcome) ? times : 0; }
        std::printf("%s[%s] %s: %llu", &condition == test.conditions.data() ? "" : ", ", text(test, condition).c_str(),
                    name_of(condition.verdict(memory_)), static_cast<unsigned long long>(count));
        const Verdict verdict = condition.verdict(memory_);
        if (count != 0 || verdict == Verdict::Forbidden) { continue; }
        std::printf(" (never seen)");
        if (verdict == Verdict::Sometimes && expected == Expected::Some) { missing.push_back(text(test, condition)); }
    }
    std::printf("\n");
    for (const std::string &what : missing) { fail(test, placement, "never seen: " + what, {}); }
    for (const Outcome &outcome : reference.outcomes) {
        const auto found = seen.find(outcome);
        const std::uint64_t count = found == seen.end() ? 0 : found->second;
        never_seen_ += count == 0 ? 1 : 0;
        if (lists_outcomes_) {
            std::printf("    %12llu  %s\n", static_cast<unsigned long long>(count), text(test, outcome).c_str());
        }
        if (count == 0 && expected == Expected::All) {
            fail(test, placement, "allowed and never seen: " + text(test, outcome), {});
        }
    }
}

void Report::fail(const LitmusTest &test, const std::string &where, const std::string &what,
                  const std::vector<std::string> &trace) {
    ++failures_;
    for (const std::string &line : trace) { std::printf("%s\n", line.c_str()); }
    std::printf("FAILED: %s, %s: %s\n", test.name.c_str(), where.c_str(), what.c_str());
    std::fflush(stdout);
}

bool Report::finish() const {
    std::printf("%u rows, %u failures, %u allowed outcomes not seen\n", rows_, failures_, never_seen_);
    return failures_ == 0;
}

} // namespace dsm::litmus
