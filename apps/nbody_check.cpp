// Checks of the nbody program's result.
#include "apps/nbody_problem.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace apps {
namespace {

constexpr double softening2 = softening * softening;

bool are_same_below(const BodyMemory &a, std::uint32_t cell_of_a, const BodyMemory &b, std::uint32_t cell_of_b) {
    const Cell &x = a.cells[cell_of_a];
    const Cell &y = b.cells[cell_of_b];
    if (x.is_divided != y.is_divided || x.body_count != y.body_count || x.mass != y.mass ||
        x.centre_of_mass != y.centre_of_mass || x.open_within2 != y.open_within2 || x.cost != y.cost) {
        return false;
    }
    std::uint32_t body_of_a = x.first_body;
    std::uint32_t body_of_b = y.first_body;
    for (std::uint32_t i = 0; i < x.body_count; ++i) {
        if (body_of_a != body_of_b) { return false; }
        body_of_a = a.next[body_of_a];
        body_of_b = b.next[body_of_b];
    }
    for (std::size_t octant = 0; octant < octants; ++octant) {
        const bool is_there = x.children[octant] != no_cell;
        if (is_there != (y.children[octant] != no_cell)) { return false; }
        if (is_there && !are_same_below(a, x.children[octant], b, y.children[octant])) { return false; }
    }
    return true;
}

// Walks a tree and notes which bodies it has met.
class TreeCheck {
public:
    explicit TreeCheck(const BodyMemory &memory) : memory_(memory), is_met_(memory.places.size()) {}

    // Everything about the part of the tree below a cell; so many bodies are there.
    bool is_good(std::uint32_t number, const std::vector<Cube> &way, std::size_t &bodies) {
        const Cell &cell = memory_.cells[number];
        bodies = 0;
        if (!cell.is_divided) { return is_good_leaf(cell, way, bodies); }
        double mass = 0;
        for (unsigned octant = 0; octant < octants; ++octant) {
            if (cell.children[octant] == no_cell) { continue; }
            std::vector<Cube> longer = way;
            longer.push_back(way.back().child(octant));
            std::size_t below = 0;
            if (longer.size() > depth_max + 1 || !is_good(cell.children[octant], longer, below) || below == 0) {
                return false;
            }
            bodies += below;
            mass += memory_.cells[cell.children[octant]].mass;
        }
        return bodies > leaf_bodies && mass == cell.mass;
    }

    bool has_met_all() const { return std::ranges::count(is_met_, true) == std::ssize(is_met_); }

private:
    bool is_good_leaf(const Cell &cell, const std::vector<Cube> &way, std::size_t &bodies) {
        for (std::uint32_t body = cell.first_body; body != no_body; body = memory_.next[body]) {
            if (body >= is_met_.size() || is_met_[body] || !leads_to(way, memory_.places[body].at)) { return false; }
            is_met_[body] = true;
            ++bodies;
        }
        return bodies == cell.body_count && (bodies <= leaf_bodies || way.size() == depth_max + 1);
    }

    // By the same comparisons as the tree is built by, so that rounding is no matter.
    static bool leads_to(const std::vector<Cube> &way, const Vector &at) {
        for (std::size_t i = 0; i + 1 < way.size(); ++i) {
            if (way[i].child(way[i].octant(at)).centre != way[i + 1].centre) { return false; }
        }
        return true;
    }

