// A set of hashes: open addressing, doubled when it is half full.
#pragma once

#include <cstdint>
#include <vector>

namespace dsm::litmus {

/// A hash that takes in a word more.
[[nodiscard]] inline std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15;
    return hash ^ (hash >> 29);
}

class StateSet {
public:
    [[nodiscard]] std::uint64_t size() const { return size_; }
    /// False when it was there.
    bool insert(std::uint64_t hash) {
        if (hash == 0) { hash = 1; } // 0 marks an empty place.
        if (2 * size_ >= places_.size()) { grow(); }
        std::uint64_t &place = find(hash);
        if (place == hash) { return false; }
        place = hash;
        ++size_;
        return true;
    }

private:
    std::uint64_t &find(std::uint64_t hash) {
        const std::uint64_t mask = places_.size() - 1;
        std::uint64_t at = hash & mask;
        while (places_[at] != 0 && places_[at] != hash) { at = (at + 1) & mask; }
        return places_[at];
    }
    void grow() {
        std::vector<std::uint64_t> old(2 * places_.size(), 0);
        old.swap(places_);
        for (const std::uint64_t hash : old) {
            if (hash != 0) { find(hash) = hash; }
        }
    }

    std::vector<std::uint64_t> places_ = std::vector<std::uint64_t>(1024, 0);
    std::uint64_t size_ = 0;
};

} // namespace dsm::litmus
