// The history of a page, as a report prints it.
#include "libdsm/runtime/history.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <string>

namespace dsm::rt {
namespace {

using protocol::ReleaseFlag;
using protocol::ReleasePageState;

std::string printed(const PageHistory &history, PageId page) {
    testing::internal::CaptureStderr();
    history.print(page);
    return testing::internal::GetCapturedStderr();
}

ReleasePageState state_of(Access access, unsigned flags, std::uint16_t home, protocol::HomeEpoch epoch) {
    ReleasePageState state{};
    state.access = access;
    state.flags = static_cast<std::uint16_t>(flags);
    state.home = NodeId{home};
    state.epoch = epoch;
    return state;
}

TEST(PageHistory, StepsOfReleaseMemorySayWhatHasChanged) {
    const auto history = std::make_unique<PageHistory>();
    const auto valid = static_cast<unsigned>(ReleaseFlag::Valid);
    const auto noticed = static_cast<unsigned>(ReleaseFlag::Noticed);
    history->note_release(PageId{7}, "notice", NodeId{3}, state_of(Access::Read, valid, 2, 5),
                          state_of(Access::None, noticed, 2, 5));
    history->note_release(PageId{8}, "read fault", no_node, state_of(Access::None, 0, 0, 0),
                          state_of(Access::None, 0, 0, 0));
    const std::string text = printed(*history, PageId{7});
    EXPECT_NE(text.find("notice of node 3: access read -> none, home node 2 (epoch 5) -valid +noticed"),
              std::string::npos)
        << text;
    EXPECT_EQ(text.find("read fault"), std::string::npos) << "another page's";
    EXPECT_NE(printed(*history, PageId{8}).find("read fault: access none"), std::string::npos);
}

TEST(PageHistory, TheOldestStepsGo) {
    const auto history = std::make_unique<PageHistory>();
    const ReleasePageState state{};
    history->note_release(PageId{1}, "pin", no_node, state, state);
    for (unsigned i = 0; i < 4096; ++i) { history->note_release(PageId{2}, "token", NodeId{1}, state, state); }
    EXPECT_EQ(printed(*history, PageId{1}), "");
}

} // namespace
} // namespace dsm::rt
