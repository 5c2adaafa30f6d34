// Limits of the machine in the way: each is refused with a sentence that names it, and none ends the process.
#include "tests/faults/test_node.hpp"

#include "libdsm/memory/area_mapper.hpp"
#include "libdsm/memory/userfaultfd_backend.hpp"

#include <cerrno>
#include <csignal>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace dsm::memory::test {
namespace {

constexpr std::size_t gib = std::size_t{1} << 30;

void limit(decltype(RLIMIT_FSIZE) what, rlim_t soft, rlim_t hard) {
    const rlimit limits{soft, hard};
    ASSERT_EQ(::setrlimit(what, &limits), 0);
}

TEST(MachineLimits, ASoftFileSizeLimitIsRaisedForTheCallOnly) {
    const RankEnd end = run_process([] {
        limit(RLIMIT_FSIZE, 1 << 20, RLIM_INFINITY);
        EXPECT_TRUE(FrameStore::create(gib).ok());
        rlimit now{};
        ::getrlimit(RLIMIT_FSIZE, &now);
        EXPECT_EQ(now.rlim_cur, rlim_t{1} << 20);
    });
    EXPECT_EQ(end.exit_code, 0);
}

TEST(MachineLimits, AHardFileSizeLimitIsNamed) {
    const RankEnd end = run_process([] {
        limit(RLIMIT_FSIZE, 1 << 20, 1 << 20);
        const auto store = FrameStore::create(gib);
        ASSERT_FALSE(store.ok());
        EXPECT_EQ(store.failure().error, EFBIG);
        EXPECT_NE(store.failure().reason.find("ulimit -f"), std::string::npos) << store.failure().reason;
        sigset_t pending;
        ::sigpending(&pending);
        EXPECT_EQ(sigismember(&pending, SIGXFSZ), 0);
    });
    EXPECT_EQ(end.exit_code, 0);
    EXPECT_EQ(end.signal, 0);
}

TEST(MachineLimits, AnAddressSpaceLimitIsNamed) {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "AddressSanitizer itself needs more address space than the limit";
#endif
    const RankEnd end = run_process([] {
        limit(RLIMIT_AS, 2 * gib, 2 * gib);
        const auto segment = Segment::try_reserve(segment_base_candidates().front(), segment_bytes_default);
        ASSERT_FALSE(segment.ok());
        EXPECT_EQ(segment.failure().error, ENOMEM);
        EXPECT_NE(segment.failure().reason.find("ulimit -v"), std::string::npos) << segment.failure().reason;
        const auto store = FrameStore::create(segment_bytes_default);
        ASSERT_FALSE(store.ok());
        EXPECT_NE(store.failure().reason.find("ulimit -v"), std::string::npos) << store.failure().reason;
    });
    EXPECT_EQ(end.exit_code, 0);
}

/// An ordinary user without privileges, where this process may become one.
bool become_nobody() {
    constexpr unsigned nobody = 65534;
    return ::getuid() != 0 || (::setgid(nobody) == 0 && ::setuid(nobody) == 0);
}

TEST(MachineLimits, AnOrdinaryUserHasUserfaultfdWhereTheSuperuserHas) {
    if (const std::string reason = why_not(BackendKind::Userfaultfd); !reason.empty()) { GTEST_SKIP() << reason; }
    const RankEnd end = run_process([] {
        ASSERT_TRUE(become_nobody());
        run_node({.kind = BackendKind::Userfaultfd, .rank_count = 2}, [](TestRank &rank) {
            rank.word(1, static_cast<std::size_t>(rank.rank())) = 1;
            rank.barrier();
            if (rank.rank() == 0) { rank.restrict_ranks(1, Access::Read); }
            rank.barrier();
            rank.word(1, static_cast<std::size_t>(rank.rank())) = 2;
            EXPECT_EQ(rank.writes(), 2U);
        });
    });
    EXPECT_EQ(end.exit_code, 0);
}

TEST(MachineLimits, AnOrdinaryUserHasMprotect) {
    const RankEnd end = run_process([] {
        ASSERT_TRUE(become_nobody());
        run_node({.kind = BackendKind::Mprotect, .rank_count = 2},
                 [](TestRank &rank) { rank.word(1, static_cast<std::size_t>(rank.rank())) = 1; });
    });
    EXPECT_EQ(end.exit_code, 0);
}

TEST(MachineLimits, TheDefaultSegmentCostsNothing) {
    const RankEnd end = run_process([] {
        Segment segment;
        for (const std::uintptr_t base : segment_base_candidates()) {
            auto reserved = Segment::try_reserve(base, segment_bytes_default);
            if (reserved) {
                segment = std::move(reserved.value());
                break;
            }
        }
        ASSERT_TRUE(segment.reserved());
        auto store = FrameStore::create(segment.bytes());
        ASSERT_TRUE(store.ok());
        EXPECT_TRUE(store.value().map_application_view(segment, PROT_NONE, CoreFiles::Exclude).ok());
        EXPECT_EQ(store.value().present_bytes(), 0U);
        EXPECT_TRUE(AreaMapper::create(segment).ok());
    });
    EXPECT_EQ(end.exit_code, 0);
}

} // namespace
} // namespace dsm::memory::test
