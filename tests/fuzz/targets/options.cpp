// The DSM_* variables: the first line names a variable, the rest is its value. A good value is in range, a bad one
// leaves the option as it was and says what it may be, in one line that names variable and value.
#include "libdsm/runtime/options.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <cstdlib>
#include <unistd.h>

using namespace dsm;

namespace {

/// Takes away what the caller's own environment has of ours.
bool clear_environment() {
    std::vector<std::string> names;
    for (char **entry = environ; *entry != nullptr; ++entry) {
        const std::string_view line(*entry);
        if (line.starts_with("DSM_")) { names.emplace_back(line.substr(0, line.find('='))); }
    }
    for (const std::string &name : names) { ::unsetenv(name.c_str()); }
    return true;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    static const bool is_clear = clear_environment();
    FUZZ_REQUIRE(is_clear);
    const fuzz::Input input(data, size);
    const std::string text(input.text().substr(0, input.text().find('\0')));
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string name = "DSM_" + text.substr(0, end);
    const std::string value = end < text.size() ? text.substr(end + 1) : "";
    if (name.find('=') != std::string::npos) { return 0; }
    ::setenv(name.c_str(), value.c_str(), 1);
    const rt::OptionsResult result = rt::read_options();
    ::unsetenv(name.c_str());
    const rt::Options &options = result.options;
    FUZZ_REQUIRE(options.segment_bytes >= 64U << 20U && options.segment_bytes % (2U << 20U) == 0);
    FUZZ_REQUIRE(options.segment_base % (2U << 20U) == 0 && options.cache_bytes % 4096 == 0);
    FUZZ_REQUIRE(options.timeout_s >= 0 && options.timeout_s <= 1e6);
    FUZZ_REQUIRE(options.ranks_per_node >= 0 && options.ranks_per_node <= 4096);
    FUZZ_REQUIRE(options.trace_bytes >= 65536);
    FUZZ_REQUIRE(result.error.empty() || result.error.starts_with(name + "=" + value + " is not valid; it may be: "));
    FUZZ_REQUIRE(result.unknown_names.size() <= 1);
    if (!result.unknown_names.empty()) { FUZZ_REQUIRE(result.unknown_names[0] == name && result.error.empty()); }
    return 0;
}
