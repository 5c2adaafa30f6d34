// Start, end, and the way from a fault to the part that serves it.
#include "libdsm/runtime/runtime.hpp"

#include "libdsm/memory/core_files.hpp"
#include "libdsm/memory/mprotect_backend.hpp"
#include "libdsm/runtime/agreement.hpp"
#include "libdsm/runtime/phase_watch.hpp"
#include "libdsm/runtime/seat.hpp"
#include "libdsm/runtime/start_up.hpp"
#include "libdsm/runtime/trace_start.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <dsm/api.h>
#include <dsm/debug.h>
#include <unistd.h>

namespace dsm::rt {
namespace {

std::atomic<Runtime *> the_runtime{nullptr};

/// What must be equal in all ranks.
struct SharedChoices {
    std::size_t segment_bytes;
    std::uintptr_t segment_base;
    std::size_t cache_bytes;
    int ranks_per_node;
    FaultChoice fault;
    BulkChoice bulk;
    bool traces;
    memory::MemoryKind memory;
    bool checks_races;
    int library_version;
    friend bool operator==(const SharedChoices &, const SharedChoices &) = default;
};

void check_choices(transport::Transport &transport, const Options &options) {
    const SharedChoices mine{
        options.segment_bytes, options.segment_base,        options.cache_bytes, options.ranks_per_node, options.fault,
        options.bulk,          !options.trace_file.empty(), options.memory,      options.checks_races,   DSM_VERSION};
    const auto all = gather(transport, mine);
    agree(transport, all[0].library_version == DSM_VERSION ? 0 : EINVAL,
          "the library of this rank is not of the same version as that of rank 0");
    agree(transport, all[0] == mine ? 0 : EINVAL,
          "DSM_SEGMENT_SIZE, DSM_SEGMENT_BASE, DSM_CACHE, DSM_RANKS_PER_NODE, DSM_FAULT, DSM_BULK, DSM_MEMORY and "
          "DSM_CHECK_RACES must be the same in all ranks, and DSM_TRACE set in all or in none");
}

void warn_of(const std::vector<std::string> &unknown_names) {
    for (const std::string &name : unknown_names) {
        DSM_LOG(start, warn, "unknown variable %s is ignored", name.c_str());
    }
}

/// Whether DSM_CHECK_RACES is set, and the job small enough.
bool checks_races(const Options &options, const Topology &topology) {
    if (!options.checks_races || topology.node_count() <= RaceCheck::nodes_max) { return options.checks_races; }
    if (topology.self().value == 0) {
        DSM_LOG(start, warn, "DSM_CHECK_RACES has no effect: the job has %u nodes, and %u are the most",
                topology.node_count(), RaceCheck::nodes_max);
    }
    return false;
}

protocol::ReleaseLimits release_limits_of(const Options &options, bool checks_races) {
    protocol::ReleaseLimits limits;
    limits.shared_streak = 2;
    limits.push_streak = 2;
    limits.lines_max = 32; // Half a page.
    if (!options.adapts) { // Every page is protected, fetched at the fault, and stays where its home is.
        limits.hot_faults = protocol::ReleaseLimits::never;
        limits.refresh_misses = protocol::ReleaseLimits::never;
        limits.move_streak = 0;
        limits.bind_streak = 0;
        limits.push_streak = protocol::ReleaseLimits::never;
        limits.lines_max = 0;
    }
    if (checks_races) { // Where others hold copies the home has a twin, and what is remembered stays there.
        limits.hot_faults = 0;
        limits.move_streak = 0;
        limits.bind_streak = 0;
        limits.push_streak = protocol::ReleaseLimits::never;
        limits.lines_max = 0;
    }
    return limits;
}

void forget_crashes() {
    transport::forget_mpi_buffers();
    memory::stop_including_frames();
    memory::uninstall_fault_handlers();
    dsm_debug_segment = {};
}

void end_transport(int exit_code) {
    Runtime *runtime = the_runtime.load();
    if (runtime != nullptr) { runtime->transport().abort(exit_code); }
    ::_exit(exit_code);
}

} // namespace

Runtime *Runtime::running() { return the_runtime.load(std::memory_order_acquire); }

Runtime::Runtime(std::unique_ptr<transport::Transport> transport, const OptionsResult &options)
    : transport_(std::move(transport)) {
    set_log_rank(transport_->rank().value);
    try {
        agree(*transport_, options.error.empty() ? 0 : EINVAL, options.error);
        if (transport_->rank().value == 0) { warn_of(options.unknown_names); }
        check_choices(*transport_, options.options);
        build(options.options);
    } catch (const StartFailure &) {
        the_runtime.store(nullptr);
        forget_crashes();
        if (engine_) { engine_->stop(); }
        transport_->finalize();
        set_log_rank(-1);
        throw;
    }
}

void Runtime::build(const Options &options) {
    timeout_s_ = options.timeout_s;
    reserve_segment(node_, *transport_, options);
    form_node(node_, topology_, *transport_, options);
    engine_ = std::make_unique<Engine>(*transport_, topology_, options, statistics_);
    std::vector<Doorbell *> bells(static_cast<std::size_t>(topology_.rank_count()), nullptr);
    if (auto *board = node_.doorbells.as<Doorbell>(); board != nullptr) {
        for (const Rank rank : topology_.ranks_of_this_host()) {
            bells[static_cast<std::size_t>(rank.value)] = board + topology_.place_on_host(rank);
        }
        engine_->set_doorbells(std::move(bells));
    }
    calls_ = std::make_unique<Calls>(*engine_, topology_.self());
    spans_ = std::make_unique<Spans>(node_, *engine_, *calls_);
    drops_ = std::make_unique<SyncDrops>(node_, *engine_, *calls_, *spans_);
    spans_->set_drops(drops_.get());
    memory_ = std::make_unique<SharedMemory>(node_, *engine_, *calls_, *spans_, *drops_, options.memory);
    sync_ = std::make_unique<Synchronisation>(node_, *engine_);
    atomics_ = std::make_unique<Atomics>(node_, *engine_, *calls_, *spans_);
    home_objects_ = std::make_unique<HomeObjects>(node_, *engine_, *sync_);
    fences_ = std::make_unique<Fences>(node_, *calls_);
    names_ = std::make_unique<Names>(node_, *engine_);
    liveness_ = std::make_unique<Liveness>(*engine_, topology_, options.timeout_s, &Runtime::describe_subject);
    if (!node_.solo()) {
        coherence_ = std::make_unique<Coherence>(node_, *engine_, *spans_, history_);
        const bool is_checked = checks_races(options, topology_);
        release_pages_ = std::make_unique<ReleasePages>(node_, *engine_, *coherence_, history_,
                                                        release_limits_of(options, is_checked), options.adapts);
        release_node_ = std::make_unique<ReleaseNode>(node_, *engine_, *release_pages_);
        if (is_checked) { release_pages_->check_races(); }
        coherence_->set_release(*release_pages_);
        node_.releases = release_node_.get();
        spans_->set_coherence(coherence_.get());
        memory_->set_coherence(coherence_.get());
        recorder_ = start_trace(*transport_, topology_, options, coherence_->limits());
        coherence_->set_recorder(recorder_.get());
        engine_->set_chore([this] {
            pins_->watch();
            return coherence_->keep_budget();
        });
        choose_backend(node_, *transport_, options, *coherence_);
    } else {
        struct NoLedger final : memory::RightsLedger {
            memory::RankRights rights{};
            memory::RankRights &rights_of(PageId) override { return rights; }
        };
        static NoLedger none;
        choose_backend(node_, *transport_, options, none);
        if (!options.trace_file.empty() && topology_.self().value == 0) {
            DSM_LOG(start, warn, "DSM_TRACE: a job of one node has no protocol, and no trace");
        }
    }
    choose_bulk(node_, *transport_, options);
    binds_ = std::make_unique<Binds>(node_, *engine_, *calls_, *spans_);
    if (coherence_) {
        coherence_->set_files(*binds_);
        binds_->set_coherence(coherence_.get());
    }
    ranges_ = std::make_unique<RangeAccess>(node_, *engine_, *spans_, coherence_.get(), *this);
    pins_ = std::make_unique<Pins>(node_, *engine_, *ranges_, coherence_.get(), options.timeout_s);
    if (coherence_) { coherence_->set_pins(*pins_); }
    codes_.collect();
    the_runtime.store(this, std::memory_order_release);
    transport::watch_mpi_buffers(node_.segment.base(), node_.segment.bytes(), &Runtime::judge_mpi_buffer);
    set_job_ender(&end_transport);
    set_failure_reporter(&Runtime::describe_failure);
    dsm_debug_segment = {reinterpret_cast<std::uint64_t>(node_.segment.base()), node_.segment.bytes(),
                         reinterpret_cast<std::uint64_t>(node_.frames.service_view())};
    auto installed = memory::install_fault_handlers(&Runtime::on_fault);
    if (installed.ok() && options.core == CoreChoice::present) {
        installed = memory::include_frames_in_core_files(node_.segment, node_.frames);
    }
    agree(*transport_, installed.ok() ? 0 : installed.failure().error,
          installed.ok() ? "" : installed.failure().reason);
    set_lock_patience(static_cast<Nanoseconds>(options.timeout_s * 1e9));
    memory::unblock_fault_signals();
    transport_->barrier();
    engine_->start();
    if (topology_.self().value == 0) {
        DSM_LOG(start, info, "%d ranks, %u nodes, transport %s, faults by %s, progress by %s", topology_.rank_count(),
                topology_.node_count(), transport_->name(), backend_name(), engine_->polling() ? "polling" : "events");
    }
    for (std::uint16_t node = 0; node < topology_.node_count(); ++node) {
        if (NodeId{node} == topology_.self_node()) { continue; }
        DSM_LOG(start, info, "bytes to node %u by %s", node, name_of(node_.bulk.to(NodeId{node})));
    }
}

Runtime::~Runtime() { the_runtime.store(nullptr); }

int Runtime::finish() {
    memory_->finish();
    sync_->barrier_all();
    const int error_of_files = binds_->finish();
    if (!node_.solo()) { // Others may still be fetching what this rank has written.
        release_node_->finish();
        sync_->barrier_all();
    }
    PhaseWatch watch(timeout_s_);
    watch.enter("dsm_finalize, which all ranks have entered", PhaseWatch::AtLimit::EndJob);
    engine_->stop();
    forget_seats();
    // From here on this thread alone polls, inside the transport's collective end.
    while (engine_->drive()) {}
    forget_crashes();
    the_runtime.store(nullptr);
    if (auto *mprotect = dynamic_cast<memory::MprotectBackend *>(node_.backend.get())) {
        transport_->barrier();
        mprotect->leave_node();
    }
    set_failure_reporter(nullptr);
    engine_->end_transport();
    if (recorder_) { end_trace(*recorder_); }
    set_job_ender(nullptr);
    set_log_rank(-1);
    return error_of_files;
}

memory::FaultVerdict Runtime::on_fault(const memory::Fault &fault) noexcept {
    Runtime *runtime = the_runtime.load(std::memory_order_acquire);
    if (runtime == nullptr || !runtime->node_.segment.contains(fault.address)) { return memory::FaultVerdict::NotOurs; }
    return runtime->serve(fault);
}

memory::FaultVerdict Runtime::serve(const memory::Fault &fault) {
    if (fault.forked_child) {
        log_line("process %d: a forked child has touched shared memory at %p; children have no part in it",
                 static_cast<int>(::getpid()), fault.address);
        return memory::FaultVerdict::NotOurs;
    }
    if (engine_->driving()) {
        log_line("libdsm itself has touched shared memory at %p, from %p", fault.address, fault.instruction);
        return memory::FaultVerdict::NotOurs;
    }
    if (fault.kind == memory::FaultKind::Execute) {
        log_line("a jump into shared memory, to %p: shared memory is never executable", fault.address);
        return memory::FaultVerdict::NotOurs;
    }
    if (node_.solo()) {
        const auto offset = node_.offset_of(fault.address);
        const auto record = spans_->find(offset);
        if (!record || !memory::contains(*record, offset)) {
            report_outside(fault);
            return memory::FaultVerdict::NotOurs;
        }
        if (fault.signal == SIGBUS) {
            end_job(exit_machine_failed, "no memory for shared memory at %p", fault.address);
        }
        if (record->kind == memory::SpanKind::Bound) { return serve_bound(*record, fault); }
        node_.areas->open(fault.address, node_.address_of(memory::offset_of(record->first) + record->bytes));
        return memory::FaultVerdict::Served;
    }
    check_not_in_mpi(fault); // Waiting for other nodes inside MPI would need MPI.
    if (fault.signal != node_.backend->fault_signal()) {
        end_job(exit_machine_failed, "no memory for shared memory at %p (signal %d)", fault.address, fault.signal);
    }
    bool is_write = fault.kind == memory::FaultKind::Write;
    if (fault.kind == memory::FaultKind::Unknown) { is_write = coherence_->readable_here(fault.address); }
    if (coherence_->serve_fault(fault.address, is_write)) { return memory::FaultVerdict::Served; }
    report_refused(fault);
    return memory::FaultVerdict::NotOurs;
}

/// With one node an area of a bound file is loaded before it is opened, and open for reading alone until it is written.
memory::FaultVerdict Runtime::serve_bound(const memory::SpanRecord &record, const memory::Fault &fault) {
    check_not_in_mpi(fault); // The rank that loads is asked by message.
    // Where the machine does not tell reads and writes apart, the first fault is taken for a read, the next is a write.
    const bool is_write = fault.kind == memory::FaultKind::Write ||
                          (fault.kind == memory::FaultKind::Unknown && node_.areas->is_open(fault.address));
    if (is_write && record.read_only != 0) {
        report_refused(fault);
        return memory::FaultVerdict::NotOurs;
    }
    const PageId page = node_.segment.page_of(fault.address);
    if (!binds_->open_area(record, page, is_write)) { return memory::FaultVerdict::Served; } // Gone: it faults again.
    node_.areas->open(fault.address, node_.address_of(memory::offset_of(record.first) + record.bytes),
                      is_write ? memory::open_protection : PROT_READ);
    return memory::FaultVerdict::Served;
}

/// MPI cannot be entered again from inside it, which serving a fault there would do.
void Runtime::check_not_in_mpi(const memory::Fault &fault) {
    const char *library = codes_.mpi_library_of(fault);
    if (library == nullptr) { return; }
    end_job(exit_program_error,
            "MPI was given shared memory, and has touched it at %p, in %s: link dsm_pmpi, or give MPI private memory "
            "(docs/mpi-and-system-calls.md)",
            fault.address, library);
}

/// Shared memory as a buffer of MPI's. With one node it is as good as private memory once it is open; a file's is not.
void Runtime::judge_mpi_buffer(const transport::MpiBuffer &buffer) {
    Runtime *runtime = running();
    if (runtime == nullptr) { return; }
    Node &node = runtime->node_;
    const auto offset = node.offset_of(buffer.first);
    const auto record = node.solo() ? runtime->spans_->find(offset) : node.spans->lookup(memory::chunk_of(offset));
    const bool is_known = record && memory::contains(*record, offset);
    if (node.solo() && !(is_known && record->kind == memory::SpanKind::Bound)) {
        // The kernel, which MPI asks to copy, opens nothing. What lies outside every allocation is left to a fault.
        static_cast<void>(runtime->ranges_->touch(offset, buffer.bytes, Access::Read));
        return;
    }
    char place[96] = "";
    if (is_known && record->kind != memory::SpanKind::HeapChunk) { // Of a heap's chunk only the allocator knows more.
        std::snprintf(place, sizeof place, " (byte %llu of an allocation of %llu)",
                      static_cast<unsigned long long>(offset - memory::offset_of(record->first)),
                      static_cast<unsigned long long>(record->bytes));
    }
    end_job(exit_program_error,
            "%s was given shared memory as its argument %d, at %p%s: link dsm_pmpi before libdsm, or copy through a "
            "private buffer (docs/mpi-and-system-calls.md)",
            buffer.call, buffer.argument, buffer.first, place);
}

void Runtime::open_area(void *address, bool is_write) {
    const auto kind = is_write ? memory::FaultKind::Write : memory::FaultKind::Read;
    static_cast<void>(serve({address, nullptr, kind, SIGSEGV, false}));
}

void Runtime::report_refused(const memory::Fault &fault) {
    const auto offset = node_.offset_of(fault.address);
    const auto record = node_.spans->lookup(memory::chunk_of(offset));
    if (!record || !memory::contains(*record, offset)) { return report_outside(fault); }
    log_line("a write to memory that is bound read-only: address %p, from instruction %p", fault.address,
             fault.instruction);
}

void Runtime::report_outside(const memory::Fault &fault) {
    constexpr std::uint32_t chunks_searched_max = 4096;
    const auto offset = node_.offset_of(fault.address);
    const memory::ChunkId chunk = memory::chunk_of(offset);
    for (std::uint32_t back = 0; back < chunks_searched_max && back <= chunk.value; ++back) {
        const auto record = node_.spans->lookup(memory::ChunkId{chunk.value - back});
        if (!record) { continue; }
        const auto begin = memory::offset_of(record->first);
        log_line("access to shared memory outside every allocation: address %p, from instruction %p; the nearest "
                 "allocation below begins at %p and has %llu bytes",
                 fault.address, fault.instruction, node_.address_of(begin),
                 static_cast<unsigned long long>(record->bytes));
        return;
    }
    log_line("access to shared memory outside every allocation: address %p, from instruction %p; no allocation near",
             fault.address, fault.instruction);
}

void Runtime::describe_subject(const WaitSubject &subject) {
    Runtime *runtime = running();
    if (runtime == nullptr) { return; }
    const bool page = subject.what[0] == 'p';
    if (runtime->release_node_) { runtime->release_node_->describe(); }
    if (page && runtime->coherence_) {
        runtime->coherence_->describe(PageId{subject.subject});
        runtime->history_.print(PageId{subject.subject});
    } else if (runtime->home_objects_->describe(subject)) {
        return;
    } else if (subject.what[0] != 'a') { // "answer of rank": its name says all.
        runtime->sync_->describe(subject);
    }
}

void Runtime::describe_failure(std::uint64_t subject) {
    Runtime *runtime = running();
    if (runtime == nullptr || !runtime->coherence_ || subject >= runtime->node_.segment.page_count()) { return; }
    runtime->coherence_->describe(PageId{subject});
    runtime->history_.print(PageId{subject});
}

} // namespace dsm::rt
