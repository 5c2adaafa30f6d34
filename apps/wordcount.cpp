// How often each word stands in a text. The text is a file, bound as shared memory by rank 0: its pages are read when a
// rank first looks at them. Each rank counts its part in a table of its own and merges that into one shared table.
#include "apps/shared_words.hpp"
#include "apps/support/file.hpp"
#include "apps/support/progress.hpp"
#include "apps/support/report.hpp"
#include "apps/support/timing.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <unistd.h>

namespace {

constexpr std::size_t mega = std::size_t{1} << 20U;

struct Options : apps::CommonOptions {
    std::size_t size_mb = 16;
    std::size_t top = 10;
    std::string input;
    std::string out;
};

struct Text {
    const unsigned char *bytes;
    std::size_t size;
    std::span<const unsigned char> all() const { return {bytes, size}; }
};

// A file that goes when its name goes; what is bound of it stays.
class TemporaryText {
public:
    explicit TemporaryText(std::size_t bytes)
        : path_((std::filesystem::temp_directory_path() / ("wordcount-" + std::to_string(::getpid()))).string()) {
        apps::write_file(path_, apps::generate_text(bytes));
    }
    ~TemporaryText() { ::unlink(path_.c_str()); }
    TemporaryText(const TemporaryText &) = delete;
    TemporaryText &operator=(const TemporaryText &) = delete;
    const std::string &path() const { return path_; }

private:
    std::string path_;
};

Text bind_text(const std::string &path) {
    std::error_code unknown;
    const auto size = std::filesystem::file_size(path, unknown);
    void *const address = dsm_bind(path.c_str(), 0, 0, DSM_BIND_READ | DSM_BIND_SHARED);
    if (address == nullptr) { throw apps::InputError(path, errno == EINVAL ? "is empty" : std::strerror(errno)); }
    return {static_cast<const unsigned char *>(address), static_cast<std::size_t>(size)};
}

Text open_text(const Options &options) {
    apps::check_report_writable(options);
    if (!options.out.empty()) { apps::check_writable(options.out); }
    if (!options.input.empty()) { return bind_text(options.input); }
    const TemporaryText file(options.size_mb * mega);
    return bind_text(file.path());
}

// Processor time of this thread. Says how the work is shared out also where other programs take the cores.
double processor_seconds() {
    timespec now = {};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Timed: from "the file is bound" to "the shared table is complete and all ranks know".
double count(const Text &text, apps::SharedWords &shared, double &processor) {
    shared.clear();
    const apps::Stopwatch clock;
    const double begin = processor_seconds();
    apps::WordCounts own;
    const apps::RowRange part = apps::rows_of(text.size, dsm::rank(), dsm::size());
    apps::Progress progress("wordcount, MiB of rank 0's", part.count() / mega);
    for (std::size_t at = part.first; at < part.end; at += mega) {
        own.count(text.all(), {at, std::min(at + mega, part.end)});
        progress.show((at - part.first) / mega);
    }
    shared.merge(own);
    processor = processor_seconds() - begin;
    dsm::barrier_all();
    return clock.seconds();
}

// The same text counted by one rank in a table of its own.
bool is_right(const Text &text, const std::vector<apps::CountedWord> &words) {
    apps::WordCounts serial;
    serial.count(text.all(), {0, text.size});
    std::vector<apps::CountedWord> expected;
    for (std::size_t index = 0; index < serial.distinct(); ++index) { expected.push_back(serial.word(index)); }
    return apps::format_counts(words) == apps::format_counts(expected);
}

bool run(const Options &options) {
    const Text text = apps::decide_on_first_rank<Text>([&] { return open_text(options); });
    apps::SharedWords shared(options.attributes());
    const auto processor = apps::alloc_on_first_rank<double>(static_cast<std::size_t>(dsm::size()));
    double own_processor = 0;
    const apps::Timings timings = apps::time_versions(options, [&] { return count(text, shared, own_processor); }, {});
    processor[static_cast<std::size_t>(dsm::rank())] = own_processor;
    dsm::barrier_all();
    struct Result {
        std::size_t distinct;
        std::uint64_t words;
        bool right;
    };
    const Result result = apps::decide_on_first_rank<Result>([&] {
        const std::vector<apps::CountedWord> words = shared.all();
        std::fputs(apps::format_most_frequent(words, options.top).c_str(), apps::text_stream(options));
        if (!options.out.empty()) { apps::write_file(options.out, apps::format_counts(words)); }
        Result found{words.size(), 0, options.verify == "none" || is_right(text, words)};
        for (const apps::CountedWord &word : words) { found.words += word.count; }
        return found;
    });
    apps::Verdict verdict;
    if (options.verify == "full") { verdict.shared = result.right; }
    apps::Json report = apps::make_report("wordcount", options, verdict, timings);
    report["bytes"] = text.size;
    report["words"] = result.words;
    report["distinct"] = result.distinct;
    report["processor_seconds_of_ranks"] = std::vector<double>(processor.begin(), processor.end()); // last run
    apps::publish_report(report, options,
                         std::to_string(text.size) + " bytes, " + std::to_string(result.words) + " words, " +
                             std::to_string(result.distinct) + " distinct");
    dsm::barrier_all();
    return verdict.good();
}

} // namespace

int main(int argc, char **argv) {
    constexpr std::size_t max_size_mb = 4096;
    constexpr std::size_t max_top = 1000000;
    Options options;
    options.homes = "cyclic";
    CLI::App app("Counts the words of a text that is bound as shared memory.", "wordcount");
    CLI::Option *const size = app.add_option("--size", options.size_mb, "MiB of generated text")
                                  ->check(CLI::Range(std::size_t{1}, max_size_mb))
                                  ->capture_default_str();
    app.add_option("--input", options.input, "Count the words of this file")->excludes(size);
    app.add_option("--top", options.top, "Print so many of the most frequent words")
        ->check(CLI::Range(std::size_t{0}, max_top))
        ->capture_default_str();
    app.add_option("--out", options.out, "Write all counts into this file, as sort | uniq -c prints them");
    apps::add_common_options(app, options);
    app.add_option("--verify", options.verify, "Whether to check the result against a serial count")
        ->check(CLI::IsMember({"full", "none"}))
        ->capture_default_str();
    app.add_option("--repeat", options.repeat, "Runs; the median is reported, the first one reads the file")
        ->check(CLI::Range(1, 10000))
        ->capture_default_str();
    return apps::run_program(app, argc, argv, [&] { return run(options); });
}
