// Litmus files as text: docs/litmus.md has the grammar. Any bytes may be given; what is no test is refused with the
// line and the reason.
#pragma once

#include "tests/litmus/program.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dsm::litmus {

constexpr std::size_t file_bytes_max = std::size_t{64} << 10;
constexpr std::size_t name_bytes_max = 40;

struct ParseError {
    unsigned line = 0; ///< counted from 1
    std::string reason;
};

/// Either a test or an error.
struct ParseResult {
    std::optional<LitmusTest> test;
    ParseError error;
};

/// Never throws but for want of memory, whatever the text is.
[[nodiscard]] ParseResult parse(std::string_view text);

} // namespace dsm::litmus
