// Heat diffusion on a plate: in every step each inner cell becomes the mean of its four neighbours (Jacobi), the border
// keeps its temperature. Two fields in shared memory, rows by rank, one barrier a step.
#include "apps/stencil_kernel.hpp"
#include "apps/stencil_mpi.hpp"
#include "apps/stencil_problem.hpp"
#include "apps/support/file.hpp"
#include "apps/support/mpi_comparison.hpp"
#include "apps/support/progress.hpp"
#include "apps/support/report.hpp"
#include "apps/support/shared_rows.hpp"
#include "apps/support/timing.hpp"

#include <algorithm>
#include <memory>

namespace {

struct Shape {
    std::size_t height;
    std::size_t width;
};

struct Options : apps::CommonOptions {
    std::size_t size = 512;
    std::size_t steps = 100;
    std::string input;
    std::string out;
};

// Counters of this rank over the second half of the steps, when pages have found their places.
struct Steady {
    std::size_t steps = 0;
    dsm_statistics_t counts = {};
};

// Gives the field after all steps. The border never changes, so that both fields must hold it.
const apps::SharedRows &diffuse(const apps::SharedRows &now, const apps::SharedRows &next, std::size_t steps,
                                Steady &steady) {
    dsm_statistics_t before = {};
    const apps::SharedRows *from = &now;
    const apps::SharedRows *to = &next;
    const std::size_t first = std::max<std::size_t>(now.own().first, 1);
    const std::size_t end = std::min(now.own().end, now.row_count() - 1);
    apps::Progress progress("stencil, step", steps);
    for (std::size_t step = 0; step < steps; ++step) {
        if (step == steps / 2) { before = apps::statistics_now(); }
        for (std::size_t row = first; row < end; ++row) {
            apps::relax_row(to->row(row), from->row(row - 1), from->row(row), from->row(row + 1), now.width());
        }
        dsm::barrier_all();
        std::swap(from, to);
        progress.show(step + 1);
    }
    steady = {steps - steps / 2, apps::difference(apps::statistics_now(), before)};
    return *from;
}

// All fields that a run needs, in shared memory, and the two versions of the run.
class Plate {
public:
    Plate(const Shape &shape, const apps::Picture &field, const Options &options)
        : steps_(options.steps), initial_(shape.height, shape.width, options.attributes()),
          now_(shape.height, shape.width, options.attributes()),
          next_(shape.height, shape.width, options.attributes()) {
        if (dsm::rank() == 0) { initial_.copy_from(field.luminance.data()); }
        dsm::barrier_all();
    }

    // Timed: from "the field is in shared memory, each rank's rows where they were last written, by that rank" to "the
    // last field is in shared memory and all ranks know". The MPI version is timed from the same to rank 0 having it.
    double run() {
        for (std::size_t row = initial_.own().first; row < initial_.own().end; ++row) {
            std::copy_n(initial_.row(row), initial_.width(), now_.row(row));
            std::copy_n(initial_.row(row), initial_.width(), next_.row(row));
        }
        dsm::barrier_all();
        const apps::Stopwatch clock;
        last_ = &diffuse(now_, next_, steps_, steady_);
        return clock.seconds();
    }

    double run_mpi(apps::MpiStencil &mpi) const { return mpi.run(initial_, steps_); }
    const apps::SharedRows &last() const { return *last_; }
    const Steady &steady() const { return steady_; }

private:
    std::size_t steps_;
    apps::SharedRows initial_, now_, next_;
    const apps::SharedRows *last_ = nullptr;
    Steady steady_;
};

// Exact: all versions do the same operations in the same order on every cell.
apps::Verdict check(const apps::Picture &field, std::size_t steps, const apps::SharedRows &last,
                    const apps::MpiStencil *mpi) {
    struct Both {
        bool shared, mpi;
    };
    const Both good = apps::decide_on_first_rank<Both>([&] {
        const std::vector<double> expected = apps::diffuse_serially(field, steps);
        return Both{last.copy_out() == expected, mpi == nullptr || mpi->result() == expected};
    });
    return {good.shared, mpi == nullptr ? std::optional<bool>() : good.mpi};
}

bool run(const Options &options) {
    apps::Picture field; // on rank 0; the others learn the shape
    const Shape shape = apps::decide_on_first_rank<Shape>([&] {
        field = options.input.empty() ? apps::generate_field(options.size) : apps::read_field(options.input);
        apps::check_report_writable(options);
        if (!options.out.empty()) { apps::check_writable(options.out); }
        return Shape{field.height, field.width};
    });
    if (options.compares_mpi()) { apps::require_mpi(); }
    Plate plate(shape, field, options);
    const auto mpi = options.compares_mpi() ? std::make_unique<apps::MpiStencil>(shape.height, shape.width) : nullptr;
    const apps::Timings timings = apps::time_versions(
        options, [&] { return plate.run(); }, [&] { return plate.run_mpi(*mpi); });
    apps::Verdict verdict;
    if (options.verify == "full") { verdict = check(field, options.steps, plate.last(), mpi.get()); }
    if (!options.out.empty()) {
        apps::decide_on_first_rank<bool>([&] {
            const std::vector<double> last = plate.last().copy_out();
            apps::write_file(options.out,
                             apps::format_false_colour_png(options.out, last.data(), shape.width, shape.height));
            return true;
        });
    }
    apps::Json report = apps::make_report("stencil", options, verdict, timings);
    report["width"] = shape.width;
    report["height"] = shape.height;
    report["steps"] = options.steps;
    report["verify"] = options.verify;
    report["each_step"] = apps::sum_over_ranks(plate.steady().counts, std::max<std::size_t>(plate.steady().steps, 1));
    if (mpi) { report["mpi_step_seconds"] = mpi->step_seconds(); }
    apps::publish_report(report, options,
                         std::to_string(shape.width) + " x " + std::to_string(shape.height) + " cells, " +
                             std::to_string(options.steps) + " steps");
    return verdict.good();
}

} // namespace

int main(int argc, char **argv) {
    constexpr std::size_t min_size = 3;
    constexpr std::size_t max_size = 16384;
    constexpr std::size_t max_steps = 100000000;
    Options options;
    CLI::App app("Heat diffusion on a plate in shared memory, rows by rank.", "stencil");
    CLI::Option *const size = app.add_option("--size", options.size, "Width and height of a generated field")
                                  ->check(CLI::Range(min_size, max_size))
                                  ->capture_default_str();
    app.add_option("--steps", options.steps, "Steps")
        ->check(CLI::Range(std::size_t{0}, max_steps))
        ->capture_default_str();
    app.add_option("--input", options.input, "Begin with this picture (PNG or PGM): luminance is temperature, 0 to 1")
        ->excludes(size);
    app.add_option("--out", options.out, "Draw the last field into this PNG file, in false colours");
    apps::add_common_options(app, options);
    apps::add_measuring_options(app, options, {"full", "none"});
    return apps::run_program(app, argc, argv, [&] { return run(options); });
}
