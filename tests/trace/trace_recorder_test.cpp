// The recorder, the reader and the replay without MPI: what is written is read, what is damaged is refused.
#include "libdsm/runtime/trace_recorder.hpp"
#include "libdsm/runtime/trace_steps.hpp"
#include "tests/trace/trace_check.hpp"

#include <cstdio>
#include <cstring>
#include <dsm/api.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <thread>

namespace dsm::trace_test {
namespace {

constexpr std::size_t pool_chunks = 64;
constexpr std::uint64_t page = 7;

rt::TraceFileHead head_of(std::uint16_t node, std::uint64_t size_max = 1 << 20) {
    rt::TraceFileHead head{};
    head.magic = rt::trace_magic;
    head.format = rt::trace_format;
    head.head_bytes = sizeof head;
    head.library_version = DSM_VERSION;
    head.rank = node;
    head.rank_count = 2;
    head.limits_bytes = sizeof(protocol::SequentialLimits);
    head.state_bytes = sizeof(protocol::PageState);
    head.size_max = size_max;
    head.node = node;
    head.node_count = 2;
    head.node_ranks = 1;
    const protocol::SequentialLimits limits;
    std::memcpy(head.limits.data(), &limits, sizeof limits);
    return head;
}

std::vector<std::byte> contents_of(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    std::vector<std::byte> contents(bytes.size());
    std::memcpy(contents.data(), bytes.data(), bytes.size());
    return contents;
}

/// Two nodes that share one page, recorded.
class TwoNodes : public testing::Test {
protected:
    class Effects final : public protocol::PageEffects {
    public:
        std::vector<protocol::PageMessage> sent;
        void send(NodeId, const protocol::PageMessage &message) override { sent.push_back(message); }
        void restrict_access(Access) override {}
        void grant_access(Access) override {}
        void drop_frame() override {}
        void zero_frame() override {}
        void set_timer(protocol::TimeUs) override {}
        void freed() override {}
        void wake_waiters() override {}
        void load() override {}
    };

    void SetUp() override {
        const auto *info = testing::UnitTest::GetInstance()->current_test_info();
        for (std::uint16_t node = 0; node < 2; ++node) {
            paths_[node] =
                testing::TempDir() + info->name() + "." + std::to_string(::getpid()) + "." + std::to_string(node);
            auto made = rt::TraceRecorder::create(paths_[node], head_of(node));
            ASSERT_TRUE(made.ok());
            recorders_[node] = std::move(made.value());
            protocols_[node].set_recorder(recorders_[node].get());
            entries_[node].attributes = {1, NodeId{0}, page_shift, rt::PageOrigin::Zeros};
        }
    }
    void TearDown() override {
        for (const std::string &path : paths_) { std::remove(path.c_str()); }
    }

    protocol::PageContext context(std::uint16_t node) const {
        return {PageId{page}, NodeId{node}, NodeId{0}, 2, false, false};
    }
    /// Node 1 writes the page, whose home is node 0.
    void record_a_write() {
        Effects one;
        protocols_[1].on_fault(entries_[1], context(1), Access::Write, 10, one);
        Effects home;
        protocols_[0].on_message(entries_[0], context(0), one.sent.at(0), 20, home);
        Effects done;
        protocols_[1].on_message(entries_[1], context(1), home.sent.at(0), 30, done);
        protocols_[1].on_accessed(entries_[1], context(1), 40, done);
        entries_[1].state = {};
        protocols_[1].reset(entries_[1], PageId{page}, 50);
    }
    void finish() {
        for (std::size_t node = 0; node < 2; ++node) {
            recorders_[node]->finish();
            recorders_[node].reset();
            bytes_[node] = contents_of(paths_[node]);
        }
    }
    TraceVerdict check(Unfinished unfinished = Unfinished::Refused) {
        std::vector<TraceFile> files;
        for (const auto &bytes : bytes_) {
            auto file = read_trace(bytes, unfinished, error_);
            if (!file) { return {.difference = error_}; }
            files.push_back(std::move(*file));
        }
        return check_traces(files);
    }

