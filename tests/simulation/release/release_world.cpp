// The world of release memory: threads, intervals, reports.
#include "tests/simulation/release/release_effects.hpp"

#include <utility>

namespace dsm::release_test {

using protocol::PageContext;
using protocol::ReleaseMutation;

namespace {

const char *name_of(HomeReason reason) {
    switch (reason) {
    case HomeReason::None:
        return "";
    case HomeReason::Fetch:
        return " for a fetch";
    case HomeReason::Flush:
        return " for a flush";
    case HomeReason::Lock:
        return " with a lock";
    }
    return "?";
}

} // namespace

std::string text_of(const Bytes &bytes, unsigned count) {
    std::string text;
    for (unsigned i = 0; i < count; ++i) {
        if (i != 0) { text += '.'; }
        text += std::to_string(bytes[i]);
    }
    return text;
}

std::string text_of(const ReleaseMessage &message) {
    std::string text = protocol::name_of(message.kind);
    text += " of page " + std::to_string(message.page.value) + " from " + std::to_string(message.from.value) +
            " origin " + std::to_string(message.origin.value) + " epoch " + std::to_string(message.epoch);
    if (message.serial != 0) { text += " serial " + std::to_string(message.serial); }
    if (message.contents == Contents::Lines) {
        text += " lines " + std::to_string(message.lines) + " back " + std::to_string(message.back);
    }
    if (message.number != 0) { text += " interval " + std::to_string(message.number); }
    if (message.kind == ReleaseMessageKind::Home) { text += name_of(message.reason); }
    for (std::size_t i = 0; i + 1 < message.diff.size(); i += 2) {
        text += " [" + std::to_string(std::to_integer<unsigned>(message.diff[i])) +
                "]=" + std::to_string(std::to_integer<unsigned>(message.diff[i + 1]));
    }
    return text;
}

ReleaseWorld::ReleaseWorld(const WorldOptions &options, protocol::SetPool &pool)
    : nodes(options.nodes), log(options.nodes), options_(std::make_shared<const WorldOptions>(options)), pool_(&pool) {
    for (unsigned node = 0; node < options.nodes; ++node) {
        for (unsigned page = 0; page < options.pages; ++page) {
            if (node != options.homes[page]) { at(node, page).frame.fill(garbage); }
            at(node, page).twin.fill(garbage);
        }
    }
}

PageContext ReleaseWorld::context(unsigned node, unsigned page) const {
    PageContext context{};
    context.page = PageId{page};
    context.self = node_id(node);
    context.home = node_id(options_->homes[page]);
    context.node_count = static_cast<std::uint16_t>(options_->nodes);
    context.first_touch = options_->first_touch;
    return context;
}

// ---- Threads

void ReleaseWorld::fault(unsigned node, unsigned page, const protocol::ReleaseWish &wish) {
    run(node, page, wish.access == Access::Write ? "wants to write" : "wants to read",
        [&](auto &machine, auto &state, const auto &in, auto &effects) { machine.on_fault(state, in, wish, effects); });
}

bool ReleaseWorld::try_pin(unsigned node, unsigned page, Access wanted) {
    bool is_pinned = false;
    run(node, page, "wants to pin", [&](auto &machine, auto &state, const auto &in, auto &effects) {
        is_pinned = machine.try_pin(state, in, wanted, effects);
        at(node, page).pins += is_pinned ? 1 : 0;
    });
    if (is_pinned && access(node, page) < wanted) { fail("R12 a page is pinned without access" + where(node, page)); }
    return is_pinned;
}

void ReleaseWorld::unpin(unsigned node, unsigned page) {
    --at(node, page).pins;
    run(node, page, "unpins", [&](auto &machine, auto &state, const auto &, auto &) { machine.unpin(state); });
}

bool ReleaseWorld::evict(unsigned node, unsigned page) {
    bool has_gone = false;
    run(node, page, "evicts", [&](auto &machine, auto &state, const auto &in, auto &effects) {
        has_gone = machine.on_evict(state, in, effects);
    });
    return has_gone;
}

void ReleaseWorld::read(unsigned node, unsigned page, unsigned byte) {
    const NodePage &entry = at(node, page);
    if (entry.state.access == Access::None) { return fail("a thread reads without access" + where(node, page)); }
    if (trace) { note(node, page, "reads [" + std::to_string(byte) + "]=" + std::to_string(entry.frame[byte])); }
    if (entry.frame[byte] == truth[page][byte]) { return; }
    fail("a read of byte " + std::to_string(byte) + " gives " + std::to_string(entry.frame[byte]) +
         " and not the last write, " + std::to_string(truth[page][byte]) + where(node, page));
}

void ReleaseWorld::write(unsigned node, unsigned page, unsigned byte, std::uint8_t value) {
    NodePage &entry = at(node, page);
    if (entry.state.access != Access::Write) { return fail("a thread writes without access" + where(node, page)); }
    if (trace) { note(node, page, "writes [" + std::to_string(byte) + "]=" + std::to_string(value)); }
    entry.frame[byte] = value;
    if (!is_home(entry.state)) { entry.dirty |= bit_of(byte); }
    truth[page][byte] = value;
}

// ---- Intervals and notices

protocol::IntervalTicket ReleaseWorld::release(unsigned node, PageMask range) {
    protocol::IntervalTicket ticket{};
    Node &self = nodes[node];
    const auto start = protocol::begin_release(self.interval, (self.list & range) != 0, ticket);
    if (protocol::waits_for_next(self.interval, start, ticket)) { self.next_range |= range; }
    const bool ignores = options_->mutation == ReleaseMutation::RangeIgnoresClosing && range != all_pages;
    if (ignores && ticket.after == self.interval.begun) { ticket.after = self.interval.done; }
    if (start == protocol::CloseStart::Close) { begin_close(node, range); }
    return ticket;
}

void ReleaseWorld::begin_close(unsigned node, PageMask range) {
    Node &self = nodes[node];
    self.closing = self.list & range;
    const bool forgets = options_->mutation == ReleaseMutation::RangeForgetsRest;
    self.list = forgets ? PageMask{0} : static_cast<PageMask>(self.list & ~range);
    counts.part_intervals += self.list != 0 ? 1 : 0;
    self.noticed = 0;
    self.pushes = 0;
    self.makes_diffs = true;
}

void ReleaseWorld::close_next(unsigned node) {
    unsigned page = 0;
    const Node &self = nodes[node];
    while (page < pages_max && !has_bit(self.is_published ? self.pushes : self.closing, page)) { ++page; }
    close_one(node, page);
}

void ReleaseWorld::close_one(unsigned node, unsigned page) {
    Node &self = nodes[node];
    if (self.is_published) { return push_one(node, page); }
    if (self.closing == 0) {
        self.makes_diffs = false;
        return part_acknowledged(node);
    }
    self.closing = static_cast<PageMask>(self.closing & ~bit_of(page));
    protocol::CloseOutcome outcome;
    run(node, page, "closes interval " + std::to_string(self.interval.begun),
        [&](auto &machine, auto &state, const auto &in, auto &effects) {
            outcome = machine.on_close(state, in, self.interval.begun, effects);
            protocol::add_parts(self.interval, outcome.flush_parts);
            if (outcome.notice) { self.noticed |= bit_of(page); }
            if (outcome.push) { self.pushes |= bit_of(page); }
        });
}

void ReleaseWorld::push_one(unsigned node, unsigned page) {
    Node &self = nodes[node];
    self.pushes = static_cast<PageMask>(self.pushes & ~bit_of(page));
    run(node, page, "has published interval " + std::to_string(self.interval.begun),
        [&](auto &machine, auto &state, const auto &in, auto &effects) {
            machine.on_published(state, in, self.interval.begun, effects);
        });
    if (self.pushes == 0) { finish_interval(node); }
}

void ReleaseWorld::part_acknowledged(unsigned node) {
    Node &self = nodes[node];
    if (!protocol::part_done(self.interval)) { return; }
    if (self.makes_diffs) { return fail("R10 an interval is published before its diffs are made"); }
    for (unsigned page = 0; page < options_->pages; ++page) {
        if (has(at(node, page).state, ReleaseFlag::Flushing)) {
            fail("R10 an interval is published and a flush is under way" + where(node, page));
        }
    }
    log[node].push_back(self.noticed);
    ++counts.intervals;
    self.time[node] = self.interval.begun;
    if (trace) {
        trace("node " + std::to_string(node) + ": publishes interval " + std::to_string(self.interval.begun) +
              ", pages " + std::to_string(self.noticed));
    }
    if (log[node].size() != self.interval.begun) { fail("R11 an interval is missing"); }
    self.is_published = self.pushes != 0;
    if (!self.is_published) { finish_interval(node); }
}

void ReleaseWorld::finish_interval(unsigned node) {
    nodes[node].is_published = false;
    if (protocol::finish(nodes[node].interval)) {
        begin_close(node, std::exchange(nodes[node].next_range, PageMask{0}));
    }
}

// ---- Reports

void ReleaseWorld::fail(const std::string &what) {
    if (failure_.empty() && !overlooks_) { failure_ = what; }
}

std::string ReleaseWorld::where(unsigned node, unsigned page) const {
    std::array<char, 256> text{};
    protocol::describe(at(node, page).state, text.data(), text.size());
    return " (node " + std::to_string(node) + ", page " + std::to_string(page) + ": " + text.data() + ")";
}

void ReleaseWorld::note(unsigned node, unsigned page, const std::string &event) {
    if (!trace) { return; }
    const NodePage &entry = at(node, page);
    trace("node " + std::to_string(node) + " page " + std::to_string(page) + ": " + event + "   <" +
          text_of(entry.frame, options_->page_bytes) +
          (entry.has_twin ? " twin " + text_of(entry.twin, options_->page_bytes) : "") + ">" + where(node, page));
}

} // namespace dsm::release_test
