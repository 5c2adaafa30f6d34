// The directory of spans and what nodes remember of it.
#include "libdsm/runtime/spans.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>
#include <cerrno>

namespace dsm::rt {

using memory::SpanDrop;
using memory::SpanStep;

namespace {

/// Frames that a node keeps free of home pages, for copies and for ownership that comes back.
constexpr std::uint64_t reserve_pages_min = 8;

SyncRange range_of(const memory::SpanRecord &record, std::uint32_t from_chunk, std::uint32_t end_chunk) {
    return {memory::offset_of(memory::ChunkId{record.first.value + from_chunk}),
            memory::offset_of(memory::ChunkId{record.first.value + end_chunk})};
}

/// How long the driver works on the end of a span before it looks at other messages.
constexpr Nanoseconds slice_ns = 500'000;
/// Chunks whose frames go with one system call.
constexpr std::uint32_t punched_chunks_max = 8;

std::uint64_t reserve_of(std::uint64_t cache_pages) { return std::max(reserve_pages_min, cache_pages / 8); }

} // namespace

Spans::Spans(Node &node, Engine &engine, Calls &calls)
    : node_(node), engine_(engine), calls_(calls), rounds_(self_number(), everybody()) {
    for (CallKind kind : {CallKind::AllocateSpan, CallKind::LookupSpan, CallKind::FreeSpan, CallKind::ForgetSpan,
                          CallKind::SpanForgotten, CallKind::PunchSpan, CallKind::SpanPunched, CallKind::DropSpan,
                          CallKind::ResizeSpan, CallKind::FindSpan, CallKind::AskSpan, CallKind::SpanFound}) {
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
    const auto known = node_.spans->lookup(memory::chunk_of(offset));
    // An offset behind the end of a big block: it may have grown since.
    const bool may_have_grown = known && known->kind == memory::SpanKind::BigBlock && !memory::contains(*known, offset);
    if (known && !may_have_grown) { return known; }
    if (!known) {
        const auto found = ask_tree(memory::chunk_of(offset));
        // What a node on the way remembers of a big block may be of before it grew.
        if (!found || found->kind != memory::SpanKind::BigBlock || memory::contains(*found, offset)) { return found; }
    }
    return ask_directory(memory::chunk_of(offset));
}

std::optional<memory::SpanRecord> Spans::find_now(memory::SegmentOffset offset) {
    if (offset >= node_.segment.bytes()) { return std::nullopt; }
    return ask_directory(memory::chunk_of(offset));
}

/// Remembers what an answer says; false if it is stale.
bool Spans::insert_found(const memory::SpanRecord &record) {
    const auto status = node_.spans->insert(record);
    DSM_CHECK(status != memory::CacheStatus::Overlap, "A4 addresses are used again after every node has dropped them",
              record.first.value);
    return status != memory::CacheStatus::Stale;
}

std::optional<memory::SpanRecord> Spans::ask_tree(memory::ChunkId chunk) {
    const Rank first = node_.topology->first_rank_of(node_.topology->self_node());
    const auto found = calls_.call<SpanAnswer>(first, CallKind::FindSpan, chunk);
    if (found.error != 0) { return std::nullopt; }
    if (insert_found(found.record)) { return found.record; }
    return ask_directory(chunk); // U3
}

std::optional<memory::SpanRecord> Spans::ask_directory(memory::ChunkId chunk) {
    while (true) {
        const auto found = calls_.call<SpanAnswer>(directory_rank, CallKind::LookupSpan, chunk);
        if (found.error != 0) { return std::nullopt; }
        if (insert_found(found.record)) { return found.record; }
        // Freed or cut while we asked; what stands there now, if anything, is younger.
        if (const auto younger = node_.spans->lookup(chunk)) { return younger; }
    }
}

/// The directory itself answers, or the tree.
void Spans::look_up_for(const memory::SpanAsker &asker, memory::ChunkId chunk) {
    if (!directory_) { return lookups_.ask(chunk, asker, *this); }
    answer(asker, chunk, directory_->spans->share(chunk, node_.topology->node_of(asker.rank)));
}

std::optional<memory::SpanRecord> Spans::known(memory::ChunkId chunk) { return node_.spans->lookup(chunk); }

void Spans::ask_parent(memory::ChunkId chunk) {
    calls_.tell(member(memory::span_tree_parent(self_number())), CallKind::AskSpan, chunk);
}

void Spans::answer(const memory::SpanAsker &asker, memory::ChunkId chunk,
                   const std::optional<memory::SpanRecord> &record) {
    const SpanAnswer found = record ? SpanAnswer{0, *record} : SpanAnswer{EFAULT, {}};
    if (asker.is_node) {
        calls_.tell(asker.rank, CallKind::SpanFound, FoundSpan{chunk, found});
    } else {
        calls_.answer(CallToken{asker.rank, asker.slot, CallKind::LookupSpan}, found);
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

void Spans::give_back(const memory::SpanRecord &record) { calls_.tell(directory_rank, CallKind::DropSpan, record); }

int Spans::resize(const memory::SpanRecord &record, std::uint64_t bytes) {
    const auto answer = calls_.call<SpanAnswer>(directory_rank, CallKind::ResizeSpan, ResizeArguments{record, bytes});
    if (answer.error == 0) { node_.spans->insert(answer.record); }
    return answer.error;
}

SpanAnswer Spans::allocate_here(const memory::SpanAttributes &attributes, std::uint32_t alignment_chunks) {
    const auto record = directory_->spans->allocate(attributes, alignment_chunks);
    if (!record) { return {ENOMEM, {}}; }
    if (charge_if_room(*record)) { return {0, *record}; }
    // Nobody has seen it: it ends at once.
    begin_end(*record);
    directory_->spans->finish_free(record->first, record->generation);
    return {ENOMEM, {}};
}

SpanAnswer Spans::resize_here(const ResizeArguments &wanted) {
    const auto old = directory_->spans->lookup(wanted.record.first);
    const std::uint32_t generation = wanted.record.generation;
    memory::SpanResize resized{};
    const auto status = directory_->spans->resize(wanted.record.first, generation, wanted.bytes, resized);
    if (status != memory::SpanStatus::Ok) { return {status == memory::SpanStatus::NoRoom ? ENOMEM : EINVAL, {}}; }
    charge(*old, false);
    if (resized.tail.chunk_count != 0) {
        charge(resized.now, true);
        charge(resized.tail, true); // Until its frames are gone.
        forget_everywhere({resized.tail, resized.now, 0, 0, 0});
        return {0, resized.now};
    }
    if (charge_if_room(resized.now)) { return {0, resized.now}; }
    charge(*old, true);
    directory_->spans->resize(wanted.record.first, generation, old->bytes, resized);
    if (resized.tail.chunk_count != 0) { directory_->spans->finish_free(resized.tail.first, generation); }
    return {ENOMEM, {}};
}

/// Calls visit(node, pages) for every home of the span.
template <class Visit> void Spans::for_each_share(const memory::SpanRecord &record, Visit visit) {
    const std::uint32_t nodes = node_.topology->node_count();
    const std::uint64_t block_pages = std::uint64_t{1} << (record.block_shift - page_shift);
    const std::uint64_t pages = (record.bytes + page_bytes - 1) / page_bytes;
    const std::uint64_t blocks = (pages + block_pages - 1) / block_pages;
    if (record.homes == memory::HomePolicy::One) { return visit(record.home.value, blocks * block_pages); }
    for (std::uint32_t at = 0; at < nodes; ++at) { visit(at, (blocks + nodes - 1) / nodes * block_pages); }
}

void Spans::charge(const memory::SpanRecord &record, bool add) {
    for_each_share(
        record, [&](std::uint32_t at, std::uint64_t share) { directory_->homed_pages[at] += add ? share : 0 - share; });
}

/// False, with nothing changed, when a home's budget is too small.
bool Spans::charge_if_room(const memory::SpanRecord &record) {
    const std::uint64_t budget = node_.cache_pages - std::min(node_.cache_pages, reserve_of(node_.cache_pages));
    bool room = true;
    for_each_share(record, [&](std::uint32_t at, std::uint64_t share) {
        room = room && directory_->homed_pages[at] + share <= budget;
    });
    if (room) { charge(record, true); }
    return room;
}

void Spans::allocate_for(const Answered &answered, const memory::SpanAttributes &attributes,
                         std::uint32_t alignment_chunks) {
    const SpanAnswer answer = allocate_here(attributes, alignment_chunks);
    if (answer.error == ENOMEM && !directory_->ending.empty()) {
        directory_->waiting.push_back({answered, attributes, alignment_chunks});
        return;
    }
    answered(answer);
}

void Spans::on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) {
    if (kind == CallKind::AllocateSpan) {
        const auto wanted = arguments_as<AllocateArguments>(arguments);
        const auto answered = [this, token](const SpanAnswer &found) { calls_.answer(token, found); };
        return allocate_for(answered, wanted.attributes, wanted.alignment_chunks);
    }
    if (kind == CallKind::LookupSpan || kind == CallKind::FindSpan || kind == CallKind::AskSpan) {
        const bool is_node = kind == CallKind::AskSpan;
        return look_up_for({token.caller, token.slot, is_node}, arguments_as<memory::ChunkId>(arguments));
    }
    if (kind == CallKind::SpanFound) {
        const auto [chunk, found] = arguments_as<FoundSpan>(arguments);
        if (found.error == 0) { insert_found(found.record); }
        return lookups_.on_answer(chunk, found.error == 0 ? std::optional(found.record) : std::nullopt, *this);
    }
    if (kind == CallKind::ResizeSpan) {
        calls_.answer(token, resize_here(arguments_as<ResizeArguments>(arguments)));
        return;
    }
    if (kind == CallKind::ForgetSpan || kind == CallKind::PunchSpan) {
        const SpanStep step = kind == CallKind::ForgetSpan ? SpanStep::Forget : SpanStep::Punch;
        return rounds_.on_order(step, arguments_as<SpanDrop>(arguments), *this);
    }
    const auto record = arguments_as<memory::SpanRecord>(arguments);
    if (kind == CallKind::FreeSpan) { calls_.answer(token, free_here(record) ? 0 : EINVAL); }
    if (kind == CallKind::DropSpan) {
        const bool was_live = free_here(record);
        DSM_CHECK(was_live, "A3 a heap chunk is a live span", record.first.value);
    }
    if (kind == CallKind::SpanForgotten) { rounds_.on_report(SpanStep::Forget, record, *this); }
    if (kind == CallKind::SpanPunched) { rounds_.on_report(SpanStep::Punch, record, *this); }
}

std::uint32_t Spans::everybody() const {
    return node_.solo() ? static_cast<std::uint32_t>(node_.topology->rank_count()) : node_.topology->node_count();
}

// The tree's members: nodes, of which the first rank takes part; with one node its ranks, since each closes its own
// view.
std::uint32_t Spans::self_number() const {
    return node_.solo() ? static_cast<std::uint32_t>(node_.topology->self().value) : node_.topology->self_node().value;
}

Rank Spans::member(std::uint32_t number) const {
    if (node_.solo()) { return Rank{static_cast<std::int32_t>(number)}; }
    return node_.topology->first_rank_of(NodeId{static_cast<std::uint16_t>(number)});
}

/// On rank 0. The order goes out before the answer to whoever frees, so that a rank which hears of both from here
/// closes its view before its dsm_free() returns, and a use after that is noticed.
void Spans::forget_everywhere(const SpanDrop &drop) {
    directory_->ending.insert(drop.record.first.value);
    rounds_.on_order(SpanStep::Forget, drop, *this);
}

void Spans::order(std::uint32_t to, SpanStep step, const SpanDrop &drop) {
    calls_.tell(member(to), step == SpanStep::Forget ? CallKind::ForgetSpan : CallKind::PunchSpan, drop);
}

void Spans::report(std::uint32_t to, SpanStep step, const memory::SpanRecord &record) {
    calls_.tell(member(to), step == SpanStep::Forget ? CallKind::SpanForgotten : CallKind::SpanPunched, record);
}

/// Nobody new learns of the span, and its holders count as told. False when it is gone or going.
bool Spans::begin_end(const memory::SpanRecord &record) {
    memory::NodeSet holders;
    const auto status = directory_->spans->begin_free(record.first, record.generation, holders);
    if (status != memory::SpanStatus::Ok) { return false; }
    std::uint32_t left = 0;
    holders.for_each(
        [&](NodeId node) { directory_->spans->forget_holder(record.first, record.generation, node, left); });
    return true;
}

/// Every node is told, not the holders alone: a home may have pages of a span that it never looked up. The directory's
/// own record counts: the caller's may be of before a change of size.
bool Spans::free_here(const memory::SpanRecord &record) {
    if (!begin_end(record)) { return false; }
    forget_everywhere({*directory_->spans->lookup(record.first), {}, 0, 0, 0});
    return true;
}

void Spans::begin(SpanStep step, SpanDrop &drop) {
    drop.since_ns = now_ns();
    if (step == SpanStep::Punch) { return; }
    if (drop.head.chunk_count != 0) {
        node_.spans->cut(drop.head);
    } else {
        node_.spans->remove(drop.record.first, drop.record.generation);
    }
}

bool Spans::carry_out(SpanStep step, SpanDrop &drop) {
    return step == SpanStep::Forget ? forget_slice(drop) : punch_slice(drop);
}

bool Spans::forget_slice(SpanDrop &drop) {
    const memory::SpanRecord &record = drop.record;
    if (node_.solo() && drop.done_chunks == 0) {
        const PageId first = memory::page_of(memory::offset_of(record.first));
        node_.areas->close(first, record.chunk_count * memory::pages_per_chunk);
        drop.done_chunks = record.chunk_count;
    }
    const Nanoseconds until = now_ns() + slice_ns;
    while (drop.done_chunks < record.chunk_count) {
        memory::SpanRecord chunk = record;
        chunk.first.value += drop.done_chunks++;
        chunk.chunk_count = 1;
        if (node_.touched[chunk.first.value].load(std::memory_order_relaxed) == 0) { continue; }
        coherence_->kill_span(chunk);
        if (now_ns() > until) { break; }
    }
    const bool settled = drops_->is_settled(range_of(record, 0, record.chunk_count), drop.since_ns);
    return drop.done_chunks == record.chunk_count && settled;
}

bool Spans::punch_slice(SpanDrop &drop) {
    const memory::SpanRecord &record = drop.record;
    if (node_.topology->local_rank() != 0) { drop.done_chunks = record.chunk_count; }
    const Nanoseconds until = now_ns() + slice_ns;
    while (drop.done_chunks < record.chunk_count) {
        const std::uint32_t from = drop.done_chunks;
        drop.done_chunks = punch_some(record, from);
        drops_->end_here(range_of(record, from, drop.done_chunks));
        if (now_ns() > until) { break; }
    }
    return drop.done_chunks == record.chunk_count;
}

/// Lets the frames of the next few chunks go that may have any. Returns the chunk, counted in the span, to go on with.
std::uint32_t Spans::punch_some(const memory::SpanRecord &record, std::uint32_t from) {
    const auto may_have_frames = [&](std::uint32_t chunk) {
        return node_.solo() || node_.touched[record.first.value + chunk].load(std::memory_order_relaxed) != 0;
    };
    while (from < record.chunk_count && !may_have_frames(from)) { ++from; }
    std::uint32_t end = from;
    while (end < record.chunk_count && end - from < punched_chunks_max && may_have_frames(end)) { ++end; }
    const auto begin = memory::offset_of(memory::ChunkId{record.first.value + from});
    if (end > from) { node_.frames.punch(begin, std::size_t{end - from} << memory::chunk_shift); }
    return end;
}

void Spans::end(const memory::SpanRecord &record) {
    directory_->ending.erase(record.first.value);
    charge(record, false);
    const auto status = directory_->spans->finish_free(record.first, record.generation);
    DSM_CHECK(status == memory::SpanStatus::Ok, "A2 a span that every node has dropped can end", record.generation);
    std::deque<Directory::Waiting> waiting;
    waiting.swap(directory_->waiting);
    for (const auto &one : waiting) { allocate_for(one.answered, one.attributes, one.alignment_chunks); }
}

} // namespace dsm::rt
