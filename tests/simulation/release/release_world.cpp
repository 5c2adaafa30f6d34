// The world of release memory: events, effects, and how notices travel.
#include "tests/simulation/release/release_world.hpp"

#include <algorithm>

namespace dsm::release_test {

using protocol::Contents;
using protocol::HomeReason;
using protocol::Install;
using protocol::PageContext;
using protocol::ReleaseProtocol;

namespace {

constexpr std::uint8_t garbage = 0xee; ///< bytes of frames and twins that are not there

ByteMask all_bytes(const WorldOptions &options) { return static_cast<ByteMask>((1U << options.page_bytes) - 1); }
bool has_bit(unsigned mask, unsigned bit) { return (mask >> bit & 1U) != 0; }
std::uint8_t bit_of(unsigned bit) { return static_cast<std::uint8_t>(1U << bit); }
NodeId node_id(unsigned node) { return NodeId{static_cast<std::uint16_t>(node)}; }

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

std::string text_of(const Bytes &bytes, unsigned count) {
    std::string text;
    for (unsigned i = 0; i < count; ++i) {
        if (i != 0) { text += '.'; }
        text += std::to_string(bytes[i]);
    }
    return text;
}

/// A diff here is pairs of a place and a byte.
void apply_diff(std::span<const std::byte> diff, Bytes &bytes) {
    for (std::size_t i = 0; i + 1 < diff.size(); i += 2) {
        bytes.at(std::to_integer<unsigned>(diff[i])) = std::to_integer<std::uint8_t>(diff[i + 1]);
    }
}

} // namespace

std::string text_of(const ReleaseMessage &message) {
    std::string text = protocol::name_of(message.kind);
    text += " of page " + std::to_string(message.page.value) + " from " + std::to_string(message.from.value) +
            " origin " + std::to_string(message.origin.value) + " epoch " + std::to_string(message.epoch);
    if (message.kind == ReleaseMessageKind::Home) { text += name_of(message.reason); }
    for (std::size_t i = 0; i + 1 < message.diff.size(); i += 2) {
        text += " [" + std::to_string(std::to_integer<unsigned>(message.diff[i])) +
                "]=" + std::to_string(std::to_integer<unsigned>(message.diff[i + 1]));
    }
    return text;
}

/// What a step wants done at one node.
class ReleaseWorld::Effects final : public protocol::ReleaseEffects {
public:
    Effects(ReleaseWorld &world, unsigned node, unsigned page)
        : world_(world), node_(node), page_(page), entry_(world.at(node, page)) {}

