// Names: the rules of the exchange one by one, and random exchanges over a network that reorders, against a plain map.
#include "libdsm/sync/name_table.hpp"

#include "tests/simulation/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace dsm;
using namespace dsm::sync;

namespace {

using Kind = NameRequestKind;

class Keeper : public NameEffects, public testing::Test {
protected:
    void reply(const NameReply &reply) override { sent.push_back(reply); }
    /// The one reply to a request.
    NameReply ask(Kind kind, std::string_view name, std::uint64_t value = 0, std::uint32_t number = 0) {
        sent.clear();
        table.step({kind, {Rank{1}, number, 1}, value}, name, *this);
        EXPECT_EQ(sent.size(), 1u);
        return sent.empty() ? NameReply{} : sent[0];
    }
    NameTable table;
    std::vector<NameReply> sent;
};

TEST_F(Keeper, ANameIsFoundUntilItIsTakenBack) {
    EXPECT_EQ(ask(Kind::LookUp, "a").error, ENOENT);
    EXPECT_EQ(ask(Kind::Publish, "a", 64).error, 0);
    EXPECT_EQ(ask(Kind::LookUp, "a").value, 64u);
    EXPECT_EQ(ask(Kind::Await, "a").value, 64u);
    EXPECT_EQ(ask(Kind::Unpublish, "a").error, 0);
    EXPECT_EQ(ask(Kind::LookUp, "a").error, ENOENT);
    EXPECT_EQ(ask(Kind::Unpublish, "a").error, ENOENT);
    EXPECT_EQ(table.name_count(), 0u);
}

TEST_F(Keeper, ATakenNameStaysWhatItIs) {
    ask(Kind::Publish, "a", 64);
    EXPECT_EQ(ask(Kind::Publish, "a", 128).error, EEXIST);
    EXPECT_EQ(ask(Kind::LookUp, "a").value, 64u);
}

TEST_F(Keeper, NamesAreBytes) {
    ask(Kind::Publish, "Zahl", 1);
    ask(Kind::Publish, "Z\xc3\xa4hler", 2);
    ask(Kind::Publish, "Zahl ", 3);
    ask(Kind::Publish, std::string(255, 'x'), 4);
    EXPECT_EQ(ask(Kind::LookUp, "Z\xc3\xa4hler").value, 2u);
    EXPECT_EQ(ask(Kind::LookUp, "Zahl").value, 1u);
    EXPECT_EQ(ask(Kind::LookUp, std::string(255, 'x')).value, 4u);
    EXPECT_EQ(ask(Kind::LookUp, std::string(254, 'x')).error, ENOENT);
}

TEST_F(Keeper, AllWhoWaitAreTold) {
    for (std::uint32_t number = 0; number < 3; ++number) {
        EXPECT_EQ(ask(Kind::Await, "a", 0, number).kind, NameReplyKind::Noted);
    }
    sent.clear();
    table.step({Kind::Publish, {Rank{2}, 0, 1}, 64}, "a", *this);
    ASSERT_EQ(sent.size(), 4u);
    for (std::size_t at = 1; at < sent.size(); ++at) {
        EXPECT_TRUE(sent[at].was_noted);
        EXPECT_EQ(sent[at].value, 64u);
    }
    EXPECT_EQ(table.waiter_count(), 0u);
}

TEST_F(Keeper, WhoWithdrawsIsAnsweredOnce) {
    ask(Kind::Await, "a");
    EXPECT_EQ(ask(Kind::Withdraw, "a").error, ETIMEDOUT);
    sent.clear();
    table.step({Kind::Publish, {Rank{2}, 0, 1}, 64}, "a", *this);
    EXPECT_EQ(sent.size(), 1u); // to the publisher
}

TEST_F(Keeper, ALateWithdrawalMeetsNobodyElse) {
    ask(Kind::Await, "a");
    table.step({Kind::Publish, {Rank{2}, 0, 1}, 64}, "a", *this);
    ask(Kind::Unpublish, "a", 0, 5);
    sent.clear();
    table.step({Kind::Await, {Rank{1}, 0, 2}, 0}, "a", *this);    // the number again
    table.step({Kind::Withdraw, {Rank{1}, 0, 1}, 0}, "a", *this); // of the first use
    EXPECT_EQ(sent.size(), 1u);
    EXPECT_EQ(table.waiter_count(), 1u);
}

TEST(Inquiry, EndsWhenBothRepliesHaveComeInAnyOrder) {
    const NameTicket ticket{Rank{1}, 0, 1};
    const NameReply noted{NameReplyKind::Noted, false, ticket, 0, 0};
    const NameReply answer{NameReplyKind::Answer, true, ticket, 0, 64};
    NameInquiry inquiry;
    inquiry.begin(ticket);
    inquiry.on_reply(answer);
    EXPECT_TRUE(inquiry.is_answered());
    EXPECT_FALSE(inquiry.is_over());
    inquiry.on_reply(noted);
    EXPECT_TRUE(inquiry.is_over());
    EXPECT_EQ(inquiry.value(), 64u);
}

TEST(KeeperOf, SpreadsNames) {
    constexpr int ranks = 7;
    constexpr int names = 7000;
    std::vector<int> counts(ranks);
    for (int name = 0; name < names; ++name) {
        ++counts[static_cast<std::size_t>(keeper_of("grid/row " + std::to_string(name), ranks).value)];
    }
    for (const int count : counts) { EXPECT_NEAR(count, names / ranks, names / ranks / 4); }
    EXPECT_EQ(keeper_of("x", 1).value, 0);
}

/// Threads that ask one keeper over a network that delivers in any order, with deadlines that pass at any moment.
class World : private NameEffects {
public:
    explicit World(std::uint64_t seed) : random_(seed) {}

