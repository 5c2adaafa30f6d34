// The directory of spans and what nodes remember of it.
#include "libdsm/runtime/spans.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>
#include <cerrno>

namespace dsm::rt {
namespace {

/// Frames that a node keeps free of home pages, for copies and for ownership that comes back.
constexpr std::uint64_t reserve_pages_min = 8;

struct ForgottenArguments {
    memory::SpanRecord record;
    NodeId node;
};

std::uint64_t reserve_of(std::uint64_t cache_pages) { return std::max(reserve_pages_min, cache_pages / 8); }

} // namespace

Spans::Spans(Node &node, Engine &engine, Calls &calls) : node_(node), engine_(engine), calls_(calls) {
    for (CallKind kind : {CallKind::AllocateSpan, CallKind::LookupSpan, CallKind::FreeSpan, CallKind::ForgetSpan,
                          CallKind::SpanForgotten}) {
        calls_.handle(kind, *this);
    }
    if (node_.topology->self() != directory_rank) { return; }
    directory_ = std::make_unique<Directory>();
    const std::uint32_t nodes = node_.topology->node_count();
    auto region =
        memory::SharedRegion::create("dsm-directory", memory::SpanDirectory::region_bytes(node_.chunk_count(), nodes));
    DSM_CHECK(region.ok(), "memory for the directory of spans", nodes);
    directory_->region = std::move(region.value());
    directory_->spans.emplace(directory_->region.base(), node_.chunk_count(), nodes);
    directory_->spans->format();
    directory_->homed_pages.resize(nodes);
}

std::optional<memory::SpanRecord> Spans::find(memory::SegmentOffset offset) {
    if (offset >= node_.segment.bytes()) { return std::nullopt; }
    const memory::ChunkId chunk = memory::chunk_of(offset);
    while (true) {
        if (const auto known = node_.spans->lookup(chunk)) { return known; }
        const auto answer = calls_.call<SpanAnswer>(directory_rank, CallKind::LookupSpan, chunk);
        if (answer.error != 0) { return std::nullopt; }
        const auto status = node_.spans->insert(answer.record);
        DSM_CHECK(status != memory::CacheStatus::Overlap,
                  "A4 addresses are used again after every node has dropped them", chunk.value);
        if (status != memory::CacheStatus::Stale) { return answer.record; }
        // Freed while we asked; what stands there now, if anything, is younger.
    }
}

void Spans::forget(const memory::SpanRecord &record) { node_.spans->remove(record.first, record.generation); }

SpanAnswer Spans::allocate(const memory::SpanAttributes &attributes, std::uint32_t alignment_chunks) {
    const auto answer = calls_.call<SpanAnswer>(directory_rank, CallKind::AllocateSpan,
                                                AllocateArguments{attributes, alignment_chunks});
    if (answer.error == 0) { node_.spans->insert(answer.record); }
    return answer;
}

int Spans::free(const memory::SpanRecord &record) {
    return calls_.call<int>(directory_rank, CallKind::FreeSpan, record);
}

SpanAnswer Spans::allocate_here(const memory::SpanAttributes &attributes, std::uint32_t alignment_chunks) {
    const auto record = directory_->spans->allocate(attributes, alignment_chunks);
    if (!record) { return {ENOMEM, {}}; }
    if (charge(*record, true)) { return {0, *record}; }
    // Nobody has seen it: it ends at once.
    memory::NodeSet holders;
    std::uint32_t left = 0;
    directory_->spans->begin_free(record->first, record->generation, holders);
    holders.for_each(
        [&](NodeId node) { directory_->spans->forget_holder(record->first, record->generation, node, left); });
    directory_->spans->finish_free(record->first, record->generation);
    return {ENOMEM, {}};
}

/// Adds (or takes off) the span's pages at their homes. False, with nothing changed, when a home's budget is too small.
bool Spans::charge(const memory::SpanRecord &record, bool add) {
    const std::uint32_t nodes = node_.topology->node_count();
    const std::uint64_t block_pages = std::uint64_t{1} << (record.block_shift - page_shift);
    const std::uint64_t pages = (record.bytes + page_bytes - 1) / page_bytes;
    const std::uint64_t blocks = (pages + block_pages - 1) / block_pages;
    const bool one = record.homes == memory::HomePolicy::One;
    const std::uint64_t share = one ? blocks * block_pages : (blocks + nodes - 1) / nodes * block_pages;
    const std::uint64_t budget = node_.cache_pages - std::min(node_.cache_pages, reserve_of(node_.cache_pages));
    const auto charged = [&](std::uint32_t at) { return !one || at == record.home.value; };
    for (std::uint32_t at = 0; add && at < nodes; ++at) {
        if (charged(at) && directory_->homed_pages[at] + share > budget) { return false; }
    }
    for (std::uint32_t at = 0; at < nodes; ++at) {
        if (charged(at)) { directory_->homed_pages[at] += add ? share : 0 - share; }
    }
    return true;
}

void Spans::on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) {
    if (kind == CallKind::AllocateSpan) {
        const auto wanted = arguments_as<AllocateArguments>(arguments);
        calls_.answer(token, allocate_here(wanted.attributes, wanted.alignment_chunks));
    } else if (kind == CallKind::LookupSpan) {
        const auto chunk = arguments_as<memory::ChunkId>(arguments);
        const auto record = directory_->spans->share(chunk, node_.topology->node_of(token.caller));
        calls_.answer(token, record ? SpanAnswer{0, *record} : SpanAnswer{EFAULT, {}});
    } else if (kind == CallKind::FreeSpan) {
        begin_free(arguments_as<memory::SpanRecord>(arguments), token);
    } else if (kind == CallKind::ForgetSpan) {
        forget_here(arguments_as<memory::SpanRecord>(arguments));
    } else if (kind == CallKind::SpanForgotten) {
        on_forgotten(arguments);
    }
}

