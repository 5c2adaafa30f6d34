// Tables that give small numbers to what a state is made of, and remember what a step of it gives.
//
// A state of a job is put together from few different parts: one node's view of one page, one message. Each gets a
// number when it is first seen, so a state is a short row of numbers; and since the shipped machines are functions
// (same state and event, same effects), a step that was done once is looked up from then on. Any thread may ask.
#pragma once

#include "tests/model/fingerprint.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <type_traits>
#include <unordered_map>

namespace dsm::model {

[[noreturn]] inline void give_up(const char *what) {
    std::fprintf(stderr, "dsm_explore: %s\n", what);
    std::_Exit(3);
}

/// Numbers for values that are compared byte by byte. Number 0 is never given.
template <class Value> class InternTable {
    static_assert(std::has_unique_object_representations_v<Value>);

public:
    explicit InternTable(std::uint32_t capacity)
        : capacity_(capacity), values_(std::make_unique_for_overwrite<Value[]>(capacity)) {}

    /// A new value is told to `on_new(number)` before any other thread can get its number.
    template <class OnNew> std::uint32_t number_of(const Value &value, OnNew on_new) {
        const std::lock_guard guard(mutex_);
        const auto [place, is_new] = numbers_.try_emplace(fingerprint(&value, sizeof value), used_);
        if (is_new) {
            if (used_ == capacity_) { give_up("more different parts of states than the tables hold"); }
            values_[used_] = value;
            on_new(used_++);
        }
        return place->second;
    }
    const Value &at(std::uint32_t number) const { return values_[number]; }
    std::uint32_t end() const { return used_; } ///< only while nobody adds

private:
    struct Hash {
        std::size_t operator()(Fingerprint print) const { return print.high; }
    };
    std::mutex mutex_;
    std::uint32_t capacity_;
    std::uint32_t used_ = 1;
    std::unique_ptr<Value[]> values_;
    std::unordered_map<Fingerprint, std::uint32_t, Hash> numbers_;
};

/// From keys (never 0) to numbers (never 0). A lookup takes no lock.
class MemoTable {
public:
    explicit MemoTable(unsigned size_bits)
        : mask_((std::uint64_t{1} << size_bits) - 1),
          slots_(static_cast<Slot *>(std::calloc(std::size_t{1} << size_bits, sizeof(Slot)))) {
        if (slots_ == nullptr) { give_up("no memory for the table of steps"); }
    }
    ~MemoTable() { std::free(slots_); }
    MemoTable(const MemoTable &) = delete;
    MemoTable &operator=(const MemoTable &) = delete;

    /// 0 if it is not there.
    std::uint32_t find(std::uint64_t key) const {
        for (std::uint64_t at = place_of(key);; at = (at + 1) & mask_) {
            const std::uint64_t seen = std::atomic_ref(slots_[at].key).load(std::memory_order_acquire);
            if (seen == key) { return slots_[at].number; }
            if (seen == 0) { return 0; }
        }
    }
    /// Two threads may have worked out the same; the first one's number stays.
    void insert(std::uint64_t key, std::uint32_t number) {
        const std::lock_guard guard(mutex_);
        if (find(key) != 0) { return; }
        if (++used_ > mask_ / 4 * 3) { give_up("more different steps than the table holds"); }
        std::uint64_t at = place_of(key);
        while (slots_[at].key != 0) { at = (at + 1) & mask_; }
        slots_[at].number = number;
        std::atomic_ref(slots_[at].key).store(key, std::memory_order_release); // The number is there before the key.
    }

private:
    struct Slot {
        std::uint64_t key;
        std::uint32_t number;
        std::uint32_t unused;
    };
    std::uint64_t place_of(std::uint64_t key) const { return fold(key, 0x9e3779b97f4a7c15) & mask_; }

    std::uint64_t mask_;
    Slot *slots_;
    std::uint64_t used_ = 0;
    std::mutex mutex_;
};

} // namespace dsm::model
