// States of a litmus test over release memory as numbers: what is under way counts in any order.
#include "tests/litmus/release_threads.hpp"
#include "tests/litmus/state_set.hpp"
#include "tests/simulation/release/release_fields.hpp"

#include <algorithm>
#include <cstring>

namespace dsm::litmus {
namespace {

class Hasher {
public:
    template <class T> void plain(const T &object) {
        static_assert(std::is_trivially_copyable_v<T>);
        add(&object, sizeof object);
    }
    template <class Byte> void bytes(const std::vector<Byte> &some) {
        plain(some.size());
        add(some.data(), some.size());
    }
    template <class Item, class Each> void list(const std::vector<Item> &items, Each each) {
        plain(items.size());
        for (const Item &item : items) { each(item); }
    }
    template <class Item, class Each> void heap(const std::vector<Item> &items, Each each) {
        std::uint64_t all = 0;
        for (const Item &item : items) {
            Hasher one;
            each(one, item);
            all += mixed(one.value, 3);
        }
        plain(all);
    }
    std::uint64_t value = 1;

private:
    void add(const void *data, std::size_t count) {
        const auto *at = static_cast<const unsigned char *>(data);
        while (count != 0) {
            std::uint64_t word = 0;
            const std::size_t part = std::min(count, sizeof word);
            std::memcpy(&word, at, part);
            value = mixed(value, word);
            at += part;
            count -= part;
        }
    }
};

} // namespace

std::uint64_t ReleaseThreads::hash() const {
    Hasher hasher;
    for (unsigned node = 0; node < setting_->world.nodes; ++node) {
        visit_node(hasher, world_.nodes[node], setting_->world.pages);
        hasher.bytes(world_.log[node]);
    }
    hasher.heap(world_.network, [](Hasher &in, const release_test::Packet &packet) { visit_packet(in, packet); });
    hasher.heap(held_, [](Hasher &in, const Held &held) {
        in.plain(held.from);
        in.plain(held.to);
        in.plain(held.after);
        in.plain(held.message);
    });
    hasher.plain(threads_);
    hasher.plain(locks_);
    hasher.plain(atomics_);
    hasher.plain(departed_);
    hasher.plain(arrived_);
    hasher.plain(evictions_left);
    return hasher.value;
}

} // namespace dsm::litmus
