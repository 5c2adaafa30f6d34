// The directory of spans and what nodes remember of it.
#include "libdsm/runtime/spans.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>
#include <cerrno>

namespace dsm::rt {
namespace {

/// Frames that a node keeps free of home pages, for copies and for ownership that comes back.
constexpr std::uint64_t reserve_pages_min = 8;

std::uint64_t reserve_of(std::uint64_t cache_pages) { return std::max(reserve_pages_min, cache_pages / 8); }

} // namespace

Spans::Spans(Node &node, Engine &engine, Calls &calls) : node_(node), engine_(engine), calls_(calls) {
    for (CallKind kind : {CallKind::AllocateSpan, CallKind::LookupSpan, CallKind::FreeSpan, CallKind::ForgetSpan,
                          CallKind::SpanForgotten, CallKind::PunchSpan, CallKind::SpanPunched}) {
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

void Spans::allocate_for(std::vector<CallToken> callers, const memory::SpanAttributes &attributes,
                         std::uint32_t alignment_chunks) {
    const SpanAnswer answer = allocate_here(attributes, alignment_chunks);
    if (answer.error == ENOMEM && !directory_->ending.empty()) {
        directory_->waiting.push_back({std::move(callers), attributes, alignment_chunks});
        return;
    }
    for (const CallToken caller : callers) { calls_.answer(caller, answer); }
}

void Spans::on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) {
    if (kind == CallKind::AllocateSpan) {
        const auto wanted = arguments_as<AllocateArguments>(arguments);
        allocate_for({token}, wanted.attributes, wanted.alignment_chunks);
        return;
    }
    if (kind == CallKind::LookupSpan) {
        const auto chunk = arguments_as<memory::ChunkId>(arguments);
        const auto record = directory_->spans->share(chunk, node_.topology->node_of(token.caller));
        calls_.answer(token, record ? SpanAnswer{0, *record} : SpanAnswer{EFAULT, {}});
        return;
    }
    const auto record = arguments_as<memory::SpanRecord>(arguments);
    if (kind == CallKind::FreeSpan) { begin_free(record, token); }
    if (kind == CallKind::ForgetSpan) { forget_here(record); }
    if (kind == CallKind::SpanForgotten && is_last_answer(record)) { tell_everybody(CallKind::PunchSpan, record); }
    if (kind == CallKind::PunchSpan) { punch_here(record); }
    if (kind == CallKind::SpanPunched && is_last_answer(record)) { end_span(record); }
}

std::uint32_t Spans::everybody() const {
    return node_.solo() ? static_cast<std::uint32_t>(node_.topology->rank_count()) : node_.topology->node_count();
}

void Spans::tell_everybody(CallKind kind, const memory::SpanRecord &record) {
    directory_->ending[record.generation] = everybody();
    for (std::uint32_t number = 0; number < everybody(); ++number) {
        const Rank to = node_.solo() ? Rank{static_cast<std::int32_t>(number)}
                                     : node_.topology->first_rank_of(NodeId{static_cast<std::uint16_t>(number)});
        calls_.tell(to, kind, record);
    }
}

/// Every node is told, not the holders alone: a home may have pages of a span that it never looked up.
void Spans::begin_free(const memory::SpanRecord &record, CallToken token) {
    memory::NodeSet holders;
    const auto status = directory_->spans->begin_free(record.first, record.generation, holders);
    calls_.answer(token, status == memory::SpanStatus::Ok ? 0 : EINVAL);
    if (status != memory::SpanStatus::Ok) { return; }
    std::uint32_t left = 0;
    holders.for_each([&](NodeId node) { // All of them are about to forget it.
        directory_->spans->forget_holder(record.first, record.generation, node, left);
    });
    tell_everybody(CallKind::ForgetSpan, record);
}

void Spans::forget_here(const memory::SpanRecord &record) {
    node_.spans->remove(record.first, record.generation);
    if (node_.solo()) {
        const PageId first = memory::page_of(memory::offset_of(record.first));
        node_.areas->close(first, record.chunk_count * memory::pages_per_chunk);
    } else {
        coherence_->kill_span(record);
    }
    calls_.tell(directory_rank, CallKind::SpanForgotten, record);
}

void Spans::punch_here(const memory::SpanRecord &record) {
    const auto bytes = std::size_t{record.chunk_count} << memory::chunk_shift;
    if (node_.topology->local_rank() == 0) { node_.frames.punch(memory::offset_of(record.first), bytes); }
    calls_.tell(directory_rank, CallKind::SpanPunched, record);
}

/// Counts an answer of the present round; true for the last.
bool Spans::is_last_answer(const memory::SpanRecord &record) {
    const auto ending = directory_->ending.find(record.generation);
    DSM_CHECK(ending != directory_->ending.end(), "A1 a node forgets a span once", record.generation);
    return --ending->second == 0;
}

void Spans::end_span(const memory::SpanRecord &record) {
    directory_->ending.erase(record.generation);
    charge(record, false);
    const auto status = directory_->spans->finish_free(record.first, record.generation);
    DSM_CHECK(status == memory::SpanStatus::Ok, "A2 a span that every node has dropped can end", record.generation);
    std::deque<Directory::Waiting> waiting;
    waiting.swap(directory_->waiting);
    for (auto &one : waiting) { allocate_for(std::move(one.callers), one.attributes, one.alignment_chunks); }
}

} // namespace dsm::rt
