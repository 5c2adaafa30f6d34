// Steps of cells, done once by the shipped protocol, and what they are worth.
#include "tests/model/page_machine.hpp"

#include "libdsm/base/check.hpp"

namespace dsm::model {
using namespace dsm::protocol;

namespace {

constexpr std::uint32_t cells_max = 1U << 20;
constexpr std::uint32_t letters_max = 1U << 16;
constexpr std::uint32_t steps_max = 1U << 23;
constexpr unsigned memo_bits = 24;
constexpr TimeUs much_later_us = 1'000'000'000;

std::uint8_t bits_of(const NodeSet &set, const SetPool &pool) {
    unsigned bits = 0;
    set.for_each(pool, [&](NodeId node) { bits |= 1U << node.value; });
    return static_cast<std::uint8_t>(bits);
}

} // namespace

/// Notes what a step wants, and checks what one step can show.
class PageMachine::Effects final : public PageEffects {
public:
    Effects(const PageMachine &machine, Cell &cell) : machine_(machine), cell_(cell) {}

    void send(NodeId to, const PageMessage &message) override {
        const unsigned nodes = machine_.rules_.nodes;
        checked(7);
        if (to.value == cell_.node || to.value >= nodes) { return fail("a message to nobody"); }
        if (message.kind == PageMessageKind::WriteRequest && message.sends > nodes - 1) {
            fail("S7 a write request was sent on more than N - 1 times");
        }
        if (message.kind == PageMessageKind::ReadRequest && message.sends > nodes) {
            fail("S7 a read request was sent on more than N times");
        }
        if (message.contents == Contents::Bytes) {
            checked(10);
            if (cell_.value == Value::None) { fail("S10 bytes are sent from a frame that is not there"); }
        }
        const bool has_bytes = message.contents == Contents::Bytes;
        sent.push_back(machine_.letter_of(message, to.value, has_bytes ? cell_.value : Value::None));
    }
    void restrict_access(Access access) override {
        checked(11);
        if (access >= cell_.state.access) { fail("access is restricted to what it was or more"); }
        if (cell_.state.pins > 0) { fail("S11 a pinned page is taken"); }
    }
    void grant_access(Access access) override {
        if (access != cell_.state.access) { fail("access is granted that the state does not have"); }
        wakes = true;
    }
    void drop_frame() override { cell_.value = Value::None; }
    void zero_frame() override {
        if (cell_.state.access != Access::None) { fail("a frame that is mapped is zeroed"); }
        cell_.value = Value::Zero;
    }
    void set_timer(TimeUs) override { cell_.timer = 1; }
    void freed() override { is_freed = true; }
    void wake_waiters() override { wakes = true; }
    void load() override {
        checked(12);
        if (cell_.node != cell_.home) { fail("S12 another node than the home asks the file"); }
    }
    void fail(const char *what) {
        if (failure == nullptr) { failure = what; }
    }
    void checked(unsigned invariant) { invariants |= 1U << invariant; }

