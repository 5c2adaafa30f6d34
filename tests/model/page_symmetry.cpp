// States that are the same but for names.
#include "tests/model/page_model.hpp"

#include <algorithm>

namespace dsm::model {
using namespace dsm::protocol;

/// Nodes may change names only where the protocol does not look at the order of numbers: where no Invalidate is relayed
/// (the first of a part relays to the rest) and reads do not climb (the tree goes by numbers).
void PageModel::find_symmetries() {
    const SequentialLimits &limits = options_.rules.limits;
    const unsigned nodes = options_.rules.nodes;
    const bool may_rename = limits.fan_out + 1U >= nodes && nodes <= limits.tree_above_nodes;
    PageMachine::Names names{0, 1, 2, 3};
    unsigned index = 0;
    do {
        const bool is_same = std::is_sorted(names.begin(), names.end());
        for (unsigned swaps = 0; swaps < options_.pages; ++swaps) {
            bool fits = is_same || may_rename;
            for (unsigned page = 0; page < options_.pages; ++page) {
                fits = fits && options_.homes[page ^ swaps] == names[options_.homes[page]];
            }
            if (!fits || (!options_.has_symmetry && !symmetries_.empty())) { continue; }
            symmetries_.push_back(
                {names, {static_cast<std::uint8_t>(swaps), static_cast<std::uint8_t>(1 - swaps)}, is_same ? 0 : index});
        }
        ++index;
    } while (std::next_permutation(names.begin(), names.begin() + nodes));
}

void PageModel::sort(State &state) const {
    const auto letters = state.letters.begin();
    std::sort(letters, letters + state.letter_counts[0]);
    std::sort(letters + state.letter_counts[0], letters + state.letter_counts[0] + state.letter_counts[1]);
    if (options_.threads_per_node == 1) { return; }
    for (unsigned node = 0; node < options_.rules.nodes; ++node) {
        std::uint8_t &first = state.threads.at(node * 2);
        std::uint8_t &second = state.threads.at(node * 2 + 1);
        if (second < first) { std::swap(first, second); }
    }
}

JobState PageModel::renamed(const State &state, const Symmetry &symmetry) {
    State other = state;
    const bool has_names = symmetry.index != 0;
    for (unsigned page = 0; page < options_.pages; ++page) {
        const unsigned to_page = symmetry.pages[page];
        other.letter_counts[to_page] = state.letter_counts[page];
        other.written[to_page] = state.written[page];
        for (unsigned node = 0; node < options_.rules.nodes; ++node) {
            const std::uint32_t from = state.cells[page * job_nodes_max + node];
            cell(other, to_page, symmetry.nodes[node]) =
                has_names ? machine_.renamed(from, symmetry.index, symmetry.nodes) : from;
        }
    }
    for (unsigned page = 0; page < options_.pages; ++page) {
        const unsigned from = first_letter(state, page);
        const unsigned to = first_letter(other, symmetry.pages[page]);
        for (unsigned i = 0; i < state.letter_counts[page]; ++i) {
            const std::uint16_t letter = state.letters[from + i];
            other.letters[to + i] =
                has_names ? static_cast<std::uint16_t>(machine_.letter_renamed(letter, symmetry.index, symmetry.nodes))
                          : letter;
        }
    }
    for (unsigned node = 0; node < options_.rules.nodes; ++node) {
        const unsigned to = symmetry.nodes[node];
        other.evictions_left[to] = state.evictions_left[node];
        for (unsigned i = 0; i < options_.threads_per_node; ++i) {
            Thread thread = thread_of(state.threads[node * options_.threads_per_node + i]);
            if (thread.wish != Wish::None) { thread.page = symmetry.pages[thread.page]; }
            other.threads[to * options_.threads_per_node + i] = byte_of(thread);
        }
    }
    sort(other);
    return other;
}

/// The least of all states that are this one under other names. Returns which renaming gave it.
unsigned PageModel::make_canonical(State &state) {
    sort(state);
    if (symmetries_.size() == 1) { return 0; }
    const State original = state;
    unsigned chosen = 0;
    for (unsigned i = 1; i < symmetries_.size(); ++i) {
        const State other = renamed(original, symmetries_[i]);
        if (std::memcmp(&other, &state, sizeof state) < 0) {
            state = other;
            chosen = i;
        }
    }
    return chosen;
}

/// How many different states are this one under other names.
unsigned PageModel::orbit(const State &state) {
    std::vector<State> images;
    for (const Symmetry &symmetry : symmetries_) {
        const State image = renamed(state, symmetry);
        const auto is_it = [&](const State &other) { return std::memcmp(&other, &image, sizeof image) == 0; };
        if (std::none_of(images.begin(), images.end(), is_it)) { images.push_back(image); }
    }
    return static_cast<unsigned>(images.size());
}

} // namespace dsm::model
