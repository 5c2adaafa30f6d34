// The loopback transport under the contract.
#include "contract.hpp"

#include <cstdlib>
#include <gtest/gtest.h>
#include <vector>

namespace dsm::transport {
namespace {

class Loopback : public ::testing::Test {
protected:
    std::unique_ptr<Transport> transport_ = make_loopback_transport();
};

TEST_F(Loopback, IsOneRankOnOneHost) {
    EXPECT_EQ(transport_->rank(), Rank{0});
    EXPECT_EQ(transport_->size(), 1);
    EXPECT_STREQ(transport_->name(), "loopback");
    EXPECT_EQ(transport_->host_of(Rank{0}), 0);
    EXPECT_NO_THROW(contract::collectives_agree(*transport_));
}
TEST_F(Loopback, EveryRecordComesOnceAndWhole) {
    EXPECT_NO_THROW(contract::every_record_comes_once_and_whole(*transport_));
}
TEST_F(Loopback, SmallRecordsTravelTogether) { EXPECT_NO_THROW(contract::small_records_travel_together(*transport_)); }
TEST_F(Loopback, HandlersMaySend) { EXPECT_NO_THROW(contract::handlers_may_send(*transport_, 100'000)); }
TEST_F(Loopback, OwnRecordsWaitForPoll) { EXPECT_NO_THROW(contract::own_records_wait_for_poll(*transport_)); }
TEST_F(Loopback, SendsBecomeQuietAfterNotices) {
    EXPECT_NO_THROW(contract::sends_become_quiet_after_notices(*transport_));
}
TEST_F(Loopback, PutsAreInPlace) {
    std::vector<std::byte> window(std::size_t{1} << 20);
    EXPECT_EQ(contract::puts_are_in_place(*transport_, window), "");
    EXPECT_EQ(transport_->counts().rma_puts, 200U);
}
TEST_F(Loopback, FinalizeDeliversEverything) {
    EXPECT_EQ(contract::finalize_delivers_everything(*transport_, 1000), 1000);
}
TEST_F(Loopback, RefusesWhatIsTooLong) {
    const std::vector<std::byte> body(transport_->record_bytes_max(Rank{0}) + 1);
    EXPECT_DEATH(transport_->send(Rank{0}, {}, body), "record within record_bytes_max");
}
TEST_F(Loopback, AbortEndsTheProcessWithTheCode) {
    EXPECT_EXIT(transport_->abort(72), ::testing::ExitedWithCode(72), "");
}

} // namespace
} // namespace dsm::transport
