// What is not ours: crashes stay ordinary crashes, handlers that stood before are called, forked children are refused.
#include "tests/faults/test_node.hpp"

#include "libdsm/base/log.hpp"

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace dsm::memory::test {
namespace {

class FaultSignals : public testing::TestWithParam<BackendKind> {
protected:
    void SetUp() override {
        if (const std::string reason = why_not(GetParam()); !reason.empty()) { GTEST_SKIP() << reason; }
    }
    static NodeShape shape() { return {.kind = GetParam()}; }
};

INSTANTIATE_TEST_SUITE_P(Backends, FaultSignals, testing::Values(BackendKind::Userfaultfd, BackendKind::Mprotect),
                         case_name);

/// Opaque to the compiler, which would otherwise see the crash coming.
volatile int *pointer_to(std::uintptr_t address) {
    asm volatile("" : "+r"(address));
    return reinterpret_cast<volatile int *>(address); // NOLINT(performance-no-int-to-ptr)
}

void install_handler(int signal, void (*handler)(int, siginfo_t *, void *), int flags = 0) {
    struct sigaction action {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    sigemptyset(&action.sa_mask);
    ::sigaction(signal, &action, nullptr);
}

TEST_P(FaultSignals, ANullPointerStaysAnOrdinaryCrash) {
    const RankEnd end = run_to_the_end(shape(), [](TestRank &) { *pointer_to(8) = 1; });
    EXPECT_EQ(end.signal, SIGSEGV);
}

TEST_P(FaultSignals, AWildAddressInTheSegmentIsReportedAndCrashes) {
    std::string output;
    const RankEnd end = run_to_the_end(
        shape(),
        [](TestRank &rank) {
            rank.before_fault = [&rank](const Fault &fault) {
                const PageId page = rank.segment().page_of(fault.address);
                if (page.value < 2048) { return FaultVerdict::Served; }
                log_line("page %llu is in no allocation", static_cast<unsigned long long>(page.value));
                return FaultVerdict::NotOurs;
            };
            rank.word(1) = 1; // Ours are still served.
            rank.word(3000) = 1;
        },
        &output);
    EXPECT_EQ(end.signal, GetParam() == BackendKind::Userfaultfd ? SIGBUS : SIGSEGV);
    EXPECT_EQ(output, "libdsm: page 3000 is in no allocation\n");
}

TEST_P(FaultSignals, HandlersThatStoodBeforeGetWhatIsNotOurs) {
    const RankEnd end = run_process([] {
        install_handler(SIGSEGV,
                        [](int, siginfo_t *info, void *) { ::_exit(info->si_addr == pointer_to(16) ? 42 : 43); });
        run_node({.kind = GetParam()}, [](TestRank &rank) {
            rank.word(1) = 1;
            rank.restrict_ranks(1, Access::None);
            const pid_t child = ::fork(); // The crash itself happens in a child of the rank.
            if (child == 0) { *pointer_to(16) = 1; }
            int status = 0;
            ::waitpid(child, &status, 0);
            EXPECT_TRUE(WIFEXITED(status));
            EXPECT_EQ(WEXITSTATUS(status), 42);
            rank.word(1) = 2;
        });
    });
    EXPECT_EQ(end.exit_code, 0);
}

sigjmp_buf way_out;

TEST_P(FaultSignals, AHandlerThatStoodBeforeMayJumpAway) {
    const RankEnd end = run_process([] {
        install_handler(SIGSEGV, [](int, siginfo_t *, void *) { siglongjmp(way_out, 1); });
        run_node({.kind = GetParam()}, [](TestRank &rank) {
            std::atomic<std::size_t> crashes{0};
            if (sigsetjmp(way_out, 1) != 0) {
                rank.word(crashes.load()) = 1; // Ours are served after it, too.
                crashes.fetch_add(1);
            }
            if (crashes.load() < 3) { *pointer_to(16) = 1; }
            EXPECT_EQ(rank.writes(), 3U);
            EXPECT_FALSE(serving_fault());
        });
    });
    EXPECT_EQ(end.exit_code, 0);
}

TEST_P(FaultSignals, AFaultInsideTheHandlerIsReportedAndCrashes) {
    std::string output;
    const RankEnd end = run_to_the_end(
        shape(),
        [](TestRank &rank) {
            rank.before_fault = [](const Fault &) {
                EXPECT_TRUE(serving_fault());
                *pointer_to(24) = 1;
                return FaultVerdict::Served;
            };
            rank.word(1) = 1;
        },
        &output);
    EXPECT_EQ(end.signal, SIGSEGV);
    EXPECT_NE(output.find("fault at 0x18 by the instruction at"), std::string::npos) << output;
    EXPECT_NE(output.find("while another fault of the same thread was being served"), std::string::npos) << output;
}

TEST_P(FaultSignals, ASignalThatWasSentIsNoFault) {
    EXPECT_EQ(run_to_the_end(shape(), [](TestRank &) { ::raise(SIGSEGV); }).signal, SIGSEGV);
    EXPECT_EQ(run_to_the_end(shape(), [](TestRank &) { ::kill(::getpid(), SIGBUS); }).signal, SIGBUS);
}

TEST_P(FaultSignals, AnIgnoredSignalStillEndsAFault) {
    const RankEnd end = run_process([] {
        ::signal(SIGSEGV, SIG_IGN);
        const RankEnd inner = run_to_the_end({.kind = GetParam()}, [](TestRank &) {
            ::raise(SIGSEGV); // Ignored, as before.
            *pointer_to(8) = 1;
        });
        EXPECT_EQ(inner.signal, SIGSEGV);
    });
    EXPECT_EQ(end.exit_code, 0);
}

TEST_P(FaultSignals, AForkedChildDiesAtItsFirstAccess) {
    run_node(shape(), [](TestRank &rank) {
        rank.word(1) = 5;
        std::string output;
        const RankEnd end = run_process(
            [&rank] {
                rank.before_fault = [](const Fault &fault) {
                    log_line("forked child: %s", fault.forked_child ? "yes" : "no");
                    return FaultVerdict::NotOurs;
                };
                rank.word(1) = 6;
            },
            &output);
        EXPECT_EQ(end.signal, SIGSEGV);
        EXPECT_EQ(output, "libdsm: forked child: yes\n");
        EXPECT_EQ(rank.word(1), 5U);
        EXPECT_EQ(rank.word(2), 0U); // The parent goes on.
    });
}

TEST_P(FaultSignals, ReadsAndWritesAreToldApart) {
    run_node(shape(), [](TestRank &rank) {
        std::vector<FaultKind> kinds;
        std::vector<void *> addresses;
        kinds.reserve(4);
        addresses.reserve(4);
        rank.before_fault = [&](const Fault &fault) {
            kinds.push_back(fault.kind);
            addresses.push_back(fault.address);
            return FaultVerdict::Served;
        };
        const std::uint64_t seen = rank.word(1, 3);
        rank.word(2, 5) = seen;
        EXPECT_EQ(kinds, (std::vector{FaultKind::Read, FaultKind::Write}));
        const auto *expected = reinterpret_cast<std::uint64_t *>(rank.segment().address_of({1})) + 3;
        EXPECT_EQ(addresses[0], static_cast<const void *>(expected));
    });
}

TEST_P(FaultSignals, AThreadThatBlocksTheSignalsCanBeMended) {
    run_node(shape(), [](TestRank &rank) {
        sigset_t faults;
        sigfillset(&faults);
        ::sigprocmask(SIG_BLOCK, &faults, nullptr);
        EXPECT_TRUE(unblock_fault_signals());
        EXPECT_FALSE(unblock_fault_signals());
        rank.word(1) = 1;
    });
}

TEST_P(FaultSignals, UninstallingRestoresWhatStoodBefore) {
    run_node(shape(), [](TestRank &) {
        EXPECT_FALSE(install_fault_handlers(nullptr).ok());
        uninstall_fault_handlers();
        for (const int signal : {SIGSEGV, SIGBUS}) {
            struct sigaction now {};
            ::sigaction(signal, nullptr, &now);
            EXPECT_EQ(now.sa_handler, SIG_DFL);
        }
    });
}

TEST_P(FaultSignals, AFrameStoreThatIsCutShortEndsInAnOrdinaryCrash) {
    const RankEnd end = run_to_the_end(shape(), [](TestRank &rank) {
        rank.word(1) = 1;
        ASSERT_EQ(::ftruncate(rank.store().descriptor(), 0), 0);
        rank.frame_word(1) = 2;
    });
    EXPECT_EQ(end.signal, SIGBUS);
}

} // namespace
} // namespace dsm::memory::test
