// What the threads of the stress test of release memory do, as a function of the seed alone: so every thread knows what
// every byte is to be, without asking anybody.
//
// Each page is full of false sharing. Of its granules of 16 bytes each byte, or word, is a cell of one of four kinds:
//
//   owned     dealt to one thread anew in every phase; who has it writes it, or leaves it alone
//   guarded   of a group that a mutex or a read-write lock guards; the group's counter says what is in its cells
//   handed    of a group that goes from thread to thread in a phase, each time by other means
//   idle      nobody writes it: it stays zero
#pragma once

#include "tests/mpi/support/random.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace dsm_test::release {

inline constexpr std::size_t page_bytes = 4096;
inline constexpr std::size_t guarded_groups = 6; ///< even ones by mutexes, odd ones by read-write locks
inline constexpr std::size_t handed_groups = 5;
inline constexpr std::size_t once_group = handed_groups; ///< its cells are written by one call of dsm_call_once()
inline constexpr std::size_t pages_alone = 2;            ///< pages that hold cells of one guarded group only
inline constexpr std::size_t slots = 16;                 ///< hand-overs of a phase

struct Settings {
    std::uint64_t seed, phases, pages, threads; ///< threads of all ranks
    bool allocates;
};

/// A number that only its arguments decide.
template <class... Numbers> std::uint64_t mix(std::uint64_t first, Numbers... others) {
    std::uint64_t mixed = first * 0x9e3779b97f4a7c15ULL + 0x632be59bd9b4e019ULL;
    const auto turn = [&mixed](std::uint64_t number) {
        mixed ^= number + 0x9e3779b97f4a7c15ULL + (mixed << 6U) + (mixed >> 2U);
        mixed ^= mixed >> 31U;
        mixed *= 0xbf58476d1ce4e5b9ULL;
        mixed ^= mixed >> 29U;
    };
    (turn(static_cast<std::uint64_t>(others)), ...);
    return mixed;
}

enum class CellKind : std::uint8_t { Owned, Guarded, Handed, Idle };

struct Cell {
    std::uint32_t at; ///< its first byte, from the beginning of the first page
    std::uint8_t bytes;
    CellKind kind;
    std::uint8_t group;
};

enum class Means : std::uint8_t { Atomic, Semaphore, Condition, Rwlock, Latch, Barrier, Name, Message };
inline constexpr std::size_t means_count = 8;

/// One thread has written its part of a group's cells and tells another, which looks, and writes step + 1 itself.
struct HandOver {
    std::size_t group, step; ///< step: how many have had the group in this phase before
    std::size_t from, to;    ///< threads; the first of all writes step 0 before
    Means means;
    bool brings_block; ///< allocated by one, freed by the other
};

/// The plan of one seed.
class Plan {
public:
    explicit Plan(const Settings &settings);

    const Settings &settings() const { return settings_; }
    std::size_t bytes() const { return settings_.pages * page_bytes; }
    const std::vector<Cell> &owned() const { return owned_; }
    const std::vector<Cell> &idle() const { return idle_; }
    const std::vector<Cell> &guarded(std::size_t group) const { return guarded_[group]; }
    const std::vector<Cell> &handed(std::size_t group) const { return handed_[group]; }

    /// A phase in which all look and nobody writes.
    bool is_quiet(std::size_t phase) const { return mix(settings_.seed, 1, phase) % 5 == 4; }
    /// Whether the owner of the phase writes the cell in it.
    bool is_written(const Cell &cell, std::size_t phase) const {
        const std::size_t page = cell.at / page_bytes;
        const bool is_hot_page = mix(settings_.seed, 2, phase, page) % 3 == 0;
        const std::uint64_t one_in = mix(settings_.seed, 3, phase, page) % 4 == 0 ? 2 : 24;
        return is_hot_page && mix(settings_.seed, 4, phase, cell.at) % one_in == 0;
    }
    /// In some phases neighbours belong to different threads, in others a page has one writer.
    std::size_t owner(const Cell &cell, std::size_t phase) const {
        const std::size_t page = cell.at / page_bytes;
        const bool has_one_writer = mix(settings_.seed, 5, phase, page) % 3 == 0;
        // The same for some phases in a row, so that there is something to learn.
        const std::size_t deal = phase / (1 + mix(settings_.seed, 6, page) % 6);
        return mix(settings_.seed, 7, deal, has_one_writer ? page : cell.at) % settings_.threads;
    }
    std::uint64_t owned_value(const Cell &cell, std::size_t phase) const {
        return value(cell, mix(settings_.seed, 8, phase, cell.at));
    }

    /// How often a thread enters a guarded group in a phase.
    std::size_t entries(std::size_t group, std::size_t phase, std::size_t thread) const {
        if (is_quiet(phase) || mix(settings_.seed, 9, phase, group) % 2 == 0) { return 0; }
        return mix(settings_.seed, 10, phase, group, thread) % 3;
    }
    /// What a cell of a guarded group holds when `count` have entered it; 0 at first.
    std::uint64_t guarded_value(const Cell &cell, std::uint64_t count) const {
        while (count != 0 && !is_written_at(cell, count)) { --count; }
        return count == 0 ? 0 : value(cell, mix(settings_.seed, 11, cell.at, count));
    }
    bool is_written_at(const Cell &cell, std::uint64_t count) const {
        return mix(settings_.seed, 12, cell.at, count) % 3 != 0;
    }

    /// In the order in which each thread takes part in its own: so none waits for ever.
    std::vector<HandOver> hand_overs(std::size_t phase) const;
    bool is_handed_at(const Cell &cell, std::size_t phase, std::size_t step) const {
        return mix(settings_.seed, 13, cell.at, phase, step) % 2 == 0;
    }
    std::uint64_t handed_value(const Cell &cell, std::size_t phase, std::size_t step) const {
        return value(cell, mix(settings_.seed, 14, cell.at, phase, step));
    }
    /// What a cell of a handed group holds after a step, from what memory held before the phase.
    std::uint64_t handed_cell(const std::vector<std::byte> &before, const Cell &cell, std::size_t phase,
                              std::size_t step) const;
    bool calls_once(std::size_t phase, std::size_t thread) const {
        return !is_quiet(phase) &&
               (phase % settings_.threads == thread || mix(settings_.seed, 15, phase, thread) % 2 == 0);
    }

    /// What memory holds after a phase, from what it held before.
    void advance(std::vector<std::byte> &image, std::size_t phase) const;
    static std::uint64_t read(const std::vector<std::byte> &image, const Cell &cell) {
        std::uint64_t found = 0;
        std::memcpy(&found, image.data() + cell.at, cell.bytes);
        return found;
    }
    static void write(std::vector<std::byte> &image, const Cell &cell, std::uint64_t value) {
        std::memcpy(image.data() + cell.at, &value, cell.bytes);
    }

private:
    void add(std::size_t at, std::size_t bytes, CellKind kind);
    /// As many bits as the cell has. Some cells hold 0 or 1 only: they are often written without changing.
    std::uint64_t value(const Cell &cell, std::uint64_t mixed) const {
        if (mix(settings_.seed, 16, cell.at) % 8 == 0) { return mixed % 2; }
        return cell.bytes == 8 ? mixed : mixed & 0xffU;
    }

    Settings settings_;
    std::vector<Cell> owned_, idle_;
    std::vector<Cell> guarded_[guarded_groups];
    std::vector<Cell> handed_[handed_groups + 1];
};

} // namespace dsm_test::release
