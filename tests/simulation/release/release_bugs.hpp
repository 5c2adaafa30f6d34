// The planted bugs of the release protocol by name, for the command lines of simulator, explorer and litmus tests.
#pragma once

#include "libdsm/protocol/release/release_protocol.hpp"
#include "tests/simulation/simulator.hpp"

namespace dsm::release_test {

inline constexpr sync_test::NamedBug<protocol::ReleaseMutation> release_bugs[] = {
    {"fetch-during-flush", protocol::ReleaseMutation::FetchDuringFlush},
    {"flush-keeps-fetch", protocol::ReleaseMutation::FlushKeepsFetch},
    {"notice-keeps-fetch", protocol::ReleaseMutation::NoticeKeepsFetch},
    {"notice-drops-twin", protocol::ReleaseMutation::NoticeDropsTwin},
    {"serve-unprotected", protocol::ReleaseMutation::ServeUnprotected},
    {"serve-clears-written", protocol::ReleaseMutation::ServeClearsWritten},
    {"home-reader-forgotten", protocol::ReleaseMutation::ReaderForgotten},
    {"home-write-unnoticed", protocol::ReleaseMutation::HomeWriteUnnoticed},
    {"merge-overwrites", protocol::ReleaseMutation::MergeOverwrites},
    {"twin-not-renewed", protocol::ReleaseMutation::TwinNotRenewed},
    {"flush-forgotten", protocol::ReleaseMutation::FlushForgotten},
    {"hint-goes-back", protocol::ReleaseMutation::HintGoesBack},
    {"early-fetch-lost", protocol::ReleaseMutation::EarlyFetchLost},
    {"stale-is-done", protocol::ReleaseMutation::StaleIsDone},
    {"serve-forgets-writes", protocol::ReleaseMutation::ServeForgetsWrites},
    {"home-during-fetch", protocol::ReleaseMutation::HomeDuringFetch},
    {"home-during-flush", protocol::ReleaseMutation::HomeDuringFlush},
    {"parts-count-twice", protocol::ReleaseMutation::PartsCountTwice},
    {"update-goes-back", protocol::ReleaseMutation::UpdateGoesBack},
    {"update-under-writes", protocol::ReleaseMutation::UpdateUnderWrites},
    {"update-forever", protocol::ReleaseMutation::UpdateForever},
    {"push-forgets-reader", protocol::ReleaseMutation::PushForgetsReader},
    {"flushed-lines-lost", protocol::ReleaseMutation::FlushedLinesLost},
    {"own-lines-lost", protocol::ReleaseMutation::OwnLinesLost},
    {"versions-unwatched", protocol::ReleaseMutation::VersionsUnwatched},
    {"version-of-ack", protocol::ReleaseMutation::VersionOfAck},
    {"version-outlives-home", protocol::ReleaseMutation::VersionOutlivesHome},
    {"lines-across-gap", protocol::ReleaseMutation::LinesAcrossGap},
    {"range-forgets-rest", protocol::ReleaseMutation::RangeForgetsRest},
    {"range-ignores-closing", protocol::ReleaseMutation::RangeIgnoresClosing},
};

} // namespace dsm::release_test
