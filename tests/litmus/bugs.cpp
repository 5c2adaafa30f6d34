// Planted bugs: which tests find them, in every order of delivery and in simulated time. A tool that finds none proves
// nothing. Each try runs in a child process, since a check of the protocol's own ends the program.
#include "tests/litmus/runners.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

namespace dsm::litmus {
using protocol::Mutation;
using protocol::ReleaseMutation;
using sync::LockMutation;

namespace {

/// Faults about pins, tries, relocks and time limits need programs that use them: tests/model and tests/simulation have
/// those.
struct Bug {
    const char *name;
    Mutation mutation;
    LockMutation lock_mutation;
    unsigned evictions = 0;       ///< without which it never shows
    bool has_reader_tree = false; ///< likewise
    /// Outcomes stay right, so that no litmus test finds it: only bounds are broken, or no job of four nodes is
    /// affected.
    bool is_invisible = false;
    ReleaseMutation release_mutation = ReleaseMutation::None; ///< then the others are None
    bool is_fine = false;                                     ///< notices and diffs page by page, bytes put late
    bool is_rare = false;                                     ///< random runs need not find it
    bool is_mixed = false; ///< no manner alone shows it: random runs find it, which mix them
};

constexpr Bug release_bug(const char *name, ReleaseMutation mutation, bool is_fine = false, bool is_rare = false) {
    return {name, Mutation::None, LockMutation::None, 0, false, false, mutation, is_fine, is_rare};
}
constexpr Bug mixed_bug(const char *name, ReleaseMutation mutation) {
    Bug bug = release_bug(name, mutation);
    bug.is_mixed = true;
    return bug;
}

constexpr Bug bugs[] = {
    {"ack-without-dropping", Mutation::AckWithoutDropping, LockMutation::None},
    {"ignore-dropped-mark", Mutation::IgnoreDroppedMark, LockMutation::None},
    {"grant-stale-without-bytes", Mutation::GrantStaleWithoutBytes, LockMutation::None},
    {"write-before-acks", Mutation::WriteBeforeAcks, LockMutation::None},
    {"hint-not-updated", Mutation::HintNotUpdated, LockMutation::None, 0, false, true},
    {"own-loses-copyset", Mutation::OwnLosesCopyset, LockMutation::None},
    {"relay-acks-early", Mutation::RelayAcksEarly, LockMutation::None},
    {"serve-without-downgrade", Mutation::ServeWithoutDowngrade, LockMutation::None},
    {"evict-owned-page", Mutation::EvictOwnedPage, LockMutation::None, 1},
    {"zero-after-write", Mutation::ZeroAfterWrite, LockMutation::None},
    {"served-lost-at-grant", Mutation::ServedLostAtGrant, LockMutation::None, 0, true},
    {"served-lost-at-invalidation", Mutation::ServedLostAtInvalidation, LockMutation::None, 0, true},
    {"served-lost-at-eviction", Mutation::ServedLostAtEviction, LockMutation::None, 1, true},
    {"relay-acks-before-served", Mutation::RelayAcksBeforeServed, LockMutation::None, 0, true},
    {"chasers-join", Mutation::ChasersJoin, LockMutation::None, 0, true},
    {"second-invalidate-lost", Mutation::SecondInvalidateLost, LockMutation::None, 0, true, true},
    {"lock.hint-not-turned", Mutation::None, LockMutation::HintNotTurned},
    {"lock.next-forgotten", Mutation::None, LockMutation::NextForgotten},
    {"lock.token-kept", Mutation::None, LockMutation::TokenKept},
    {"lock.takes-held", Mutation::None, LockMutation::TryTakesHeld},
    release_bug("fetch-during-flush", ReleaseMutation::FetchDuringFlush),
    release_bug("flush-keeps-fetch", ReleaseMutation::FlushKeepsFetch),
    release_bug("notice-keeps-fetch", ReleaseMutation::NoticeKeepsFetch),
    release_bug("notice-drops-twin", ReleaseMutation::NoticeDropsTwin),
    release_bug("serve-unprotected", ReleaseMutation::ServeUnprotected),
    release_bug("serve-clears-written", ReleaseMutation::ServeClearsWritten),
    release_bug("home-reader-forgotten", ReleaseMutation::ReaderForgotten),
    release_bug("home-write-unnoticed", ReleaseMutation::HomeWriteUnnoticed),
    release_bug("merge-overwrites", ReleaseMutation::MergeOverwrites),
    release_bug("twin-not-renewed", ReleaseMutation::TwinNotRenewed),
    release_bug("flush-forgotten", ReleaseMutation::FlushForgotten),
    release_bug("hint-goes-back", ReleaseMutation::HintGoesBack),
    release_bug("early-fetch-lost", ReleaseMutation::EarlyFetchLost),
    release_bug("stale-is-done", ReleaseMutation::StaleIsDone),
    release_bug("serve-forgets-writes", ReleaseMutation::ServeForgetsWrites),
    release_bug("home-during-fetch", ReleaseMutation::HomeDuringFetch, true, true),
    release_bug("home-during-flush", ReleaseMutation::HomeDuringFlush, false, true),
    release_bug("update-goes-back", ReleaseMutation::UpdateGoesBack),
    release_bug("update-under-writes", ReleaseMutation::UpdateUnderWrites),
    release_bug("update-forever", ReleaseMutation::UpdateForever),
    release_bug("push-forgets-reader", ReleaseMutation::PushForgetsReader),
    release_bug("flushed-lines-lost", ReleaseMutation::FlushedLinesLost),
    release_bug("own-lines-lost", ReleaseMutation::OwnLinesLost),
    mixed_bug("versions-unwatched", ReleaseMutation::VersionsUnwatched),
    release_bug("version-of-ack", ReleaseMutation::VersionOfAck),
    mixed_bug("version-outlives-home", ReleaseMutation::VersionOutlivesHome),
    release_bug("lines-across-gap", ReleaseMutation::LinesAcrossGap),
};

enum class Way : std::uint8_t { Exhaustive, Simulated };

void plant(const Bug &bug, Choice &choice) {
    choice.mutation = bug.mutation;
    choice.lock_mutation = bug.lock_mutation;
    choice.release_mutation = bug.release_mutation;
    choice.is_fine = bug.is_fine;
    choice.evictions = bug.evictions;
    choice.has_reader_tree = bug.has_reader_tree;
    choice.hunts_bug = true;
}

/// Whether the test finds the bug.
bool finds(const LitmusTest &test, const Bug &bug, Way way, Choice choice) {
    plant(bug, choice);
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
        const bool is_open = std::freopen("/dev/null", "w", stdout) != nullptr;
        const bool is_quiet = std::freopen("/dev/null", "w", stderr) != nullptr;
        Report report(false, choice.memory);
        if (way == Way::Exhaustive) {
            run_exhaustive({test}, choice, report);
        } else {
            run_simulated({test}, choice, report);
        }
        std::_Exit(is_open && is_quiet && report.finish() ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) { return false; }
    return !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS;
}

} // namespace

namespace {

/// Whether the test uses what the bug is in.
bool concerns(const Bug &bug, const LitmusTest &test) {
    const bool is_of_lock = bug.mutation == Mutation::None && bug.release_mutation == ReleaseMutation::None;
    const ObjectKind kind = is_of_lock ? ObjectKind::Lock : ObjectKind::Variable;
    return std::any_of(test.objects.begin(), test.objects.end(),
                       [kind](const Object &object) { return object.kind == kind; });
}

struct Hunt {
    std::string finders; ///< names of tests
    unsigned found = 0;
    unsigned tried = 0;
};

Hunt hunt_for(const Bug &bug, Way way, const std::vector<LitmusTest> &tests, const Choice &choice) {
    Hunt hunt;
    for (const LitmusTest &test : tests) {
        if (!concerns(bug, test)) { continue; }
        ++hunt.tried;
        if (!finds(test, bug, way, choice)) { continue; }
        ++hunt.found;
        hunt.finders += " " + test.name;
    }
    return hunt;
}

} // namespace

bool plant_bug(const std::string &name, Choice &choice) {
    for (const Bug &bug : bugs) {
        if (name != bug.name) { continue; }
        plant(bug, choice);
        return true;
    }
    return false;
}

bool run_bugs(const std::vector<LitmusTest> &tests, const Choice &choice, const std::string &only) {
    bool are_all_found = true;
    for (const Bug &bug : bugs) {
        if (!only.empty() && only != bug.name) { continue; }
        const bool is_of_release = bug.release_mutation != ReleaseMutation::None;
        if (is_of_release != (choice.memory == Memory::Release)) { continue; }
        for (const Way way : {Way::Exhaustive, Way::Simulated}) {
            Hunt hunt = hunt_for(bug, way, tests, choice);
            const bool need_not =
                bug.is_invisible || (bug.is_rare && way == Way::Simulated) || (bug.is_mixed && way == Way::Exhaustive);
            if (hunt.finders.empty() && way == Way::Simulated && !need_not) {
                Choice longer = choice;
                longer.seeds *= 10;
                hunt = hunt_for(bug, way, tests, longer);
            }
            are_all_found = are_all_found && (!hunt.finders.empty() || need_not);
            const char *const none = need_not ? " none, as expected" : " NOT FOUND";
            std::printf("%-28s %-10s %3u of %u:%s\n", bug.name, way == Way::Exhaustive ? "explored" : "simulated",
                        hunt.found, hunt.tried, hunt.finders.empty() ? none : hunt.finders.c_str());
        }
    }
    return are_all_found;
}

} // namespace dsm::litmus
