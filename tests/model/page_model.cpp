// What can happen in a small job of sequential memory, and what it does.
#include "tests/model/page_action.hpp"

#include <algorithm>

namespace dsm::model {
using namespace dsm::protocol;

namespace {

Access access_of(Wish wish) { return wish == Wish::Read || wish == Wish::PinRead ? Access::Read : Access::Write; }
bool is_pin(Wish wish) { return wish == Wish::PinRead || wish == Wish::PinWrite; }

} // namespace

PageModel::PageModel(const JobOptions &options) : options_(options), machine_(options.rules) { find_symmetries(); }

Thread PageModel::thread_of(std::uint8_t byte) {
    return {byte & 7U, static_cast<Wish>(byte >> 3 & 7), byte >> 6 & 1U, (byte >> 7) != 0};
}

std::uint8_t PageModel::byte_of(const Thread &thread) {
    return static_cast<std::uint8_t>(thread.accesses_left | static_cast<unsigned>(thread.wish) << 3 | thread.page << 6 |
                                     (thread.is_woken ? 1U << 7 : 0));
}

JobState PageModel::initial() {
    State state{};
    for (unsigned page = 0; page < options_.pages; ++page) {
        for (unsigned node = 0; node < options_.rules.nodes; ++node) {
            cell(state, page, node) = machine_.first_cell(node, options_.homes[page]);
        }
        state.written[page] = options_.rules.in_file ? 1 : 0;
    }
    const unsigned threads = options_.rules.nodes * options_.threads_per_node;
    for (unsigned thread = 0; thread < threads; ++thread) {
        state.threads[thread] = byte_of({options_.accesses, Wish::None, 0, false});
    }
    for (unsigned node = 0; node < options_.rules.nodes; ++node) {
        state.evictions_left[node] = static_cast<std::uint8_t>(options_.evictions);
    }
    state.frees_left = static_cast<std::uint8_t>(options_.frees);
    state.pins_left = static_cast<std::uint8_t>(options_.pins);
    state.slow_wakes_left = static_cast<std::uint8_t>(options_.slow_wakes);
    state.extras_left = static_cast<std::uint8_t>(options_.extras);
    make_canonical(state);
    return state;
}

void PageModel::thread_actions(const State &state, unsigned index, ActionList &list) const {
    const unsigned in_node = index % options_.threads_per_node;
    if (in_node > 0 && state.threads[index] == state.threads[index - 1]) { return; } // Of equal threads one is enough.
    const Thread thread = thread_of(state.threads[index]);
    const auto add = [&](JobActionKind kind, unsigned page) { list.add(JobAction{kind, page, index, 0}.packed()); };
    if (thread.wish != Wish::None) {
        if (thread.is_woken) { add(JobActionKind::Continue, thread.page); }
        return;
    }
    for (unsigned page = 0; page < options_.pages; ++page) {
        if (thread.accesses_left > 0) {
            add(JobActionKind::StartRead, page);
            add(JobActionKind::StartWrite, page);
        }
        if (state.pins_left > 0) {
            add(JobActionKind::StartPinRead, page);
            add(JobActionKind::StartPinWrite, page);
        }
    }
}

void PageModel::node_actions(const State &state, unsigned page, unsigned node, ActionList &list) const {
    const CellView &seen = view(state, page, node);
    const auto add = [&](JobActionKind kind) { list.add(JobAction{kind, page, node, 0}.packed()); };
    if (seen.timer && (!seen.is_slow_timer || state.slow_wakes_left > 0)) { add(JobActionKind::Timer); }
    if (seen.state.pins > 0) { add(JobActionKind::Unpin); }
    if (state.evictions_left[node] > 0 && seen.holds_frame) { add(JobActionKind::Evict); }
    if (seen.asks_file) { add(JobActionKind::Load); }
    if (state.extras_left > 0 && seen.state.access == Access::None) { add(JobActionKind::Prefetch); }
    if (state.extras_left > 0 && seen.state.access == Access::Write) { add(JobActionKind::Clean); }
    const bool may_free = node == options_.homes[page] && state.frees_left > 0 && !seen.is_freeing;
    if (may_free) { add(JobActionKind::Free); }
}

void PageModel::actions(const State &state, ActionList &list) const {
    for (unsigned page = 0; page < options_.pages; ++page) {
        const unsigned first = first_letter(state, page);
        for (unsigned i = 0; i < state.letter_counts[page]; ++i) {
            if (i > 0 && state.letters[first + i] == state.letters[first + i - 1]) { continue; } // Equal ones: one.
            list.add(JobAction{JobActionKind::Deliver, page, 0, i}.packed());
        }
        for (unsigned node = 0; node < options_.rules.nodes; ++node) { node_actions(state, page, node, list); }
    }
    const unsigned threads = options_.rules.nodes * options_.threads_per_node;
    for (unsigned thread = 0; thread < threads; ++thread) { thread_actions(state, thread, list); }
}

bool PageModel::happens_by_itself(std::uint32_t action) const {
    switch (JobAction::unpacked(action).kind) {
    case JobActionKind::Continue:
    case JobActionKind::Deliver:
    case JobActionKind::Timer:
    case JobActionKind::Unpin:
    case JobActionKind::Load:
        return true;
    case JobActionKind::StartRead:
    case JobActionKind::StartWrite:
    case JobActionKind::Evict:
    case JobActionKind::Free:
    case JobActionKind::StartPinRead:
    case JobActionKind::StartPinWrite:
    case JobActionKind::Prefetch:
    case JobActionKind::Clean:
        return false;
    }
    return false;
}

const char *PageModel::apply(State &state, std::uint32_t action, Tally &tally) {
    Step step{state, tally};
    run_action(step, JobAction::unpacked(action));
    if (step.failure == nullptr) { make_canonical(state); }
    return step.failure;
}

void PageModel::run_action(Step &step, JobAction action) {
    State &state = step.state;
    const unsigned node = action.subject;
    switch (action.kind) {
    case JobActionKind::StartRead:
    case JobActionKind::StartWrite:
    case JobActionKind::StartPinRead:
    case JobActionKind::StartPinWrite:
    case JobActionKind::Continue:
        return start_or_go_on(step, action);
    case JobActionKind::Deliver:
        return deliver(step, action);
    case JobActionKind::Evict:
        step.note(node, "wants to evict");
        if (this->step(step, action.page, node, CellEvent::Evict)) { --state.evictions_left[node]; }
        return;
    case JobActionKind::Timer:
        step.note(node, "the turn of the local thread is over");
        if (view(state, action.page, node).is_slow_timer) { --state.slow_wakes_left; }
        this->step(step, action.page, node, CellEvent::Timer);
        return;
    case JobActionKind::Free:
        step.note(node, "frees the page");
        --state.frees_left;
        this->step(step, action.page, node, CellEvent::Free);
        return;
    case JobActionKind::Unpin:
        step.note(node, "unpins");
        this->step(step, action.page, node, CellEvent::Unpin);
        return;
    case JobActionKind::Load:
        step.note(node, "its file answers");
        this->step(step, action.page, node, CellEvent::Loaded);
        return;
    case JobActionKind::Prefetch:
        step.note(node, "prefetches");
        --state.extras_left;
        this->step(step, action.page, node, CellEvent::PrefetchRead);
        return;
    case JobActionKind::Clean:
        step.note(node, "writes the page to its file");
        --state.extras_left;
        this->step(step, action.page, node, CellEvent::Clean);
        return;
    }
}

/// Steps a cell and does what comes of it. Whether the event succeeded.
bool PageModel::step(Step &step, unsigned page, unsigned node, CellEvent event, std::uint32_t letter) {
    State &state = step.state;
    const std::uint32_t number = machine_.step(cell(state, page, node), event, letter);
    const CellStep &result = machine_.step_at(number);
    if (number >= step.tally.step_uses.size()) { step.tally.step_uses.resize(number * 2); }
    ++step.tally.step_uses[number];
    if (result.failure != nullptr) { step.fail(result.failure); }
    cell(state, page, node) = result.to;
    if (result.makes_newer) { make_older(state, page, node, false); }
    if (result.is_freed) {
        make_older(state, page, node, true);
        state.written[page] = 0;
        for (unsigned other = 0; other < options_.rules.nodes; ++other) {
            if (view(state, page, other).state.access != Access::None) {
                step.fail("a freed page is readable somewhere");
            }
        }
    }
    for (unsigned i = 0; i < result.sends_count; ++i) { send(step, page, result.sends[i]); }
    for (unsigned i = 0; i < result.sends_count && step.chart != nullptr; ++i) {
        const PageMessage message = machine_.message(result.sends[i]);
        const unsigned to = machine_.letter_view(result.sends[i]).to;
        step.note(node, "sends " + text_of(message, "") + " to " + std::to_string(step.names[to]));
    }
    const Access was = machine_.view(result.from).state.access;
    const Access is = machine_.view(result.to).state.access;
    if (was != is) { step.note(node, std::string("access ") + name_of(was) + " -> " + name_of(is)); }
    if (result.wakes) { wake(state, page, node); }
    return result.succeeds;
}

void PageModel::send(Step &step, unsigned page, std::uint16_t letter) {
    State &state = step.state;
    const unsigned used = state.letter_counts[0] + state.letter_counts[1];
    if (used == job_letters_max) { give_up("more messages under way than there is room for"); }
    const unsigned at = first_letter(state, page) + state.letter_counts[page];
    std::copy_backward(state.letters.begin() + at, state.letters.begin() + used, state.letters.begin() + used + 1);
    state.letters[at] = letter;
    ++state.letter_counts[page];
    step.tally.letters_most = std::max<unsigned>(step.tally.letters_most, state.letter_counts[page]);
}

void PageModel::deliver(Step &step, JobAction action) {
    State &state = step.state;
    const unsigned at = first_letter(state, action.page) + action.place;
    const std::uint16_t letter = state.letters[at];
    std::copy(state.letters.begin() + at + 1, state.letters.end(), state.letters.begin() + at);
    state.letters.back() = 0;
    --state.letter_counts[action.page];
    const LetterView &seen = machine_.letter_view(letter);
    if (step.chart != nullptr) {
        const std::string page = options_.pages > 1 ? "page " + std::to_string(step.pages[action.page]) : "";
        step.chart->arrow(step.names[seen.from], step.names[seen.to], text_of(machine_.message(letter), page));
    }
    this->step(step, action.page, seen.to, CellEvent::Deliver, letter);
}

void PageModel::start_or_go_on(Step &step, JobAction action) {
    State &state = step.state;
    Thread thread = thread_of(state.threads[action.subject]);
    const unsigned node = action.subject / options_.threads_per_node;
    const auto start = [&](Wish wish) {
        thread.wish = wish;
        thread.page = action.page;
        if (is_pin(wish)) {
            --state.pins_left;
        } else {
            --thread.accesses_left;
        }
        const std::string page = options_.pages > 1 ? " page " + std::to_string(step.pages[action.page]) : "";
        const std::string what = access_of(wish) == Access::Read ? "read" : "write";
        step.note(node, (is_pin(wish) ? "wants to pin to " : "wants to ") + what + page);
    };
    if (action.kind == JobActionKind::StartRead) { start(Wish::Read); }
    if (action.kind == JobActionKind::StartWrite) { start(Wish::Write); }
    if (action.kind == JobActionKind::StartPinRead) { start(Wish::PinRead); }
    if (action.kind == JobActionKind::StartPinWrite) { start(Wish::PinWrite); }
    if (action.kind == JobActionKind::Continue) { step.note(node, "the thread goes on"); }
    thread.is_woken = false;
    state.threads[action.subject] = byte_of(thread);
    if (is_pin(thread.wish)) {
        try_pin(step, action.subject, thread);
    } else {
        const Access wanted = access_of(thread.wish);
        if (view(state, thread.page, node).state.access < wanted) {
            this->step(step, thread.page, node, wanted == Access::Read ? CellEvent::FaultRead : CellEvent::FaultWrite);
            thread = thread_of(state.threads[action.subject]);
        }
        if (view(state, thread.page, node).state.access >= wanted) { finish_access(step, node, thread); }
    }
    state.threads[action.subject] = byte_of(thread);
}

/// The thread has its access: a write makes all other values older, a read must find the last write.
void PageModel::finish_access(Step &step, unsigned node, Thread &thread) {
    State &state = step.state;
    const unsigned page = thread.page;
    if (thread.wish == Wish::Write) {
        this->step(step, page, node, CellEvent::Write);
        make_older(state, page, node, true);
        state.written[page] = 1;
        step.note(node, "writes");
    } else {
        step.note(node, "reads");
        ++step.tally.invariants[2];
        const Value expected = state.written[page] != 0 ? Value::Current : Value::Zero;
        if (view(state, page, node).value != expected) { step.fail("S2 a read misses the last write"); }
    }
    thread.wish = Wish::None;
    thread.page = 0;
    thread.is_woken = false;
    this->step(step, page, node, CellEvent::Accessed);
}

void PageModel::try_pin(Step &step, unsigned index, Thread &thread) {
    const unsigned node = index / options_.threads_per_node;
    const CellEvent event = thread.wish == Wish::PinRead ? CellEvent::PinRead : CellEvent::PinWrite;
    const unsigned page = thread.page;
    const bool is_pinned = this->step(step, page, node, event);
    thread = thread_of(step.state.threads[index]); // Its own step may have woken it.
    if (!is_pinned) { return; }
    step.note(node, "has pinned");
    thread.wish = Wish::None;
    thread.page = 0;
    thread.is_woken = false;
    this->step(step, page, node, CellEvent::Accessed);
}

void PageModel::wake(State &state, unsigned page, unsigned node) const {
    for (unsigned i = 0; i < options_.threads_per_node; ++i) {
        std::uint8_t &byte = state.threads[node * options_.threads_per_node + i];
        Thread thread = thread_of(byte);
        if (thread.wish == Wish::None || thread.page != page) { continue; }
        thread.is_woken = true;
        byte = byte_of(thread);
    }
}

/// What others have of the page, and what is under way, has an older version, or an older value.
void PageModel::make_older(State &state, unsigned page, unsigned but_node, bool is_value) {
    for (unsigned node = 0; node < options_.rules.nodes; ++node) {
        if (node == but_node) { continue; }
        std::uint32_t &at = cell(state, page, node);
        at = is_value ? machine_.with_older_value(at) : machine_.with_older_version(at);
    }
    const unsigned first = first_letter(state, page);
    for (unsigned i = 0; i < state.letter_counts[page]; ++i) {
        const std::uint16_t letter = state.letters[first + i];
        state.letters[first + i] = static_cast<std::uint16_t>(is_value ? machine_.letter_with_older_value(letter)
                                                                       : machine_.letter_with_older_version(letter));
    }
}

} // namespace dsm::model
