// Awaiting names along a tree of ranks: the relay's rules one by one, and random waits over a network that reorders.
#include "libdsm/sync/name_relay.hpp"

#include "tests/simulation/random.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace dsm;
using namespace dsm::sync;

namespace {

using Kind = NameRequestKind;

class Relay : public NameRelayEffects, public testing::Test {
protected:
    void reply(const NameReply &reply) override { sent.push_back(reply); }
    void ask_above(const NameRequest &request, std::string_view) override { asked.push_back(request); }
    void await(std::uint32_t number) { relay.step({Kind::Await, ticket(number), 0}, "a", *this); }
    void withdraw(std::uint32_t number) { relay.step({Kind::Withdraw, ticket(number), 0}, "a", *this); }
    static NameTicket ticket(std::uint32_t number) { return {Rank{9}, number, 1}; }
    void above(NameReplyKind kind, const NameRequest &question, int error = 0, std::uint64_t value = 0) {
        relay.on_reply({kind, true, question.ticket, error, value}, *this);
    }
    NameRelay relay{Rank{4}};
    std::vector<NameReply> sent;
    std::vector<NameRequest> asked;
};

TEST_F(Relay, AsksOnceForAllWhoCome) {
    for (std::uint32_t number = 0; number < 3; ++number) { await(number); }
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].kind, Kind::Await);
    ASSERT_EQ(sent.size(), 3u); // Each is noted at once.
    for (const NameReply &noted : sent) { EXPECT_EQ(noted.kind, NameReplyKind::Noted); }
}

TEST_F(Relay, AsksAnewForWhoCameLater) {
    for (std::uint32_t number = 0; number < 3; ++number) { await(number); }
    sent.clear();
    above(NameReplyKind::Answer, asked[0], 0, 64);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].ticket, ticket(0));
    EXPECT_EQ(sent[0].value, 64u);
    ASSERT_EQ(asked.size(), 2u);
    above(NameReplyKind::Noted, asked[0]); // overtaken
    above(NameReplyKind::Answer, asked[1], 0, 128);
    ASSERT_EQ(sent.size(), 3u);
    EXPECT_EQ(sent[1].value, 128u);
    EXPECT_EQ(sent[2].value, 128u);
    EXPECT_EQ(relay.question_count(), 0u);
}

TEST_F(Relay, WithdrawsWhenNobodyIsLeftAndItWasNoted) {
    await(0);
    withdraw(0);
    EXPECT_EQ(sent.back().error, ETIMEDOUT);
    EXPECT_EQ(asked.size(), 1u);
    above(NameReplyKind::Noted, asked[0]);
    ASSERT_EQ(asked.size(), 2u);
    EXPECT_EQ(asked[1].kind, Kind::Withdraw);
    EXPECT_EQ(asked[1].ticket, asked[0].ticket);
    above(NameReplyKind::Answer, asked[0], ETIMEDOUT);
    EXPECT_EQ(relay.question_count(), 0u);
}

TEST_F(Relay, WhoComesDuringAWithdrawalIsAskedForAnew) {
    await(0);
    above(NameReplyKind::Noted, asked[0]);
    withdraw(0);
    await(1);
    above(NameReplyKind::Answer, asked[0], ETIMEDOUT);
    ASSERT_EQ(asked.size(), 3u);
    EXPECT_EQ(asked[2].kind, Kind::Await);
    above(NameReplyKind::Answer, asked[2], 0, 64);
    EXPECT_EQ(sent.back().ticket, ticket(1));
    EXPECT_EQ(sent.back().value, 64u);
}

TEST_F(Relay, ALateWithdrawalMeetsNobody) {
    withdraw(0);
    await(0);
    withdraw(7);
    EXPECT_EQ(sent.size(), 1u);
}

TEST(NameTree, EveryRankComesToTheKeeper) {
    constexpr int ranks = 50;
    for (int keeper = 0; keeper < ranks; keeper += 7) {
        for (int rank = 0; rank < ranks; ++rank) {
            Rank at{rank};
            int steps = 0;
            for (; at != Rank{keeper}; ++steps) { at = name_tree_parent(at, Rank{keeper}, ranks); }
            EXPECT_LE(steps, 3);
        }
    }
}

/// One name, one thread at each rank, a network that delivers in any order. The name comes and goes.
class World {
public:
    World(std::uint64_t seed, NameRelayMutation mutation) : random_(seed) {
        for (int rank = 0; rank < rank_count; ++rank) {
            ranks_.push_back(std::make_unique<Node>(*this, rank, mutation));
        }
    }

    /// The first thing that went wrong. At the end the name stays, or it does not and all give up.
    std::string run(int steps, bool name_stays) {
        for (int step = 0; step < steps && failure_.empty(); ++step) { one_step(false); }
        if (name_stays != value_.has_value()) { change_name(); }
        for (int step = 0; !is_done() && failure_.empty(); ++step) {
            if (step == finishing_steps_max) { return "somebody is never answered"; }
            one_step(true);
        }
        for (const auto &rank : ranks_) {
            if (failure_.empty() && rank->relay.question_count() != 0) { return "a question stays"; }
        }
        return failure_.empty() && table_.waiter_count() != 0 ? "a waiter stays" : failure_;
    }
    int found = 0;
    int timed_out = 0;

private:
    static constexpr int rank_count = 30;
    static constexpr int finishing_steps_max = 1'000'000;
    static constexpr const char *name = "a";
    static inline const Rank keeper = keeper_of(name, rank_count);

