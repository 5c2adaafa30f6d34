// One rank's libdsm from start to end: owns every part, in the order in which they need one another.
#pragma once

#include "libdsm/runtime/atomics.hpp"
#include "libdsm/runtime/binds.hpp"
#include "libdsm/runtime/calls.hpp"
#include "libdsm/runtime/code_map.hpp"
#include "libdsm/runtime/coherence.hpp"
#include "libdsm/runtime/engine.hpp"
#include "libdsm/runtime/fences.hpp"
#include "libdsm/runtime/history.hpp"
#include "libdsm/runtime/home_objects.hpp"
#include "libdsm/runtime/liveness.hpp"
#include "libdsm/runtime/names.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/options.hpp"
#include "libdsm/runtime/pins.hpp"
#include "libdsm/runtime/release_node.hpp"
#include "libdsm/runtime/release_pages.hpp"
#include "libdsm/runtime/shared_memory.hpp"
#include "libdsm/runtime/spans.hpp"
#include "libdsm/runtime/sync_drop.hpp"
#include "libdsm/runtime/synchronisation.hpp"
#include "libdsm/runtime/trace_recorder.hpp"
#include "libdsm/transport/mpi_buffers.hpp"

#include <memory>

namespace dsm::rt {

class Runtime final : public AreaOpener {
public:
    /// Collective. Throws StartFailure, on all ranks alike.
    Runtime(std::unique_ptr<transport::Transport> transport, const OptionsResult &options);
    ~Runtime() override;
    Runtime(const Runtime &) = delete;
    Runtime &operator=(const Runtime &) = delete;
    /// Collective: waits for every rank, then takes everything down. 0, or why a bound file could not be written back.
    int finish();

    const Topology &topology() const { return topology_; }
    Node &node() { return node_; }
    Engine &engine() { return *engine_; }
    SharedMemory &memory() { return *memory_; }
    Binds &binds() { return *binds_; }
    RangeAccess &ranges() { return *ranges_; }
    Pins &pins() { return *pins_; }
    Synchronisation &sync() { return *sync_; }
    Atomics &atomics() { return *atomics_; }
    SyncDrops &drops() { return *drops_; }
    HomeObjects &home_objects() { return *home_objects_; }
    Fences &fences() { return *fences_; }
    Names &names() { return *names_; }
    transport::Transport &transport() { return *transport_; }
    Statistics &statistics() { return statistics_; }
    const char *backend_name() const { return node_.backend ? node_.backend->name() : "none"; }

    /// The running one, nullptr before the start and after the end.
    static Runtime *running();

private:
    void build(const Options &options);
    static memory::FaultVerdict on_fault(const memory::Fault &fault) noexcept;
    memory::FaultVerdict serve(const memory::Fault &fault);
    memory::FaultVerdict serve_bound(const memory::SpanRecord &record, const memory::Fault &fault);
    void report_refused(const memory::Fault &fault);
    void open_area(void *address, bool is_write) override;
    void check_not_in_mpi(const memory::Fault &fault);
    static void judge_mpi_buffer(const transport::MpiBuffer &buffer);
    void report_outside(const memory::Fault &fault);
    static void describe_subject(const WaitSubject &subject);
    static void describe_failure(std::uint64_t subject);

    std::unique_ptr<transport::Transport> transport_;
    Statistics statistics_;
    Topology topology_;
    Node node_;
    PageHistory history_;
    std::unique_ptr<TraceRecorder> recorder_; ///< none without DSM_TRACE
    std::unique_ptr<Engine> engine_;
    std::unique_ptr<Calls> calls_;
    std::unique_ptr<Spans> spans_;
    std::unique_ptr<Coherence> coherence_;        ///< none with one node
    std::unique_ptr<ReleasePages> release_pages_; ///< likewise
    std::unique_ptr<ReleaseNode> release_node_;   ///< likewise
    std::unique_ptr<SyncDrops> drops_;
    std::unique_ptr<SharedMemory> memory_;
    std::unique_ptr<Binds> binds_;
    std::unique_ptr<RangeAccess> ranges_;
    std::unique_ptr<Pins> pins_;
    CodeMap codes_;
    std::unique_ptr<Synchronisation> sync_;
    std::unique_ptr<Atomics> atomics_;
    std::unique_ptr<HomeObjects> home_objects_;
    std::unique_ptr<Fences> fences_;
    std::unique_ptr<Names> names_;
    std::unique_ptr<Liveness> liveness_;
    double timeout_s_ = 0;
};

} // namespace dsm::rt
