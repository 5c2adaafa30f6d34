// The octree of the nbody program, after Barnes and Hut, "A hierarchical O(N log N) force-calculation algorithm"
// (1986), and how a team builds it in shared memory. It differs in that a leaf holds several bodies.
//
// A cell is divided if more than leaf_bodies bodies are in its cube, so that the tree follows from the bodies alone,
// whoever inserts them in whatever order. Members insert whole lists of bodies at once, and a cell is locked once for a
// list: who holds the lock may read and write the cell, and `next` of the bodies in it. A new cell is complete before
// it is linked under its parent's lock, a divided cell stays one and no cell is taken away, so that one lock is held at
// a time. Nothing is read without its lock until a barrier has ended the building.
#pragma once

#include "apps/support/team.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace apps {

struct Vector {
    double x, y, z;
    Vector operator+(const Vector &b) const { return {x + b.x, y + b.y, z + b.z}; }
    Vector operator-(const Vector &b) const { return {x - b.x, y - b.y, z - b.z}; }
    Vector operator*(double factor) const { return {x * factor, y * factor, z * factor}; }
    bool operator==(const Vector &) const = default;
    double square() const { return x * x + y * y + z * z; }
};

/// What all read of a body while forces are computed, and nobody writes then.
struct Place {
    Vector at;
    double mass;
};

/// What belongs to whoever moves the body.
struct Motion {
    Vector velocity;
    Vector acceleration;
    std::uint64_t cost; ///< interactions that the last acceleration took, at least 1
};

struct Box {
    Vector low, high;
};

struct Cube {
    Vector centre;
    double half;
    /// The octant of a point: bits 0, 1, 2 say that it is in the upper half of x, y, z.
    unsigned octant(const Vector &at) const {
        return (at.x >= centre.x ? 1U : 0U) | (at.y >= centre.y ? 2U : 0U) | (at.z >= centre.z ? 4U : 0U);
    }
    Cube child(unsigned octant) const;
};

/// A cube that holds the box.
Cube cube_around(const Box &box);

constexpr std::uint32_t leaf_bodies = 8;
constexpr std::size_t depth_max = 40; ///< a leaf there holds any number of bodies
constexpr std::uint32_t no_body = UINT32_MAX;
constexpr std::uint32_t root_cell = 0;
constexpr std::uint32_t no_cell = root_cell; ///< as a child
constexpr std::size_t octants = 8;

struct Cell {
    std::array<std::uint32_t, octants> children; ///< by octant, no_cell where no body is
    std::uint32_t first_body;                    ///< of a leaf; the others follow by `next`
    std::uint32_t body_count;                    ///< of a leaf
    bool is_divided;
    // Written when the tree is built, from the leaves up.
    double mass;
    Vector centre_of_mass;
    double open_within2; ///< squared distance from the centre of mass up to which bodies must look inside
    std::uint64_t cost;  ///< of all bodies below
};

/// What a team shares. Cells are taken from parts of `cells`, a part for each member, `cells_per_member` each.
struct BodyMemory {
    std::span<Place> places;
    std::span<Motion> motions;
    std::span<std::uint32_t> next; ///< by body, the next body of its leaf
    std::span<Cell> cells;
    std::size_t cells_per_member;
};

/// How many cells a member may need: so many for each of its bodies, and costly zones have fewer bodies than cheap
/// ones.
std::size_t cells_for_member(std::size_t bodies, int members);

/// Locks that a team must have to build trees.
std::size_t tree_locks(int members);

/// One member's part in building trees.
class TreeBuilder {
public:
    TreeBuilder(Team &team, const BodyMemory &memory) : team_(team), memory_(memory), made_(depth_max + 1) {}
    /// Forgets the last tree; member 0 makes an empty root. A barrier before and after.
    void clear(const Cube &root);
    /// Inserts bodies that no other member inserts. A barrier after, before the tree is looked at.
    void insert(const std::vector<std::uint32_t> &bodies);
    /// The depth of the deepest cell that this member made.
    std::size_t depth() const;
    /// Computes the masses of this member's cells of one depth; those below must be done. Puts the bodies of leaves in
    /// order, so that whatever is summed up over the tree is rounded alike whoever built it.
    void summarise(std::size_t depth, double theta);

private:
    struct Made {
        std::uint32_t cell;
        Cube cube;
    };
    void insert_below(std::uint32_t number, const Cube &cube, std::size_t depth,
                      const std::vector<std::uint32_t> &bodies);
    std::uint32_t make_cell(const Cube &cube, std::size_t depth);
    void link(Cell &cell, std::uint32_t body);
    void summarise_leaf(Cell &cell);
    void summarise_divided(Cell &cell) const;

    Team &team_;
    BodyMemory memory_;
    Cube root_{};
    std::size_t used_ = 0;                ///< of this member's cells
    std::vector<std::vector<Made>> made_; ///< by depth
};

} // namespace apps
