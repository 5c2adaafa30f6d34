// Words and how often they stand in a text. A word is a maximal run of ASCII letters, ASCII digits and bytes from 0x80
// on; ASCII letters count as small ones. So words of UTF-8 text are never cut inside a character, and
//   tr A-Z a-z | tr -cs 'a-z0-9\200-\377' '\n' | grep . | sort | uniq -c
// in the C locale counts the same.
#pragma once

#include "apps/support/strips.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace apps {

/// What a byte of a text is in a word: itself or the small letter; 0 where it is in none.
unsigned char folded(unsigned char byte);

/// One word, folded, as the tables pass it on.
struct CountedWord {
    std::string_view letters;
    std::uint64_t hash;
    std::uint64_t count;
};

std::uint64_t hash_of(std::string_view letters);

/// A table of one rank's own.
class WordCounts {
public:
    WordCounts();
    /// Counts the words that begin in part of the text; their ends may lie behind it.
    void count(std::span<const unsigned char> text, const RowRange &part);
    std::size_t distinct() const { return words_.size(); }
    std::uint64_t total() const;
    CountedWord word(std::size_t index) const;

private:
    struct Word {
        std::uint64_t hash;
        std::uint64_t count;
        std::size_t begin; ///< in letters_
        std::size_t length;
    };
    void add(const unsigned char *begin, std::size_t length, std::uint64_t hash);
    bool is(const Word &word, const unsigned char *begin, std::size_t length) const;
    void grow();

    std::vector<Word> words_;
    std::vector<std::uint32_t> slots_; ///< index in words_ + 1, 0: free; a power of two of them
    std::string letters_;
};

/// Sorted by their bytes, as `sort | uniq -c` prints them in the C locale.
std::string format_counts(std::vector<CountedWord> words);
/// The `how_many` most frequent, one to a line.
std::string format_most_frequent(std::vector<CountedWord> words, std::size_t how_many);

/// About `bytes` bytes of lines of invented words, some with letters beyond ASCII, whose frequencies follow Zipf's law.
/// The same on every machine.
std::string generate_text(std::size_t bytes);

} // namespace apps