    void run(int steps) {
        for (int step = 0; step < steps; ++step) { one_step(); }
        finishing_ = true;
        for (int step = 0; !is_done(); ++step) {
            ASSERT_LT(step, finishing_steps_max) << "somebody is never answered";
            one_step();
        }
        EXPECT_EQ(table_.waiter_count(), 0u);
        EXPECT_EQ(table_.name_count(), model_.size());
        EXPECT_TRUE(timed_out_ > 0 && found_later_ > 0 && late_withdrawals_ > 0) << "a test that shows little";
    }

private:
    static constexpr std::size_t thread_count = 6;
    static constexpr unsigned name_count = 3;
    static constexpr int finishing_steps_max = 100000;
    static constexpr unsigned withdrawals_held_back = 16;
    struct Thread {
        bool busy = false;
        Kind kind{};
        std::string name;
        std::uint64_t value = 0;
        std::uint32_t sequence = 0;
        bool expired = false;
        bool withdrawn = false;
        NameInquiry inquiry;
        std::optional<NameReply> promised; ///< the answer that the model wants
    };
    struct Request {
        NameRequest request;
        std::string name;
    };

    bool is_done() const {
        const bool busy = std::ranges::any_of(threads_, [](const Thread &thread) { return thread.busy; });
        return !busy && requests_.empty() && replies_.empty();
    }

    void one_step() {
        const unsigned choice = random_.below(4);
        const auto at = random_.below(thread_count);
        if (choice == 0) {
            act(static_cast<std::uint32_t>(at));
        } else if (choice == 1 && !requests_.empty()) {
            deliver_request();
        } else if (choice == 2 && !replies_.empty()) {
            deliver_reply();
        } else if (threads_[at].busy && threads_[at].kind == Kind::Await) {
            threads_[at].expired = threads_[at].expired || finishing_ || random_.one_in(4);
        }
    }

    /// A thread begins something, or goes on.
    void act(std::uint32_t number) {
        Thread &thread = threads_[number];
        if (thread.busy && thread.inquiry.is_over()) {
            check(thread);
            thread.busy = false;
            return;
        }
        if (thread.busy) {
            const bool withdraws = thread.kind == Kind::Await && thread.expired && !thread.withdrawn &&
                                   thread.inquiry.is_noted() && !thread.inquiry.is_answered();
            if (withdraws) {
                thread.withdrawn = true;
                requests_.push_back({{Kind::Withdraw, thread.inquiry.ticket(), 0}, thread.name});
            }
            return;
        }
        if (finishing_) { return; }
        const Kind kinds[] = {Kind::Publish, Kind::Unpublish, Kind::LookUp, Kind::Await, Kind::Await};
        thread = {true,
                  kinds[random_.below(5)],
                  "name" + std::to_string(random_.below(name_count)),
                  random_.next(),
                  thread.sequence + 1,
                  false,
                  false,
                  {},
                  {}};
        thread.inquiry.begin({Rank{static_cast<std::int32_t>(number % 2)}, number, thread.sequence});
        requests_.push_back({{thread.kind, thread.inquiry.ticket(), thread.value}, thread.name});
    }

