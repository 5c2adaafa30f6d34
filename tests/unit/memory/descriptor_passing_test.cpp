// Handing descriptors to other ranks of the host.
#include "libdsm/memory/descriptor_passing.hpp"

#include "libdsm/memory/shared_region.hpp"

#include <cerrno>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <optional>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace dsm::memory {
namespace {

constexpr double long_s = 60;
constexpr double short_s = 0.05;

SharedRegion region_with(std::uint64_t value) {
    SharedRegion region = std::move(SharedRegion::create("test", 4096).value());
    *region.as<std::uint64_t>() = value;
    return region;
}

std::uint64_t value_in(FileDescriptor descriptor) {
    auto region = SharedRegion::attach(std::move(descriptor), 4096);
    return region ? *region.value().as<std::uint64_t>() : 0;
}

TEST(DescriptorPassing, SeveralRanksGetTheDescriptorsInOrder) {
    const SharedRegion first = region_with(1);
    const SharedRegion second = region_with(2);
    auto offer = DescriptorOffer::start({first.descriptor(), second.descriptor()});
    ASSERT_TRUE(offer.ok());
    EXPECT_LT(offer.value().address().size(), 64U);
    std::vector<std::thread> ranks;
    for (int rank = 0; rank < 3; ++rank) {
        ranks.emplace_back([&offer] {
            auto fetched = fetch_descriptors(offer.value().address(), long_s);
            ASSERT_TRUE(fetched.ok()) << fetched.failure().reason;
            ASSERT_EQ(fetched.value().size(), 2U);
            EXPECT_EQ(::fcntl(fetched.value()[0].get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
            EXPECT_EQ(value_in(std::move(fetched.value()[0])), 1U);
            EXPECT_EQ(value_in(std::move(fetched.value()[1])), 2U);
        });
    }
    EXPECT_TRUE(offer.value().serve(3, long_s).ok());
    for (std::thread &rank : ranks) { rank.join(); }
}

TEST(DescriptorPassing, WorksBetweenProcesses) {
    const SharedRegion region = region_with(77);
    auto offer = DescriptorOffer::start({region.descriptor()});
    ASSERT_TRUE(offer.ok());
    const pid_t child = ::fork();
    if (child == 0) {
        auto fetched = fetch_descriptors(offer.value().address(), long_s);
        ::_exit(fetched && value_in(std::move(fetched.value()[0])) == 77 ? 0 : 1);
    }
    EXPECT_TRUE(offer.value().serve(1, long_s).ok());
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST(DescriptorPassing, ServingEndsWhenTimeIsUp) {
    const auto offer = DescriptorOffer::start({});
    ASSERT_TRUE(offer.ok());
    auto started = DescriptorOffer::start({});
    const auto served = started.value().serve(2, short_s);
    ASSERT_FALSE(served.ok());
    EXPECT_EQ(served.failure().error, ETIMEDOUT);
    EXPECT_NE(served.failure().reason.find("only 0 of 2 ranks"), std::string::npos) << served.failure().reason;
}

TEST(DescriptorPassing, FetchingEndsWhenTimeIsUp) {
    auto offer = DescriptorOffer::start({}); // Nobody serves it.
    ASSERT_TRUE(offer.ok());
    const auto fetched = fetch_descriptors(offer.value().address(), short_s);
    ASSERT_FALSE(fetched.ok());
    EXPECT_EQ(fetched.failure().error, ETIMEDOUT);
}

TEST(DescriptorPassing, AnAddressThatNobodyOffersIsRefusedAtOnce) {
    const auto fetched = fetch_descriptors("libdsm-nobody", long_s);
    ASSERT_FALSE(fetched.ok());
    EXPECT_EQ(fetched.failure().error, ECONNREFUSED);
    EXPECT_NE(fetched.failure().reason.find("cannot reach"), std::string::npos);
}

TEST(DescriptorPassing, OffersHaveDifferentAddresses) {
    auto first = DescriptorOffer::start({});
    auto second = DescriptorOffer::start({});
    EXPECT_NE(first.value().address(), second.value().address());
}

TEST(DescriptorPassing, TooManyDescriptorsAreRefused) {
    const auto offer = DescriptorOffer::start(std::vector<int>(offered_descriptors_max + 1, 0));
    ASSERT_FALSE(offer.ok());
    EXPECT_EQ(offer.failure().error, EINVAL);
}

TEST(DescriptorPassing, AnotherUserIsNotServed) {
    if (::getuid() != 0) { GTEST_SKIP() << "needs to become another user"; }
    const SharedRegion region = region_with(1);
    auto offer = DescriptorOffer::start({region.descriptor()});
    ASSERT_TRUE(offer.ok());
    const pid_t child = ::fork();
    if (child == 0) {
        const bool changed = ::setgid(65534) == 0 && ::setuid(65534) == 0;
        const auto fetched = fetch_descriptors(offer.value().address(), long_s);
        ::_exit(changed && !fetched ? 0 : 1);
    }
    std::thread server([&] { EXPECT_TRUE(offer.value().serve(1, long_s).ok()); });
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(fetch_descriptors(offer.value().address(), long_s).ok()); // The server waits for one of its own user.
    server.join();
}

TEST(DescriptorPassing, RanksExchangeTheirDescriptorsAllAtOnce) {
    constexpr std::size_t ranks = 4;
    std::vector<SharedRegion> regions;
    std::vector<DescriptorOffer> offers;
    std::vector<std::string> addresses;
    for (std::size_t rank = 0; rank < ranks; ++rank) {
        regions.push_back(region_with(100 + rank));
        offers.push_back(std::move(DescriptorOffer::start({regions[rank].descriptor()}).value()));
        addresses.push_back(offers[rank].address());
    }
    std::vector<std::thread> threads;
    for (std::size_t own = 0; own < ranks; ++own) {
        threads.emplace_back([&, own] {
            auto all = exchange_descriptors(offers[own], addresses, own, long_s);
            ASSERT_TRUE(all.ok()) << all.failure().reason;
            for (std::size_t rank = 0; rank < ranks; ++rank) {
                ASSERT_EQ(all.value()[rank].size(), rank == own ? 0U : 1U);
                if (rank != own) { EXPECT_EQ(value_in(std::move(all.value()[rank][0])), 100 + rank); }
            }
        });
    }
    for (std::thread &thread : threads) { thread.join(); }
}

} // namespace
} // namespace dsm::memory