/// Every node is told, not the holders alone: a home may have pages of a span that it never looked up.
void Spans::begin_free(const memory::SpanRecord &record, CallToken token) {
    memory::NodeSet holders;
    const auto status = directory_->spans->begin_free(record.first, record.generation, holders);
    calls_.answer(token, status == memory::SpanStatus::Ok ? 0 : EINVAL);
    if (status != memory::SpanStatus::Ok) { return; }
    directory_->forgetting[record.generation] = node_.topology->node_count();
    for (std::uint16_t node = 0; node < node_.topology->node_count(); ++node) {
        calls_.tell(node_.topology->first_rank_of(NodeId{node}), CallKind::ForgetSpan, record);
    }
}

void Spans::forget_here(const memory::SpanRecord &record) {
    node_.spans->remove(record.first, record.generation);
    if (node_.solo()) {
        const auto bytes = std::size_t{record.chunk_count} << memory::chunk_shift;
        node_.frames.punch(memory::offset_of(record.first), bytes);
    } else {
        coherence_->kill_span(record);
    }
    calls_.tell(directory_rank, CallKind::SpanForgotten, ForgottenArguments{record, node_.topology->self_node()});
}

void Spans::on_forgotten(std::span<const std::byte> arguments) {
    const auto forgotten = arguments_as<ForgottenArguments>(arguments);
    const memory::SpanRecord &record = forgotten.record;
    std::uint32_t holders_left = 0;
    directory_->spans->forget_holder(record.first, record.generation, forgotten.node, holders_left);
    const auto waiting = directory_->forgetting.find(record.generation);
    DSM_CHECK(waiting != directory_->forgetting.end(), "A1 a node forgets a span once", record.generation);
    if (--waiting->second > 0) { return; }
    directory_->forgetting.erase(waiting);
    charge(record, false);
    const auto status = directory_->spans->finish_free(record.first, record.generation);
    DSM_CHECK(status == memory::SpanStatus::Ok, "A2 a span that every node has dropped can end", record.generation);
}

} // namespace dsm::rt
