// Where the objects of a litmus test stand: what shares a page, and which node is home to what,
// and what the nodes have of it when it begins.
#pragma once

#include "tests/litmus/program.hpp"

#include <span>

namespace dsm::litmus {

enum class Placement : std::uint8_t {
    Bytes,   ///< neighbouring bytes of one page
    Page,    ///< one page, a cache line each
    Pages,   ///< a page each; object k is at home at node k modulo nodes
    Shifted, ///< a page each; object k is at home at node k + 1 modulo nodes
};

constexpr Placement all_placements[] = {Placement::Bytes, Placement::Page, Placement::Pages, Placement::Shifted};
/// To the protocol a page is one thing, wherever in it the bytes stand: there Bytes and Page are the same.
constexpr Placement model_placements[] = {Placement::Page, Placement::Pages, Placement::Shifted};

[[nodiscard]] const char *name_of(Placement placement);
/// Those of `placements` that differ for this test: one object stands the same way in all but Shifted.
[[nodiscard]] std::vector<Placement> distinct(const LitmusTest &test, std::span<const Placement> placements);

/// What the nodes have of the pages when the test begins.
enum class Start : std::uint8_t {
    Cold,   ///< as allocated
    Shared, ///< every node has a copy to read
    Away,   ///< the last node, the home of none where there are enough, has written every page last
};
constexpr Start all_starts[] = {Start::Cold, Start::Shared, Start::Away};
[[nodiscard]] const char *name_of(Start start);

/// The placement as the model sees it.
struct Layout {
    unsigned pages;                                ///< those with variables; none where there are none
    std::array<std::uint8_t, objects_max> page_of; ///< variables
    std::array<std::uint8_t, objects_max> slot_of; ///< variables: the byte in the page
    std::array<std::uint8_t, objects_max> home_of; ///< atomics and locks: the home of the object
    std::array<std::uint8_t, objects_max> lock_of; ///< locks: their number
    std::array<std::uint8_t, variables_max> page_home;
};
[[nodiscard]] Layout layout_of(const LitmusTest &test, Placement placement);

} // namespace dsm::litmus
