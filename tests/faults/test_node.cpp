// Processes that play the ranks of a node.
#include "tests/faults/test_node.hpp"

#include "libdsm/memory/userfaultfd_backend.hpp"

#include <array>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
/// These tests are about crashes as the kernel makes them, not as a sanitizer reports them.
extern "C" const char *__asan_default_options() { return "handle_segv=0:handle_sigbus=0"; } // NOLINT
#endif

namespace dsm::memory::test {
namespace {

constexpr double timeout_s = 60;
TestRank *rank_of_process = nullptr;

FaultVerdict on_fault_of_process(const Fault &fault) noexcept { return rank_of_process->on_fault(fault); }

template <class Value> Value need(Outcome<Value> outcome) {
    if (!outcome) {
        std::fprintf(stderr, "set-up failed: %s\n", outcome.failure().reason.c_str());
        std::abort();
    }
    return std::move(outcome.value());
}

Segment reserve(std::size_t bytes) {
    for (const std::uintptr_t base : segment_base_candidates()) {
        auto segment = Segment::try_reserve(base, bytes);
        if (segment) { return std::move(segment.value()); }
    }
    std::abort();
}

constexpr std::size_t entries_offset = 16 * page_bytes;
std::size_t table_bytes(const NodeShape &shape) { return entries_offset + shape.pages * sizeof(PageEntry); }

} // namespace

const char *name_of(BackendKind kind) { return kind == BackendKind::Userfaultfd ? "userfaultfd" : "mprotect"; }

std::string why_not(BackendKind kind) {
    if (kind == BackendKind::Mprotect) { return ""; }
    const auto probed = probe_userfaultfd();
    return probed ? "" : probed.failure().reason;
}

TestRank::TestRank(const NodeShape &shape, int rank, int store_file, int table_file, int rights_file)
    : shape_(shape), rank_(rank), segment_(reserve(shape.pages * page_bytes)),
      store_(need(FrameStore::attach(FileDescriptor(::dup(store_file)), segment_.bytes()))),
      table_(need(SharedRegion::attach(FileDescriptor(::dup(table_file)), table_bytes(shape)))) {
    static_assert(sizeof(NodeTable) <= entries_offset);
    entries_ = reinterpret_cast<PageEntry *>(table_.base() + entries_offset);
    start_backend(rights_file);
    rank_of_process = this;
    need(install_fault_handlers(on_fault_of_process));
    barrier();
}

TestRank::~TestRank() {
    barrier();
    uninstall_fault_handlers();
}

void TestRank::start_backend(int rights_file) {
    if (shape_.kind == BackendKind::Userfaultfd) {
        need(store_.map_application_view(segment_, PROT_READ | PROT_WRITE, CoreFiles::Exclude));
        auto backend = need(UserfaultfdBackend::create(segment_, store_, *this));
        if (shape_.rank_count > 1) { join_userfaultfd(*backend); }
        backend_ = std::move(backend);
        return;
    }
    need(store_.map_application_view(segment_, PROT_NONE, CoreFiles::Exclude));
    auto backend = need(MprotectBackend::create(segment_, store_, *this));
    mprotect_ = backend.get();
    backend_ = std::move(backend);
    if (shape_.rank_count > 1) {
        const std::size_t bytes = RightsServer::region_bytes(shape_.rank_count);
        rights_ = need(SharedRegion::attach(FileDescriptor(::dup(rights_file)), bytes));
        need(mprotect_->join_node(rights_, rank_, shape_.rank_count, timeout_s));
    }
}

void TestRank::join_userfaultfd(UserfaultfdBackend &backend) {
    const DescriptorOffer offer = need(DescriptorOffer::start({backend.descriptor()}));
    auto &slot = table().addresses[static_cast<std::size_t>(rank_)];
    std::snprintf(slot.data(), slot.size(), "%s", offer.address().c_str());
    barrier();
    std::vector<std::string> addresses;
    for (int rank = 0; rank < shape_.rank_count; ++rank) {
        addresses.emplace_back(table().addresses[static_cast<std::size_t>(rank)].data());
    }
    auto all = need(exchange_descriptors(offer, addresses, static_cast<std::size_t>(rank_), timeout_s));
    std::vector<FileDescriptor> node(all.size());
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
        if (!all[rank].empty()) { node[rank] = std::move(all[rank].front()); }
    }
    backend.set_node(std::move(node), rank_);
}

volatile std::uint64_t &TestRank::word(std::size_t page, std::size_t index) const {
    return reinterpret_cast<volatile std::uint64_t *>(segment_.address_of({page}))[index];
}

