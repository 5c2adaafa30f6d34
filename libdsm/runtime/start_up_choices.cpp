// Choices of start-up that depend on what the machine can do: fault backend, bulk ways, the budget of frames.
#include "libdsm/runtime/start_up.hpp"

#include "libdsm/base/log.hpp"
#include "libdsm/memory/descriptor_passing.hpp"
#include "libdsm/memory/mprotect_backend.hpp"
#include "libdsm/memory/userfaultfd_backend.hpp"
#include "libdsm/runtime/agreement.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace dsm::rt {
namespace {

constexpr double exchange_timeout_s = 20;
constexpr std::uint64_t cache_pages_min = 16;

/// What the control group allows, or what the machine has.
std::uint64_t memory_bytes() {
    auto bytes =
        static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    if (std::FILE *file = std::fopen("/sys/fs/cgroup/memory.max", "re")) {
        unsigned long long limit = 0;
        if (std::fscanf(file, "%llu", &limit) == 1 && limit > 0) { bytes = std::min<std::uint64_t>(bytes, limit); }
        std::fclose(file);
    }
    return bytes;
}

bool everybody(transport::Transport &transport, bool mine) {
    const std::vector<int> all = gather(transport, mine ? 1 : 0);
    return std::all_of(all.begin(), all.end(), [](int one) { return one == 1; });
}

/// The first failure of this rank, to be agreed on by all.
struct Outcomes {
    int error = 0;
    std::string reason;
    void note(const memory::Failure &failure) {
        if (error == 0) { error = failure.error, reason = failure.reason; }
    }
    template <class Value> void check(memory::Outcome<Value> outcome) {
        if (!outcome.ok()) { note(outcome.failure()); }
    }
};

void make_userfaultfd(Node &node, transport::Transport &transport, memory::RightsLedger &ledger) {
    Outcomes outcomes;
    outcomes.check(node.frames.map_application_view(node.segment, PROT_READ | PROT_WRITE, memory::CoreFiles::Exclude));
    std::unique_ptr<memory::UserfaultfdBackend> backend;
    memory::DescriptorOffer offer;
    if (outcomes.error == 0) {
        auto made = memory::UserfaultfdBackend::create(node.segment, node.frames, ledger);
        if (made.ok()) {
            backend = std::move(made.value());
            auto started = memory::DescriptorOffer::start({backend->descriptor()});
            started.ok() ? static_cast<void>(offer = std::move(started.value())) : outcomes.note(started.failure());
        } else {
            outcomes.note(made.failure());
        }
    }
    agree(transport, outcomes.error, outcomes.reason);
    using Address = std::array<char, 64>;
    Address mine{};
    std::memcpy(mine.data(), offer.address().data(), std::min(offer.address().size(), mine.size() - 1));
    const std::vector<Address> all = gather(transport, mine);
    const auto &ranks = node.topology->ranks_of(node.topology->self_node());
    if (ranks.size() > 1) {
        std::vector<std::string> addresses;
        for (const Rank rank : ranks) { addresses.emplace_back(all[static_cast<std::size_t>(rank.value)].data()); }
        const auto own = static_cast<std::size_t>(node.topology->local_rank());
        auto exchanged = memory::exchange_descriptors(offer, addresses, own, exchange_timeout_s);
        if (exchanged.ok()) {
            std::vector<memory::FileDescriptor> descriptors;
            for (auto &of_rank : exchanged.value()) {
                descriptors.push_back(of_rank.empty() ? memory::FileDescriptor() : std::move(of_rank[0]));
            }
            backend->set_node(std::move(descriptors), static_cast<int>(own));
        } else {
            outcomes.note(exchanged.failure());
        }
    }
    agree(transport, outcomes.error, outcomes.reason);
    node.backend = std::move(backend);
}

void make_mprotect(Node &node, transport::Transport &transport, const Options &options, memory::RightsLedger &ledger) {
    Outcomes outcomes;
    outcomes.check(node.frames.map_application_view(node.segment, PROT_NONE, memory::CoreFiles::Exclude));
    auto made = memory::MprotectBackend::create(node.segment, node.frames, ledger);
    if (!made.ok()) { outcomes.note(made.failure()); }
    const int ranks = static_cast<int>(node.topology->ranks_of(node.topology->self_node()).size());
    if (made.ok() && ranks > 1) {
        outcomes.check(made.value()->join_node(node.rights, node.topology->local_rank(), ranks, options.timeout_s));
    }
    agree(transport, outcomes.error, outcomes.reason);
    node.backend = std::move(made.value());
}

void make_solo(Node &node, transport::Transport &transport) {
    Outcomes outcomes;
    outcomes.check(node.frames.map_application_view(node.segment, PROT_NONE, memory::CoreFiles::Exclude));
    auto areas = memory::AreaMapper::create(node.segment);
    areas.ok() ? static_cast<void>(node.areas.emplace(std::move(areas.value()))) : outcomes.note(areas.failure());
    agree(transport, outcomes.error, outcomes.reason);
}

} // namespace

