// The world of release memory: messages, how notices travel, and how bytes come into frames.
#include "tests/simulation/release/release_effects.hpp"

namespace dsm::release_test {

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

/// Of a page, those that were news on arrival: two ranks of a node may take in the same ones at the same time.
void ReleaseWorld::take_notices(unsigned node, unsigned page, const VectorTime &known, const VectorTime &time) {
    for (unsigned writer = 0; writer < options_->nodes; ++writer) {
        if (writer == node) { continue; }
        for (std::uint32_t i = known[writer]; i < time[writer]; ++i) {
            if (!has_bit(log[writer].at(i), page)) { continue; }
            const protocol::PageNotice notice{node_id(writer), i + 1};
            run(node, page, "is told of a write", [&](auto &machine, auto &state, const auto &in, auto &effects) {
                machine.on_notice(state, in, notice, effects);
            });
        }
    }
}

void ReleaseWorld::take_in(unsigned node, std::size_t index) {
    Intake &intake = nodes[node].intakes[index];
    if (intake.left != 0) {
        unsigned page = 0;
        while (!has_bit(intake.left, page)) { ++page; }
        intake.left = static_cast<PageMask>(intake.left & ~bit_of(page));
        ++counts.notices;
        counts.killed += has(at(node, page).state, ReleaseFlag::Fetching);
        const VectorTime known = intake.known;
        const VectorTime time = intake.time;
        return take_notices(node, page, known, time);
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
    for (unsigned i = 0; i < options_->page_bytes; ++i) {
        if (has_bit(packet.part, i)) { at(packet.to, page).frame[i] = packet.body[i]; }
    }
    check_page(page);
}

void ReleaseWorld::deliver(std::size_t index) {
    if (network[index].put == Put::Due) { do_put(index); }
    const Packet packet = std::move(network[index]);
    if (index + 1 < network.size()) { network[index] = std::move(network.back()); }
    network.pop_back();
    if (!packet.is_sync) { return deliver_page(packet.to, packet); }
    Intake intake{.sync = packet.sync,
                  .known = nodes[packet.to].time,
                  .time = packet.time,
                  .left = 0,
                  .from = packet.from,
                  .homes = packet.homes};
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

/// R13: what this node has flushed, and has come back since the home is to be here, goes into the image.
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
    const bool has_bytes = message->contents >= Contents::Bytes && (packet.put == Put::No || packet.put == Put::Pull);
    if (packet.put == Put::Pull) {
        const NodePage &source = at(packet.from, page);
        packet.body = source.has_twin ? source.twin : source.left;
    }
    const Install how = machine.install_of(entry.state, *message);
    if (has_bytes) { treat(node, page, how, packet.body, packet.part); }
    if (message->kind == ReleaseMessageKind::Update) {
        ++(how == Install::Nothing ? counts.updates_dropped : counts.updates_used);
    }
    counts.lines_used += message->contents == Contents::Lines && how != Install::Nothing;
    if (message->kind == ReleaseMessageKind::Data && message->contents == Contents::Bytes && has_bytes) {
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

} // namespace dsm::release_test
