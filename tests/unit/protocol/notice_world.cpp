// The simulated job of the log of write notices: its events and what must hold after each.
#include "tests/unit/protocol/notice_world.hpp"

#include <algorithm>
#include <numeric>

namespace dsm::protocol_test {

using protocol::NoticeRun;

namespace {

constexpr std::size_t messages_max = 30;
NodeId node_id(unsigned node) { return NodeId{static_cast<std::uint16_t>(node)}; }

} // namespace

OwnLog::OwnLog(unsigned self, unsigned node_count, std::size_t entries, NoticeMutation mutation)
    : memory_(std::make_unique<Line[]>(NoticeLog::region_bytes(node_count, entries) / sizeof(Line) + 1)),
      log_(region(), node_id(self), static_cast<std::uint16_t>(node_count), entries, mutation) {}

Parts encode_for(NoticeLog &log, NodeId to, std::size_t part_bytes) {
    Parts parts;
    for (NoticeLog::Encoder encoder(log, to); !encoder.done();) {
        std::vector<std::byte> part(part_bytes);
        part.resize(encoder.next(part));
        parts.push_back(std::move(part));
    }
    return parts;
}

void publish(NoticeLog &log, const std::vector<unsigned> &pages) {
    log.begin_publish();
    for (const unsigned page : pages) { log.add(PageId{page}); }
    log.end_publish();
}

bool adopt(NoticeLog &log, const Parts &parts, unsigned node_count) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto part = protocol::decode_envelope_part(parts[i], node_count, protocol::noticed_pages_max);
        if (!part || (i == 0 && !log.begin_adopt(part->head))) { return false; }
        log.adopt_part(*part);
    }
    log.end_adopt();
    return true;
}

NoticeWorld::NoticeWorld(std::uint64_t seed, NoticeMutation mutation, CallerMutation caller)
    : random_(seed), is_planted_(mutation != NoticeMutation::None || caller != CallerMutation::None), caller_(caller),
      node_count_(random_.between(2, nodes_max)), page_count_(random_.between(4, 20)),
      part_bytes_(protocol::envelope_part_bytes_min + random_.below(random_.one_in(2) ? 20 : 200)),
      barrier_weight_(random_.one_in(3) ? 0 : random_.between(2, 40)), delivery_weight_(random_.between(10, 120)),
      homes_(page_count_, Clock(node_count_)), history_(node_count_, std::vector<std::vector<Interval>>(page_count_)),
      published_(node_count_) {
    const std::size_t entries = std::size_t{4} << random_.below(6);
    for (unsigned i = 0; i < node_count_; ++i) {
        Node node;
        node.log = std::make_unique<OwnLog>(i, node_count_, entries, mutation);
        node.clock.resize(node_count_);
        node.copies.resize(page_count_, Copy{false, Clock(node_count_)});
        nodes_.push_back(std::move(node));
    }
}

std::optional<std::string> NoticeWorld::run(unsigned steps) {
    for (unsigned i = 0; i < steps && !failure_; ++i) {
        step();
        check();
    }
    settle();
    return failure_;
}

void NoticeWorld::step() {
    const unsigned node = random_.below(node_count_);
    const unsigned event = random_.below(20 + barrier_weight_ + delivery_weight_);
    if (event < 5) {
        write_and_publish(node);
    } else if (event < 12) {
        fetch(node, random_.below(page_count_));
    } else if (event < 20) {
        const unsigned to = random_.below(node_count_);
        if (to != node && messages_.size() < messages_max) { send(node, to, Kind::Plain); }
    } else if (event < 20 + barrier_weight_) {
        arrive_at_barrier(node);
    } else if (!messages_.empty()) {
        advance(random_.below(static_cast<unsigned>(messages_.size())));
    }
}

