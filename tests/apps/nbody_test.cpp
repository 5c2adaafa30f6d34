// The nbody program without ranks: the tree follows from the bodies alone, a team of threads comes to the same as one
// alone, and the checks find what is wrong.
#include "apps/nbody_problem.hpp"
#include "tests/apps/thread_team.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace {

using apps::PrivateMemory;

constexpr apps::SimulationSettings settings = {0.7, 0.01};

std::unique_ptr<PrivateMemory> simulate_together(const apps::Bodies &bodies, int members, std::size_t steps) {
    auto result = std::make_unique<PrivateMemory>(bodies, members);
    apps::tests::ThreadTeam::run(members, apps::tree_locks(members), [&](apps::Team &team) {
        apps::Simulation simulation(team, result->memory(), result->notes(), settings);
        simulation.begin();
        for (std::size_t step = 0; step < steps; ++step) { simulation.step(); }
    });
    return result;
}

apps::Cube root_of(const apps::BodyMemory &memory) {
    apps::Box box = {memory.places[0].at, memory.places[0].at};
    for (const apps::Place &place : memory.places) {
        box.low = {std::min(box.low.x, place.at.x), std::min(box.low.y, place.at.y), std::min(box.low.z, place.at.z)};
        box.high = {std::max(box.high.x, place.at.x), std::max(box.high.y, place.at.y),
                    std::max(box.high.z, place.at.z)};
    }
    return apps::cube_around(box);
}

TEST(NBody, ATeamComesToTheSameAsOneAlone) {
    const apps::Bodies bodies = apps::generate_bodies(700, 1);
    const auto alone = apps::simulate_alone(bodies, settings, 3);
    EXPECT_TRUE(apps::is_tree(alone->memory(), root_of(alone->memory())));
    for (const int members : {1, 2, 5}) {
        const auto together = simulate_together(bodies, members, 3);
        EXPECT_TRUE(apps::are_same(together->memory(), alone->memory())) << members;
    }
}

TEST(NBody, TheTreeDoesNotDependOnTheOrderOfInsertion) {
    const apps::Bodies bodies = apps::generate_bodies(300, 2);
    const auto expected = apps::simulate_alone(bodies, settings, 0);
    PrivateMemory other(bodies, 1);
    apps::Alone alone;
    apps::TreeBuilder builder(alone, other.memory());
    builder.clear(root_of(other.memory()));
    for (std::uint32_t i = 0; i < 300; ++i) { builder.insert({i * 77 % 300}); } // one by one, and far from in order
    for (std::size_t depth = builder.depth() + 1; depth-- > 0;) { builder.summarise(depth, settings.theta); }
    const apps::BodyMemory memory = other.memory();
    for (std::size_t i = 0; i < 300; ++i) {
        memory.motions[i].acceleration = apps::pull_on(memory, static_cast<std::uint32_t>(i)).acceleration;
    }
    EXPECT_TRUE(apps::are_same(memory, expected->memory()));
}

TEST(NBody, BodiesAtOnePlaceMakeADeepTreeThatEnds) {
    apps::Bodies bodies = apps::generate_bodies(100, 3);
    for (std::size_t i = 40; i < 60; ++i) { bodies.places[i].at = bodies.places[40].at; }
    const auto alone = apps::simulate_alone(bodies, settings, 1);
    EXPECT_TRUE(apps::is_tree(alone->memory(), root_of(alone->memory())));
    EXPECT_TRUE(apps::check_forces(alone->memory(), 100).is_within_bound);
    EXPECT_TRUE(apps::are_same(simulate_together(bodies, 3, 1)->memory(), alone->memory()));
}

