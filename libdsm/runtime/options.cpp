// Reading and checking the DSM_* variables. Each is read in one place, by a parser that names what it accepts.
#include "libdsm/runtime/options.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace dsm::rt {
namespace {

constexpr std::array known_names = {"DSM_FAULT",        "DSM_BULK",         "DSM_PROGRESS", "DSM_RANKS_PER_NODE",
                                    "DSM_SEGMENT_SIZE", "DSM_SEGMENT_BASE", "DSM_CACHE",    "DSM_TIMEOUT",
                                    "DSM_LOG",          "DSM_CORE",         "DSM_TRACE",    "DSM_TRACE_SIZE",
                                    "DSM_READ_TREE",    "DSM_MEMORY",       "DSM_ADAPT",    "DSM_CHECK_RACES"};

constexpr std::size_t segment_bytes_min = std::size_t{64} << 20;
constexpr std::size_t segment_bytes_max = std::size_t{16} << 40;
constexpr std::size_t area_bytes = std::size_t{2} << 20;
constexpr std::size_t cache_bytes_min = std::size_t{64} << 10;
constexpr double timeout_s_max = 1e6;
constexpr std::size_t trace_bytes_min = std::size_t{64} << 10;
constexpr std::size_t trace_bytes_max = std::size_t{1} << 40;
constexpr std::size_t path_bytes_max = 4000;
constexpr int ranks_per_node_max = 4096;
constexpr int read_tree_nodes_max = 16384;

/// Collects the first complaint while the variables are read one by one.
class Reader {
public:
    explicit Reader(std::string &error) : error_(error) {}

    template <class Value, std::size_t n>
    void choice(const char *name, const std::array<std::pair<const char *, Value>, n> &choices, Value &value) {
        const char *text = std::getenv(name);
        if (text == nullptr) { return; }
        std::string allowed;
        for (const auto &[word, meaning] : choices) {
            if (std::strcmp(text, word) == 0) {
                value = meaning;
                return;
            }
            allowed += allowed.empty() ? word : std::string("|") + word;
        }
        complain(name, text, allowed.c_str());
    }

    void bytes(const char *name, std::size_t low, std::size_t high, std::size_t multiple, std::size_t &value) {
        const char *text = std::getenv(name);
        if (text == nullptr) { return; }
        std::size_t parsed = 0;
        if (!parse_bytes(text, parsed) || parsed < low || parsed > high || parsed % multiple != 0) {
            const std::string expected = "bytes with an optional K, M, G or T, from " + std::to_string(low) + " to " +
                                         std::to_string(high) + ", a multiple of " + std::to_string(multiple);
            complain(name, text, expected.c_str());
            return;
        }
        value = parsed;
    }

    void number(const char *name, double low, double high, const char *expected, double &value) {
        const char *text = std::getenv(name);
        if (text == nullptr) { return; }
        char *end = nullptr;
        const double parsed = std::strtod(text, &end);
        if (end == text || *end != '\0' || !std::isfinite(parsed) || parsed < low || parsed > high) {
            complain(name, text, expected);
            return;
        }
        value = parsed;
    }

    void whole_number(const char *name, int low, int high, int &value) {
        const char *text = std::getenv(name);
        if (text == nullptr) { return; }
        const char *end = text + std::strlen(text);
        int parsed = 0;
        const auto [rest, code] = std::from_chars(text, end, parsed);
        if (code != std::errc{} || rest != end || parsed < low || parsed > high) {
            complain(name, text,
                     ("a whole number from " + std::to_string(low) + " to " + std::to_string(high)).c_str());
            return;
        }
        value = parsed;
    }

    void address(const char *name, std::uintptr_t &value) {
        const char *text = std::getenv(name);
        if (text == nullptr) { return; }
        char *end = nullptr;
        errno = 0;
        const unsigned long long parsed = std::strtoull(text, &end, 0);
        const bool begins_with_digit = *text >= '0' && *text <= '9'; // strtoull takes a minus sign, and wraps.
        if (!begins_with_digit || *end != '\0' || errno != 0 || parsed == 0 || parsed % area_bytes != 0) {
            complain(name, text, "an address that is a multiple of 2 MiB, such as 0x100000000000");
            return;
        }
        value = parsed;
    }

    void path(const char *name, std::string &value) {
        const char *text = std::getenv(name);
        if (text == nullptr) { return; }
        if (*text == '\0' || std::strlen(text) > path_bytes_max) {
            complain(name, text, "the path of a file to be made, to which the number of the rank is added");
            return;
        }
        value = text;
    }

