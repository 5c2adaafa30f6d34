// A node made of forked processes that play its ranks, with real faults and the smallest possible runtime: a lock and
// the rights of each page in shared memory, and a handler that maps whatever the program touches.
#pragma once

#include "libdsm/base/futex.hpp"
#include "libdsm/memory/descriptor_passing.hpp"
#include "libdsm/memory/fault_backend.hpp"
#include "libdsm/memory/fault_signals.hpp"
#include "libdsm/memory/frame_store.hpp"
#include "libdsm/memory/mprotect_backend.hpp"
#include "libdsm/memory/segment.hpp"
#include "libdsm/memory/shared_region.hpp"
#include "libdsm/memory/userfaultfd_backend.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>

namespace dsm::memory::test {

enum class BackendKind { Userfaultfd, Mprotect };
const char *name_of(BackendKind kind);
inline std::string case_name(const testing::TestParamInfo<BackendKind> &tested) { return name_of(tested.param); }

struct NodeShape {
    BackendKind kind;
    int rank_count = 1;
    std::size_t pages = 4096;           ///< of the segment; a multiple of 512
    std::size_t allocated_pages = 2048; ///< pages from here on lie outside every allocation
};

struct PageEntry {
    FutexMutex lock;
    RankRights rights;
};

constexpr int test_ranks_max = 8;

/// What the ranks share besides frames.
struct NodeTable {
    std::atomic<std::uint32_t> arrived;
    std::atomic<std::uint32_t> round;
    std::atomic<std::uint32_t> stop;
    std::array<std::array<char, 64>, test_ranks_max> addresses;
    std::array<std::atomic<std::uint64_t>, 64> words; ///< for the tests
};

/// One rank, in its own process.
class TestRank final : public RightsLedger {
public:
    TestRank(const NodeShape &shape, int rank, int store_file, int table_file, int rights_file);
    ~TestRank() override;

    RankRights &rights_of(PageId page) override { return entry(page).rights; }
    PageEntry &entry(PageId page) const { return entries_[page.value]; }
    NodeTable &table() const { return *table_.as<NodeTable>(); }
    int rank() const { return rank_; }
    int rank_count() const { return shape_.rank_count; }
    FaultBackend &backend() const { return *backend_; }
    MprotectBackend *mprotect_backend() const { return mprotect_; }
    const Segment &segment() const { return segment_; }
    const FrameStore &store() const { return store_; }
    BackendKind kind() const { return shape_.kind; }

    /// A word of a page as the program sees it, and as the service view shows it.
    volatile std::uint64_t &word(std::size_t page, std::size_t index = 0) const;
    std::uint64_t &frame_word(std::size_t page, std::size_t index = 0) const;

    /// Under the page's lock, as a runtime would.
    void map(std::size_t page, Access access);
    void restrict_ranks(std::size_t page, Access access, bool frame_unneeded = false);
    /// Waits until all ranks of the node are here.
    void barrier();

    std::uint64_t reads() const { return reads_.load(); }
    std::uint64_t writes() const { return writes_.load(); }

    FaultVerdict on_fault(const Fault &fault) noexcept;
    /// Called first in the handler if set; a verdict other than Served is final.
    std::function<FaultVerdict(const Fault &)> before_fault;

private:
    void start_backend(int rights_file);
    void join_userfaultfd(UserfaultfdBackend &backend);

    NodeShape shape_;
    int rank_;
    Segment segment_;
    FrameStore store_;
    SharedRegion table_;
    SharedRegion rights_;
    PageEntry *entries_ = nullptr;
    std::unique_ptr<FaultBackend> backend_;
    MprotectBackend *mprotect_ = nullptr;
    std::atomic<std::uint64_t> reads_{0};
    std::atomic<std::uint64_t> writes_{0};
};

/// How a rank's process ended.
struct RankEnd {
    int exit_code; ///< -1 if a signal ended it
    int signal;    ///< 0 if it exited
};

/// Runs `body` in `shape.rank_count` processes and expects that all of them succeed (exit code 0, no GoogleTest
/// failure).
void run_node(const NodeShape &shape, const std::function<void(TestRank &)> &body);
/// Runs `body` in a process of its own, as the one rank of a node, and tells how it ended. Its standard error is in
/// `output` if that is given.
RankEnd run_to_the_end(const NodeShape &shape, const std::function<void(TestRank &)> &body,
                       std::string *output = nullptr);
/// The same for any function.
RankEnd run_process(const std::function<void()> &body, std::string *output = nullptr);

/// Empty if the machine can do it, else the reason.
std::string why_not(BackendKind kind);

} // namespace dsm::memory::test
