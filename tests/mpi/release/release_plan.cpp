// The cells of each group, and what a phase does to them.
#include "tests/mpi/release/release_plan.hpp"

namespace dsm_test::release {
namespace {

constexpr std::size_t granule_bytes = 16;
constexpr std::size_t group_pages = 3; ///< over which a group's cells are strewn
constexpr std::size_t group_cells_max = 24;
constexpr std::size_t chain_max = 4; ///< threads after the first that get a handed group in a phase

} // namespace

Plan::Plan(const Settings &settings) : settings_(settings) {
    for (std::size_t at = 0; at < bytes(); at += granule_bytes) {
        if (at / page_bytes < pages_alone) {
            add(at, 8, CellKind::Guarded);
            continue;
        }
        for (std::size_t byte = 0; byte < 4; ++byte) { add(at + byte, 1, CellKind::Owned); }
        for (std::size_t byte = 4; byte < 6; ++byte) { add(at + byte, 1, CellKind::Guarded); }
        for (std::size_t byte = 6; byte < 8; ++byte) { add(at + byte, 1, CellKind::Handed); }
        add(at + 8, 8, static_cast<CellKind>(mix(settings.seed, 20, at) % 4));
    }
}

void Plan::add(std::size_t at, std::size_t bytes, CellKind kind) {
    Cell cell{static_cast<std::uint32_t>(at), static_cast<std::uint8_t>(bytes), kind, 0};
    const std::size_t page = at / page_bytes;
    if (kind == CellKind::Owned) { return owned_.push_back(cell); }
    const bool is_guarded = kind == CellKind::Guarded;
    const std::size_t groups = is_guarded ? guarded_groups : handed_groups + 1;
    const std::size_t group = page < pages_alone ? 2 * page : mix(settings_.seed, 21, at) % (16 * groups);
    bool is_of_group = kind != CellKind::Idle && group < groups;
    if (is_of_group && page >= pages_alone) {
        bool is_among = false;
        for (std::size_t i = 0; i < group_pages; ++i) {
            const std::uint64_t one = mix(settings_.seed, 22, std::uint64_t{is_guarded}, group, i);
            is_among = is_among || pages_alone + one % (settings_.pages - pages_alone) == page;
        }
        is_of_group = is_among;
    }
    if (is_of_group) {
        auto &cells = is_guarded ? guarded_[group] : handed_[group];
        if (cells.size() < group_cells_max) {
            cell.group = static_cast<std::uint8_t>(group);
            return cells.push_back(cell);
        }
    }
    cell.kind = CellKind::Idle;
    idle_.push_back(cell);
}

std::vector<HandOver> Plan::hand_overs(std::size_t phase) const {
    std::vector<HandOver> all;
    if (is_quiet(phase)) { return all; }
    const auto thread_of = [&](std::size_t group, std::size_t step) {
        return mix(settings_.seed, 23, phase, group, step) % settings_.threads;
    };
    for (std::size_t step = 0; step < chain_max; ++step) {
        for (std::size_t group = 0; group < handed_groups && all.size() < slots; ++group) {
            const std::size_t length = mix(settings_.seed, 24, phase, group) % (chain_max + 1);
            if (step >= length) { continue; }
            HandOver next{group, step, thread_of(group, step), thread_of(group, step + 1), Means::Atomic, false};
            // Who had it last gives it on. A thread that would tell itself tells its neighbour, where the chain ends.
            const HandOver *before = nullptr;
            for (const HandOver &each : all) { before = each.group == group ? &each : before; }
            if (before != nullptr ? before->to != next.from || before->step + 1 != step : step != 0) { continue; }
            if (next.from == next.to) { next.to = (next.to + 1) % settings_.threads; }
            next.means = static_cast<Means>(mix(settings_.seed, 26, phase, group, step) % means_count);
            next.brings_block = settings_.allocates && mix(settings_.seed, 25, phase, group, step) % 3 == 0;
            all.push_back(next);
        }
    }
    return all;
}

std::uint64_t Plan::handed_cell(const std::vector<std::byte> &before, const Cell &cell, std::size_t phase,
                                std::size_t step) const {
    while (!is_handed_at(cell, phase, step)) {
        if (step == 0) { return read(before, cell); }
        --step;
    }
    return handed_value(cell, phase, step);
}

void Plan::advance(std::vector<std::byte> &image, std::size_t phase) const {
    if (is_quiet(phase)) { return; }
    for (const Cell &cell : owned_) {
        if (is_written(cell, phase)) { write(image, cell, owned_value(cell, phase)); }
    }
    for (const HandOver &each : hand_overs(phase)) { // Step by step, so the last one counts.
        for (const Cell &cell : handed_[each.group]) {
            for (std::size_t step = each.step; step <= each.step + 1; ++step) {
                if (is_handed_at(cell, phase, step)) { write(image, cell, handed_value(cell, phase, step)); }
            }
        }
    }
    for (const Cell &cell : handed_[once_group]) {
        if (is_handed_at(cell, phase, 0)) { write(image, cell, handed_value(cell, phase, 0)); }
    }
}

} // namespace dsm_test::release
