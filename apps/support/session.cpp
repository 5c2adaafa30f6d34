// The frame around every program.
#include "apps/support/session.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace apps {
namespace {

std::string program_name = "program";

enum ExitCode { Verified = 0, NotVerified = 1, BadInput = 2, RunFailed = 3 };

// What the command line asks for, found before libdsm runs and so before it is known who prints.
struct Parsed {
    bool run = false;
    int exit_code = Verified;
    std::string text; // help, or what is wrong
};

Parsed parse(CLI::App &app, int argc, char **argv) {
    try {
        app.parse(argc, argv);
        return {true, Verified, {}};
    } catch (const CLI::CallForHelp &) { return {false, Verified, app.help()}; } catch (const CLI::ParseError &error) {
        return {false, BadInput, error.what()};
    }
}

int finish_without_run(const Parsed &parsed) {
    if (dsm_rank() > 0) { return parsed.exit_code; }
    if (parsed.exit_code == Verified) {
        std::fputs(parsed.text.c_str(), stdout);
    } else {
        std::fprintf(stderr, "%s: %s (see --help)\n", program_name.c_str(), parsed.text.c_str());
    }
    return parsed.exit_code;
}

int run_body(const std::function<bool()> &body) {
    try {
        return body() ? Verified : NotVerified;
    } catch (const RunRefused &) { return BadInput; } catch (const std::exception &error) {
        // The other ranks do not know: ending this process makes the launcher end the job.
        std::fprintf(stderr, "%s: rank %d: %s\n", program_name.c_str(), dsm_rank(), error.what());
        std::_Exit(RunFailed);
    }
}

} // namespace

void print_error(const std::string &reason) {
    if (dsm_rank() == 0) { std::fprintf(stderr, "%s: %s\n", program_name.c_str(), reason.c_str()); }
}

void detail::print_out_of_shared_memory(std::size_t bytes) {
    print_error("not enough shared memory for " + std::to_string(bytes) + " bytes (see DSM_SEGMENT_SIZE, DSM_CACHE)");
}

bool detail::run_reporting(const std::function<void()> &action) {
    try {
        action();
        return true;
    } catch (const InputError &error) { print_error(error.what()); } catch (const std::bad_alloc &) {
        print_error("not enough memory");
    }
    return false;
}

int run_program(CLI::App &app, int argc, char **argv, const std::function<bool()> &body) {
    program_name = app.get_name();
    const Parsed parsed = parse(app, argc, argv);
    if (const int error = dsm_init(); error != 0) { // the reason was printed by dsm_init()
        if (parsed.run) { return error == EINVAL ? BadInput : RunFailed; }
        return finish_without_run(parsed);
    }
    const int exit_code = parsed.run ? run_body(body) : finish_without_run(parsed);
    std::fflush(stdout);
    dsm_finalize();
    return exit_code;
}

} // namespace apps
