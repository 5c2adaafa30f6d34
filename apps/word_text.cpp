// Text for those who bring none.
#include "apps/word_counts.hpp"

#include <algorithm>
#include <array>

namespace apps {
namespace {

constexpr std::size_t vocabulary = 40000;
constexpr std::size_t line_bytes = 72;

// xorshift64* (Vigna 2016).
class Random {
public:
    std::uint64_t next() {
        state_ ^= state_ >> 12U;
        state_ ^= state_ << 25U;
        state_ ^= state_ >> 27U;
        return state_ * 0x2545f4914f6cdd1dULL;
    }
    std::uint64_t below(std::uint64_t bound) { return (next() >> 32U) % bound; }
    double unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

private:
    std::uint64_t state_ = 0x9e3779b97f4a7c15ULL;
};

std::string invent_word(Random &random) {
    static constexpr std::array<std::string_view, 24> syllables{"ba",
                                                                "be",
                                                                "di",
                                                                "do",
                                                                "fa",
                                                                "gu",
                                                                "ka",
                                                                "le",
                                                                "lo",
                                                                "ma",
                                                                "mi",
                                                                "ne",
                                                                "no",
                                                                "pu",
                                                                "r\xc3\xa4",
                                                                "ri",
                                                                "sa",
                                                                "se",
                                                                "st\xc3\xb6",
                                                                "ta",
                                                                "tu",
                                                                "va",
                                                                "\xce\xb1\xce\xb2",
                                                                "zo"};
    std::string word;
    for (std::uint64_t left = 1 + random.below(4); left > 0; --left) {
        word += syllables[random.below(syllables.size())];
    }
    return word;
}

} // namespace

std::string generate_text(std::size_t bytes) {
    Random random;
    std::vector<std::string> words(vocabulary);
    std::vector<double> until(vocabulary); // The n-th word is as frequent as 1 / n.
    double sum = 0;
    for (std::size_t i = 0; i < vocabulary; ++i) {
        words[i] = invent_word(random);
        sum += 1.0 / static_cast<double>(i + 1);
        until[i] = sum;
    }
    std::string text;
    text.reserve(bytes + line_bytes);
    std::size_t line_begin = 0;
    while (text.size() < bytes) {
        const auto found = std::ranges::lower_bound(until, random.unit() * sum);
        std::string word = words[std::min(static_cast<std::size_t>(found - until.begin()), vocabulary - 1)];
        const bool begins_sentence = random.below(12) == 0;
        if (begins_sentence && word[0] >= 'a' && word[0] <= 'z') { word[0] = static_cast<char>(word[0] - 'a' + 'A'); }
        text += word;
        text += text.size() - line_begin > line_bytes ? "\n" : (begins_sentence ? ", " : " ");
        if (text.back() == '\n') { line_begin = text.size(); }
    }
    return text;
}

} // namespace apps
