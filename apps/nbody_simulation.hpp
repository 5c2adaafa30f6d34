// The steps of the nbody program as one member of a team takes them: alone it is the serial run, and to the last bit
// the same. Bodies are dealt out anew in every step, in the order of the tree, to equal cost (costzones: Singh, Holt,
// Totsuka, Gupta and Hennessy 1995).
#pragma once

#include "apps/nbody_tree.hpp"

namespace apps {

/// Added to every distance, squared (Plummer 1911): two bodies that meet need no small steps. The gravitational
/// constant and the total mass are 1, a Plummer sphere's radius about 0.6.
constexpr double softening = 0.1;

struct Pull {
    Vector acceleration;
    std::uint64_t cost; ///< bodies and cells that it took
};

/// What all bodies of a summarised tree do to one of them.
Pull pull_on(const BodyMemory &memory, std::uint32_t body);

/// The bodies of one zone of so many, in the order of the tree.
std::vector<std::uint32_t> bodies_of_zone(const BodyMemory &memory, int zone, int zones);

struct SimulationSettings {
    double theta; ///< at most 1
    double dt;
};

/// What a member tells the others about its bodies and cells.
struct MemberNote {
    Box box;
    std::uint64_t depth;
};

class Simulation {
public:
    /// One note for each member. All spans are shared by the team.
    Simulation(Team &team, const BodyMemory &memory, std::span<MemberNote> notes, const SimulationSettings &settings)
        : team_(team), memory_(memory), notes_(notes), settings_(settings), builder_(team, memory) {}
    /// All members together, as the rest: forces at the bodies' first places. Every member has written its strip of the
    /// bodies, with a cost of 1, and nothing is read before all have come here.
    void begin();
    /// One step, by leapfrog: half a kick, drift, half a kick.
    void step();
    /// The cube of the last tree.
    const Cube &root() const { return root_; }

private:
    void evaluate();
    void agree_on_root();
    void build_tree();
    void kick();

    Team &team_;
    BodyMemory memory_;
    std::span<MemberNote> notes_;
    SimulationSettings settings_;
    TreeBuilder builder_;
    Cube root_{};
    std::vector<std::uint32_t> own_; ///< bodies that this member moves
    std::vector<Pull> pulls_;        ///< on these
};

} // namespace apps