    void send(NodeId to, const ReleaseMessage &message) override {
        if (to.value == node_) { world_.fail("a node sends to itself" + world_.where(node_, page_)); }
        const WorldOptions &options = world_.options();
        std::vector<std::byte> record(protocol::release_record_bytes + 2 * page_bytes_max);
        record.resize(protocol::encode(message, record));
        Packet packet{.from = static_cast<std::uint8_t>(node_),
                      .to = static_cast<std::uint8_t>(to.value),
                      .is_sync = false,
                      .record = record};
        ++world_.counts.messages.at(static_cast<unsigned>(message.kind));
        world_.counts.passed_on += message.sends != 0;
        if (message.kind == ReleaseMessageKind::Home) { count_move(message.reason); }
        packet.part = all_bytes(options);
        if (message.contents == Contents::Bytes) { packet.body = entry_.has_twin ? entry_.twin : entry_.frame; }
        if (world_.trace) {
            world_.note(
                node_, page_,
                "  sends to " + std::to_string(to.value) + " " + text_of(message) +
                    (message.contents == Contents::Bytes ? " bytes " + text_of(packet.body, options.page_bytes) : ""));
        }
        const bool has_body = message.kind == ReleaseMessageKind::Data && message.contents == Contents::Bytes;
        if (has_body && message.may_put && world_.chooses_put && world_.chooses_put()) {
            packet.put = Put::Due;
            ++world_.counts.puts;
        } else if (has_body && options.splits_data && options.page_bytes > 1) {
            packet.part = 1;
            put(packet);
            packet.part = static_cast<ByteMask>(all_bytes(options) & ~1U);
        }
        put(packet);
    }
    unsigned flush(NodeId to, const ReleaseMessage &message, bool refresh) override {
        if (!entry_.has_twin) { world_.fail("R5 a flush without a twin" + world_.where(node_, page_)); }
        if (!refresh && entry_.state.access == Access::Write) {
            world_.fail("a diff is made for good of a page that is written" + world_.where(node_, page_));
        }
        const WorldOptions &options = world_.options();
        std::vector<std::byte> diff;
        for (unsigned i = 0; i < options.page_bytes; ++i) {
            if (entry_.frame[i] == entry_.twin[i]) { continue; }
            if (!has_bit(entry_.dirty, i)) {
                world_.fail("R9 a diff has a byte that was not written here" + world_.where(node_, page_));
            }
            diff.push_back(std::byte{static_cast<std::uint8_t>(i)});
            diff.push_back(std::byte{entry_.frame[i]});
        }
        entry_.dirty = 0;
        if (refresh) { entry_.twin = entry_.frame; }
        if (diff.empty()) { return 0; }
        const std::size_t step = options.splits_diffs ? 2 : diff.size();
        unsigned parts = 0;
        for (std::size_t i = 0; i < diff.size(); i += step, ++parts) {
            ReleaseMessage part = message;
            part.diff = std::span(diff).subspan(i, step);
            part.is_whole = step == diff.size();
            send(to, part);
        }
        ++world_.counts.own_flushes;
        return parts;
    }
    void apply(std::span<const std::byte> diff, bool has_twin) override {
        if (has_twin != entry_.has_twin) { world_.fail("R5 twin and flag differ" + world_.where(node_, page_)); }
        apply_diff(diff, entry_.frame);
        if (has_twin) { apply_diff(diff, entry_.twin); }
    }
    bool refresh_twin() override {
        ++world_.counts.compared;
        const bool differs =
            !std::equal(entry_.frame.begin(), entry_.frame.begin() + world_.options().page_bytes, entry_.twin.begin());
        entry_.twin = entry_.frame;
        return differs;
    }
    void make_twin() override {
        if (entry_.has_twin) { world_.fail("R5 a second twin" + world_.where(node_, page_)); }
        entry_.twin = entry_.frame;
        entry_.has_twin = true;
    }
    void drop_twin() override {
        if (!entry_.has_twin) { world_.fail("R5 no twin to drop" + world_.where(node_, page_)); }
        entry_.twin.fill(garbage);
        entry_.has_twin = false;
    }
    void install_zeros(Install how) override {
        ++world_.counts.zeros;
        world_.treat(node_, page_, how, Bytes{}, all_bytes(world_.options()));
    }
    void restrict_access(Access access) override {
        if (entry_.pins != 0) { world_.fail("R12 a pinned page loses access" + world_.where(node_, page_)); }
        (void)access;
    }
    void grant_access(Access access) override {
        if (access != entry_.state.access) { world_.fail("access that is granted is not the node's"); }
        world_.nodes[node_].woken |= bit_of(page_);
    }
    void drop_frame() override {
        if (entry_.pins != 0) { world_.fail("R12 a pinned page loses its frame" + world_.where(node_, page_)); }
        entry_.frame.fill(garbage);
    }
    void list() override {
        if (has_bit(world_.nodes[node_].list, page_)) { world_.fail("a page is listed twice"); }
        world_.nodes[node_].list |= bit_of(page_);
    }
    void update_due() override {
        ++world_.nodes[node_].updates;
        ++world_.counts.updates;
    }
    void update_done() override {
        if (world_.nodes[node_].updates-- == 0) { world_.fail("R8 an update that was not due is done"); }
    }
    void keep(const ReleaseMessage &message) override {
        if (delivered == nullptr) { return world_.fail("nothing is there to be kept"); }
        (void)message;
        world_.note(node_, page_, "  keeps it");
        ++world_.counts.kept;
        entry_.kept.push_back(*delivered);
    }
    void release_kept() override { releases = true; }

    const Packet *delivered = nullptr; ///< what comes in this step
    bool releases = false;

private:
    void put(const Packet &packet) {
        if (world_.homes_go_along_ != nullptr) { return world_.homes_go_along_->push_back(packet); }
        world_.network.push_back(packet);
        if (world_.on_send) { world_.on_send(world_.network.back()); }
    }
    void count_move(HomeReason reason) {
        world_.counts.moved_fetch += reason == HomeReason::Fetch;
        world_.counts.moved_flush += reason == HomeReason::Flush;
        world_.counts.moved_lock += reason == HomeReason::Lock;
    }

