// Binds of this rank and the worker that keeps them.
#include "libdsm/runtime/binds.hpp"

#include "libdsm/base/held_signals.hpp"
#include "libdsm/base/log.hpp"

#include <cerrno>
#include <pthread.h>

namespace dsm::rt {
namespace {

std::uint64_t whole_pages(std::uint64_t bytes) { return (bytes + page_bytes - 1) / page_bytes * page_bytes; }

} // namespace

Binds::Binds(Node &node, Engine &engine, Calls &calls, Spans &spans)
    : node_(node), engine_(engine), calls_(calls), spans_(spans) {
    for (CallKind kind : {CallKind::LoadBound, CallKind::OpenBound, CallKind::SyncBound, CallKind::Unbind}) {
        calls_.handle(kind, *this);
    }
    if (node_.areas) {
        node_.areas->set_growth_notice([this](std::size_t first, std::size_t end) { prepare_areas(first, end); });
    }
}

Binds::~Binds() { finish(); }

Rank Binds::keeper_of(const memory::SpanRecord &record) const {
    return node_.topology->ranks_of(record.owner)[record.keeper];
}

Binds::Range Binds::whole(const memory::SpanRecord &record) {
    return {record.generation, 0, memory::page_of(offset_of(record.first)), record.bytes / page_bytes};
}

BlockResult Binds::bind(const BindRequest &request) {
    BoundFile file;
    if (const int error = file.open(request.part); error != 0) { return {nullptr, error}; }
    const NodeId here = node_.topology->self_node();
    const memory::SpanAttributes attributes{.bytes = whole_pages(file.bytes()),
                                            .kind = memory::SpanKind::Bound,
                                            .owner = here,
                                            .homes = memory::HomePolicy::One,
                                            .home = here,
                                            .block_shift = page_shift,
                                            .memory = memory::MemoryKind::Sequential,
                                            .read_only = request.read_only,
                                            .keeper = static_cast<std::uint16_t>(node_.topology->local_rank())};
    if (attributes.bytes > node_.segment.bytes()) { return {nullptr, ENOMEM}; }
    const SpanAnswer answer = spans_.allocate(attributes, 1);
    if (answer.error != 0) { return {nullptr, answer.error}; }
    auto span = std::make_unique<BoundSpan>(node_, coherence_, answer.record, std::move(file));
    {
        const std::lock_guard lock(mutex_);
        binds_.emplace(answer.record.generation, std::move(span));
        if (!worker_.joinable()) { start_worker(); }
    }
    // Whose view has grown over areas that were free has no fault there to notice the first access by.
    if (node_.solo() && node_.areas_grew->load(std::memory_order_seq_cst) != 0) { load_everything(answer.record); }
    return {node_.address_of(memory::offset_of(answer.record.first)), 0};
}

int Binds::sync(const void *address, std::size_t bytes) {
    if (!node_.segment.contains(address)) { return EINVAL; }
    const memory::SegmentOffset offset = node_.offset_of(address);
    const auto record = spans_.find(offset);
    if (!record || record->kind != memory::SpanKind::Bound || !memory::contains(*record, offset)) { return EINVAL; }
    const std::uint64_t left = record->bytes - (offset - offset_of(record->first));
    if (bytes > left) { return EINVAL; }
    const std::uint64_t end = whole_pages(offset + (bytes == 0 ? left : bytes));
    const PageId first = memory::page_of(offset);
    const Range range{record->generation, 0, first, memory::page_of(end).value - first.value};
    return calls_.call<int>(keeper_of(*record), CallKind::SyncBound, range);
}

int Binds::unbind(void *address) {
    if (!node_.segment.contains(address)) { return EINVAL; }
    const memory::SegmentOffset offset = node_.offset_of(address);
    const auto record = spans_.find(offset);
    if (!record || record->kind != memory::SpanKind::Bound || offset_of(record->first) != offset) { return EINVAL; }
    return calls_.call<int>(keeper_of(*record), CallKind::Unbind, whole(*record));
}

bool Binds::open_area(const memory::SpanRecord &record, PageId page, bool writable) {
    const Range range{record.generation, writable ? 1U : 0U, page, 1};
    return calls_.call<int>(keeper_of(record), CallKind::OpenBound, range) == 0;
}

void Binds::load_everything(const memory::SpanRecord &record) {
    const PageId first = memory::page_of(offset_of(record.first));
    for (std::uint64_t chunk = 0; chunk < record.chunk_count; ++chunk) {
        open_area(record, {first.value + chunk * memory::pages_per_chunk}, true);
    }
}

/// The flag is set before the table of spans is looked at, and a bind looks at the flag after its span is in the table:
/// one of the two sees the other.
void Binds::prepare_areas(std::size_t first_area, std::size_t end_area) {
    static_assert(memory::area_bytes == memory::chunk_bytes);
    node_.areas_grew->store(1, std::memory_order_seq_cst);
    for (std::size_t area = first_area; area < end_area; ++area) {
        const memory::ChunkId chunk{static_cast<std::uint32_t>(area)};
        const auto record = node_.spans->lookup(chunk);
        if (!record || record->kind != memory::SpanKind::Bound) { continue; }
        open_area(*record, memory::page_of(offset_of(chunk)), true);
    }
}

void Binds::want(PageId page) {
    const auto record = node_.spans->lookup(page);
    if (!record) { return; } // It is being ended, and that wakes who waits.
    calls_.tell_later(keeper_of(*record), CallKind::LoadBound, Range{record->generation, 0, page, 1});
}

void Binds::on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) {
    const Job job{kind, token, arguments_as<Range>(arguments)};
    {
        const std::lock_guard lock(mutex_);
        const bool is_load = kind == CallKind::LoadBound || kind == CallKind::OpenBound;
        (is_load ? loads_ : jobs_).push_back(job);
    }
    arrived_.notify_one();
}