/// The writes are at their homes before the interval is published.
void NoticeWorld::write_and_publish(unsigned node) {
    std::vector<unsigned> pages;
    const unsigned count = random_.one_in(6) ? 0 : random_.between(1, 3);
    for (unsigned i = 0; i < count; ++i) {
        const unsigned first = random_.below(page_count_);
        const unsigned run = random_.one_in(3) ? random_.between(1, 3) : 1;
        for (unsigned page = first; page < std::min(first + run, page_count_); ++page) { pages.push_back(page); }
    }
    if (random_.one_in(2)) { std::reverse(pages.begin(), pages.end()); }
    if (!pages.empty()) {
        const Interval interval = ++published_[node];
        nodes_[node].clock[node] = interval;
        for (const unsigned page : pages) {
            fetch(node, page);
            nodes_[node].copies[page].has[node] = interval;
            homes_[page][node] = interval;
            history_[node][page].push_back(interval);
        }
    }
    publish(log(node), pages);
}

void NoticeWorld::fetch(unsigned node, unsigned page) {
    Copy &copy = nodes_[node].copies[page];
    if (!copy.valid) { copy = {true, homes_[page]}; }
}

void NoticeWorld::send(unsigned from, unsigned to, Kind kind, bool has_envelope) {
    Message &message = messages_.emplace_back();
    message.kind = kind;
    message.from = from;
    message.to = to;
    message.clock = nodes_[from].clock;
    if (has_envelope || log(from).has_news_for(node_id(to)) || random_.one_in(3)) {
        attach_envelope(message);
    } else {
        ++spared_;
    }
}

void NoticeWorld::attach_envelope(Message &message) {
    message.parts = encode_for(log(message.from), node_id(message.to), part_bytes_);
    message.under_way.resize(message.parts.size());
    std::iota(message.under_way.begin(), message.under_way.end(), 0U);
    parts_ += message.parts.size() - 1;
}

void NoticeWorld::arrive_at_barrier(unsigned node) {
    if (nodes_[node].in_barrier) { return; }
    nodes_[node].in_barrier = true;
    log(node).on_barrier_arrive();
    if (node != 0) {
        send(node, 0, Kind::Arrive);
    } else {
        leave_barrier_if_all_are_there();
    }
}

void NoticeWorld::leave_barrier_if_all_are_there() {
    if (!nodes_[0].in_barrier || arrived_ != node_count_ - 1) { return; }
    arrived_ = 0;
    ++barriers_;
    log(0).on_barrier_depart();
    nodes_[0].in_barrier = false;
    for (unsigned to = 1; to < node_count_; ++to) { send(0, to, Kind::Depart); }
}

/// The next thing that happens to a message: a part comes, it is looked at, copies are dropped, it is adopted.
void NoticeWorld::advance(std::size_t index) {
    Message &message = messages_[index];
    if (!message.under_way.empty()) {
        const auto part = message.under_way.begin() +
                          static_cast<std::ptrdiff_t>(random_.below(static_cast<unsigned>(message.under_way.size())));
        if (caller_ == CallerMutation::PartByPart) {
            const Parts alone{message.parts[*part]};
            look(message, alone);
            drop(message);
            if (!adopt(log(message.to), alone, node_count_)) { fail("an envelope is refused"); }
        }
        message.under_way.erase(part);
        if (!message.under_way.empty()) { return; }
    }
    const bool is_early = caller_ == CallerMutation::AdoptBeforeDropping;
    switch (message.stage) {
    case Stage::Travelling:
        message.stage = Stage::Arrived;
        return;
    case Stage::Arrived:
        message.stage = Stage::Looked;
        if (caller_ != CallerMutation::PartByPart) { look(message, message.parts); }
        if (is_early) { adopt_message(message); }
        return;
    case Stage::Looked:
        message.stage = Stage::Dropped;
        drop(message);
        return;
    case Stage::Dropped:
        if (!is_early && caller_ != CallerMutation::PartByPart) { adopt_message(message); }
        finish(index);
        return;
    }
}

void NoticeWorld::look(Message &message, const Parts &parts) {
    bool has_all = false;
    for (const auto &bytes : parts) {
        const auto part = protocol::decode_envelope_part(bytes, node_count_, page_count_);
        if (!part) { return fail("a part is refused"); }
        part->for_each([&](const NoticeRun &run) {
            has_all = has_all || run.is_all();
            if (!log(message.to).is_news(run.writer, run.interval)) { return; }
            message.drop_all = message.drop_all || run.is_all();
            for (unsigned i = 0; i < run.count; ++i) {
                message.drop.insert(static_cast<unsigned>(run.first.value) + i);
            }
        });
    }
    if (has_all && !message.drop_all) { ++kept_on_all_; }
}