    std::vector<Letter> sent;
    bool wakes = false;
    bool is_freed = false;
    const char *failure = nullptr;
    std::uint32_t invariants = 0;

private:
    const PageMachine &machine_;
    Cell &cell_;
};

PageMachine::PageMachine(const PageRules &rules)
    : rules_(rules), pool_lines_(SetPool::bytes_for(16) / 64 + 1, PoolLine{}),
      pool_(pool_lines_.data(), pool_lines_.size() * 64), cells_(cells_max), letters_(letters_max),
      cell_views_(std::make_unique_for_overwrite<CellView[]>(cells_max)),
      letter_views_(std::make_unique_for_overwrite<LetterView[]>(letters_max)),
      steps_(std::make_unique_for_overwrite<CellStep[]>(steps_max)), step_numbers_(memo_bits), others_(memo_bits) {}

std::uint32_t PageMachine::first_cell(unsigned node, unsigned home) {
    Cell cell{};
    cell.node = static_cast<std::uint8_t>(node);
    cell.home = static_cast<std::uint8_t>(home);
    return number_of(cell);
}

std::uint32_t PageMachine::step(std::uint32_t cell, CellEvent event, std::uint32_t letter) {
    const std::uint64_t key =
        std::uint64_t{cell} << 24 | std::uint64_t{letter} << 8 | (static_cast<unsigned>(event) + 1);
    if (const std::uint32_t known = step_numbers_.find(key); known != 0) { return known; }
    const CellStep result = compute(cell, event, letter);
    const std::uint32_t number = steps_used_.fetch_add(1, std::memory_order_relaxed);
    if (number >= steps_max) { give_up("more different steps than the table holds"); }
    steps_[number] = result;
    step_numbers_.insert(key, number);
    return step_numbers_.find(key);
}

CellStep PageMachine::compute(std::uint32_t from, CellEvent event, std::uint32_t letter) {
    const Cell before = cells_.at(from);
    Cell cell = before;
    Effects effects(*this, cell);
    CellStep result{};
    result.from = from;
    result.event = event;
    result.letter = static_cast<std::uint16_t>(letter);
    result.succeeds = run(cell, event, letter, effects);
    cell.state.moved_at_us = 0;
    normalise_versions(cell, effects, result);
    classify(before, cell, result);
    const bool is_timer_wanted = cell.state.pending == Pending::None && owns(cell.state) && cell.state.pins == 0 &&
                                 (!cell.state.readers.empty() || cell.state.next != no_node);
    if (!is_timer_wanted) { cell.timer = 0; } // It would do nothing now, and what is deferred later asks for its own.
    result.to = number_of(cell);
    if (effects.sent.size() > sends_max) { give_up("a step sends more messages than there is room for"); }
    for (const Letter &sent : effects.sent) {
        result.sends[result.sends_count++] = static_cast<std::uint16_t>(number_of(sent));
    }
    result.wakes = effects.wakes;
    result.is_freed = effects.is_freed;
    result.invariants_checked = effects.invariants;
    result.failure = effects.failure;
    return result;
}

bool PageMachine::run(Cell &cell, CellEvent event, std::uint32_t letter, Effects &effects) {
    const SequentialProtocol machine(pool_, rules_.limits, rules_.mutation);
    const PageContext context{.page = PageId{0},
                              .self = NodeId{cell.node},
                              .home = NodeId{cell.home},
                              .node_count = static_cast<std::uint16_t>(rules_.nodes),
                              .first_touch = rules_.first_touch,
                              .in_file = rules_.in_file};
    PageState &state = cell.state;
    switch (event) {
    case CellEvent::Deliver: {
        const Letter &mail = letters_.at(letter);
        std::array<std::byte, encoded_page_message_bytes_max> bytes;
        std::copy(mail.record.begin(), mail.record.end(), bytes.begin());
        NodeBits nodes;
        for (unsigned node = 0; node < rules_.nodes; ++node) {
            if ((mail.nodes >> node & 1) != 0) { nodes.insert(NodeId{static_cast<std::uint16_t>(node)}); }
        }
        const std::size_t used = nodes.encode(0, nodes_max, std::span(bytes).subspan(page_record_bytes));
        const auto message = decode_page_message(std::span(bytes).first(page_record_bytes + used), rules_.nodes);
        if (!message) {
            effects.fail("a message of ours is malformed");
            return false;
        }
        if (message->contents == Contents::Bytes) {
            effects.checked(5);
            if (state.access != Access::None) { effects.fail("S5 bytes reach a node that has access"); }
            cell.value = mail.value;
        }
        if (message->climbs) { effects.checked(13); }
        effects.checked(6); // With S8 and S9 a check in the step itself.
        effects.checked(8);
        effects.checked(9);
        machine.on_message(state, context, *message, 0, effects);
        return true;
    }
    case CellEvent::FaultRead:
    case CellEvent::FaultWrite:
        machine.on_fault(state, context, event == CellEvent::FaultRead ? Access::Read : Access::Write, 0, effects);
        return true;
    case CellEvent::PrefetchRead:
        machine.on_prefetch(state, context, Access::Read, 0, effects);
        return true;
    case CellEvent::Accessed:
        machine.on_accessed(state, context, 0, effects);
        return true;
    case CellEvent::Timer:
        cell.timer = 0;
        machine.on_timer(state, context, much_later_us, effects);
        return true;
    case CellEvent::Evict:
        return machine.on_evict(state, context, 0, effects) != Eviction::Refused;
    case CellEvent::Free:
        machine.on_free(state, context, 0, effects);
        return true;
    case CellEvent::PinRead:
    case CellEvent::PinWrite: {
        const Access wanted = event == CellEvent::PinRead ? Access::Read : Access::Write;
        const bool is_pinned = machine.try_pin(state, context, wanted, 0, effects);
        effects.checked(11);
        if (is_pinned && state.access < wanted) { effects.fail("S11 a page is pinned without access"); }
        return is_pinned;
    }
    case CellEvent::Unpin:
        machine.unpin(state, context, 0, effects);
        return true;
    case CellEvent::Loaded:
        effects.checked(12);
        if (state.access != Access::None) { effects.fail("S12 a page that is mapped is loaded"); }
        cell.value = Value::Current;
        machine.on_loaded(state, context, 0, effects);
        return true;
    case CellEvent::Clean:
        return machine.on_clean(state, context, 0, effects);
    case CellEvent::Write:
        if (state.access != Access::Write) { effects.fail("a thread writes without access"); }
        cell.value = Value::Current;
        return true;
    }
    return false;
}

/// Current is 0 and counts up with each completed write; then that is the current one, and all others are old.
void PageMachine::normalise_versions(Cell &cell, Effects &effects, CellStep &result) {
    std::uint32_t newest = cell.state.version.value < old_version ? cell.state.version.value : 0;
    std::vector<PageMessage> sent;
    for (const Letter &letter : effects.sent) {
        const auto message = decode_page_message(letter.record, rules_.nodes);
        if (!message) { return effects.fail("a message of ours is malformed"); }
        sent.push_back(*message);
        if (says_version(message->kind) && message->version.value < old_version) {
            newest = std::max(newest, message->version.value);
        }
    }
    if (cell.state.version.value > old_version) { effects.fail("an old version is counted up"); }
    if (cell.state.next == no_node || !is_initialised(cell.state)) { cell.state.next_version = Version{0}; }
    if (newest == 0) { return; }
    result.makes_newer = true;
    const auto normalised = [&](Version version) { return Version{version.value == newest ? 0 : old_version}; };
    cell.state.version = normalised(cell.state.version);
    if (cell.state.next != no_node) { cell.state.next_version = normalised(cell.state.next_version); }
    for (std::size_t i = 0; i < sent.size(); ++i) {
        if (!says_version(sent[i].kind)) { continue; }
        sent[i].version = normalised(sent[i].version);
        encode(sent[i], effects.sent[i].record);
    }
}

Letter PageMachine::letter_of(const PageMessage &message, unsigned to, Value value) const {
    Letter letter{};
    PageMessage fixed = message;
    fixed.nodes = {};
    encode(fixed, letter.record);
    NodeBits nodes;
    const bool is_valid = nodes.decode(message.nodes, rules_.nodes);
    if (!is_valid) { give_up("a set of nodes that is malformed"); }
    nodes.for_each([&](NodeId node) { letter.nodes = static_cast<std::uint8_t>(letter.nodes | 1U << node.value); });
    letter.to = static_cast<std::uint16_t>(to);
    letter.value = value;
    return letter;
}

PageMessage PageMachine::message(std::uint32_t letter) const {
    PageMessage message = *decode_page_message(letters_.at(letter).record, rules_.nodes);
    message.nodes = {};
    return message;
}

std::uint32_t PageMachine::number_of(const Cell &cell) {
    return cells_.number_of(cell, [&](std::uint32_t number) { cell_views_[number] = view_of(cell); });
}

CellView PageMachine::view_of(const Cell &cell) const {
    const PageState &state = cell.state;
    CellView view{};
    view.state = state;
    view.copyset = bits_of(state.copyset, pool_);
    view.value = cell.value;
    view.is_initialised = is_initialised(state);
    view.owns = owns(state);
    view.is_zero = is_zero(state);
    view.has_deferred = view.is_initialised && (!state.readers.empty() || state.next != no_node);
    view.is_freeing = has(state, Flag::Freeing) || has(state, Flag::FreeWanted);
    view.is_in_file = has(state, Flag::InFile);
    view.timer = cell.timer != 0;
    view.is_quiet =
        state.pending == Pending::None && !view.has_deferred && !has(state, Flag::Relaying) && state.acks_left == 0;
    view.holds_frame = holds_frame(state);
    view.is_slow_timer = state.stay == Stay::AwaitingAccess;
    view.asks_file = view.is_in_file && state.pending == Pending::Own;
    return view;
}

std::uint32_t PageMachine::number_of(const Letter &letter) {
    return letters_.number_of(letter, [&](std::uint32_t number) {
        const auto message = decode_page_message(letter.record, rules_.nodes);
        if (!message) { give_up("a message of ours is malformed"); }
        letter_views_[number] = {message->kind,
                                 static_cast<std::uint8_t>(message->from.value),
                                 static_cast<std::uint8_t>(letter.to),
                                 static_cast<std::uint8_t>(message->origin.value),
                                 message->contents,
                                 message->own_only,
                                 message->version.value == 0};
    });
}

} // namespace dsm::model