/// The worker takes no signal of the program's; it does take faults, as it reads what other nodes have written.
void Binds::start_worker() {
    const HeldSignals held(HeldSignals::But::Faults);
    worker_ = std::thread([this] { work(); });
}

void Binds::work() {
    ::pthread_setname_np(::pthread_self(), "dsm-files");
    while (true) {
        {
            std::unique_lock lock(mutex_);
            arrived_.wait(lock, [this] { return stopping_ || !loads_.empty() || !jobs_.empty(); });
            if (stopping_ && loads_.empty() && jobs_.empty()) { break; }
        }
        serve_loads();
        if (Job job; next_job(jobs_, job)) { finish_job(job); }
    }
    write_back_all();
}

bool Binds::next_job(std::deque<Job> &from, Job &job) {
    const std::lock_guard lock(mutex_);
    if (from.empty()) { return false; }
    job = from.front();
    from.pop_front();
    return true;
}

BoundSpan *Binds::span_of(const Range &range) {
    const std::lock_guard lock(mutex_);
    const auto found = binds_.find(range.generation);
    return found == binds_.end() ? nullptr : found->second.get();
}

void Binds::serve_loads() {
    for (Job job; next_job(loads_, job);) { load(job); }
}

void Binds::load(const Job &job) {
    BoundSpan *span = span_of(job.range);
    if (job.kind == CallKind::LoadBound) {
        if (span != nullptr) { span->load(job.range.first); }
        return;
    }
    if (span != nullptr) { span->open_area(job.range.first, job.range.writable != 0); }
    calls_.answer(job.token, span == nullptr ? EINVAL : 0);
    engine_.kick();
}

void Binds::finish_job(const Job &job) {
    BoundSpan *span = span_of(job.range);
    int error = EINVAL; // It has been unbound.
    if (span != nullptr) {
        error = job.kind == CallKind::SyncBound ? write_back(*span, job.range) : end_bind(*span, job.range);
    }
    calls_.answer(job.token, error);
    engine_.kick();
}

int Binds::write_back(BoundSpan &span, const Range &range) {
    return span.write_back(range.first, range.count, [this] { serve_loads(); });
}

int Binds::end_bind(BoundSpan &span, const Range &range) {
    if (const int error = write_back(span, range); error != 0) { return error; }
    const int error = spans_.free(span.record());
    const std::lock_guard lock(mutex_);
    binds_.erase(range.generation);
    return error;
}

void Binds::write_back_all() {
    for (const auto &[generation, span] : binds_) { // Nobody binds any more.
        const int error = write_back(*span, whole(span->record()));
        if (error == 0) { continue; }
        log_line("bound file %s: what was written to it is not all in it", span->file().path().c_str());
        if (last_error_ == 0) { last_error_ = error; }
    }
}

int Binds::finish() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    arrived_.notify_one();
    if (worker_.joinable()) { worker_.join(); }
    return last_error_;
}

} // namespace dsm::rt