    ReleaseWorld &world_;
    unsigned node_;
    unsigned page_;
    NodePage &entry_;
};

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

template <class Step> void ReleaseWorld::run(unsigned node, unsigned page, const std::string &event, Step step) {
    const ReleaseProtocol machine(*pool_, options_->limits, options_->mutation);
    note(node, page, event);
    Effects effects(*this, node, page);
    const protocol::HomeEpoch epoch_before = at(node, page).state.epoch;
    step(machine, at(node, page).state, context(node, page), effects);
    if (is_home(at(node, page).state)) { at(node, page).dirty = 0; } // Never to be sent.
    if (at(node, page).state.epoch < epoch_before) { fail("R2 a hint goes back" + where(node, page)); }
    if (effects.releases) { give_again(node, page); }
    check_page(page);
    check_node(node);
}

/// What was kept is given again at once, before anything else happens to the page.
void ReleaseWorld::give_again(unsigned node, unsigned page) {
    std::vector<Packet> &kept = at(node, page).kept;
    again_.insert(again_.end(), kept.begin(), kept.end());
    kept.clear();
    if (gives_again_) { return; }
    gives_again_ = true;
    while (!again_.empty()) {
        const Packet packet = again_.front();
        again_.erase(again_.begin());
        deliver_page(node, packet);
    }
    gives_again_ = false;
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

protocol::IntervalTicket ReleaseWorld::release(unsigned node) {
    protocol::IntervalTicket ticket{};
    const auto start = protocol::begin_release(nodes[node].interval, nodes[node].list != 0, ticket);
    if (start == protocol::CloseStart::Close) { begin_close(node); }
    return ticket;
}

void ReleaseWorld::begin_close(unsigned node) {
    Node &self = nodes[node];
    self.closing = self.list;
    self.list = 0;
    self.noticed = 0;
    self.makes_diffs = true;
}

void ReleaseWorld::close_next(unsigned node) {
    unsigned page = 0;
    while (page < pages_max && !has_bit(nodes[node].closing, page)) { ++page; }
    close_one(node, page);
}

void ReleaseWorld::close_one(unsigned node, unsigned page) {
    Node &self = nodes[node];
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
        });
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
    const bool closes_again = protocol::finish(self.interval);
    self.time[node] = self.interval.done;
    if (trace) {
        trace("node " + std::to_string(node) + ": publishes interval " + std::to_string(self.interval.done) +
              ", pages " + std::to_string(self.noticed));
    }
    if (log[node].size() != self.interval.done) { fail("R11 an interval is missing"); }
    if (closes_again) { begin_close(node); }
}

void ReleaseWorld::send(unsigned from, unsigned to, const SyncMessage &message, std::uint64_t lock) {
    Packet packet{
        .from = static_cast<std::uint8_t>(from), .to = static_cast<std::uint8_t>(to), .is_sync = true, .sync = message};
    for (unsigned page = 0; lock != 0 && page < options_->pages; ++page) {
        if (at(from, page).state.lock != lock) { continue; }
        homes_go_along_ = &packet.homes;
        run(from, page, "gives a token", [&](auto &machine, auto &state, const auto &in, auto &effects) {
            (void)machine.on_token(state, in, node_id(to), effects);
        });
        homes_go_along_ = nullptr;
    }
    packet.time = nodes[from].time;
    network.push_back(packet);
    if (on_send) { on_send(network.back()); }
}

bool ReleaseWorld::may_take_in(unsigned node, const Intake &intake) const {
    if (!intake.has_advanced) { return true; }
    for (unsigned page = 0; page < options_->pages; ++page) {
        if (intake.epochs[page] > at(node, page).state.epoch) { return false; }
    }
    return true;
}

/// The order matters: a new home writes without notice, which is right for a node that knows of all that was written
/// before it came.
void ReleaseWorld::advance(unsigned node, Intake &intake) {
    for (unsigned writer = 0; writer < options_->nodes; ++writer) {
        if (writer != node) { nodes[node].time[writer] = std::max(nodes[node].time[writer], intake.time[writer]); }
    }
    use_homes(intake);
    intake.has_advanced = true;
}

void ReleaseWorld::use_homes(Intake &intake) {
    for (const Packet &home : intake.homes) {
        const auto message = protocol::decode_release_message(home.record, options_->nodes);
        intake.epochs.at(message->page.value) = message->epoch;
        network.push_back(home);
    }
    intake.homes.clear();
}

void ReleaseWorld::take_in(unsigned node, std::size_t index) {
    Intake &intake = nodes[node].intakes[index];
    if (intake.left != 0) {
        unsigned page = 0;
        while (!has_bit(intake.left, page)) { ++page; }
        intake.left = static_cast<PageMask>(intake.left & ~bit_of(page));
        ++counts.notices;
        counts.killed += has(at(node, page).state, ReleaseFlag::Fetching);
        return run(node, page, "is told of a write", [&](auto &machine, auto &state, const auto &in, auto &effects) {
            machine.on_notice(state, in, effects);
        });
    }
    if (!intake.has_advanced) {
        advance(node, intake);
        if (!may_take_in(node, intake)) { return; }
    }
    nodes[node].delivered.push_back(intake.sync);
    nodes[node].intakes.erase(nodes[node].intakes.begin() + static_cast<std::ptrdiff_t>(index));
}

// ---- Messages

void ReleaseWorld::do_put(std::size_t index) {
    Packet &packet = network[index];
    packet.put = Put::Done;
    const auto message = protocol::decode_release_message(packet.record, options_->nodes);
    const auto page = static_cast<unsigned>(message->page.value);
    note(packet.to, page, "gets bytes of node " + std::to_string(packet.from));
    at(packet.to, page).frame = packet.body;
    check_page(page);
}