    alignas(64) std::array<std::byte, protocol::SetPool::bytes_for(pool_chunks)> memory_{};
    protocol::SetPool pool_{memory_.data(), memory_.size()};
    std::array<rt::PageEntry, 2> entries_{};
    std::array<rt::TracedProtocol, 2> protocols_{rt::TracedProtocol(pool_), rt::TracedProtocol(pool_)};
    std::array<std::unique_ptr<rt::TraceRecorder>, 2> recorders_;
    std::array<std::string, 2> paths_;
    std::array<std::vector<std::byte>, 2> bytes_;
    std::string error_;
};

TEST_F(TwoNodes, AWriteAgrees) {
    record_a_write();
    finish();
    const TraceVerdict verdict = check();
    EXPECT_EQ(verdict.difference, "");
    EXPECT_EQ(verdict.lives, 1U);
    EXPECT_EQ(verdict.steps, 5U);
    EXPECT_EQ(verdict.received, 2U);
    EXPECT_EQ(verdict.unknown_senders, 0U);
    EXPECT_EQ(verdict.never_received, 0U);
}

TEST_F(TwoNodes, WithoutARecorderNothingIsNumbered) {
    protocols_[1].set_recorder(nullptr);
    Effects effects;
    protocols_[1].on_fault(entries_[1], context(1), Access::Write, 10, effects);
    EXPECT_EQ(entries_[1].steps, 0U);
    EXPECT_EQ(effects.sent.size(), 1U);
}

TEST_F(TwoNodes, AMessageThatNobodySentIsSeen) {
    Effects one;
    protocols_[1].on_fault(entries_[1], context(1), Access::Write, 10, one);
    Effects home;
    protocol::PageMessage forged = one.sent.at(0);
    forged.have_copy = true;
    protocols_[0].on_message(entries_[0], context(0), forged, 20, home);
    finish();
    EXPECT_NE(check().difference.find("nobody had sent"), std::string::npos) << check().difference;
}

TEST_F(TwoNodes, AStateThatWasChangedBesideTheProtocolIsSeen) {
    Effects one;
    protocols_[1].on_fault(entries_[1], context(1), Access::Write, 10, one);
    entries_[1].state.hint = NodeId{0};
    protocols_[1].on_accessed(entries_[1], context(1), 40, one);
    finish();
    EXPECT_NE(check().difference.find("another state"), std::string::npos) << check().difference;
}

TEST_F(TwoNodes, AnyByteThatIsChangedIsRefused) {
    record_a_write();
    finish();
    const auto whole = bytes_[1];
    const std::size_t records_begin = sizeof(rt::TraceFileHead);
    for (std::size_t at = 0; at < whole.size(); ++at) {
        if (at >= offsetof(rt::TraceFileHead, job) && at < records_begin) { continue; } // Times, and the job's own.
        if (at >= offsetof(rt::TraceFileHead, rank) && at < offsetof(rt::TraceFileHead, limits_bytes)) { continue; }
        bytes_[1] = whole;
        bytes_[1][at] ^= std::byte{0x10};
        EXPECT_FALSE(read_trace(bytes_[1], Unfinished::Refused, error_).has_value()) << "byte " << at;
        EXPECT_NE(error_, "");
    }
}

TEST_F(TwoNodes, AnyFileThatIsCutIsRefusedOrTakenAsFarAsItGoes) {
    record_a_write();
    finish();
    const auto whole = bytes_[1];
    for (std::size_t length = 0; length < whole.size(); ++length) {
        bytes_[1].assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        EXPECT_FALSE(read_trace(bytes_[1], Unfinished::Refused, error_).has_value()) << length;
        if (length < sizeof(rt::TraceFileHead)) { continue; }
        EXPECT_EQ(check(Unfinished::Taken).difference, "") << length;
    }
}

TEST_F(TwoNodes, RecordingStopsAtItsLimitAndSaysSo) {
    const std::string path = paths_[0] + ".small";
    auto made = rt::TraceRecorder::create(path, head_of(1, 16 << 10));
    ASSERT_TRUE(made.ok());
    protocols_[1].set_recorder(made.value().get());
    Effects effects;
    for (unsigned step = 0; step < 1000; ++step) { protocols_[1].on_timer(entries_[1], context(1), step, effects); }
    EXPECT_EQ(made.value()->finish(), rt::TraceEnd::SizeReached);
    EXPECT_EQ(made.value()->records() + made.value()->records_lost(), 1000U);
    made.value().reset();
    const auto bytes = contents_of(path);
    std::remove(path.c_str());
    EXPECT_LE(bytes.size(), std::size_t{16} << 10);
    const auto file = read_trace(bytes, Unfinished::Refused, error_);
    ASSERT_TRUE(file.has_value()) << error_;
    EXPECT_EQ(file->end, rt::TraceEnd::SizeReached);
    const TraceVerdict verdict = check_traces({*file});
    EXPECT_EQ(verdict.difference, "");
    EXPECT_EQ(verdict.steps, file->steps.size());
}

TEST_F(TwoNodes, ThreadsWriteAtTheSameTime) {
    constexpr unsigned threads = 4;
    constexpr unsigned steps = 2000;
    const std::string path = paths_[0] + ".many";
    auto made = rt::TraceRecorder::create(path, head_of(0, 8 << 20));
    ASSERT_TRUE(made.ok());
    std::vector<std::thread> running;
    for (unsigned thread = 0; thread < threads; ++thread) {
        running.emplace_back([&, thread] {
            rt::TraceRecordHead head{};
            head.page = thread;
            head.generation = 1;
            head.block_shift = page_shift;
            head.event = rt::TraceEvent::Timer;
            head.effects_hash = rt::trace_hash_begin;
            for (head.step = 1; head.step <= steps; ++head.step) { made.value()->write(head, {}, {}); }
        });
    }
    for (std::thread &thread : running) { thread.join(); }
    EXPECT_EQ(made.value()->finish(), rt::TraceEnd::Complete);
    made.value().reset();
    const auto bytes = contents_of(path);
    std::remove(path.c_str());
    const auto file = read_trace(bytes, Unfinished::Refused, error_);
    ASSERT_TRUE(file.has_value()) << error_;
    EXPECT_EQ(file->steps.size(), std::size_t{threads} * steps);
}

TEST(TraceRecorder, AFileThatCannotBeMadeIsAnError) {
    const auto made = rt::TraceRecorder::create("/nonexistent/folder/trace", head_of(0));
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.failure().error, ENOENT);
    EXPECT_NE(made.failure().reason.find("/nonexistent/folder/trace"), std::string::npos);
}

} // namespace
} // namespace dsm::trace_test
