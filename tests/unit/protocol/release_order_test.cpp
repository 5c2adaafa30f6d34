// The order of effects where threads of the node go on writing meanwhile, which the simulated world, in which a page is
// compared in one piece, cannot see: a page is listed before it is read. Else a thread that writes behind the reading,
// and then releases, finds nothing listed, and what it has written is noticed with a later release only. Seen once
// under mpirun, with two ranks to a node (mpi.sync.latch.release.two).
#include "libdsm/protocol/release/release_protocol.hpp"

#include <array>
#include <gtest/gtest.h>
#include <string>

namespace dsm::protocol {
namespace {

/// Writes down in a word what is wanted.
class Recorder final : public ReleaseEffects {
public:
    std::string words;
    bool differs = false;

    void send(NodeId, const ReleaseMessage &) override { words += "send "; }
    [[nodiscard]] std::uint64_t published() const override { return 0; }
    bool push(NodeId, const ReleaseMessage &) override {
        words += "push ";
        return true;
    }
    unsigned flush(NodeId, const ReleaseMessage &, bool) override {
        words += "flush ";
        return differs ? 1 : 0;
    }
    void claim(NodeId, const ReleaseMessage &) override { words += "claim "; }
    std::uint64_t apply(std::span<const std::byte>, bool) override {
        words += "apply ";
        return 1;
    }
    std::uint64_t refresh_twin() override {
        words += "compare ";
        return differs ? 1 : 0;
    }
    void make_twin() override { words += "twin "; }
    void drop_twin() override {}
    void install_zeros(Install) override {}
    void restrict_access(Access) override { words += "restrict "; }
    void grant_access(Access) override {}
    void drop_frame() override {}
    void list() override { words += "list "; }
    void update_due() override {}
    void update_done() override {}
    void keep(const ReleaseMessage &) override {}
    void release_kept() override {}
    PageVersions &versions() override { return versions_; }
    PageVersions versions_{};
};

class ReleaseOrder : public testing::Test {
protected:
    PageContext context(std::uint16_t self) const {
        PageContext result{};
        result.page = PageId{7};
        result.self = NodeId{self};
        result.home = NodeId{0};
        result.node_count = 2;
        return result;
    }
    /// What the step has wanted since the last call.
    std::string said() { return std::exchange(effects.words, {}); }
    void fetch_by_node_1() {
        ReleaseMessage fetch{};
        fetch.kind = ReleaseMessageKind::Fetch;
        fetch.from = fetch.origin = NodeId{1};
        fetch.page = PageId{7};
        protocol.on_message(state, context(0), fetch, effects);
    }
    void write(std::uint16_t self) { protocol.on_fault(state, context(self), {Access::Write}, effects); }

    alignas(64) std::array<std::byte, SetPool::bytes_for(4)> memory{};
    SetPool pool{memory.data(), memory.size()};
    ReleaseProtocol protocol{pool, {.hot_faults = 1}};
    ReleasePageState state{};
    Recorder effects;
};

TEST_F(ReleaseOrder, ACopyThatStaysWritableIsListedBeforeItsDiffIsMade) {
    write(1); // Asks.
    ReleaseMessage data{};
    data.kind = ReleaseMessageKind::Data;
    data.contents = Contents::Zero;
    data.origin = NodeId{1};
    data.page = PageId{7};
    protocol.on_message(state, context(1), data, effects);
    write(1);
    said();
    protocol.on_close(state, context(1), 1, effects);
    EXPECT_EQ(said(), "list flush ");
}

TEST_F(ReleaseOrder, AHomesPageIsListedBeforeItIsComparedAndBeforeItsTwinIsMade) {
    write(0);
    fetch_by_node_1(); // Not hot yet: protected.
    EXPECT_EQ(said(), "restrict send ");
    write(0); // It is now.
    said();
    effects.differs = true;
    EXPECT_TRUE(protocol.on_close(state, context(0), 1, effects).notice);
    EXPECT_EQ(said(), "list compare ");
    protocol.on_close(state, context(0), 2, effects);
    said();
    fetch_by_node_1(); // Hot: it stays writable.
    EXPECT_EQ(said(), "list twin send ");
}

} // namespace
} // namespace dsm::protocol
