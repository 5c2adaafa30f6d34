// Texts as lines and as words: lines put together again are the text, and every word is a run of its letters.
#include "apps/support/text_lines.hpp"
#include "apps/word_counts.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

void check_lines(std::string_view text) {
    apps::TextLines lines("file", text);
    std::size_t bytes = 0;
    while (lines.next()) {
        FUZZ_REQUIRE(lines.line().find('\n') == std::string_view::npos);
        bytes += lines.line().size();
        std::vector<std::string_view> words(4);
        const std::size_t count = apps::split_words(lines.line(), words);
        for (std::size_t at = 0; at < std::min(count, words.size()); ++at) {
            FUZZ_REQUIRE(!words[at].empty() && words[at].data() >= lines.line().data());
            FUZZ_REQUIRE(words[at].data() + words[at].size() <= lines.line().data() + lines.line().size());
        }
    }
    FUZZ_REQUIRE(bytes <= text.size() && lines.rest_bytes() == 0);
}

/// Counts in two parts cut anywhere are the counts of the whole.
void check_words(std::span<const unsigned char> text, std::size_t cut) {
    apps::WordCounts whole;
    whole.count(text, {0, text.size()});
    apps::WordCounts parts;
    parts.count(text, {0, cut});
    parts.count(text, {cut, text.size()});
    FUZZ_REQUIRE(whole.total() == parts.total() && whole.distinct() == parts.distinct());
    std::uint64_t total = 0;
    for (std::size_t at = 0; at < whole.distinct(); ++at) {
        const apps::CountedWord word = whole.word(at);
        FUZZ_REQUIRE(!word.letters.empty() && word.count > 0 && word.hash == apps::hash_of(word.letters));
        for (const char letter : word.letters) {
            FUZZ_REQUIRE(apps::folded(static_cast<unsigned char>(letter)) == static_cast<unsigned char>(letter));
        }
        total += word.count;
    }
    FUZZ_REQUIRE(total == whole.total());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    dsm::fuzz::Input input(data, size);
    const std::size_t cut = input.take<std::uint8_t>();
    check_lines(input.text());
    const std::span<const unsigned char> text(reinterpret_cast<const unsigned char *>(input.text().data()),
                                              input.text().size());
    check_words(text, std::min(cut, text.size()));
    return 0;
}
