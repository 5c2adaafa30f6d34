// The invariants of docs/protocol.md over a whole state, and what a search must have seen to mean something.
#include "tests/model/page_model.hpp"

#include <algorithm>

namespace dsm::model {
using namespace dsm::protocol;

namespace {

/// Things about a whole state.
enum Sight : unsigned {
    sight_two_wishes,
    sight_both_pages,
    sight_waits_while_other_page_moves,
    sight_pin_against_thread,
};

} // namespace

void JobTally::add(const JobTally &other) {
    step_uses.resize(std::max(step_uses.size(), other.step_uses.size()));
    for (std::size_t i = 0; i < other.step_uses.size(); ++i) { step_uses[i] += other.step_uses[i]; }
    for (std::size_t i = 0; i < invariants.size(); ++i) { invariants[i] += other.invariants[i]; }
    for (std::size_t i = 0; i < seen.size(); ++i) { seen[i] += other.seen[i]; }
    letters_most = std::max(letters_most, other.letters_most);
    stands_for += other.stands_for;
}

const char *PageModel::check(const State &state, const ActionList &actions, Tally &tally) {
    for (unsigned page = 0; page < options_.pages; ++page) {
        for (const unsigned invariant : {1U, 2U, 3U, 4U, 10U}) { ++tally.invariants[invariant]; }
        if (const char *failure = check_owner(state, page); failure != nullptr) { return failure; }
        if (const char *failure = check_copies(state, page); failure != nullptr) { return failure; }
        if (const char *failure = check_hints(state, page); failure != nullptr) { return failure; }
    }
    look(state, tally);
    if (counts_orbits) { tally.stands_for += orbit(state); }
    return check_end(state, actions);
}

/// S3 (one owner or one ownership under way), S10, and that owners and grants have the newest version.
const char *PageModel::check_owner(const State &state, unsigned page) const {
    const CellView &at_home = view(state, page, options_.homes[page]);
    unsigned owners = at_home.is_initialised && !at_home.is_in_file ? 0 : 1; // The file stands for one, S12.
    const unsigned first = first_letter(state, page);
    for (unsigned i = 0; i < state.letter_counts[page]; ++i) {
        const LetterView &letter = machine_.letter_view(state.letters[first + i]);
        if (letter.kind != PageMessageKind::Grant) { continue; }
        ++owners;
        if (!letter.has_current_version) { return "S5 a grant has an older version"; }
    }
    for (unsigned node = 0; node < options_.rules.nodes; ++node) {
        const CellView &seen = view(state, page, node);
        if (!seen.owns) { continue; }
        ++owners;
        if (seen.state.version.value != 0) { return "S5 an owner has an older version"; }
        if (has(seen.state, Flag::Freeing)) { continue; } // Its bytes are not wanted any more.
        if (seen.is_zero) {
            if (state.written[page] != 0) { return "S10 a written page counts as zero"; }
        } else if (seen.value != (state.written[page] != 0 ? Value::Current : Value::Zero)) {
            return "S10 the owner's frame is not the last write";
        }
    }
    if (owners == 0) { return "S3 no owner"; }
    return owners > 1 ? "S3 more than one owner" : nullptr;
}

/// S1, S2, S4. A copy is known if the owner's copyset has it, or the set of a node that is known so (whom it served).
const char *PageModel::check_copies(const State &state, unsigned page) const {
    unsigned writers = 0;
    unsigned with_access = 0;
    unsigned copies = 0;
    unsigned known = 0;
    bool is_settled = false;
    const Value last = state.written[page] != 0 ? Value::Current : Value::Zero;
    for (unsigned node = 0; node < options_.rules.nodes; ++node) {
        const CellView &seen = view(state, page, node);
        writers += seen.state.access == Access::Write ? 1 : 0;
        with_access += seen.state.access != Access::None ? 1 : 0;
        if (seen.state.access != Access::None && seen.value != last) {
            return "S2 a readable copy is not the last write";
        }
        if (seen.state.access == Access::Read && !seen.owns) { copies |= 1U << node; }
        if (seen.owns && seen.state.pending == Pending::None) {
            is_settled = true;
            known |= seen.copyset;
        }
    }
    if (writers > 1 || (writers == 1 && with_access > 1)) { return "S1 a writer is not alone"; }
    if (!is_settled) { return nullptr; }
    for (unsigned round = 0; round < options_.rules.nodes; ++round) {
        for (unsigned node = 0; node < options_.rules.nodes; ++node) {
            if ((known >> node & 1) != 0) { known |= view(state, page, node).copyset; }
        }
    }
    return (copies & ~known) != 0 ? "S4 a copy is missing in the copyset" : nullptr;
}

/// S3: hints are free of cycles and end at the owner or at a node whose write request is on its way.
const char *PageModel::check_hints(const State &state, unsigned page) const {
    for (unsigned start = 0; start < options_.rules.nodes; ++start) {
        unsigned node = start;
        for (unsigned hops = 0;; ++hops) {
            const CellView &seen = view(state, page, node);
            const bool is_end = seen.is_initialised ? seen.owns || seen.state.pending == Pending::Write ||
                                                          seen.state.pending == Pending::Own || seen.is_in_file
                                                    : node == options_.homes[page];
            if (is_end) { break; }
            if (hops > options_.rules.nodes) { return "S3 hints run in a circle"; }
            node = seen.is_initialised ? seen.state.hint.value : options_.homes[page];
        }
    }
    return nullptr;
}

/// Where nothing happens by itself any more nobody may wait.
const char *PageModel::check_end(const State &state, const ActionList &actions) const {
    for (unsigned i = 0; i < actions.count; ++i) {
        if (happens_by_itself(actions.actions[i])) { return nullptr; }
    }
    for (const std::uint8_t byte : state.threads) {
        if (thread_of(byte).wish != Wish::None) { return "deadlock: a thread waits for ever"; }
    }
    return is_quiet(state) ? nullptr : "deadlock: a request, acknowledgement or free never comes to its end";
}

bool PageModel::is_quiet(const State &state) const {
    if (state.letter_counts[0] + state.letter_counts[1] != 0) { return false; }
    for (const std::uint8_t byte : state.threads) {
        if (thread_of(byte).wish != Wish::None) { return false; }
    }
    for (unsigned page = 0; page < options_.pages; ++page) {
        for (unsigned node = 0; node < options_.rules.nodes; ++node) {
            const CellView &seen = view(state, page, node);
            if (!seen.is_quiet || seen.is_freeing) { return false; }
        }
    }
    return true;
}

void PageModel::look(const State &state, Tally &tally) const {
    const bool both = state.letter_counts[0] > 0 && state.letter_counts[1] > 0;
    tally.seen[sight_both_pages] += both ? 1 : 0;
    for (unsigned node = 0; node < options_.rules.nodes; ++node) {
        const Thread first = thread_of(state.threads[node * options_.threads_per_node]);
        if (options_.threads_per_node > 1) {
            const Thread last = thread_of(state.threads[node * options_.threads_per_node + 1]);
            const bool differ = first.wish != Wish::None && last.wish != Wish::None && first.wish != last.wish;
            tally.seen[sight_two_wishes] += differ && first.page == last.page ? 1 : 0;
        }
        if (first.wish == Wish::None) { continue; }
        if (options_.pages > 1) {
            const CellView &other = view(state, 1 - first.page, node);
            tally.seen[sight_waits_while_other_page_moves] += other.state.pending != Pending::None ? 1 : 0;
        }
        const CellView &own = view(state, first.page, node);
        tally.seen[sight_pin_against_thread] += own.state.pins > 0 && !own.owns && first.wish == Wish::Write ? 1 : 0;
    }
}

void PageModel::count_table(const Tally &tally, TableCounts &counts) const {
    for (std::uint32_t i = 1; i < tally.step_uses.size() && i < machine_.steps_end(); ++i) {
        const CellStep &step = machine_.step_at(i);
        if (tally.step_uses[i] > 0) { counts.add(step.place, step.handling, tally.step_uses[i]); }
    }
}

void PageModel::count_invariants(const Tally &tally, std::array<std::uint64_t, 16> &counts) const {
    for (std::size_t i = 0; i < counts.size(); ++i) { counts[i] += tally.invariants[i]; }
    for (std::uint32_t i = 1; i < tally.step_uses.size() && i < machine_.steps_end(); ++i) {
        const std::uint32_t bits = machine_.step_at(i).invariants_checked;
        for (unsigned bit = 0; bit < 16; ++bit) { counts[bit] += (bits >> bit & 1) != 0 ? tally.step_uses[i] : 0; }
    }
}

std::map<std::string, std::uint64_t> PageModel::sights(const Tally &tally) const {
    std::map<std::string, std::uint64_t> sights;
    const JobOptions &job = options_;
    const unsigned nodes = job.rules.nodes;
    const bool has_tree = nodes > job.rules.limits.tree_above_nodes;
    const bool writes_race = job.accesses * job.threads_per_node > 1 || nodes > 2;
    const auto see = [&](bool is_expected, const char *what, bool (*is_so)(const CellView &)) {
        if (!is_expected) { return; }
        std::uint64_t &count = sights[what];
        for (std::uint32_t i = 1; i < tally.step_uses.size() && i < machine_.steps_end(); ++i) {
            const CellStep &step = machine_.step_at(i);
            if (tally.step_uses[i] > 0 && is_so(machine_.view(step.to))) { count += tally.step_uses[i]; }
        }
    };
    see(writes_race, "a pending read that is invalidated",
        [](const CellView &cell) { return has(cell.state, Flag::Dropped); });
    see(writes_race, "a copy lost before it was mapped",
        [](const CellView &cell) { return has(cell.state, Flag::ReadLost); });
    see(true, "a deferred read", [](const CellView &cell) { return !cell.state.readers.empty(); });
    see(true, "a deferred write",
        [](const CellView &cell) { return cell.is_initialised && cell.state.next != no_node; });
    see(writes_race, "ownership asked for alone",
        [](const CellView &cell) { return cell.state.pending == Pending::Own; });
    see(job.accesses > 1, "an upgrade that waits",
        [](const CellView &cell) { return cell.state.pending == Pending::Write && cell.state.access == Access::Read; });
    see(nodes > 2 && (job.rules.limits.fan_out + 1U < nodes || has_tree), "a relay",
        [](const CellView &cell) { return has(cell.state, Flag::Relaying); });
    see(job.evictions > 0, "an eviction under way",
        [](const CellView &cell) { return has(cell.state, Flag::Evicting); });
    see(job.evictions > 0 && nodes > 2 && job.accesses > 1, "a wish to take back, kept",
        [](const CellView &cell) { return has(cell.state, Flag::WantedBack); });
    see(job.pins > 0, "an invalidation that a pin delays",
        [](const CellView &cell) { return has(cell.state, Flag::PinDelays); });
    see(job.pins > 0, "a request that a pin delays",
        [](const CellView &cell) { return cell.state.pins > 0 && cell.has_deferred; });
    see(job.rules.in_file, "a page that its file is asked for", [](const CellView &cell) { return cell.asks_file; });
    see(job.frees > 0, "a free under way", [](const CellView &cell) { return has(cell.state, Flag::Freeing); });
    see(job.rules.limits.residence_us > 0, "a page that stays for its residence time",
        [](const CellView &cell) { return cell.state.stay == Stay::Resident && cell.timer; });
    see(has_tree, "a reader that has served another",
        [](const CellView &cell) { return !cell.owns && cell.copyset != 0; });
    see(has_tree && job.evictions > 0, "a copy evicted by a node that remembers whom it served",
        [](const CellView &cell) { return !cell.owns && cell.copyset != 0 && cell.state.access == Access::None; });
    see(has_tree, "a child that waits for its parent's read",
        [](const CellView &cell) { return cell.state.pending == Pending::Read && !cell.state.readers.empty(); });
    if (job.threads_per_node > 1) {
        sights["two threads of a node want different access"] = tally.seen[sight_two_wishes];
    }
    if (job.pages > 1) {
        sights["messages of both pages under way"] = tally.seen[sight_both_pages];
        if (job.threads_per_node > 1 || job.evictions > 0) {
            sights["a thread waits for one page while its node has asked for both"] =
                tally.seen[sight_waits_while_other_page_moves];
        }
    }
    if (job.pins > 0) { sights["a write that waits for the own node's pin"] = tally.seen[sight_pin_against_thread]; }
    return sights;
}

} // namespace dsm::model