    struct Node final : NameRelayEffects {
        Node(World &its_world, int rank, NameRelayMutation mutation)
            : world(its_world), self{rank}, relay(Rank{rank}, mutation) {}
        void reply(const NameReply &reply) override { world.replies_.push_back(reply); }
        void ask_above(const NameRequest &request, std::string_view) override {
            world.requests_.push_back({name_tree_parent(self, keeper, rank_count), request});
        }
        World &world;
        Rank self;
        NameRelay relay;
        NameInquiry inquiry;
        std::uint32_t sequence = 0;
        bool busy = false;
        bool withdrawn = false;
        std::uint64_t begun_at = 0; ///< number of publications that had ended
    };
    struct Request {
        Rank to;
        NameRequest request;
    };

    bool is_done() const {
        for (const auto &rank : ranks_) {
            if (rank->busy) { return false; }
        }
        return requests_.empty() && replies_.empty();
    }

    void one_step(bool finishing) {
        const unsigned choice = random_.below(finishing ? 9 : 10);
        if (choice < 2) {
            act(*ranks_[random_.below(rank_count)], finishing);
        } else if (choice < 5 && !requests_.empty()) {
            deliver(take(requests_));
        } else if (choice < 9 && !replies_.empty()) {
            deliver(take(replies_));
        } else if (choice == 9 && random_.one_in(40)) {
            change_name();
        }
    }

    /// Published values count up: value v is published after v - 1 publications have ended.
    void change_name() {
        const NameTicket nobody{keeper, 77, 1};
        Node &at = *ranks_[static_cast<std::size_t>(keeper.value)];
        if (value_) {
            value_.reset();
            ++ended_;
            table_.step({Kind::Unpublish, nobody, 0}, name, at);
        } else {
            value_ = ended_ + 1;
            table_.step({Kind::Publish, nobody, *value_}, name, at);
        }
        std::erase_if(replies_, [&](const NameReply &reply) { return reply.ticket == nobody; });
    }

    void act(Node &node, bool finishing) {
        const NameTicket ticket{node.self, 0, node.sequence};
        if (node.busy) {
            const bool gives_up = (finishing && !value_) || random_.one_in(3);
            if (!gives_up || node.withdrawn || !node.inquiry.is_noted() || node.inquiry.is_answered()) { return; }
            node.withdrawn = true;
            requests_.push_back({node.self, {Kind::Withdraw, ticket, 0}});
        } else if (!finishing) {
            node.busy = true;
            node.withdrawn = false;
            node.begun_at = ended_;
            node.inquiry.begin({node.self, 0, ++node.sequence});
            requests_.push_back({node.self, {Kind::Await, node.inquiry.ticket(), 0}});
        }
    }

    template <class Message> Message take(std::vector<Message> &from) {
        const auto at = static_cast<std::ptrdiff_t>(random_.below(static_cast<unsigned>(from.size())));
        const Message message = from[static_cast<std::size_t>(at)];
        from.erase(from.begin() + at);
        return message;
    }

    void deliver(const Request &request) {
        Node &node = *ranks_[static_cast<std::size_t>(request.to.value)];
        if (request.to == keeper) { return table_.step(request.request, name, node); }
        node.relay.step(request.request, name, node);
    }

    void deliver(const NameReply &reply) {
        Node &node = *ranks_[static_cast<std::size_t>(reply.ticket.asker.value)];
        if (reply.ticket.number == relay_inquiry) { return node.relay.on_reply(reply, node); }
        node.inquiry.on_reply(reply);
        if (!node.inquiry.is_over()) { return; }
        node.busy = false;
        if (node.inquiry.error() == ETIMEDOUT) { ++timed_out; }
        if (node.inquiry.error() != 0) { return; }
        ++found;
        if (node.inquiry.value() <= node.begun_at) { failure_ = "N7 what was found had ended before it was asked for"; }
    }

    protocol_test::Random random_;
    NameTable table_;
    std::vector<std::unique_ptr<Node>> ranks_;
    std::vector<Request> requests_;
    std::vector<NameReply> replies_;
    std::optional<std::uint64_t> value_;
    std::uint64_t ended_ = 0;
    std::string failure_;
};

constexpr std::uint64_t seeds = 30;
constexpr int steps = 8000;

TEST(NameTreeModel, WhatIsFoundWasThereDuringTheWait) {
    int found = 0;
    int timed_out = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        World world(seed, NameRelayMutation::None);
        EXPECT_EQ(world.run(steps, seed % 2 == 0), "") << "seed " << seed;
        found += world.found;
        timed_out += world.timed_out;
    }
    EXPECT_TRUE(found > 1000 && timed_out > 100) << found << " found, " << timed_out << " timed out";
}

TEST(NameTreeModel, OldAnswersForLateAskersAreAMistake) {
    unsigned failures = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        failures += World(seed, NameRelayMutation::OldAnswerForLateAskers).run(steps, true).empty() ? 0 : 1;
    }
    EXPECT_GT(failures, 0u);
}

} // namespace