void NoticeWorld::drop(Message &message) {
    for (unsigned page = 0; page < page_count_; ++page) {
        if (message.drop_all || message.drop.contains(page)) { nodes_[message.to].copies[page].valid = false; }
    }
}

void NoticeWorld::adopt_message(Message &message) {
    if (!message.parts.empty() && !adopt(log(message.to), message.parts, node_count_)) {
        fail("an envelope is refused");
    }
}

/// The message's acquire is over: all that happened before its sending has happened before now.
void NoticeWorld::finish(std::size_t index) {
    const Message message = std::move(messages_[index]);
    messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(index));
    Node &node = nodes_[message.to];
    for (unsigned i = 0; i < node_count_; ++i) { node.clock[i] = std::max(node.clock[i], message.clock[i]); }
    switch (message.kind) {
    case Kind::Plain:
        return;
    case Kind::Arrive:
        ++arrived_;
        return leave_barrier_if_all_are_there();
    case Kind::Depart:
        log(message.to).on_barrier_depart();
        node.in_barrier = false;
        return;
    }
}

/// Everything comes. Then everybody speaks with everybody, all at once: all learn all; all say that they have; all are
/// told, so that nothing is news; what comes then is empty, so that nobody owes an answer.
void NoticeWorld::settle() {
    for (unsigned round = 0; round < 5; ++round) {
        while (!messages_.empty() && !failure_) {
            advance(random_.below(static_cast<unsigned>(messages_.size())));
            check();
        }
        for (unsigned from = 0; from < node_count_ && !failure_; ++from) {
            for (unsigned to = 0; to < node_count_; ++to) {
                if (from == to) { continue; }
                if (round >= 3 && log(from).has_news_for(node_id(to))) { fail("there is always something to tell"); }
                if (round == 4 && log(from).owes_ack(node_id(to))) { fail("answers are answered"); }
                if (round < 4) { send(from, to, Kind::Plain, true); }
            }
        }
    }
}

void NoticeWorld::check() {
    for (unsigned n = 0; n < node_count_ && !failure_; ++n) {
        const Node &node = nodes_[n];
        const std::string who = "node " + std::to_string(n);
        for (unsigned writer = 0; writer < node_count_; ++writer) {
            const Interval known = log(n).known(node_id(writer));
            if (known < node.clock[writer]) { return fail(who + " knows too little of " + std::to_string(writer)); }
            if (known > published_[writer]) { return fail(who + " knows too much"); }
            for (unsigned page = 0; page < page_count_; ++page) {
                if (!node.copies[page].valid) { continue; }
                const auto &wrote = history_[writer][page];
                const auto later = std::upper_bound(wrote.begin(), wrote.end(), known);
                if (later != wrote.begin() && *(later - 1) > node.copies[page].has[writer] &&
                    (caller_ == CallerMutation::None || *(later - 1) <= node.clock[writer])) {
                    return fail(who + " has an old copy of page " + std::to_string(page));
                }
            }
        }
        if (is_planted_) { continue; } // The wrong belief is not enough: it is to show in a copy or a clock.
        for (unsigned to = 0; to < node_count_; ++to) {
            if (to == n || log(n).has_news_for(node_id(to))) { continue; }
            for (unsigned writer = 0; writer < node_count_; ++writer) {
                if (log(n).known(node_id(writer)) > log(to).known(node_id(writer))) {
                    return fail(who + " believes that " + std::to_string(to) + " knows all");
                }
            }
        }
    }
}

void NoticeWorld::fail(const std::string &text) {
    if (!failure_) { failure_ = text; }
}

NoticeWorld::Counts NoticeWorld::counts() const {
    Counts counts{0, 0, 0, 0, barriers_, parts_, spared_, kept_on_all_};
    for (const Node &node : nodes_) {
        const NoticeLog::Statistics one = (*node.log)->statistics();
        counts.compactions += one.compactions;
        counts.collapses += one.collapses;
        counts.taken_over += one.taken_over;
        counts.redundant += one.redundant;
    }
    return counts;
}

} // namespace dsm::protocol_test
