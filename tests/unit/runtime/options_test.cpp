// Every DSM_* variable: what it may be, and the sentence about what it may not.
#include "libdsm/runtime/options.hpp"

#include <cstdlib>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace dsm::rt {
namespace {

/// Sees no variable of ours but those that the test sets.
class OptionsTest : public testing::Test {
protected:
    void SetUp() override { clear(); }
    void TearDown() override { clear(); }

    static void clear() {
        std::vector<std::string> names;
        for (char **entry = environ; *entry != nullptr; ++entry) {
            const std::string_view line(*entry);
            if (line.starts_with("DSM_")) { names.emplace_back(line.substr(0, line.find('='))); }
        }
        for (const std::string &name : names) { ::unsetenv(name.c_str()); }
    }
    static OptionsResult read(const char *name, const char *value) {
        ::setenv(name, value, 1);
        OptionsResult result = read_options();
        ::unsetenv(name);
        return result;
    }
    static Options good(const char *name, const char *value) {
        const OptionsResult result = read(name, value);
        EXPECT_EQ(result.error, "");
        return result.options;
    }
    /// The sentence names the variable, its value and what it may be; the option keeps its default.
    static void expect_bad(const char *name, const char *value, const char *expected) {
        const OptionsResult result = read(name, value);
        const std::string begin = std::string(name) + "=" + value + " is not valid; it may be: ";
        EXPECT_EQ(result.error.substr(0, begin.size()), begin);
        EXPECT_NE(result.error.find(expected), std::string::npos) << result.error;
        EXPECT_EQ(result.error.find('\n'), std::string::npos) << "one line";
    }
};

constexpr std::size_t mib = std::size_t{1} << 20;

TEST_F(OptionsTest, NothingSetGivesTheDefaults) {
    const OptionsResult result = read_options();
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(result.options.fault, FaultChoice::automatic);
    EXPECT_EQ(result.options.bulk, BulkChoice::automatic);
    EXPECT_EQ(result.options.progress, ProgressChoice::automatic);
    EXPECT_EQ(result.options.ranks_per_node, 0);
    EXPECT_EQ(result.options.segment_bytes, std::size_t{1} << 40);
    EXPECT_EQ(result.options.segment_base, 0U);
    EXPECT_EQ(result.options.cache_bytes, 0U);
    EXPECT_EQ(result.options.timeout_s, 60);
    EXPECT_EQ(result.options.log, log_levels_of(LogLevel::warn));
    EXPECT_EQ(result.options.core, CoreChoice::none);
    EXPECT_EQ(result.options.memory, memory::MemoryKind::Sequential);
    EXPECT_TRUE(result.options.adapts);
    EXPECT_TRUE(result.unknown_names.empty());
}

TEST_F(OptionsTest, WordsAreTakenAsTheyStand) {
    EXPECT_EQ(good("DSM_FAULT", "auto").fault, FaultChoice::automatic);
    EXPECT_EQ(good("DSM_FAULT", "userfaultfd").fault, FaultChoice::userfaultfd);
    EXPECT_EQ(good("DSM_FAULT", "mprotect").fault, FaultChoice::mprotect);
    EXPECT_EQ(good("DSM_BULK", "auto").bulk, BulkChoice::automatic);
    EXPECT_EQ(good("DSM_BULK", "direct").bulk, BulkChoice::direct);
    EXPECT_EQ(good("DSM_BULK", "rma").bulk, BulkChoice::rma);
    EXPECT_EQ(good("DSM_BULK", "am").bulk, BulkChoice::am);
    EXPECT_EQ(good("DSM_PROGRESS", "auto").progress, ProgressChoice::automatic);
    EXPECT_EQ(good("DSM_PROGRESS", "poll").progress, ProgressChoice::poll);
    EXPECT_EQ(good("DSM_PROGRESS", "event").progress, ProgressChoice::event);
    EXPECT_EQ(good("DSM_CORE", "none").core, CoreChoice::none);
    EXPECT_EQ(good("DSM_CORE", "present").core, CoreChoice::present);
    EXPECT_EQ(good("DSM_MEMORY", "sequential").memory, memory::MemoryKind::Sequential);
    EXPECT_EQ(good("DSM_MEMORY", "release").memory, memory::MemoryKind::Release);
    EXPECT_TRUE(good("DSM_ADAPT", "on").adapts);
    EXPECT_FALSE(good("DSM_ADAPT", "off").adapts);
    EXPECT_EQ(good("DSM_LOG", "error").log, log_levels_of(LogLevel::error));
    EXPECT_EQ(good("DSM_LOG", "warn").log, log_levels_of(LogLevel::warn));
    EXPECT_EQ(good("DSM_LOG", "info").log, log_levels_of(LogLevel::info));
    EXPECT_EQ(good("DSM_LOG", "debug").log, log_levels_of(LogLevel::debug));
}

TEST_F(OptionsTest, OtherWordsAreRefused) {
    for (const char *name :
         {"DSM_FAULT", "DSM_BULK", "DSM_PROGRESS", "DSM_CORE", "DSM_MEMORY", "DSM_ADAPT", "DSM_LOG"}) {
        for (const char *value : {"", " ", "AUTO", "autos", "aut", "auto ", "0"}) { expect_bad(name, value, "|"); }
    }
    expect_bad("DSM_FAULT", "sigsegv", "auto|userfaultfd|mprotect");
    expect_bad("DSM_BULK", "ucx", "auto|direct|rma|am");
    expect_bad("DSM_PROGRESS", "thread", "auto|poll|event");
    expect_bad("DSM_MEMORY", "lazy", "sequential|release");
    expect_bad("DSM_ADAPT", "1", "on|off");
    expect_bad("DSM_LOG", "2", "error|warn|info|debug");
}

TEST_F(OptionsTest, SizesHaveUnits) {
    EXPECT_EQ(good("DSM_CACHE", "65536").cache_bytes, 65536U);
    EXPECT_EQ(good("DSM_CACHE", "64K").cache_bytes, 65536U);
    EXPECT_EQ(good("DSM_CACHE", "100M").cache_bytes, 100 * mib);
    EXPECT_EQ(good("DSM_SEGMENT_SIZE", "64M").segment_bytes, 64 * mib);
    EXPECT_EQ(good("DSM_SEGMENT_SIZE", "3G").segment_bytes, 3072 * mib);
    EXPECT_EQ(good("DSM_SEGMENT_SIZE", "16T").segment_bytes, std::size_t{16} << 40);
}

TEST_F(OptionsTest, SizesOutOfRangeAreRefused) {
    const char *const expected = "bytes with an optional K, M, G or T, from ";
    for (const char *name : {"DSM_CACHE", "DSM_SEGMENT_SIZE"}) {
        for (const char *value : {"", "M", "0", "-1", "+64M", "64m", "64MB", "64 M", " 64M", "1.5G", "0x4000000", "1e9",
                                  "17T", "18446744073709551615", "18446744073709551616", "16777216T", "99999999999G"}) {
            expect_bad(name, value, expected);
        }
    }
    expect_bad("DSM_SEGMENT_SIZE", "63M", "from 67108864");
    expect_bad("DSM_SEGMENT_SIZE", "65M", "a multiple of 2097152");
    expect_bad("DSM_CACHE", "60K", "from 65536");
    expect_bad("DSM_CACHE", "65537", "a multiple of 4096");
}

TEST_F(OptionsTest, ATraceHasAPathAndASize) {
    EXPECT_EQ(read_options().options.trace_file, "");
    EXPECT_EQ(read_options().options.trace_bytes, 1024 * mib);
    EXPECT_EQ(good("DSM_TRACE", "/tmp/a b/trace").trace_file, "/tmp/a b/trace");
    EXPECT_EQ(good("DSM_TRACE_SIZE", "64K").trace_bytes, 65536U);
    expect_bad("DSM_TRACE", "", "the path of a file");
    expect_bad("DSM_TRACE", std::string(4001, 'x').c_str(), "the path of a file");
    expect_bad("DSM_TRACE_SIZE", "60K", "from 65536");
}

TEST_F(OptionsTest, NumbersAreWholeOrNot) {
    EXPECT_EQ(good("DSM_RANKS_PER_NODE", "1").ranks_per_node, 1);
    EXPECT_EQ(good("DSM_RANKS_PER_NODE", "4096").ranks_per_node, 4096);
    for (const char *value : {"", "0", "-1", "1.5", "4097", "2x", " 2", "99999999999999999999", "nan"}) {
        expect_bad("DSM_RANKS_PER_NODE", value, "a whole number from 1 to 4096");
    }
    EXPECT_EQ(good("DSM_READ_TREE", "16384").tree_above_nodes, 16384);
    expect_bad("DSM_READ_TREE", "0", "a whole number from 1 to 16384");
    EXPECT_EQ(good("DSM_TIMEOUT", "0").timeout_s, 0);
    EXPECT_EQ(good("DSM_TIMEOUT", "2.5").timeout_s, 2.5);
    EXPECT_EQ(good("DSM_TIMEOUT", "1e6").timeout_s, 1e6);
    for (const char *value : {"", "-1", "1000001", "inf", "nan", "60s", "soon", "1e999"}) {
        expect_bad("DSM_TIMEOUT", value, "seconds from 0 (never) to 1000000");
    }
}

TEST_F(OptionsTest, AddressesAreMultiplesOfTwoMebibytes) {
    EXPECT_EQ(good("DSM_SEGMENT_BASE", "0x300000000000").segment_base, 0x3000'0000'0000U);
    EXPECT_EQ(good("DSM_SEGMENT_BASE", "2097152").segment_base, 2 * mib);
    for (const char *value : {"", "0", "0x", "x", "0x1000", "-0x200000", "-2097152", " 0x200000", "0x200000 ",
                              "0x1ffffffffffe00000", "0x200000h"}) {
        expect_bad("DSM_SEGMENT_BASE", value, "a multiple of 2 MiB");
    }
}

TEST_F(OptionsTest, TheFirstComplaintIsKept) {
    ::setenv("DSM_FAULT", "wrong", 1);
    ::setenv("DSM_CACHE", "wrong", 1);
    ::setenv("DSM_TIMEOUT", "7", 1);
    const OptionsResult result = read_options();
    EXPECT_TRUE(result.error.starts_with("DSM_FAULT=wrong ")) << result.error;
    EXPECT_EQ(result.options.timeout_s, 7) << "what is valid is taken all the same";
}

TEST_F(OptionsTest, LogLevelsAreOfAllPartsOrOfOne) {
    const auto level_of = [](const Options &options, LogPart part) {
        return options.log[static_cast<std::size_t>(part)];
    };
    EXPECT_EQ(good("DSM_LOG", "info").log, log_levels_of(LogLevel::info));
    for (const char *value : {"info,protocol=debug,transport=error", "transport=error,info,protocol=debug",
                              "protocol=error,protocol=debug,warn,info,transport=error"}) {
        const Options options = good("DSM_LOG", value);
        EXPECT_EQ(level_of(options, LogPart::start), LogLevel::info);
        EXPECT_EQ(level_of(options, LogPart::protocol), LogLevel::debug);
        EXPECT_EQ(level_of(options, LogPart::transport), LogLevel::error);
    }
    EXPECT_EQ(level_of(good("DSM_LOG", "alloc=debug"), LogPart::sync), LogLevel::warn) << "the default";
    for (const char *value : {"info,", ",info", "info,,debug", "protocol", "protocol=", "protocol=loud", "pages=debug",
                              "=debug", "protocol=debug=info", "info, protocol=debug", "PROTOCOL=debug"}) {
        expect_bad("DSM_LOG", value, "PART=LEVEL with start|transport|memory|protocol|sync|alloc");
    }
    EXPECT_EQ(read("DSM_LOG", "debug,protocol=loud").options.log, log_levels_of(LogLevel::warn)) << "nothing half";
}

TEST_F(OptionsTest, ALineThatIsOffEvaluatesNothing) {
    int evaluated = 0;
    const auto count = [&evaluated] { return ++evaluated; };
    LogLevels levels = log_levels_of(LogLevel::error);
    levels[static_cast<std::size_t>(LogPart::sync)] = LogLevel::debug;
    set_log_levels(levels);
    testing::internal::CaptureStderr();
    DSM_LOG(memory, warn, "memory %d", count());
    DSM_LOG(sync, debug, "sync %d", count());
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "libdsm: sync 1\n");
    EXPECT_EQ(evaluated, 1);
    set_log_level(LogLevel::warn);
}

TEST_F(OptionsTest, UnknownNamesAreCollected) {
    ::setenv("DSM_CASHE", "1M", 1);
    ::setenv("DSM_", "", 1);
    ::setenv("NOT_DSM_CACHE", "", 1);
    testing::internal::CaptureStderr();
    const OptionsResult result = read_options();
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "rank 0 alone says it";
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(std::set<std::string>(result.unknown_names.begin(), result.unknown_names.end()),
              (std::set<std::string>{"DSM_CASHE", "DSM_"}));
    ::unsetenv("NOT_DSM_CACHE");
}

TEST_F(OptionsTest, ChecksRacesIfToldTo) {
    EXPECT_FALSE(read_options().options.checks_races);
    EXPECT_TRUE(good("DSM_CHECK_RACES", "1").checks_races);
    EXPECT_TRUE(good("DSM_CHECK_RACES", "on").checks_races);
    EXPECT_FALSE(good("DSM_CHECK_RACES", "0").checks_races);
    EXPECT_FALSE(good("DSM_CHECK_RACES", "off").checks_races);
    expect_bad("DSM_CHECK_RACES", "yes", "1|0|on|off");
}

} // namespace
} // namespace dsm::rt