    void log_levels(const char *name, LogLevels &levels) {
        const char *text = std::getenv(name);
        if (text == nullptr || parse_log_levels(text, levels)) { return; }
        const auto listed = [](const auto &words) {
            std::string list;
            for (const char *word : words) {
                if (!list.empty()) { list += '|'; }
                list += word;
            }
            return list;
        };
        complain(name, text,
                 (listed(log_level_names) + ", or PART=LEVEL with " + listed(log_part_names) + ", separated by commas")
                     .c_str());
    }

private:
    static bool parse_bytes(std::string_view text, std::size_t &value) {
        const char *end = text.data() + text.size();
        const auto [rest, code] = std::from_chars(text.data(), end, value);
        if (code != std::errc{}) { return false; }
        const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
        constexpr std::string_view units = "KMGT";
        if (unit.empty()) { return true; }
        const auto place = units.find(unit[0]);
        if (unit.size() > 1 || place == std::string_view::npos) { return false; }
        const auto shift = 10U * (static_cast<unsigned>(place) + 1U);
        if (value > (~std::size_t{0} >> shift)) { return false; }
        value <<= shift;
        return true;
    }

    void complain(const char *name, const char *text, const char *expected) {
        if (error_.empty()) { error_ = std::string(name) + "=" + text + " is not valid; it may be: " + expected; }
    }

    std::string &error_;
};

std::vector<std::string> unknown_names() {
    std::vector<std::string> unknown;
    for (char **entry = environ; *entry != nullptr; ++entry) {
        const std::string_view line(*entry);
        if (!line.starts_with("DSM_")) { continue; }
        const std::string_view name = line.substr(0, line.find('='));
        bool known = false;
        for (const char *candidate : known_names) { known = known || name == candidate; }
        if (!known) { unknown.emplace_back(name); }
    }
    return unknown;
}

} // namespace

OptionsResult read_options() {
    OptionsResult result;
    Options &options = result.options;
    Reader reader(result.error);
    using std::array;
    using std::pair;
    reader.log_levels("DSM_LOG", options.log);
    reader.choice("DSM_FAULT",
                  array{pair{"auto", FaultChoice::automatic}, pair{"userfaultfd", FaultChoice::userfaultfd},
                        pair{"mprotect", FaultChoice::mprotect}},
                  options.fault);
    reader.choice("DSM_BULK",
                  array{pair{"auto", BulkChoice::automatic}, pair{"direct", BulkChoice::direct},
                        pair{"rma", BulkChoice::rma}, pair{"am", BulkChoice::am}},
                  options.bulk);
    reader.choice("DSM_PROGRESS",
                  array{pair{"auto", ProgressChoice::automatic}, pair{"poll", ProgressChoice::poll},
                        pair{"event", ProgressChoice::event}},
                  options.progress);
    reader.choice("DSM_CORE", array{pair{"none", CoreChoice::none}, pair{"present", CoreChoice::present}},
                  options.core);
    reader.choice(
        "DSM_MEMORY",
        array{pair{"sequential", memory::MemoryKind::Sequential}, pair{"release", memory::MemoryKind::Release}},
        options.memory);
    reader.choice("DSM_ADAPT", array{pair{"on", true}, pair{"off", false}}, options.adapts);
    reader.choice("DSM_CHECK_RACES", array{pair{"1", true}, pair{"0", false}, pair{"on", true}, pair{"off", false}},
                  options.checks_races);
    reader.whole_number("DSM_RANKS_PER_NODE", 1, ranks_per_node_max, options.ranks_per_node);
    reader.bytes("DSM_SEGMENT_SIZE", segment_bytes_min, segment_bytes_max, area_bytes, options.segment_bytes);
    reader.address("DSM_SEGMENT_BASE", options.segment_base);
    reader.bytes("DSM_CACHE", cache_bytes_min, segment_bytes_max, 4096, options.cache_bytes);
    reader.number("DSM_TIMEOUT", 0, timeout_s_max, "seconds from 0 (never) to 1000000", options.timeout_s);
    reader.path("DSM_TRACE", options.trace_file);
    reader.bytes("DSM_TRACE_SIZE", trace_bytes_min, trace_bytes_max, 4096, options.trace_bytes);
    reader.whole_number("DSM_READ_TREE", 1, read_tree_nodes_max, options.tree_above_nodes);
    result.unknown_names = unknown_names();
    return result;
}

} // namespace dsm::rt
