// One table of words in shared memory, filled by all ranks: buckets, each behind a mutex of an array of them.
#pragma once

#include "apps/support/session.hpp"
#include "apps/word_counts.hpp"

namespace apps {

class SharedWords {
public:
    /// Collective. The attributes are for the buckets themselves; words and letters grow, so that they come from
    /// dsm_calloc() and are sequential memory.
    explicit SharedWords(const dsm_alloc_attr_t &attr);
    /// Adds a rank's counts, bucket by bucket: a bucket is locked once. Ranks begin at different buckets, so that they
    /// seldom meet. Any ranks at the same time.
    void merge(const WordCounts &counts);
    /// Everything in the table; the letters stand in shared memory. When nobody merges.
    std::vector<CountedWord> all() const;
    /// Collective: empties the table, each rank its part of the buckets.
    void clear();

private:
    struct Word {
        std::uint64_t hash;
        std::uint64_t count; ///< 0: a free place
        std::uint32_t begin; ///< in the bucket's letters
        std::uint32_t length;
    };
    /// Words by open addressing, and their letters one after the other. Zeroed it is an empty one.
    struct Bucket {
        Word *words;
        char *letters;
        std::uint32_t place_count; ///< a power of two or 0
        std::uint32_t used;
        std::uint32_t letter_count;
        std::uint32_t letters_max;
    };
    static void add(Bucket &bucket, const CountedWord &word);
    static void grow_words(Bucket &bucket);
    static std::uint32_t store_letters(Bucket &bucket, std::string_view letters);

    std::span<Bucket> buckets_;
    std::span<dsm_mutex_t> locks_; ///< of the bucket of the same number
};

} // namespace apps
