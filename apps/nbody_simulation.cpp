// One step after the other.
#include "apps/nbody_simulation.hpp"

#include "apps/support/strips.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace apps {
namespace {

// Adds what a mass does to a body at a distance.
void add_pull(Pull &pull, const Vector &distance, double distance2, double mass) {
    const double softened2 = distance2 + softening * softening;
    const double factor = mass / (softened2 * std::sqrt(softened2));
    pull.acceleration = pull.acceleration + distance * factor;
    ++pull.cost;
}

struct Zone {
    std::uint64_t begin, end; // of the cost of all bodies in the order of the tree
};

void collect_zone(const BodyMemory &memory, std::uint32_t number, std::uint64_t before, const Zone &zone,
                  std::vector<std::uint32_t> &found) {
    const Cell &cell = memory.cells[number];
    if (before >= zone.end || before + cell.cost <= zone.begin) { return; }
    if (!cell.is_divided) {
        for (std::uint32_t body = cell.first_body; body != no_body; body = memory.next[body]) {
            if (before >= zone.begin && before < zone.end) { found.push_back(body); }
            before += memory.motions[body].cost;
        }
        return;
    }
    for (const std::uint32_t child : cell.children) {
        if (child == no_cell) { continue; }
        collect_zone(memory, child, before, zone, found);
        before += memory.cells[child].cost;
    }
}

} // namespace

Pull pull_on(const BodyMemory &memory, std::uint32_t body) {
    const Vector at = memory.places[body].at;
    Pull pull = {{0.0, 0.0, 0.0}, 1};
    std::array<std::uint32_t, octants *(depth_max + 1)> stack; // NOLINT: what is read was pushed
    std::size_t height = 0;
    stack[height++] = root_cell;
    while (height > 0) {
        const Cell &cell = memory.cells[stack[--height]];
        const Vector distance = cell.centre_of_mass - at;
        const double distance2 = distance.square();
        if (distance2 > cell.open_within2) {
            add_pull(pull, distance, distance2, cell.mass);
        } else if (cell.is_divided) {
            for (const std::uint32_t child : cell.children) {
                if (child != no_cell) { stack[height++] = child; }
            }
        } else {
            for (std::uint32_t other = cell.first_body; other != no_body; other = memory.next[other]) {
                if (other == body) { continue; }
                const Place &place = memory.places[other];
                const Vector to_other = place.at - at;
                add_pull(pull, to_other, to_other.square(), place.mass);
            }
        }
    }
    return pull;
}

std::vector<std::uint32_t> bodies_of_zone(const BodyMemory &memory, int zone, int zones) {
    const std::uint64_t cost = memory.cells[root_cell].cost;
    const auto part = static_cast<std::uint64_t>(zone);
    const auto parts = static_cast<std::uint64_t>(zones);
    std::vector<std::uint32_t> found;
    collect_zone(memory, root_cell, 0, {cost * part / parts, cost * (part + 1) / parts}, found);
    return found;
}

void Simulation::begin() {
    const RowRange strip = rows_of(memory_.places.size(), team_.rank(), team_.size());
    own_.clear();
    for (std::size_t body = strip.first; body < strip.end; ++body) { own_.push_back(static_cast<std::uint32_t>(body)); }
    evaluate();
}

void Simulation::step() {
    kick();
    for (std::size_t i = 0; i < own_.size(); ++i) {
        Place &place = memory_.places[own_[i]];
        Motion &motion = memory_.motions[own_[i]];
        place.at = place.at + motion.velocity * settings_.dt;
        motion.cost = pulls_[i].cost; // not earlier: others may have been dealing themselves their zones
    }
    evaluate();
    kick();
}

void Simulation::kick() {
    for (const std::uint32_t body : own_) {
        Motion &motion = memory_.motions[body];
        motion.velocity = motion.velocity + motion.acceleration * (settings_.dt / 2);
    }
}

// From "all have moved their bodies" to "all know the accelerations of theirs". Ends with a barrier, since bodies may
// move again when nobody looks at their places.
void Simulation::evaluate() {
    agree_on_root();
    build_tree();
    own_ = bodies_of_zone(memory_, team_.rank(), team_.size());
    pulls_.clear();
    for (const std::uint32_t body : own_) {
        pulls_.push_back(pull_on(memory_, body));
        memory_.motions[body].acceleration = pulls_.back().acceleration;
    }
    team_.barrier();
}

void Simulation::agree_on_root() {
    constexpr double far = std::numeric_limits<double>::infinity();
    const auto extend = [](Box &box, const Box &by) {
        box.low = {std::min(box.low.x, by.low.x), std::min(box.low.y, by.low.y), std::min(box.low.z, by.low.z)};
        box.high = {std::max(box.high.x, by.high.x), std::max(box.high.y, by.high.y), std::max(box.high.z, by.high.z)};
    };
    const Box nothing = {{far, far, far}, {-far, -far, -far}};
    Box own = nothing;
    for (const std::uint32_t body : own_) { extend(own, {memory_.places[body].at, memory_.places[body].at}); }
    notes_[static_cast<std::size_t>(team_.rank())].box = own;
    team_.barrier();
    Box all = nothing;
    for (const MemberNote &note : notes_) { extend(all, note.box); }
    root_ = cube_around(all);
}

void Simulation::build_tree() {
    builder_.clear(root_);
    team_.barrier();
    builder_.insert(own_);
    notes_[static_cast<std::size_t>(team_.rank())].depth = builder_.depth();
    team_.barrier();
    std::uint64_t deepest = 0;
    for (const MemberNote &note : notes_) { deepest = std::max(deepest, note.depth); }
    for (std::size_t depth = deepest + 1; depth-- > 0;) {
        builder_.summarise(depth, settings_.theta);
        team_.barrier();
    }
}

} // namespace apps
