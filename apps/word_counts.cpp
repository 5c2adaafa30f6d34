// Counting words.
#include "apps/word_counts.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>

namespace apps {
namespace {

// FNV-1a, one step a byte, and a last mixing so that high and low bits are equally good.
constexpr std::uint64_t hash_start = 0xcbf29ce484222325;
constexpr std::uint64_t hash_with(std::uint64_t hash, unsigned char byte) { return (hash ^ byte) * 0x100000001b3; }
constexpr std::uint64_t hash_end(std::uint64_t hash) { return (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15; }

constexpr std::array<unsigned char, 256> make_folds() {
    std::array<unsigned char, 256> folds{};
    for (unsigned byte = 0; byte < folds.size(); ++byte) {
        const bool is_large = byte >= 'A' && byte <= 'Z';
        const bool is_kept = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80;
        folds[byte] = static_cast<unsigned char>(is_large ? byte - 'A' + 'a' : (is_kept ? byte : 0));
    }
    return folds;
}
constexpr std::array<unsigned char, 256> folds = make_folds();

std::string line_of(const CountedWord &word) {
    char count[32];
    std::snprintf(count, sizeof count, "%7" PRIu64 " ", word.count);
    return count + std::string(word.letters) + "\n";
}

} // namespace

unsigned char folded(unsigned char byte) { return folds[byte]; }

std::uint64_t hash_of(std::string_view letters) {
    std::uint64_t hash = hash_start;
    for (const char letter : letters) { hash = hash_with(hash, static_cast<unsigned char>(letter)); }
    return hash_end(hash);
}

WordCounts::WordCounts() : slots_(1U << 12U) {}

void WordCounts::count(std::span<const unsigned char> text, const RowRange &part) {
    std::size_t at = part.first;
    if (at > 0 && folds[text[at - 1]] != 0) { // Inside a word: it belongs to where it begins.
        while (at < part.end && folds[text[at]] != 0) { ++at; }
    }
    while (at < part.end) {
        unsigned char byte = folds[text[at]];
        if (byte == 0) {
            ++at;
            continue;
        }
        const std::size_t begin = at;
        std::uint64_t hash = hash_start;
        while (byte != 0) {
            hash = hash_with(hash, byte);
            ++at;
            byte = at < text.size() ? folds[text[at]] : 0;
        }
        add(text.data() + begin, at - begin, hash_end(hash));
    }
}

bool WordCounts::is(const Word &word, const unsigned char *begin, std::size_t length) const {
    if (word.length != length) { return false; }
    for (std::size_t i = 0; i < length; ++i) {
        if (static_cast<unsigned char>(letters_[word.begin + i]) != folds[begin[i]]) { return false; }
    }
    return true;
}

void WordCounts::add(const unsigned char *begin, std::size_t length, std::uint64_t hash) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = hash & mask;
    for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
        Word &word = words_[slots_[slot] - 1];
        if (word.hash != hash || !is(word, begin, length)) { continue; }
        ++word.count;
        return;
    }
    words_.push_back({hash, 1, letters_.size(), length});
    slots_[slot] = static_cast<std::uint32_t>(words_.size());
    for (std::size_t i = 0; i < length; ++i) { letters_.push_back(static_cast<char>(folds[begin[i]])); }
    if (words_.size() * 2 > slots_.size()) { grow(); }
}

void WordCounts::grow() {
    slots_.assign(slots_.size() * 4, 0);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t index = 0; index < words_.size(); ++index) {
        std::size_t slot = words_[index].hash & mask;
        while (slots_[slot] != 0) { slot = (slot + 1) & mask; }
        slots_[slot] = static_cast<std::uint32_t>(index + 1);
    }
}

std::uint64_t WordCounts::total() const {
    std::uint64_t sum = 0;
    for (const Word &word : words_) { sum += word.count; }
    return sum;
}

CountedWord WordCounts::word(std::size_t index) const {
    const Word &word = words_[index];
    return {std::string_view(letters_).substr(word.begin, word.length), word.hash, word.count};
}

std::string format_counts(std::vector<CountedWord> words) {
    std::ranges::sort(words, {}, &CountedWord::letters);
    std::string text;
    for (const CountedWord &word : words) { text += line_of(word); }
    return text;
}

std::string format_most_frequent(std::vector<CountedWord> words, std::size_t how_many) {
    std::ranges::sort(words, [](const CountedWord &a, const CountedWord &b) {
        return a.count != b.count ? a.count > b.count : a.letters < b.letters;
    });
    std::string text;
    for (std::size_t i = 0; i < std::min(how_many, words.size()); ++i) { text += line_of(words[i]); }
    return text;
}

} // namespace apps
