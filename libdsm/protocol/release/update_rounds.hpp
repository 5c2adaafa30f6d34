// Updates that are due at a node (R8), counted in rounds: who acquires waits for those that are due by then, and not
// for those that come meanwhile, of which there may be no end.
//
//   round:       7        8
//   acquirer     |--- those of 7 and before ---|
//   updates    + +  -  | +  +   -  +             a round begins when all of the one before the last are done
//
// As with the phases of read-copy-update (McKenney and Slingwine 1998), turned round.
#pragma once

#include <cstdint>

namespace dsm::protocol {

/// Zeroed memory is a node without updates.
struct UpdateRounds {
    std::uint64_t round;
    std::uint32_t due[2]; ///< of the current round, and of the one before, by the lowest bit of its number
};

/// Returns the place in which the update is counted, for note_update_done().
inline std::uint8_t note_update_due(UpdateRounds &rounds) noexcept {
    const auto place = static_cast<std::uint8_t>(rounds.round % 2);
    ++rounds.due[place];
    return place;
}

/// True: somebody may go on now. The update was due.
inline bool note_update_done(UpdateRounds &rounds, std::uint8_t place) noexcept { return --rounds.due[place] == 0; }

/// What an acquirer waits for from now on.
inline std::uint64_t updates_to_await(const UpdateRounds &rounds) noexcept { return rounds.round; }

/// Whether all that was due then is done. Begins a round for what comes later, as soon as there is a place for it.
inline bool are_updates_done(UpdateRounds &rounds, std::uint64_t awaited) noexcept {
    if (rounds.round == awaited && rounds.due[(awaited + 1) % 2] == 0) { ++rounds.round; }
    const std::uint64_t begun_since = rounds.round - awaited;
    return begun_since > 1 || (begun_since == 1 && rounds.due[awaited % 2] == 0);
}

} // namespace dsm::protocol
