// The same cell or letter once others have something newer, or under other names of the nodes. Remembered like steps.
#include "tests/model/page_machine.hpp"

namespace dsm::model {
using namespace dsm::protocol;

namespace {

enum class Other : std::uint8_t {
    OlderVersion,
    OlderValue,
    LetterOlderVersion,
    LetterOlderValue,
    Renamed,
    LetterRenamed
};

std::uint64_t other_key(Other what, std::uint32_t number, unsigned index = 0) {
    return std::uint64_t{number} << 16 | std::uint64_t{index} << 8 | (static_cast<unsigned>(what) + 1);
}

} // namespace

template <class Make> std::uint32_t PageMachine::remembered(std::uint64_t key, Make make) {
    std::uint32_t number = others_.find(key);
    if (number == 0) {
        number = make();
        others_.insert(key, number);
    }
    return number;
}

std::uint32_t PageMachine::with_older_version(std::uint32_t cell) {
    return remembered(other_key(Other::OlderVersion, cell), [&] {
        Cell older = cells_.at(cell);
        older.state.version = Version{old_version};
        if (is_initialised(older.state) && older.state.next != no_node) {
            older.state.next_version = Version{old_version};
        }
        return number_of(older);
    });
}

std::uint32_t PageMachine::with_older_value(std::uint32_t cell) {
    return remembered(other_key(Other::OlderValue, cell), [&] {
        Cell older = cells_.at(cell);
        if (older.value == Value::Current) { older.value = Value::Old; }
        return number_of(older);
    });
}

std::uint32_t PageMachine::letter_with_older_version(std::uint32_t letter) {
    return remembered(other_key(Other::LetterOlderVersion, letter), [&] {
        Letter older = letters_.at(letter);
        PageMessage says = *decode_page_message(older.record, rules_.nodes);
        if (says_version(says.kind)) { says.version = Version{old_version}; }
        encode(says, older.record);
        return number_of(older);
    });
}

std::uint32_t PageMachine::letter_with_older_value(std::uint32_t letter) {
    return remembered(other_key(Other::LetterOlderValue, letter), [&] {
        Letter older = letters_.at(letter);
        if (older.value == Value::Current) { older.value = Value::Old; }
        return number_of(older);
    });
}

std::uint32_t PageMachine::renamed(std::uint32_t cell, unsigned index, const Names &names) {
    return remembered(other_key(Other::Renamed, cell, index), [&] {
        Cell other = cells_.at(cell);
        other.node = names[other.node];
        other.home = names[other.home];
        PageState &state = other.state;
        if (!is_initialised(state)) { return number_of(other); }
        for (NodeId *node : {&state.hint, &state.next, &state.relay_parent, &state.first_toucher}) {
            if (*node != no_node) { *node = NodeId{names[node->value]}; }
        }
        for (NodeSet *set : {&state.copyset, &state.readers}) {
            const NodeSet members = set->take();
            members.for_each(pool_, [&](NodeId node) { set->insert(NodeId{names[node.value]}, pool_); });
        }
        return number_of(other);
    });
}

std::uint32_t PageMachine::letter_renamed(std::uint32_t letter, unsigned index, const Names &names) {
    return remembered(other_key(Other::LetterRenamed, letter, index), [&] {
        Letter other = letters_.at(letter);
        PageMessage says = *decode_page_message(other.record, rules_.nodes);
        const bool names_owner = says.kind == PageMessageKind::Invalidate;
        says.from = NodeId{names[says.from.value]};
        says.origin = NodeId{names[says.origin.value]};
        if (names_owner) { says.owner = NodeId{names[says.owner.value]}; }
        encode(says, other.record);
        other.to = names[other.to];
        unsigned nodes = 0;
        for (unsigned node = 0; node < rules_.nodes; ++node) { nodes |= (other.nodes >> node & 1U) << names[node]; }
        other.nodes = static_cast<std::uint8_t>(nodes);
        return number_of(other);
    });
}

} // namespace dsm::model
