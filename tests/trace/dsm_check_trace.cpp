// Checks the traces of a job (DSM_TRACE): whether the protocol, given the same events, does what it did then.
//
//   dsm_check_trace [--unfinished] FILE...
//
// Exit code: 0 they agree; 1 they differ, the first difference is printed; 2 a file cannot be read or is damaged.
#include "libdsm/base/check.hpp"
#include "tests/trace/trace_check.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace {

using namespace dsm::trace_test;

constexpr int exit_differs = 1;
constexpr int exit_damaged = 2;

std::vector<char> contents_of(const char *path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        std::fprintf(stderr, "%s: %s\n", path, std::strerror(errno));
        std::exit(exit_damaged);
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

void print(const TraceVerdict &verdict, std::size_t files) {
    const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf("agrees: %zu ranks, %llu pages, %llu steps, %llu messages, each sent before it was received\n", files,
                number(verdict.lives), number(verdict.steps), number(verdict.received - verdict.unknown_senders));
    for (std::size_t event = 0; event < verdict.by_event.size(); ++event) {
        if (verdict.by_event[event] == 0) { continue; }
        const auto name = name_of(static_cast<dsm::rt::TraceEvent>(event));
        std::printf("  %.*s: %llu\n", static_cast<int>(name.size()), name.data(), number(verdict.by_event[event]));
    }
    if (verdict.never_received > 0) {
        std::printf("  sent and never received, as at the end of an allocation: %llu\n",
                    number(verdict.never_received));
    }
}

void print_gaps(const TraceVerdict &verdict, const std::vector<TraceFile> &files) {
    for (const TraceFile &file : files) {
        if (file.is_finished && file.end == dsm::rt::TraceEnd::Complete) { continue; }
        std::printf("cut: rank %u stopped recording, %s: checked as far as it goes\n", file.head.rank,
                    !file.is_finished                            ? "without an end"
                    : file.end == dsm::rt::TraceEnd::SizeReached ? "at DSM_TRACE_SIZE"
                                                                 : "on a full disk");
    }
    if (verdict.nodes_missing > 0) {
        std::printf("not whole: of %llu nodes not every rank's file is here\n",
                    static_cast<unsigned long long>(verdict.nodes_missing));
    }
    if (verdict.not_replayed + verdict.unknown_senders > 0) {
        std::printf("not checked: %llu steps behind a gap; the senders of %llu messages\n",
                    static_cast<unsigned long long>(verdict.not_replayed),
                    static_cast<unsigned long long>(verdict.unknown_senders));
    }
}

} // namespace

int main(int argc, char **argv) {
    std::vector<std::vector<char>> contents;
    std::vector<TraceFile> files;
    auto unfinished = Unfinished::Refused;
    for (int at = 1; at < argc; ++at) {
        if (std::string_view(argv[at]) == "--unfinished") {
            unfinished = Unfinished::Taken;
            continue;
        }
        contents.push_back(contents_of(argv[at]));
        std::string error;
        auto file = read_trace(std::as_bytes(std::span(contents.back())), unfinished, error);
        if (!file) {
            std::fprintf(stderr, "%s: %s\n", argv[at], error.c_str());
            return exit_damaged;
        }
        files.push_back(std::move(*file));
    }
    if (files.empty()) {
        std::fprintf(stderr, "usage: dsm_check_trace [--unfinished] FILE...\n");
        return exit_damaged;
    }
    // Where an event is impossible, the protocol itself ends the program.
    dsm::set_failure_reporter([](std::uint64_t) {
        std::printf("differs: the protocol refuses the last of these steps\n%s", describe_current().c_str());
        std::fflush(stdout);
    });
    dsm::set_job_ender([](int) { ::_exit(exit_differs); });
    const TraceVerdict verdict = check_traces(files);
    if (!verdict.difference.empty()) {
        std::printf("differs: %s", verdict.difference.c_str());
        if (verdict.difference.back() != '\n') { std::printf("\n"); }
        return exit_differs;
    }
    print(verdict, files.size());
    print_gaps(verdict, files);
    return 0;
}
