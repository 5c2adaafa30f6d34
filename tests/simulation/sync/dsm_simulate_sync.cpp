// dsm_simulate_sync: runs simulated jobs of locks, conditions and barriers, one per seed, until one fails or all ended.
// The command line is in simulator.hpp.
//
// A failing seed is printed; `--seed S --trace` with the same other options shows all of it again.
#include "tests/simulation/sync/sync_programs.hpp"

using namespace dsm::sync_test;

namespace {

const NamedBug<Mutations> bugs[] = {
    {"hint-not-turned", {.lock = LockMutation::HintNotTurned}},
    {"next-forgotten", {.lock = LockMutation::NextForgotten}},
    {"head-not-woken", {.lock = LockMutation::HeadNotWoken}},
    {"token-kept", {.lock = LockMutation::TokenKept}},
    {"flag-not-raised", {.lock = LockMutation::FlagNotRaised}},
    {"try-takes-held", {.lock = LockMutation::TryTakesHeld}},
    {"try-refused-by-try", {.lock = LockMutation::TryRefusedByTry}},
    {"late-try-refused", {.lock = LockMutation::LateTryRefused}},
    {"return-not-awaited", {.lock = LockMutation::ReturnNotAwaited}},
    {"relock-not-counted", {.lock = LockMutation::RelockNotCounted}},
    {"relock-not-flagged", {.lock = LockMutation::RelockNotFlagged}},
    {"unlock-releases-all", {.lock = LockMutation::UnlockReleasesAll}},
    {"abandon-stays-queued", {.lock = LockMutation::AbandonStaysQueued}},
    {"abandon-not-served", {.lock = LockMutation::AbandonNotServed}},
    {"late-token-kept", {.lock = LockMutation::LateTokenKept}},
    {"abandoned-refuses", {.lock = LockMutation::AbandonedRefuses}},
    {"kept-mistaken", {.lock = LockMutation::KeptMistaken}},
    {"kept-forgotten", {.lock = LockMutation::KeptForgotten}},
    {"parked-try-forgotten", {.lock = LockMutation::ParkedTryForgotten}},
    {"signal-wakes-nobody", {.condition = ConditionMutation::SignalWakesNobody}},
    {"broadcast-misses-last", {.condition = ConditionMutation::BroadcastMissesLast}},
    {"cancel-always-agrees", {.condition = ConditionMutation::CancelAlwaysAgrees}},
    {"cancel-leaves-queued", {.condition = ConditionMutation::CancelLeavesQueued}},
    {"cancel-loses-record", {.condition = ConditionMutation::CancelLosesRecord}},
    {"child-forgotten", {.barrier = BarrierMutation::LeafForgotten}},
    {"two-serials", {.barrier = BarrierMutation::TwoSerials}},
    {"opens-early", {.barrier = BarrierMutation::OpensEarly}},
    {"tickets-ignored", {.barrier = BarrierMutation::TicketsIgnored}},
};

const NamedCount<Counts> counts[] = {
    {"steps", &Counts::steps},
    {"messages", &Counts::messages},
    {"forwards", &Counts::forwards},
    {"tokens", &Counts::tokens},
    {"lendings", &Counts::lendings},
    {"busy", &Counts::busy},
    {"queued_tries", &Counts::queued_tries},
    {"timed_out", &Counts::timed_out},
    {"abandoned_late", &Counts::abandoned_late},
    {"late_tokens", &Counts::late_tokens},
    {"kept", &Counts::kept},
    {"kept_late", &Counts::kept_late},
    {"tries_ahead", &Counts::tries_ahead},
    {"parked_tries", &Counts::parked_tries},
    {"laters", &Counts::laters},
    {"relocks", &Counts::relocks},
    {"too_deep", &Counts::too_deep},
    {"wakes", &Counts::wakes},
    {"cancelled", &Counts::cancelled},
    {"cancel_late", &Counts::cancel_late},
    {"refused", &Counts::refused},
    {"departs", &Counts::departs},
    {"serials", &Counts::serials},
};

} // namespace

int main(int argc, char **argv) {
    return simulate(make_simulator<Mutations, Counts>("dsm_simulate_sync", bugs, counts, run_seed), argc, argv);
}
