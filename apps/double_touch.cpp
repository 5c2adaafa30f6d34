// Two ranks write into the same page in turn, and rank 0 prints what they read: the smallest program that shows memory
// spanning ranks, and the hardest pattern for a coherence protocol, since the page is wanted elsewhere at every turn.
#include "apps/support/report.hpp"
#include "apps/support/session.hpp"
#include "apps/support/timing.hpp"

#include <cinttypes>

namespace {

constexpr std::size_t page_words = 4096 / sizeof(std::uint64_t);
constexpr std::size_t max_steps = 1000000;
constexpr std::size_t max_printed = 20;

struct Options : apps::CommonOptions {
    std::size_t size = 1; // words per player
    std::size_t steps = 10;
};

// What the player of a turn found; written by that player alone.
struct Touch {
    std::uint64_t read;
    std::uint64_t wrong_words;
};

// Word 2 * i + player belongs to a player, so that the two write side by side all over the page. In turn t the player
// finds t - 1 in the other's words, and writes t into its own.
Touch touch(std::span<std::uint64_t> page, std::size_t player, std::size_t words, std::uint64_t turn) {
    Touch found = {page[1 - player], 0};
    for (std::size_t i = 0; i < words; ++i) {
        if (page[2 * i + 1 - player] != turn - 1) { ++found.wrong_words; }
        page[2 * i + player] = turn;
    }
    return found;
}

bool run(const Options &options) {
    const auto page = apps::alloc_shared<std::uint64_t>(page_words, options.attributes());
    const auto touches = apps::alloc_shared<Touch>(options.steps, options.attributes());
    const int players = std::min(dsm::size(), 2); // alone, a rank plays both; more than two look on
    dsm::barrier_all();
    const apps::Stopwatch clock; // timed: all turns, each with its barrier
    for (std::size_t turn = 1; turn <= options.steps; ++turn) {
        const std::size_t player = (turn - 1) % 2;
        if (dsm::rank() == static_cast<int>(player) % players) {
            touches[turn - 1] = touch(page, player, options.size, turn);
        }
        dsm::barrier_all();
    }
    const apps::Timings timings = {{clock.seconds()}, {}};
    const bool verified = apps::decide_on_first_rank<bool>([&] {
        bool good = true;
        for (std::size_t turn = 1; turn <= options.steps; ++turn) {
            const Touch &found = touches[turn - 1];
            good = good && found.wrong_words == 0;
            if (turn > max_printed && found.wrong_words == 0) { continue; }
            std::fprintf(apps::text_stream(options), "turn %zu: rank %d read %" PRIu64 "%s, wrote %zu\n", turn,
                         static_cast<int>((turn - 1) % 2) % players, found.read,
                         found.wrong_words == 0 ? "" : " (WRONG)", turn);
        }
        return good;
    });
    apps::Json report = apps::make_report("double_touch", options, {verified, {}}, timings);
    report["size"] = options.size;
    report["steps"] = options.steps;
    apps::publish_report(report, options, std::to_string(options.steps) + " turns on one page");
    return verified;
}

} // namespace

int main(int argc, char **argv) {
    Options options;
    CLI::App app("Two ranks write into the same page in turn and print what they read.", "double_touch");
    app.add_option("--size", options.size, "Words that each of the two writes in a turn")
        ->check(CLI::Range(std::size_t{1}, page_words / 2))
        ->capture_default_str();
    app.add_option("--steps", options.steps, "Turns")
        ->check(CLI::Range(std::size_t{1}, max_steps))
        ->capture_default_str();
    apps::add_common_options(app, options);
    return apps::run_program(app, argc, argv, [&] { return run(options); });
}
