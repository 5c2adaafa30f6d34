// Text taken apart into numbered lines and words, for readers that name the line in their errors.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace apps {

class TextLines {
public:
    /// `text` must outlive the object.
    TextLines(std::string name, std::string_view text) : name_(std::move(name)), rest_(text) {}

    /// Steps to the next line; false at the end of the text. A carriage return before the line end is dropped.
    bool next();
    /// As next(), over lines without a word and, where `comment` is not 0, lines that begin with it.
    bool next_with_words(char comment = 0);

    std::string_view line() const { return line_; }
    /// The number of bytes behind the current line.
    std::size_t rest_bytes() const { return rest_.size(); }
    /// Throws InputError for the current line.
    [[noreturn]] void fail(const std::string &reason) const;

private:
    std::string name_;
    std::string_view rest_;
    std::string_view line_;
    std::size_t number_ = 0; ///< of the current line, from 1; 0 before the first
};

/// Splits at blanks into `words`, at most `words.size()` of them; returns how many there are in all.
std::size_t split_words(std::string_view line, std::vector<std::string_view> &words);

} // namespace apps