std::uint64_t cache_pages_of(const Options &options, const Topology &topology) {
    if (options.cache_bytes != 0) { return options.cache_bytes / page_bytes; }
    std::vector<NodeId> nodes_here;
    for (const Rank rank : topology.ranks_of_this_host()) { nodes_here.push_back(topology.node_of(rank)); }
    nodes_here.erase(std::unique(nodes_here.begin(), nodes_here.end()), nodes_here.end());
    const std::uint64_t share = memory_bytes() / 4 * 3 / std::max<std::size_t>(nodes_here.size(), 1);
    return std::max(share / page_bytes, cache_pages_min);
}

void choose_backend(Node &node, transport::Transport &transport, const Options &options, memory::RightsLedger &ledger) {
    if (node.solo()) {
        make_solo(node, transport);
        return;
    }
    if (options.fault != FaultChoice::mprotect) {
        auto probe = memory::probe_userfaultfd();
        const std::string reason = probe.ok() ? "" : probe.failure().reason;
        if (options.fault == FaultChoice::userfaultfd) {
            agree(transport, probe.ok() ? 0 : ENOTSUP, "DSM_FAULT=userfaultfd cannot be had: " + reason);
        }
        if (everybody(transport, probe.ok())) {
            make_userfaultfd(node, transport, ledger);
            return;
        }
        if (!probe.ok()) { DSM_LOG(start, info, "userfaultfd cannot be had (%s); using mprotect", reason.c_str()); }
    }
    make_mprotect(node, transport, options, ledger);
}

void choose_bulk(Node &node, transport::Transport &transport, const Options &options) {
    const std::uint16_t nodes = node.topology->node_count();
    node.bulk.way.assign(nodes, BulkWay::ActiveMessage);
    bool all_direct = true;
    for (std::uint16_t other = 0; other < nodes; ++other) {
        if (NodeId{other} == node.topology->self_node()) { continue; }
        const bool mapped = node.bulk.frames[other].mapped();
        all_direct = all_direct && mapped;
        const bool wanted = options.bulk == BulkChoice::automatic || options.bulk == BulkChoice::direct;
        if (mapped && wanted) { node.bulk.way[other] = BulkWay::Direct; }
    }
    const bool everywhere_direct = everybody(transport, all_direct);
    if (options.bulk == BulkChoice::direct) {
        agree(transport, all_direct ? 0 : ENOTSUP,
              "DSM_BULK=direct cannot be had: a node is on another host or does not share its frames");
        return;
    }
    const bool window_wanted =
        options.bulk == BulkChoice::rma || (options.bulk == BulkChoice::automatic && !everywhere_direct && nodes > 1);
    if (!window_wanted || node.solo()) { return; }
    const std::string refusal = transport.open_window({node.frames.service_view(), node.frames.bytes()});
    if (options.bulk == BulkChoice::rma) {
        agree(transport, refusal.empty() ? 0 : ENOTSUP, "DSM_BULK=rma cannot be had: " + refusal);
    }
    for (std::uint16_t other = 0; refusal.empty() && other < nodes; ++other) {
        if (node.bulk.way[other] == BulkWay::ActiveMessage) { node.bulk.way[other] = BulkWay::OneSided; }
    }
    if (!refusal.empty()) { DSM_LOG(start, info, "no one-sided copies: %s", refusal.c_str()); }
}

} // namespace dsm::rt
