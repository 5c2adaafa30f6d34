// The rules of onces at their home, and messages of home objects as bytes.
#include "libdsm/sync/home_wire.hpp"
#include "libdsm/sync/once.hpp"
#include "tests/unit/sync/home_fixture.hpp"

#include <array>

using namespace dsm;
using namespace dsm::sync;

namespace {

class OnceHome : public HomeFixture<OnceState, HomeObjectKind::Once> {
protected:
    static constexpr auto waits = std::nullopt;
    std::optional<Result> begin(unsigned node) { return ask(node, Operation::Begin); }
    std::optional<Result> finish(unsigned node) { return ask(node, Operation::Finish); }
    std::optional<Result> failed(unsigned node) { return ask(node, Operation::Fail); }
};

TEST_F(OnceHome, TheFirstRunsAndTheOthersWaitForIt) {
    EXPECT_EQ(begin(1), Result::Run);
    EXPECT_EQ(begin(2), waits);
    EXPECT_EQ(begin(3), waits);
    EXPECT_FALSE(is_known_done(state));
    EXPECT_EQ(finish(1), Result::Granted);
    EXPECT_EQ(end(2), Result::Granted);
    EXPECT_EQ(end(3), Result::Granted);
    EXPECT_TRUE(is_known_done(state));
    EXPECT_EQ(begin(4), Result::Granted);
}

TEST_F(OnceHome, AFailureHandsOnToTheLongestWaiting) {
    EXPECT_EQ(begin(1), Result::Run);
    EXPECT_EQ(begin(2), waits);
    EXPECT_EQ(begin(3), waits);
    EXPECT_EQ(failed(1), Result::Granted);
    EXPECT_EQ(end(2), Result::Run);
    EXPECT_EQ(end(3), waits);
    EXPECT_EQ(failed(2), Result::Granted);
    EXPECT_EQ(end(3), Result::Run);
    EXPECT_EQ(failed(3), Result::Granted);
    EXPECT_FALSE(once_in_use(state));
    EXPECT_EQ(begin(4), Result::Run);
}

TEST_F(OnceHome, WhoRunsItMustNotWaitForItAndNobodyElseEndsIt) {
    begin(1);
    EXPECT_EQ(begin(1), Result::Deadlock);
    EXPECT_EQ(finish(2), Result::NotOwner);
    EXPECT_EQ(failed(2), Result::NotOwner);
    EXPECT_EQ(finish(1), Result::Granted);
}

TEST_F(OnceHome, ANodeRemembers) {
    EXPECT_FALSE(is_known_done(state));
    note_done(state);
    EXPECT_TRUE(is_known_done(state));
}

// ---- As bytes

HomeMessage some_message() {
    HomeMessage message{};
    message.kind = HomeMessageKind::Request;
    message.object = HomeObjectKind::Rwlock;
    message.operation = HomeOperation::Write;
    message.manner = HomeManner::Timed;
    message.result = HomeResult::NoSpace;
    message.reads = true;
    message.id = LockId{0x0123456789abcdef};
    message.waiter = {NodeId{0x0102}, Rank{0x1234567}, WaitSlot{0xfedcba98}, 0x89abcdef};
    message.owner = LockOwner{0xa1a2a3a4a5a6};
    message.incarnation = 0xfedcba9876543210;
    message.initial = 0x11223344;
    message.number = 0x55667788;
    return message;
}

TEST(HomeWire, AMessageSurvivesItsEncoding) {
    const HomeMessage message = some_message();
    std::array<std::byte, home_message_bytes> bytes{};
    encode(message, bytes);
    const auto decoded = decode_home(bytes, 0x0103);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->kind, message.kind);
    EXPECT_EQ(decoded->object, message.object);
    EXPECT_EQ(decoded->operation, message.operation);
    EXPECT_EQ(decoded->manner, message.manner);
    EXPECT_EQ(decoded->result, message.result);
    EXPECT_EQ(decoded->reads, message.reads);
    EXPECT_EQ(decoded->id, message.id);
    EXPECT_EQ(decoded->waiter, message.waiter);
    EXPECT_EQ(decoded->owner, message.owner);
    EXPECT_EQ(decoded->incarnation, message.incarnation);
    EXPECT_EQ(decoded->initial, message.initial);
    EXPECT_EQ(decoded->number, message.number);
    std::array<std::byte, home_message_bytes> again{};
    encode(*decoded, again);
    EXPECT_EQ(bytes, again);
}

TEST(HomeWire, WhatIsNoMessageIsRefused) {
    std::array<std::byte, home_message_bytes> good{};
    encode(some_message(), good);
    EXPECT_FALSE(decode_home(std::span(good).first(home_message_bytes - 1), 0x0103).has_value());
    EXPECT_FALSE(decode_home({}, 0x0103).has_value());
    EXPECT_FALSE(decode_home(good, 0x0102).has_value()); // no such node
    for (std::size_t at = 0; at < 6; ++at) {             // kind, object, operation, manner, result, flag
        auto bad = good;
        bad[at] = std::byte{0xfe};
        EXPECT_FALSE(decode_home(bad, 0x0103).has_value()) << at;
    }
    auto foreign = good; // a semaphore's operation on a read-write lock
    foreign[2] = static_cast<std::byte>(HomeOperation::PutUnit);
    EXPECT_FALSE(decode_home(foreign, 0x0103).has_value());
}

} // namespace