void ReleaseWorld::deliver(std::size_t index) {
    if (network[index].put == Put::Due) { do_put(index); }
    const Packet packet = std::move(network[index]);
    if (index + 1 < network.size()) { network[index] = std::move(network.back()); }
    network.pop_back();
    if (!packet.is_sync) { return deliver_page(packet.to, packet); }
    Intake intake{.sync = packet.sync, .time = packet.time, .left = 0, .from = packet.from, .homes = packet.homes};
    for (unsigned writer = 0; writer < options_->nodes; ++writer) {
        if (writer == packet.to) { continue; }
        for (std::uint32_t i = nodes[packet.to].time[writer]; i < packet.time[writer]; ++i) {
            intake.left |= log[writer].at(i);
        }
    }
    if (trace) {
        trace("node " + std::to_string(packet.to) + ": gets synchronisation " + std::to_string(packet.sync.kind) +
              " object " + std::to_string(packet.sync.object) + " from " + std::to_string(packet.from) +
              ", notices of pages " + std::to_string(intake.left));
    }
    if (options_->homes_before_notices) { use_homes(intake); }
    nodes[packet.to].intakes.push_back(intake);
}

void ReleaseWorld::treat(unsigned node, unsigned page, Install how, const Bytes &fresh, ByteMask mask) {
    NodePage &entry = at(node, page);
    const bool is_mapped = entry.state.access != Access::None;
    if (how == Install::Overwrite && is_mapped && !is_home(entry.state)) {
        fail("bytes are overwritten under access" + where(node, page));
    }
    if (how == Install::MergeMapped && entry.has_twin) { fail("a merge forgets the twin" + where(node, page)); }
    if (how == Install::MergeTwin && !entry.has_twin) { fail("R5 a merge without a twin" + where(node, page)); }
    counts.merged += how == Install::MergeTwin;
    counts.mapped_merges += how == Install::MergeMapped;
    for (unsigned i = 0; i < options_->page_bytes; ++i) {
        if (!has_bit(mask, i) || how == Install::Nothing) { continue; }
        if (how != Install::MergeTwin) {
            entry.frame[i] = fresh[i];
        } else if (fresh[i] != entry.twin[i]) {
            if (entry.frame[i] == entry.twin[i]) { entry.frame[i] = fresh[i]; }
            if (options_->mutation != protocol::ReleaseMutation::TwinNotRenewed) { entry.twin[i] = fresh[i]; }
        }
    }
}

/// Rule 16: what this node has flushed, and has come back since the home is to be here, goes into the image.
void ReleaseWorld::patch_home(unsigned node, unsigned page, Packet &home) {
    const auto look = [&](const Packet &packet) {
        const auto message = protocol::decode_release_message(packet.record, options_->nodes);
        const bool is_own = packet.to == node && message->page.value == page &&
                            message->kind == ReleaseMessageKind::Flush && message->origin.value == node;
        if (!is_own) { return; }
        apply_diff(message->diff, home.body);
        ++counts.returned;
    };
    for (const Packet &packet : at(node, page).kept) { look(packet); }
    for (const Packet &packet : again_) { look(packet); }
}

void ReleaseWorld::deliver_page(unsigned node, Packet packet) {
    const auto message = protocol::decode_release_message(packet.record, options_->nodes);
    if (!message) { return fail("a message of ours is malformed"); }
    const auto page = static_cast<unsigned>(message->page.value);
    NodePage &entry = at(node, page);
    const ReleaseProtocol machine(*pool_, options_->limits, options_->mutation);
    if (machine.must_wait(entry.state, *message)) {
        note(node, page, "must wait: " + text_of(*message));
        ++counts.kept;
        entry.kept.push_back(std::move(packet));
        return;
    }
    if (message->kind == ReleaseMessageKind::Home) { patch_home(node, page, packet); }
    const bool has_bytes = message->contents == Contents::Bytes && packet.put == Put::No;
    if (has_bytes) { treat(node, page, machine.install_of(entry.state, message->kind), packet.body, packet.part); }
    if (message->kind == ReleaseMessageKind::Data && has_bytes) {
        entry.arrived |= packet.part;
        if (entry.arrived != all_bytes(*options_)) { return note(node, page, "gets a part of the bytes"); }
        entry.arrived = 0;
    }
    run(node, page, trace ? "receives " + text_of(*message) : std::string(),
        [&](auto &protocol, auto &state, const auto &in, auto &effects) {
            effects.delivered = &packet;
            if (protocol.on_message(state, in, *message, effects)) { part_acknowledged(node); }
        });
}

// ---- Reports

void ReleaseWorld::fail(const std::string &what) {
    if (failure_.empty()) { failure_ = what; }
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
