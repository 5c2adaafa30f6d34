// The states that were reached, as fingerprints, in open-addressing tables: one for each part of the range of
// fingerprints, each with a lock of its own, so that threads seldom meet.
#pragma once

#include "tests/model/fingerprint.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

namespace dsm::model {

/// Who reached a state first: the thread of the search and the number that it gave. 0 for none.
using StateRef = std::uint64_t;

class VisitedSet {
public:
    /// `keeps_refs`: find the state that a fingerprint stands for again (needed for a graph of all transitions).
    explicit VisitedSet(bool keeps_refs) : keeps_refs_(keeps_refs) {}

    /// Whether it was new; and the state's ref, if they are kept, else `ref`.
    std::pair<bool, StateRef> insert(Fingerprint print, StateRef ref) {
        Shard &shard = shards_[print.high >> (64 - shard_bits)];
        while (shard.is_locked.test_and_set(std::memory_order_acquire)) {}
        if (shard.used * 10 >= shard.prints.size() * 7) { grow(shard); }
        const std::size_t at = place(shard.prints, print);
        const bool is_new = shard.prints[at] != print;
        if (is_new) {
            shard.prints[at] = print;
            if (keeps_refs_) { shard.refs[at] = ref; }
            ++shard.used;
        }
        const StateRef found = keeps_refs_ ? shard.refs[at] : ref;
        shard.is_locked.clear(std::memory_order_release);
        return {is_new, found};
    }

private:
    static constexpr unsigned shard_bits = 10;
    struct alignas(64) Shard {
        std::atomic_flag is_locked;
        std::size_t used = 0;
        std::vector<Fingerprint> prints; ///< {0, 0}: free
        std::vector<StateRef> refs;
    };

    static std::size_t place(const std::vector<Fingerprint> &prints, Fingerprint print) {
        const std::size_t mask = prints.size() - 1;
        std::size_t at = (print.low >> 1) & mask;
        while (prints[at].low != 0 && prints[at] != print) { at = (at + 1) & mask; }
        return at;
    }

    void grow(Shard &shard) const {
        const std::size_t size = shard.prints.empty() ? 64 : shard.prints.size() * 2;
        std::vector<Fingerprint> prints(size, Fingerprint{0, 0});
        std::vector<StateRef> refs(keeps_refs_ ? size : 0);
        for (std::size_t i = 0; i < shard.prints.size(); ++i) {
            if (shard.prints[i].low == 0) { continue; }
            const std::size_t at = place(prints, shard.prints[i]);
            prints[at] = shard.prints[i];
            if (keeps_refs_) { refs[at] = shard.refs[i]; }
        }
        shard.prints = std::move(prints);
        shard.refs = std::move(refs);
    }

    bool keeps_refs_;
    std::array<Shard, std::size_t{1} << shard_bits> shards_;
};

} // namespace dsm::model