    template <class Message> Message take(std::vector<Message> &from) {
        const auto at = static_cast<std::ptrdiff_t>(random_.below(static_cast<unsigned>(from.size())));
        Message message = from[static_cast<std::size_t>(at)];
        from.erase(from.begin() + at);
        return message;
    }

    void deliver_request() {
        const Request request = take(requests_);
        if (request.request.kind == Kind::Withdraw && !finishing_ && !random_.one_in(withdrawals_held_back)) {
            requests_.push_back(request); // so that many are late, even for the number's next use
            return;
        }
        Thread &thread = threads_[request.request.ticket.number];
        const auto known = model_.find(request.name);
        const bool is_known = known != model_.end();
        if (request.request.kind == Kind::Withdraw) {
            const bool late = thread.sequence != request.request.ticket.sequence || thread.promised;
            late_withdrawals_ += late ? 1 : 0;
            if (!late) {
                promise(thread, ETIMEDOUT, 0);
                waiting_in_model_.erase({request.name, request.request.ticket.number});
            }
        } else if (thread.kind == Kind::Publish) {
            promise(thread, is_known ? EEXIST : 0, 0);
            if (!is_known) { publish_in_model(request.name, thread.value); }
        } else if (thread.kind == Kind::Unpublish) {
            promise(thread, is_known ? 0 : ENOENT, 0);
            if (is_known) { model_.erase(known); }
        } else if (is_known) {
            promise(thread, 0, known->second);
        } else if (thread.kind == Kind::LookUp) {
            promise(thread, ENOENT, 0);
        } else {
            waiting_in_model_.insert({request.name, request.request.ticket.number});
        }
        table_.step(request.request, request.name, *this);
    }

    void promise(Thread &thread, int error, std::uint64_t value) {
        EXPECT_FALSE(thread.promised.has_value());
        thread.promised = NameReply{NameReplyKind::Answer, false, {}, error, value};
    }

    void publish_in_model(const std::string &name, std::uint64_t value) {
        model_[name] = value;
        for (std::uint32_t number = 0; number < thread_count; ++number) {
            if (waiting_in_model_.erase({name, number}) == 0) { continue; }
            promise(threads_[number], 0, value);
            ++found_later_;
        }
    }

    void deliver_reply() {
        const NameReply reply = take(replies_);
        Thread &thread = threads_[reply.ticket.number];
        ASSERT_TRUE(thread.busy && reply.ticket.sequence == thread.sequence);
        thread.inquiry.on_reply(reply);
    }

    void check(Thread &thread) {
        ASSERT_TRUE(thread.promised.has_value());
        EXPECT_EQ(thread.inquiry.error(), thread.promised->error);
        const bool finds = thread.kind == Kind::LookUp || thread.kind == Kind::Await;
        if (finds && thread.promised->error == 0) { EXPECT_EQ(thread.inquiry.value(), thread.promised->value); }
        if (thread.promised->error == ETIMEDOUT) { ++timed_out_; }
    }

    void reply(const NameReply &reply) override { replies_.push_back(reply); }

    protocol_test::Random random_;
    NameTable table_;
    std::array<Thread, thread_count> threads_;
    std::vector<Request> requests_;
    std::vector<NameReply> replies_;
    std::map<std::string, std::uint64_t> model_;
    std::set<std::pair<std::string, std::size_t>> waiting_in_model_;
    bool finishing_ = false;
    int timed_out_ = 0;
    int found_later_ = 0;
    int late_withdrawals_ = 0;
};

TEST(NamesModel, RandomExchangesAgreeWithAMap) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        World(seed).run(20000);
        if (testing::Test::HasFailure()) { return; }
    }
}

} // namespace