TEST(NBody, ZonesHoldEveryBodyOnceAndAboutTheSameCost) {
    const auto alone = apps::simulate_alone(apps::generate_bodies(500, 4), settings, 2);
    const apps::BodyMemory memory = alone->memory();
    for (const int zones : {1, 3, 7}) {
        std::vector<std::uint32_t> all;
        for (int zone = 0; zone < zones; ++zone) {
            const auto found = apps::bodies_of_zone(memory, zone, zones);
            std::uint64_t cost = 0;
            for (const std::uint32_t body : found) { cost += memory.motions[body].cost; }
            const std::uint64_t share = memory.cells[apps::root_cell].cost / static_cast<std::uint64_t>(zones);
            EXPECT_LT(cost, share + 500);
            EXPECT_GT(cost + 500, share);
            all.insert(all.end(), found.begin(), found.end());
        }
        std::ranges::sort(all);
        std::vector<std::uint32_t> expected(500);
        std::iota(expected.begin(), expected.end(), 0U);
        EXPECT_EQ(all, expected);
    }
}

TEST(NBody, ForcesAreWithinTheBoundForEveryTheta) {
    const apps::Bodies bodies = apps::generate_bodies(600, 5);
    double last_error = 0;
    for (const double theta : {0.1, 0.5, 1.0}) {
        const auto alone = apps::simulate_alone(bodies, {theta, 0.01}, 0);
        const apps::ForceCheck check = apps::check_forces(alone->memory(), 600);
        EXPECT_TRUE(check.is_within_bound) << theta;
        EXPECT_GT(check.largest_error, last_error);
        last_error = check.largest_error;
    }
    EXPECT_LT(last_error, 0.5);
}

TEST(NBody, ChecksFindWhatIsWrong) {
    const apps::Bodies bodies = apps::generate_bodies(200, 6);
    const auto right = apps::simulate_alone(bodies, {0.2, 0.01}, 1);
    const auto find = [&](const std::function<void(const apps::BodyMemory &)> &spoil) {
        PrivateMemory wrong = *right;
        spoil(wrong.memory());
        const apps::BodyMemory memory = wrong.memory();
        const bool is_tree = apps::is_tree(memory, root_of(right->memory()));
        EXPECT_FALSE(apps::are_same(memory, right->memory()));
        return std::pair(is_tree, apps::check_forces(memory, 200).is_within_bound);
    };
    const auto leaf = [](const apps::BodyMemory &memory) -> apps::Cell & {
        return *std::ranges::find_if(memory.cells, [](const apps::Cell &cell) { return cell.body_count > 1; });
    };
    EXPECT_FALSE(find([&](const apps::BodyMemory &m) { leaf(m).first_body = m.next[leaf(m).first_body]; }).first);
    EXPECT_FALSE(find([](const apps::BodyMemory &m) { m.cells[0].mass *= 1.01; }).first);
    EXPECT_FALSE(find([](const apps::BodyMemory &m) { m.places[7].at = m.places[7].at * -1.0; }).first);
    EXPECT_FALSE(find([](const apps::BodyMemory &m) { m.motions[3].acceleration.y *= 1.1; }).second);
    find([](const apps::BodyMemory &m) { m.motions[3].velocity.x = std::nextafter(m.motions[3].velocity.x, 1e9); });
}

TEST(NBody, TwoBodiesPullEachOtherAndHaveTheirEnergy) {
    apps::Bodies bodies;
    bodies.places = {{{-0.5, 0, 0}, 0.25}, {{0.5, 0, 0}, 0.75}};
    bodies.motions = {{{0, 2, 0}, {}, 1}, {{0, 0, 0}, {}, 1}};
    const auto alone = apps::simulate_alone(bodies, settings, 0);
    const double distance = std::sqrt(1 + apps::softening * apps::softening);
    EXPECT_DOUBLE_EQ(alone->bodies().motions[0].acceleration.x, 0.75 / std::pow(distance, 3));
    EXPECT_DOUBLE_EQ(alone->bodies().motions[1].acceleration.x, -0.25 / std::pow(distance, 3));
    EXPECT_DOUBLE_EQ(apps::energy_of(bodies.places, bodies.motions), 0.5 - 0.25 * 0.75 / distance);
}

TEST(NBody, TheClusterIsInEquilibrium) {
    const apps::Bodies bodies = apps::generate_bodies(2000, 7);
    EXPECT_NEAR(apps::energy_of(bodies.places, bodies.motions), -0.25, 0.03); // of a Plummer sphere, softened here
}

} // namespace
