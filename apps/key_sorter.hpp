// The iterations of the sort program as one member of a team takes them: count, permute, sort (the pattern of the
// kernel IS of the NAS parallel benchmarks, Bailey et al. 1991; unlike there, keys are sorted and not ranked).
#pragma once

#include "apps/sort_problem.hpp"
#include "apps/support/team.hpp"

namespace apps {

/// What the team shares.
struct SortMemory {
    std::span<Key> keys;                ///< each member has its strip
    std::span<Key> sorted;              ///< each member has its buckets, once they are complete
    std::span<std::uint64_t> histogram; ///< for each member the counts of its strip, by bucket
};

class KeySorter {
public:
    /// With `collects`, a member brings its keys in order in private memory first, so that those of a bucket are
    /// written one after the other; else each is written where it belongs as it comes.
    KeySorter(Team &team, const SortMemory &memory, const SortInput &input, bool collects)
        : team_(team), memory_(memory), input_(input), buckets_(input.max_key), collects_(collects),
          own_(rows_of(input.keys, team.rank(), team.size())) {}
    /// Writes the own strip's first keys, and forgets what was sorted. A barrier after.
    void generate();
    /// One iteration, all members together. Ends with a barrier.
    void sort(std::size_t iteration);

private:
    void change_keys(std::size_t iteration);
    BucketCounts find_places(const BucketCounts &begins) const;
    BucketCounts find_begins() const;
    void permute(std::span<const Key> keys, std::span<Key> to, BucketCounts places) const;
    void permute_collected(std::span<const Key> keys, const BucketCounts &places);

    Team &team_;
    SortMemory memory_;
    SortInput input_;
    Buckets buckets_;
    bool collects_;
    RowRange own_;
    std::vector<Key> collected_;
    std::vector<std::uint32_t> scratch_;
};

} // namespace apps