    const BodyMemory &memory_;
    std::vector<bool> is_met_;
};

// How far the mass below a cell is from its centre of mass: the radius, and the second moment about it.
struct Spread {
    double radius2 = 0;
    double moment2 = 0;
};

void add_spread(const BodyMemory &memory, const Cell &cell, const Vector &centre, Spread &spread) {
    for (std::uint32_t body = cell.first_body; body != no_body; body = memory.next[body]) {
        const Place &place = memory.places[body];
        const double distance2 = (place.at - centre).square();
        spread.radius2 = std::max(spread.radius2, distance2);
        spread.moment2 += place.mass * distance2;
    }
    for (const std::uint32_t child : cell.children) {
        if (child != no_cell) { add_spread(memory, memory.cells[child], centre, spread); }
    }
}

// What taking cells as points can do to the acceleration at a place. About the centre of mass the first order is zero,
// and Taylor's remainder is at most half the second moment times the largest third derivative of the potential on the
// way, which is 6 / (r^2 + softening^2)^2: as Salmon and Warren (1994) without softening, but for their sharper
// integral of it.
double bound_below(const BodyMemory &memory, std::uint32_t number, const Vector &at) {
    const Cell &cell = memory.cells[number];
    const double distance2 = (cell.centre_of_mass - at).square();
    if (distance2 > cell.open_within2) {
        Spread spread;
        add_spread(memory, cell, cell.centre_of_mass, spread);
        const double nearest = std::max(std::sqrt(distance2) - std::sqrt(spread.radius2), 0.0);
        const double softened2 = nearest * nearest + softening2;
        return 3 * spread.moment2 / (softened2 * softened2);
    }
    double bound = 0;
    for (const std::uint32_t child : cell.children) {
        if (child != no_cell) { bound += bound_below(memory, child, at); }
    }
    return bound;
}

Vector direct_acceleration(std::span<const Place> places, std::size_t body) {
    Vector sum{};
    for (std::size_t other = 0; other < places.size(); ++other) {
        if (other == body) { continue; }
        const Vector distance = places[other].at - places[body].at;
        const double softened2 = distance.square() + softening2;
        sum = sum + distance * (places[other].mass / (softened2 * std::sqrt(softened2)));
    }
    return sum;
}

} // namespace

bool are_same(const BodyMemory &a, const BodyMemory &b) {
    const auto equal_places = [](const Place &x, const Place &y) { return x.at == y.at && x.mass == y.mass; };
    const auto equal_motions = [](const Motion &x, const Motion &y) {
        return x.velocity == y.velocity && x.acceleration == y.acceleration && x.cost == y.cost;
    };
    return std::ranges::equal(a.places, b.places, equal_places) &&
           std::ranges::equal(a.motions, b.motions, equal_motions) && are_same_below(a, root_cell, b, root_cell);
}

bool is_tree(const BodyMemory &memory, const Cube &root) {
    TreeCheck check(memory);
    std::size_t bodies = 0;
    if (!check.is_good(root_cell, {root}, bodies) || !check.has_met_all()) { return false; }
    double mass = 0;
    for (const Place &place : memory.places) { mass += place.mass; }
    const double rounding = static_cast<double>(memory.places.size()) * std::numeric_limits<double>::epsilon();
    return std::abs(mass - memory.cells[root_cell].mass) <= rounding * mass;
}

ForceCheck check_forces(const BodyMemory &memory, std::size_t bodies_checked) {
    constexpr double rounding = 1e-10; // of the sum of many terms of either sign, each some 10 at most
    const std::size_t count = memory.places.size();
    const std::size_t checked = std::min(bodies_checked, count);
    ForceCheck result = {true, 0.0};
    for (std::size_t i = 0; i < checked; ++i) {
        const std::size_t body = i * count / checked;
        const Vector direct = direct_acceleration(memory.places, body);
        const double error = std::sqrt((memory.motions[body].acceleration - direct).square());
        const double bound = bound_below(memory, root_cell, memory.places[body].at) + rounding;
        result.is_within_bound = result.is_within_bound && error <= bound; // not so if it is no number
        result.largest_error = std::max(result.largest_error, error / std::sqrt(direct.square()));
    }
    return result;
}

double energy_of(std::span<const Place> places, std::span<const Motion> motions) {
    double energy = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
        double potential = 0;
        for (std::size_t j = 0; j < i; ++j) {
            potential -= places[j].mass / std::sqrt((places[j].at - places[i].at).square() + softening2);
        }
        energy += places[i].mass * (potential + motions[i].velocity.square() / 2);
    }
    return energy;
}

} // namespace apps
