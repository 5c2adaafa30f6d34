// Text taken apart into numbered lines and words.
#include "apps/support/text_lines.hpp"

#include "apps/support/input_error.hpp"

#include <algorithm>

namespace apps {
namespace {

constexpr std::string_view blanks = " \t\v\f";

} // namespace

bool TextLines::next() {
    if (rest_.empty()) { return false; }
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (!line_.empty() && line_.back() == '\r') { line_.remove_suffix(1); }
    ++number_;
    return true;
}

bool TextLines::next_with_words(char comment) {
    while (next()) {
        const std::size_t first = line_.find_first_not_of(blanks);
        if (first == std::string_view::npos) { continue; }
        if (comment != 0 && line_[first] == comment) { continue; }
        return true;
    }
    return false;
}

void TextLines::fail(const std::string &reason) const {
    if (number_ == 0) { throw InputError(name_, reason); }
    throw InputError(name_, number_, reason);
}

std::size_t split_words(std::string_view line, std::vector<std::string_view> &words) {
    std::size_t count = 0;
    for (std::size_t at = line.find_first_not_of(blanks); at != std::string_view::npos;
         at = line.find_first_not_of(blanks, at)) {
        const std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
        if (count < words.size()) { words[count] = line.substr(at, end - at); }
        ++count;
        at = end;
    }
    return count;
}

} // namespace apps
