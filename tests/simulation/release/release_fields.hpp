// What decides how a world of release memory goes on, field by field: for whoever keeps its states, or tells them
// apart.
//
// A visitor has plain(value) for what is bytes, bytes(vector) for as many as there are, list(items, each) for what has
// an order, and heap(items, each) for what may be taken in any.
#pragma once

#include "tests/simulation/release/release_world.hpp"

#include <cstddef>
#include <span>

namespace dsm::release_test {

template <class Visitor, class Item> void visit_packet(Visitor &visitor, Item &packet) {
    visitor.plain(packet.from);
    visitor.plain(packet.to);
    visitor.plain(packet.is_sync);
    visitor.plain(packet.put);
    visitor.bytes(packet.record);
    visitor.plain(packet.body);
    visitor.plain(packet.part);
    visitor.plain(packet.sync);
    visitor.plain(packet.time);
    visitor.list(packet.homes, [&](auto &home) { visit_packet(visitor, home); });
}

template <class Visitor, class Item> void visit_page(Visitor &visitor, Item &page) {
    visitor.plain(page.state);
    if (keeps_versions(page)) { visitor.plain(page.versions); }
    visitor.plain(page.frame);
    visitor.plain(page.twin);
    visitor.plain(page.has_twin);
    visitor.plain(page.dirty);
    visitor.plain(page.update_place);
    visitor.plain(page.arrived);
    visitor.list(page.kept, [&](auto &packet) { visit_packet(visitor, packet); });
}

template <class Visitor, class Item> void visit_node(Visitor &visitor, Item &node, unsigned pages) {
    for (auto &page : std::span(node.pages).first(pages)) { visit_page(visitor, page); }
    visitor.plain(node.interval.begun);
    visitor.plain(node.interval.done);
    visitor.plain(node.interval.parts_left);
    visitor.plain(node.interval.again);
    visitor.plain(node.time);
    visitor.plain(node.list);
    visitor.plain(node.next_range);
    visitor.plain(node.closing);
    visitor.plain(node.makes_diffs);
    visitor.plain(node.noticed);
    visitor.plain(node.is_published);
    visitor.plain(node.pushes);
    visitor.plain(node.updates);
    visitor.plain(node.update_rounds);
    visitor.heap(node.intakes, [](auto &in, auto &intake) {
        in.plain(intake.sync);
        in.plain(intake.known);
        in.plain(intake.time);
        in.plain(intake.left);
        in.plain(intake.from);
        in.plain(intake.has_advanced);
        in.plain(intake.epochs);
        in.list(intake.homes, [&](auto &home) { visit_packet(in, home); });
    });
}

} // namespace dsm::release_test
