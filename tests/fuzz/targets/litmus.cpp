// Litmus files: either a test or an error with a line of the text and a reason, never both.
#include "tests/fuzz/fuzz.hpp"
#include "tests/litmus/parser.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const dsm::fuzz::Input input(data, size);
    const auto result = dsm::litmus::parse(input.text());
    if (result.test) { return 0; }
    FUZZ_REQUIRE(!result.error.reason.empty());
    FUZZ_REQUIRE(result.error.reason.find('\n') == std::string::npos);
    return 0;
}
