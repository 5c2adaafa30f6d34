// The command line of a simulator, and its runs.
#include "tests/simulation/scheduled_job.hpp"

#include "libdsm/base/check.hpp"

#include <charconv>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

namespace dsm::sync_test {

namespace {

constexpr int exit_wrong = 1;
constexpr int exit_usage = 2;
constexpr int exit_broken_invariant = 70;
constexpr std::uint64_t count_that_sees_all = 500;

std::uint64_t running_seed = 0;

void report_seed(std::uint64_t) {
    std::fflush(stdout); // The trace, up to what broke the invariant.
    std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(running_seed));
}

struct Options {
    SeedOptions first{1, 0, no_bug, false};
    std::uint64_t count = 1;
    bool expects_failure = false;
};

class CommandLine {
public:
    CommandLine(const Simulator &simulator, int argc, char **argv) : simulator_(simulator), argc_(argc), argv_(argv) {}
    Options parse();

private:
    [[noreturn]] void usage(const char *what) const;
    const char *value();
    template <class Integer> Integer number();
    unsigned bug(std::string_view name) const;

    const Simulator &simulator_;
    int argc_;
    char **argv_;
    int at_ = 0;
};

void CommandLine::usage(const char *what) const {
    std::fprintf(stderr, "%s: %s\n", simulator_.name, what);
    std::fprintf(stderr, "  --seed S [--count N] [--nodes N] [--bug NAME] [--expect-failure] [--trace]\n  bugs:");
    for (const std::string_view name : simulator_.bugs) {
        std::fprintf(stderr, " %.*s", static_cast<int>(name.size()), name.data());
    }
    std::fprintf(stderr, "\n");
    std::_Exit(exit_usage);
}

const char *CommandLine::value() {
    if (at_ + 1 >= argc_) { usage("a value is missing"); }
    return argv_[++at_];
}

template <class Integer> Integer CommandLine::number() {
    const char *text = value();
    const char *end = text + std::strlen(text);
    Integer number = 0;
    const auto parsed = std::from_chars(text, end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end) { usage("a number is expected"); }
    return number;
}

unsigned CommandLine::bug(std::string_view name) const {
    for (unsigned i = 0; i < simulator_.bugs.size(); ++i) {
        if (simulator_.bugs[i] == name) { return i; }
    }
    usage("no such bug");
}

Options CommandLine::parse() {
    Options options;
    for (at_ = 1; at_ < argc_; ++at_) {
        const std::string_view name = argv_[at_];
        if (name == "--seed") {
            options.first.seed = number<std::uint64_t>();
        } else if (name == "--count") {
            options.count = number<std::uint64_t>();
        } else if (name == "--nodes") {
            options.first.nodes = number<unsigned>();
        } else if (name == "--bug") {
            options.first.bug = bug(value());
        } else if (name == "--expect-failure") {
            options.expects_failure = true;
        } else if (name == "--trace") {
            options.first.traces = true;
        } else {
            usage("unknown option");
        }
    }
    return options;
}

int run(const Simulator &simulator, const Options &options) {
    std::vector<std::uint64_t> sums(simulator.counts.size());
    SeedOptions seed = options.first;
    for (std::uint64_t i = 0; i < options.count; ++i, ++seed.seed) {
        set_running_seed(seed.seed);
        simulator.run(seed, sums);
    }
    std::printf("seeds %llu", static_cast<unsigned long long>(options.count));
    bool is_rich = true;
    for (std::size_t i = 0; i < sums.size(); ++i) {
        const std::string_view name = simulator.counts[i];
        std::printf("  %.*s %llu", static_cast<int>(name.size()), name.data(),
                    static_cast<unsigned long long>(sums[i]));
        is_rich = is_rich && sums[i] != 0;
    }
    std::printf("\n");
    if (options.count >= count_that_sees_all && !is_rich) {
        std::printf("something that should happen never did\n");
        return exit_wrong;
    }
    return 0;
}

} // namespace

void set_running_seed(std::uint64_t seed) {
    running_seed = seed;
    set_failure_reporter(report_seed);
}

void fail(const char *format, ...) {
    std::fflush(stdout);
    std::fprintf(stderr, "seed %llu: ", static_cast<unsigned long long>(running_seed));
    va_list arguments;
    va_start(arguments, format);
    std::vfprintf(stderr, format, arguments);
    va_end(arguments);
    std::fprintf(stderr, "\n");
    std::_Exit(exit_wrong);
}

int simulate(const Simulator &simulator, int argc, char **argv) {
    const Options options = CommandLine(simulator, argc, argv).parse();
    if (!options.expects_failure) { return run(simulator, options); }
    const pid_t child = ::fork();
    if (child == 0) { std::_Exit(run(simulator, options)); }
    int status = 0;
    ::waitpid(child, &status, 0);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    const bool found = code == exit_wrong || code == exit_broken_invariant;
    std::printf("%s\n", found ? "the planted bug was found" : "the planted bug was NOT found");
    return found ? 0 : exit_wrong;
}

void print_trace(std::uint64_t step, const char *format, std::va_list arguments) {
    std::printf("%6llu  ", static_cast<unsigned long long>(step));
    std::vprintf(format, arguments);
    std::printf("\n");
}

} // namespace dsm::sync_test
