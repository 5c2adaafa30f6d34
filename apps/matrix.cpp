// C = A * B with all three in shared memory: every rank computes a strip of rows of C from its rows of A and all of B.
#include "apps/matrix_kernel.hpp"
#include "apps/matrix_mpi.hpp"
#include "apps/matrix_problem.hpp"
#include "apps/support/file.hpp"
#include "apps/support/matrix_market.hpp"
#include "apps/support/mpi_comparison.hpp"
#include "apps/support/report.hpp"
#include "apps/support/shared_rows.hpp"
#include "apps/support/timing.hpp"

#include <algorithm>
#include <memory>
#include <span>

namespace {

struct Options : apps::CommonOptions {
    std::size_t size = 512;
    std::vector<std::string> input;
    std::string out;
};

// Shared memory that every rank touches a part of, so that no node has all pages or, with first touch, all homes.
std::span<double> alloc_touched(std::size_t count, const dsm_alloc_attr_t &attr) {
    const std::span<double> all = apps::alloc_shared<double>(count, attr);
    const apps::RowRange part = apps::rows_of(count, dsm::rank(), dsm::size());
    std::ranges::fill(all.subspan(part.first, part.count()), 0.0);
    dsm::barrier_all();
    return all;
}

// Timed: from "A and B are in shared memory, written by rank 0" to "C is in shared memory and all ranks know". The MPI
// version is timed from and to the same on rank 0's private memory.
double multiply(const apps::SharedRows &a, std::span<const double> b, const apps::SharedRows &c) {
    c.clear_own(); // so that no run passes with the result of the one before
    dsm::barrier_all();
    const apps::Stopwatch clock;
    if (const apps::RowRange own = c.own(); own.count() > 0) {
        apps::multiply_rows(a.row(own.first), b.data(), c.row(own.first), own.count(), a.width(), c.width());
    }
    dsm::barrier_all();
    return clock.seconds();
}

apps::Verdict check(const Options &options, const apps::ProductInput &input, const apps::SharedRows &c,
                    const apps::MpiProduct *mpi) {
    if (options.verify == "none") { return {}; }
    const bool sample = options.verify == "sample";
    apps::Verdict verdict;
    verdict.shared = apps::decide_on_first_rank<bool>([&] { return apps::is_product(input, c.copy_out(), sample); });
    if (mpi != nullptr) {
        verdict.mpi = apps::decide_on_first_rank<bool>([&] { return apps::is_product(input, mpi->result(), sample); });
    }
    return verdict;
}

void write_result(const std::string &path, const apps::SharedRows &c) {
    apps::decide_on_first_rank<bool>([&] {
        apps::write_file(path, apps::format_matrix_market(c.copy_out().data(), c.row_count(), c.width()));
        return true;
    });
}

bool run(const Options &options) {
    apps::ProductInput input; // on rank 0; the others learn the shape
    const auto shape = apps::decide_on_first_rank<apps::ProductShape>([&] {
        input = options.input.empty() ? apps::generate_product_input(options.size)
                                      : apps::read_product_input(options.input);
        apps::check_report_writable(options);
        if (!options.out.empty()) { apps::check_writable(options.out); }
        return input.shape();
    });
    if (options.compares_mpi()) { apps::require_mpi(); }
    const apps::SharedRows a(shape.rows, shape.inner, options.attributes());
    const std::span<double> b = alloc_touched(shape.inner * shape.columns, options.attributes());
    const apps::SharedRows c(shape.rows, shape.columns, options.attributes());
    if (dsm::rank() == 0) {
        a.copy_from(input.a.entries.data());
        std::ranges::copy(input.b.entries, b.begin());
    }
    const auto mpi = options.compares_mpi() ? std::make_unique<apps::MpiProduct>(shape, input) : nullptr;
    const apps::Timings timings = apps::time_versions(
        options, [&] { return multiply(a, b, c); }, [&] { return mpi->run(); });
    const apps::Verdict verdict = check(options, input, c, mpi.get());
    if (!options.out.empty()) { write_result(options.out, c); }

    apps::Json report = apps::make_report("matrix", options, verdict, timings);
    report["rows"] = shape.rows;
    report["inner"] = shape.inner;
    report["columns"] = shape.columns;
    report["verify"] = options.verify;
    apps::publish_report(report, options,
                         std::to_string(shape.rows) + " x " + std::to_string(shape.inner) + " times " +
                             std::to_string(shape.inner) + " x " + std::to_string(shape.columns));
    return verdict.good();
}

} // namespace

int main(int argc, char **argv) {
    constexpr std::size_t max_size = 16384;
    Options options;
    CLI::App app("C = A * B in shared memory, rows by rank.", "matrix");
    CLI::Option *const size = app.add_option("--size", options.size, "Rows and columns of generated matrices")
                                  ->check(CLI::Range(std::size_t{1}, max_size))
                                  ->capture_default_str();
    app.add_option("--input", options.input, "Matrix Market files of A and B; one file stands for both")
        ->expected(1, 2)
        ->excludes(size);
    app.add_option("--out", options.out, "Write C to this Matrix Market file");
    apps::add_common_options(app, options);
    apps::add_measuring_options(app, options, {"full", "sample", "none"});
    return apps::run_program(app, argc, argv, [&] { return run(options); });
}
