// States of a litmus test over release memory as numbers: what is under way counts in any order.
#include "tests/litmus/release_threads.hpp"
#include "tests/litmus/state_set.hpp"

#include <algorithm>
#include <cstring>

namespace dsm::litmus {

using release_test::Intake;
using release_test::Node;
using release_test::NodePage;
using release_test::Packet;

namespace {

class Hasher {
public:
    template <class T> void add(const T &object) {
        static_assert(std::is_trivially_copyable_v<T>);
        bytes(&object, sizeof object);
    }
    void bytes(const void *data, std::size_t count) {
        const auto *at = static_cast<const unsigned char *>(data);
        for (; count != 0;) {
            std::uint64_t word = 0;
            const std::size_t part = std::min(count, sizeof word);
            std::memcpy(&word, at, part);
            value = mixed(value, word);
            at += part;
            count -= part;
        }
    }
    std::uint64_t value = 1;
};

std::uint64_t hash_of(const Packet &packet) {
    Hasher hasher;
    hasher.add(packet.from);
    hasher.add(packet.to);
    hasher.add(packet.put);
    hasher.add(packet.part);
    hasher.add(packet.is_sync);
    hasher.add(packet.body);
    hasher.add(packet.sync);
    hasher.add(packet.time);
    hasher.bytes(packet.record.data(), packet.record.size());
    for (const Packet &home : packet.homes) { hasher.add(hash_of(home)); }
    return hasher.value;
}

void add(Hasher &hasher, const NodePage &page) {
    hasher.add(page.state);
    if (release_test::keeps_versions(page)) { hasher.add(page.versions); }
    hasher.add(page.frame);
    hasher.add(page.twin);
    hasher.add(page.dirty);
    hasher.add(page.update_place);
    hasher.add(page.arrived);
    hasher.add(page.kept.size());
    for (const Packet &packet : page.kept) { hasher.add(hash_of(packet)); }
}

void add(Hasher &hasher, const Node &node, unsigned pages) {
    for (unsigned page = 0; page < pages; ++page) { add(hasher, node.pages[page]); }
    hasher.add(node.interval.begun);
    hasher.add(node.interval.done);
    hasher.add(node.interval.parts_left);
    hasher.add(node.interval.again);
    hasher.add(node.time);
    hasher.add(node.list);
    hasher.add(node.closing);
    hasher.add(node.makes_diffs);
    hasher.add(node.noticed);
    hasher.add(node.updates);
    hasher.add(node.update_rounds);
    std::uint64_t intakes = 0; // In any order.
    for (const Intake &intake : node.intakes) {
        Hasher one;
        one.add(intake.sync);
        one.add(intake.known);
        one.add(intake.time);
        one.add(intake.left);
        one.add(intake.has_advanced);
        one.add(intake.epochs);
        for (const Packet &home : intake.homes) { one.add(hash_of(home)); }
        intakes += one.value;
    }
    hasher.add(intakes);
}

} // namespace

std::uint64_t ReleaseThreads::hash() const {
    Hasher hasher;
    for (unsigned node = 0; node < setting_->world.nodes; ++node) {
        add(hasher, world_.nodes[node], setting_->world.pages);
        hasher.add(world_.log[node].size());
        hasher.bytes(world_.log[node].data(), world_.log[node].size());
    }
    std::uint64_t under_way = 0; // In any order.
    for (const Packet &packet : world_.network) { under_way += hash_of(packet); }
    for (const Held &held : held_) {
        Hasher one;
        one.add(held.from);
        one.add(held.to);
        one.add(held.after);
        one.add(held.message);
        under_way += mixed(one.value, 3);
    }
    hasher.add(under_way);
    hasher.add(threads_);
    hasher.add(locks_);
    hasher.add(atomics_);
    hasher.add(departed_);
    hasher.add(arrived_);
    hasher.add(evictions_left);
    return hasher.value;
}

} // namespace dsm::litmus
