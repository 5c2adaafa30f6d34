// What a step of the release protocol wants done at one node of the world, and how the world steps it. Private to the
// world's own files.
#pragma once

#include "tests/simulation/release/release_world.hpp"

#include <algorithm>

namespace dsm::release_test {

using protocol::Contents;
using protocol::HomeReason;
using protocol::Install;
using protocol::ReleaseProtocol;

constexpr std::uint8_t garbage = 0xee; ///< bytes of frames and twins that are not there

inline ByteMask all_bytes(const WorldOptions &options) { return static_cast<ByteMask>((1U << options.page_bytes) - 1); }
inline bool has_bit(unsigned mask, unsigned bit) { return (mask >> bit & 1U) != 0; }
inline std::uint8_t bit_of(unsigned bit) { return static_cast<std::uint8_t>(1U << bit); }
inline NodeId node_id(unsigned node) { return NodeId{static_cast<std::uint16_t>(node)}; }

/// A diff here is pairs of a place and a byte.
inline void apply_diff(std::span<const std::byte> diff, Bytes &bytes) {
    for (std::size_t i = 0; i + 1 < diff.size(); i += 2) {
        bytes.at(std::to_integer<unsigned>(diff[i])) = std::to_integer<std::uint8_t>(diff[i + 1]);
    }
}

std::string text_of(const Bytes &bytes, unsigned count);

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
        packet.put = push_way_;
        if (message.contents >= Contents::Bytes) { packet.body = entry_.has_twin ? entry_.twin : entry_.frame; }
        if (message.contents == Contents::Lines) {
            packet.part = static_cast<ByteMask>(message.lines);
            ++world_.counts.lines_sent;
        }
        if (world_.trace) {
            world_.note(
                node_, page_,
                "  sends to " + std::to_string(to.value) + " " + text_of(message) +
                    (message.contents >= Contents::Bytes ? " bytes " + text_of(packet.body, options.page_bytes) : ""));
        }
        const bool has_body = message.kind == ReleaseMessageKind::Data && message.contents >= Contents::Bytes;
        if (has_body && message.may_put && world_.chooses_put && world_.chooses_put()) {
            packet.put = Put::Due;
            ++world_.counts.puts;
        } else if (message.contents == Contents::Bytes && has_body && options.splits_data && options.page_bytes > 1) {
            packet.part = 1;
            put(packet);
            packet.part = static_cast<ByteMask>(all_bytes(options) & ~1U);
        }
        put(packet);
    }
    [[nodiscard]] std::uint64_t published() const override { return world_.log[node_].size(); }
    bool push(NodeId to, const ReleaseMessage &message) override {
        if (!entry_.has_twin) { world_.fail("R14 an Update without a twin" + world_.where(node_, page_)); }
        push_way_ = world_.chooses_push ? world_.chooses_push() : Put::No;
        const bool is_sent = push_way_ != Put::Due;
        if (is_sent) { send(to, message); }
        push_way_ = Put::No;
        return is_sent;
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
            part.part = static_cast<std::uint8_t>(parts);
            part.is_last = i + step >= diff.size();
            send(to, part);
        }
        ++world_.counts.own_flushes;
        return parts;
    }
    void claim(NodeId to, const ReleaseMessage &message) override {
        ++world_.counts.claims;
        send(to, message);
    }
    std::uint64_t apply(std::span<const std::byte> diff, bool has_twin) override {
        if (has_twin != entry_.has_twin) { world_.fail("R5 twin and flag differ" + world_.where(node_, page_)); }
        apply_diff(diff, entry_.frame);
        if (has_twin) { apply_diff(diff, entry_.twin); }
        std::uint64_t lines = 0; // A line is a byte here.
        for (std::size_t i = 0; i + 1 < diff.size(); i += 2) { lines |= bit_of(std::to_integer<unsigned>(diff[i])); }
        return lines;
    }
    std::uint64_t refresh_twin() override {
        ++world_.counts.compared;
        std::uint64_t lines = 0;
        for (unsigned i = 0; i < world_.options().page_bytes; ++i) {
            if (entry_.frame[i] != entry_.twin[i]) { lines |= bit_of(i); }
        }
        entry_.twin = entry_.frame;
        return lines;
    }
    void make_twin() override {
        if (entry_.has_twin) { world_.fail("R5 a second twin" + world_.where(node_, page_)); }
        entry_.twin = entry_.frame;
        entry_.left.fill(garbage);
        entry_.has_twin = true;
    }
    void drop_twin() override {
        if (!entry_.has_twin) { world_.fail("R5 no twin to drop" + world_.where(node_, page_)); }
        entry_.left = entry_.twin;
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
        entry_.update_place = protocol::note_update_due(world_.nodes[node_].update_rounds);
        ++world_.nodes[node_].updates;
        ++world_.counts.updates;
    }
    void update_done() override {
        (void)protocol::note_update_done(world_.nodes[node_].update_rounds, entry_.update_place);
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
    protocol::PageVersions &versions() override {
        if (!is_home(entry_.state)) { world_.fail("R15 versions away from the home" + world_.where(node_, page_)); }
        return entry_.versions;
    }

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
    Put push_way_ = Put::No;
};

template <class Step> void ReleaseWorld::run(unsigned node, unsigned page, const std::string &event, Step step) {
    const ReleaseProtocol machine(*pool_, options_->limits, options_->mutation);
    note(node, page, event);
    Effects effects(*this, node, page);
    const protocol::HomeEpoch epoch_before = at(node, page).state.epoch;
    step(machine, at(node, page).state, context(node, page), effects);
    if (is_home(at(node, page).state)) { at(node, page).dirty = 0; } // Never to be sent.
    if (at(node, page).state.epoch < epoch_before) { fail("R2 a hint goes back" + where(node, page)); }
    if (effects.releases) { give_again(node, page); }
    if (overlooks_) { return; }
    check_page(page);
    check_node(node);
}

} // namespace dsm::release_test
