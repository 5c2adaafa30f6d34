// Bodies to begin with, and the serial run.
#include "apps/nbody_problem.hpp"

#include "apps/support/random.hpp"

#include <algorithm>
#include <cmath>

namespace apps {
namespace {

constexpr double pi = 3.14159265358979323846;
constexpr double plummer_radius = 3 * pi / 16; // with it the energy is -1/4

Vector random_direction(Random &random) {
    const double z = 2 * random.unit() - 1;
    const double angle = 2 * pi * random.unit();
    const double across = std::sqrt(1 - z * z);
    return {across * std::cos(angle), across * std::sin(angle), z};
}

// In parts of the speed of escape: drawn until one is accepted by its probability.
double random_speed(Random &random) {
    for (;;) {
        const double speed = random.unit();
        if (0.1 * random.unit() < speed * speed * std::pow(1 - speed * speed, 3.5)) { return speed; }
    }
}

// Bits of the three coordinates in turn, so that neighbours get near numbers (Morton 1966).
std::uint64_t morton_number(const Vector &at) {
    constexpr double reach = 16; // places are within
    constexpr unsigned bits = 20;
    const auto cell_of = [](double x) {
        return static_cast<std::uint64_t>(std::clamp((x + reach) / (2 * reach), 0.0, 0.999999) * (1U << bits));
    };
    const std::uint64_t x = cell_of(at.x), y = cell_of(at.y), z = cell_of(at.z);
    std::uint64_t number = 0;
    for (unsigned bit = bits; bit-- > 0;) {
        number = number << 3U | (z >> bit & 1U) << 2U | (y >> bit & 1U) << 1U | (x >> bit & 1U);
    }
    return number;
}

struct Body {
    Vector at, velocity;
};

Body random_body(Random &random) {
    double radius = 0;
    do { radius = 1 / std::sqrt(std::pow(0.999 * random.unit() + 1e-9, -2.0 / 3) - 1); } while (radius > 10);
    const double escape = std::sqrt(2 / plummer_radius) * std::pow(1 + radius * radius, -0.25);
    const double speed = escape * random_speed(random);
    const Vector direction = random_direction(random);
    return {direction * (radius * plummer_radius), random_direction(random) * speed};
}

} // namespace

Bodies generate_bodies(std::size_t count, std::uint64_t seed) {
    Random random(seed);
    std::vector<Body> all(count);
    Body mean{};
    for (Body &body : all) {
        body = random_body(random);
        mean.at = mean.at + body.at * (1 / static_cast<double>(count));
        mean.velocity = mean.velocity + body.velocity * (1 / static_cast<double>(count));
    }
    std::ranges::stable_sort(all, {}, [](const Body &body) { return morton_number(body.at); });
    Bodies bodies;
    for (const Body &body : all) {
        bodies.places.push_back({body.at - mean.at, 1 / static_cast<double>(count)});
        bodies.motions.push_back({body.velocity - mean.velocity, {0.0, 0.0, 0.0}, 1});
    }
    return bodies;
}

PrivateMemory::PrivateMemory(const Bodies &bodies, int members)
    : bodies_(bodies), next_(bodies.places.size()), cells_per_member_(cells_for_member(bodies.places.size(), members)),
      cells_(cells_per_member_ * static_cast<std::size_t>(members)), notes_(static_cast<std::size_t>(members)) {}

BodyMemory PrivateMemory::memory() { return {bodies_.places, bodies_.motions, next_, cells_, cells_per_member_}; }

std::unique_ptr<PrivateMemory> simulate_alone(const Bodies &bodies, const SimulationSettings &settings,
                                              std::size_t steps) {
    auto result = std::make_unique<PrivateMemory>(bodies, 1);
    Alone alone;
    Simulation simulation(alone, result->memory(), result->notes(), settings);
    simulation.begin();
    for (std::size_t step = 0; step < steps; ++step) { simulation.step(); }
    return result;
}

} // namespace apps
