// Bodies that attract each other, by an octree that all ranks build together in shared memory in every step: pointers,
// locks and a division of the work that nobody knows beforehand. The pattern is that of Barnes in SPLASH-2 (Woo et al.
// 1995); the tree is built by lists of bodies, as Shan and Singh (1998) advise where locks are dear.
#include "apps/nbody_problem.hpp"
#include "apps/support/progress.hpp"
#include "apps/support/rank_team.hpp"
#include "apps/support/report.hpp"
#include "apps/support/strips.hpp"
#include "apps/support/timing.hpp"

#include <algorithm>
#include <cmath>

namespace {

struct Options : apps::CommonOptions {
    std::size_t bodies = 4096;
    std::size_t steps = 4;
    double theta = 0.6;
    double dt = 0.01;
    std::uint64_t seed = 1;
    apps::SimulationSettings settings() const { return {theta, dt}; }
};

// What steps of this length and theta up to 1 come to, with much room, in each unit of time.
constexpr double energy_drift_max = 0.002;

apps::BodyMemory alloc_bodies(const Options &options) {
    const std::size_t count = options.bodies;
    const dsm_alloc_attr_t attr = options.attributes();
    const std::size_t cells = apps::cells_for_member(count, dsm::size());
    return {apps::alloc_shared<apps::Place>(count, attr), apps::alloc_shared<apps::Motion>(count, attr),
            apps::alloc_shared<std::uint32_t>(count, attr),
            apps::alloc_shared<apps::Cell>(cells * static_cast<std::size_t>(dsm::size()), attr), cells};
}

// All that is shared, and the run.
class Cluster {
public:
    explicit Cluster(const Options &options)
        : options_(options), memory_(alloc_bodies(options)),
          notes_(apps::alloc_shared<apps::MemberNote>(static_cast<std::size_t>(dsm::size()), options.attributes())),
          team_(apps::tree_locks(dsm::size()), options.attributes()) {}

    // Timed: from "every rank has written its strip of the bodies" to "all steps are done and all ranks know".
    double run(const apps::Bodies &initial) {
        const apps::RowRange strip = apps::rows_of(initial.places.size(), dsm::rank(), dsm::size());
        for (std::size_t body = strip.first; body < strip.end; ++body) {
            memory_.places[body] = initial.places[body];
            memory_.motions[body] = initial.motions[body];
        }
        apps::Simulation simulation(team_, memory_, notes_, options_.settings());
        apps::Progress progress("nbody, step", options_.steps);
        dsm::barrier_all();
        const apps::Stopwatch clock;
        simulation.begin();
        for (std::size_t step = 0; step < options_.steps; ++step) {
            simulation.step();
            progress.show(step + 1);
        }
        dsm::barrier_all();
        root_ = simulation.root();
        return clock.seconds();
    }

    const apps::BodyMemory &memory() const { return memory_; }
    const apps::Cube &root() const { return root_; }

private:
    const Options &options_;
    apps::BodyMemory memory_;
    std::span<apps::MemberNote> notes_;
    apps::RankTeam team_;
    apps::Cube root_{};
};

struct Findings {
    bool is_tree, is_within_bound, is_as_alone, keeps_energy;
    double largest_error, energy_drift;
};

Findings check(const Options &options, const apps::Bodies &initial, const Cluster &cluster) {
    constexpr std::size_t sample = 64;
    const apps::BodyMemory &memory = cluster.memory();
    const apps::ForceCheck forces = apps::check_forces(memory, sample);
    Findings found = {
        apps::is_tree(memory, cluster.root()), forces.is_within_bound, true, true, forces.largest_error, 0.0};
    if (options.verify == "full") {
        found.is_as_alone =
            apps::are_same(memory, apps::simulate_alone(initial, options.settings(), options.steps)->memory());
        const double before = apps::energy_of(initial.places, initial.motions);
        found.energy_drift = std::abs(apps::energy_of(memory.places, memory.motions) / before - 1);
        const double time = options.dt * static_cast<double>(options.steps);
        found.keeps_energy = found.energy_drift <= energy_drift_max * (1 + time);
    }
    const auto complain = [](bool is_good, const char *what) {
        if (!is_good) { apps::print_error(what); }
    };
    complain(found.is_tree, "the tree is none");
    complain(found.is_within_bound, "an acceleration is further from the direct sum than theta allows");
    complain(found.is_as_alone, "the bodies are not where one rank alone moves them");
    complain(found.keeps_energy, "the energy has changed");
    return found;
}

bool run(const Options &options) {
    apps::decide_on_first_rank<bool>([&] {
        apps::check_report_writable(options);
        return true;
    });
    const apps::Bodies initial = apps::generate_bodies(options.bodies, options.seed);
    Cluster cluster(options);
    const apps::Timings timings = apps::time_versions(options, [&] { return cluster.run(initial); }, {});
    apps::Verdict verdict;
    Findings found{};
    if (options.verify != "none") {
        found = apps::decide_on_first_rank<Findings>([&] { return check(options, initial, cluster); });
        verdict.shared = found.is_tree && found.is_within_bound && found.is_as_alone && found.keeps_energy;
    }
    apps::Json report = apps::make_report("nbody", options, verdict, timings);
    report["bodies"] = options.bodies;
    report["steps"] = options.steps;
    report["theta"] = options.theta;
    report["dt"] = options.dt;
    report["seed"] = options.seed;
    report["verify"] = options.verify;
    if (verdict.shared) { report["largest_force_error"] = found.largest_error; }
    if (options.verify == "full") { report["energy_drift"] = found.energy_drift; }
    // The forces at the beginning are as much work as a step.
    const double moved = static_cast<double>(options.bodies * (options.steps + 1));
    const double rate = moved / report["seconds"].get<double>();
    report["bodies_steps_per_second"] = rate;
    apps::publish_report(report, options,
                         std::to_string(options.bodies) + " bodies, " + std::to_string(options.steps) + " steps, " +
                             std::to_string(static_cast<long>(rate)) + " bodies*steps/s");
    return verdict.good();
}

} // namespace

int main(int argc, char **argv) {
    constexpr std::size_t min_bodies = 64;
    constexpr std::size_t max_bodies = 1U << 22U;
    constexpr std::size_t max_steps = 100000;
    Options options;
    CLI::App app("Gravitation among bodies by a shared Barnes-Hut tree.", "nbody");
    app.add_option("--bodies", options.bodies, "Bodies of the cluster")
        ->check(CLI::Range(min_bodies, max_bodies))
        ->capture_default_str();
    app.add_option("--steps", options.steps, "Steps")
        ->check(CLI::Range(std::size_t{0}, max_steps))
        ->capture_default_str();
    app.add_option("--theta", options.theta, "Cells that look smaller than this are taken as points")
        ->check(CLI::Range(0.05, 1.0))
        ->capture_default_str();
    app.add_option("--dt", options.dt, "Length of a step; bodies cross the cluster in about 3")
        ->check(CLI::Range(0.0, 0.025))
        ->capture_default_str();
    app.add_option("--seed", options.seed, "Another cluster")->capture_default_str();
    apps::add_common_options(app, options);
    apps::add_checking_options(app, options, {"full", "sample", "none"});
    return apps::run_program(app, argc, argv, [&] { return run(options); });
}
