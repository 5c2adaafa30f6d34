// The input of the nbody program, and what its result is checked against.
#pragma once

#include "apps/nbody_simulation.hpp"

#include <memory>

namespace apps {

struct Bodies {
    std::vector<Place> places;
    std::vector<Motion> motions;
};

/// A Plummer sphere at rest in equilibrium, by the recipe of Aarseth, Henon and Wielen (1974): total mass 1, energy
/// near -1/4. Neighbours in space have mostly near numbers. Every body has a cost of 1.
Bodies generate_bodies(std::size_t count, std::uint64_t seed);

/// Memory of one process for a team of its threads, and what stands in it.
class PrivateMemory {
public:
    PrivateMemory(const Bodies &bodies, int members);
    BodyMemory memory();
    std::span<MemberNote> notes() { return notes_; }
    const Bodies &bodies() const { return bodies_; }

private:
    Bodies bodies_;
    std::vector<std::uint32_t> next_;
    std::size_t cells_per_member_;
    std::vector<Cell> cells_;
    std::vector<MemberNote> notes_;
};

/// The result of one member alone, with its tree.
std::unique_ptr<PrivateMemory> simulate_alone(const Bodies &bodies, const SimulationSettings &settings,
                                              std::size_t steps);

/// Whether both have the same trees and, to the last bit, the same masses, places and motions.
bool are_same(const BodyMemory &a, const BodyMemory &b);

/// Whether the tree is one: every body in one leaf, and in its cube; cells divided where they must be and only there;
/// no mass lost.
bool is_tree(const BodyMemory &memory, const Cube &root);

struct ForceCheck {
    bool is_within_bound;
    double largest_error; ///< relative, of those that were looked at
};

/// Compares accelerations of some bodies, or of all, with direct sums. The bound is that of the tree that was used:
/// what the terms that a cell's mass at its centre leaves out can amount to.
ForceCheck check_forces(const BodyMemory &memory, std::size_t bodies_checked);

/// Kinetic and potential, by direct sums.
double energy_of(std::span<const Place> places, std::span<const Motion> motions);

} // namespace apps
