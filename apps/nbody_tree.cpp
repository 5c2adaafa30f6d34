// Building the octree.
#include "apps/nbody_tree.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace apps {
namespace {

// Members lock mostly cells of their own, whose locks nobody else wants.
constexpr std::size_t locks_per_member = 256;

constexpr Cell empty_cell = {{}, no_body, 0, false, 0.0, {0.0, 0.0, 0.0}, 0.0, 0};

} // namespace

Cube Cube::child(unsigned octant) const {
    const double quarter = half / 2;
    return {{centre.x + ((octant & 1U) != 0 ? quarter : -quarter), centre.y + ((octant & 2U) != 0 ? quarter : -quarter),
             centre.z + ((octant & 4U) != 0 ? quarter : -quarter)},
            quarter};
}

Cube cube_around(const Box &box) {
    const Vector size = box.high - box.low;
    const double widest = std::max({size.x, size.y, size.z});
    return {(box.low + box.high) * 0.5, widest * 0.501 + 1e-9}; // a little more, so that rounding leaves nobody outside
}

std::size_t cells_for_member(std::size_t bodies, int members) {
    constexpr std::size_t some = 1024;
    return some + std::min(bodies, 4 * bodies / static_cast<std::size_t>(members));
}

std::size_t tree_locks(int members) { return static_cast<std::size_t>(members) * locks_per_member; }

void TreeBuilder::clear(const Cube &root) {
    root_ = root;
    used_ = 0;
    for (std::vector<Made> &made : made_) { made.clear(); }
    if (team_.rank() == 0) { make_cell(root, 0); }
}

std::size_t TreeBuilder::depth() const {
    std::size_t depth = depth_max;
    while (depth > 0 && made_[depth].empty()) { --depth; }
    return depth;
}

std::uint32_t TreeBuilder::make_cell(const Cube &cube, std::size_t depth) {
    if (used_ == memory_.cells_per_member) { throw std::runtime_error("there are too few cells for these bodies"); }
    const std::size_t number = static_cast<std::size_t>(team_.rank()) * memory_.cells_per_member + used_++;
    memory_.cells[number] = empty_cell;
    made_[depth].push_back({static_cast<std::uint32_t>(number), cube});
    return static_cast<std::uint32_t>(number);
}

void TreeBuilder::insert(const std::vector<std::uint32_t> &bodies) {
    if (!bodies.empty()) { insert_below(root_cell, root_, 0, bodies); }
}

void TreeBuilder::link(Cell &cell, std::uint32_t body) {
    memory_.next[body] = cell.first_body;
    cell.first_body = body;
    ++cell.body_count;
}

void TreeBuilder::insert_below(std::uint32_t number, const Cube &cube, std::size_t depth,
                               const std::vector<std::uint32_t> &bodies) {
    std::array<std::vector<std::uint32_t>, octants> parts;
    const auto add_to_part = [&](std::uint32_t body) { parts[cube.octant(memory_.places[body].at)].push_back(body); };
    for (const std::uint32_t body : bodies) { add_to_part(body); }
    std::array<std::uint32_t, octants> children{};
    {
        const std::size_t owner = number / memory_.cells_per_member;
        const TeamLock lock(team_, owner * locks_per_member + number % locks_per_member);
        Cell &cell = memory_.cells[number];
        if (!cell.is_divided) {
            if (cell.body_count + bodies.size() <= leaf_bodies || depth == depth_max) {
                for (const std::uint32_t body : bodies) { link(cell, body); }
                return;
            }
            for (std::uint32_t body = cell.first_body; body != no_body; body = memory_.next[body]) {
                add_to_part(body); // whose it was before: it goes down with ours
            }
            cell.first_body = no_body;
            cell.body_count = 0;
            cell.is_divided = true;
        }
        for (unsigned octant = 0; octant < octants; ++octant) {
            if (parts[octant].empty() || cell.children[octant] != no_cell) { continue; }
            cell.children[octant] = make_cell(cube.child(octant), depth + 1);
        }
        children = cell.children;
    }
    for (unsigned octant = 0; octant < octants; ++octant) {
        if (parts[octant].empty()) { continue; }
        insert_below(children[octant], cube.child(octant), depth + 1, parts[octant]);
    }
}

void TreeBuilder::summarise(std::size_t depth, double theta) {
    for (const Made &made : made_[depth]) {
        Cell &cell = memory_.cells[made.cell];
        if (cell.is_divided) {
            summarise_divided(cell);
        } else {
            summarise_leaf(cell);
        }
        // Barnes's criterion (1994): with theta of 1 at most no body takes a cell as a whole that it is in itself.
        const double reach = 2 * made.cube.half / theta + std::sqrt((cell.centre_of_mass - made.cube.centre).square());
        cell.open_within2 = reach * reach;
    }
}

void TreeBuilder::summarise_leaf(Cell &cell) {
    std::vector<std::uint32_t> bodies;
    for (std::uint32_t body = cell.first_body; body != no_body; body = memory_.next[body]) { bodies.push_back(body); }
    std::ranges::sort(bodies, std::ranges::greater());
    cell.first_body = no_body;
    cell.body_count = 0;
    for (const std::uint32_t body : bodies) { link(cell, body); } // in front, so that the smallest comes first
    Vector moment{};
    for (const std::uint32_t body : bodies) {
        const Place &place = memory_.places[body];
        cell.mass += place.mass;
        moment = moment + place.at * place.mass;
        cell.cost += memory_.motions[body].cost;
    }
    if (cell.mass > 0) { cell.centre_of_mass = moment * (1 / cell.mass); }
}

void TreeBuilder::summarise_divided(Cell &cell) const {
    Vector moment{};
    for (const std::uint32_t number : cell.children) {
        if (number == no_cell) { continue; }
        const Cell &child = memory_.cells[number];
        cell.mass += child.mass;
        moment = moment + child.centre_of_mass * child.mass;
        cell.cost += child.cost;
    }
    cell.centre_of_mass = moment * (1 / cell.mass);
}

} // namespace apps