std::uint64_t &TestRank::frame_word(std::size_t page, std::size_t index) const {
    return reinterpret_cast<std::uint64_t *>(store_.frame({page}))[index];
}

void TestRank::map(std::size_t page, Access access) {
    entry({page}).lock.lock();
    backend_->map({page}, 1, access);
    entry({page}).lock.unlock();
}

void TestRank::restrict_ranks(std::size_t page, Access access, bool frame_unneeded) {
    entry({page}).lock.lock();
    backend_->restrict_ranks({page}, 1, access, frame_unneeded);
    entry({page}).lock.unlock();
}

FaultVerdict TestRank::on_fault(const Fault &fault) noexcept {
    if (before_fault) {
        const FaultVerdict verdict = before_fault(fault);
        if (verdict != FaultVerdict::Served) { return verdict; }
    }
    if (fault.forked_child || fault.signal != backend_->fault_signal()) { return FaultVerdict::NotOurs; }
    if (!segment_.contains(fault.address)) { return FaultVerdict::NotOurs; }
    const PageId page = segment_.page_of(fault.address);
    if (page.value >= shape_.allocated_pages) { return FaultVerdict::NotOurs; }
    const bool reads = fault.kind == FaultKind::Read;
    (reads ? reads_ : writes_).fetch_add(1);
    map(page.value, reads ? Access::Read : Access::Write);
    return FaultVerdict::Served;
}

void TestRank::barrier() {
    NodeTable &shared = table();
    const std::uint32_t round = shared.round.load();
    if (shared.arrived.fetch_add(1) + 1 == static_cast<std::uint32_t>(shape_.rank_count)) {
        shared.arrived.store(0);
        shared.round.fetch_add(1);
        futex_wake(shared.round, INT_MAX);
        return;
    }
    while (shared.round.load() == round) { futex_wait(shared.round, round, -1); }
}

namespace {

/// The files of a node, made before its processes.
struct NodeFiles {
    explicit NodeFiles(const NodeShape &shape)
        : store(need(FrameStore::create(shape.pages * page_bytes))),
          table(need(SharedRegion::create("test-table", table_bytes(shape)))),
          rights(need(SharedRegion::create("test-rights", RightsServer::region_bytes(shape.rank_count)))) {}
    FrameStore store;
    SharedRegion table;
    SharedRegion rights;
};

[[noreturn]] void play_rank(const NodeShape &shape, const NodeFiles &files, int number,
                            const std::function<void(TestRank &)> &body) {
    {
        TestRank rank(shape, number, files.store.descriptor(), files.table.descriptor(), files.rights.descriptor());
        body(rank);
    }
    std::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
}

RankEnd await(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) == -1 && errno == EINTR) {}
    if (WIFSIGNALED(status)) { return {-1, WTERMSIG(status)}; }
    return {WEXITSTATUS(status), 0};
}

} // namespace

void run_node(const NodeShape &shape, const std::function<void(TestRank &)> &body) {
    const NodeFiles files(shape);
    std::fflush(nullptr);
    std::vector<pid_t> children;
    for (int number = 0; number < shape.rank_count; ++number) {
        const pid_t child = ::fork();
        ASSERT_NE(child, -1);
        if (child == 0) { play_rank(shape, files, number, body); }
        children.push_back(child);
    }
    for (std::size_t number = 0; number < children.size(); ++number) {
        const RankEnd end = await(children[number]);
        EXPECT_EQ(end.signal, 0) << "rank " << number;
        EXPECT_EQ(end.exit_code, 0) << "rank " << number;
    }
}

RankEnd run_to_the_end(const NodeShape &shape, const std::function<void(TestRank &)> &body, std::string *output) {
    return run_process(
        [&] {
            const NodeFiles files(shape);
            play_rank(shape, files, 0, body);
        },
        output);
}

RankEnd run_process(const std::function<void()> &body, std::string *output) {
    std::fflush(nullptr);
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) { std::abort(); }
    const pid_t child = ::fork();
    if (child == 0) {
        if (output != nullptr) { ::dup2(ends[1], STDERR_FILENO); }
        ::close(ends[0]);
        ::close(ends[1]);
        body();
        std::fflush(nullptr);
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    ::close(ends[1]);
    std::array<char, 1024> piece{};
    ssize_t bytes = 0;
    while ((bytes = ::read(ends[0], piece.data(), piece.size())) > 0) {
        if (output != nullptr) { output->append(piece.data(), static_cast<std::size_t>(bytes)); }
    }
    ::close(ends[0]);
    return await(child);
}

} // namespace dsm::memory::test
