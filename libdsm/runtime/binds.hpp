// Files as shared memory: dsm_bind, dsm_sync, dsm_unbind.
//
// A bind is a span whose pages all have their home at the node of the rank that called, its *keeper*. The keeper alone
// has the file open. It has a worker thread that reads and writes the file, so that no handler waits for a disk:
//
//   several nodes: page is first wanted, at the home --LoadBound--> keeper: worker fills the frame, and those behind it
//   one node:      area is first opened, by any rank --OpenBound--> keeper: worker fills the area --answer--> rank
//   any rank --SyncBound, Unbind--> keeper: worker writes back --answer--> rank
//
// docs/files.md has the rules for the program, docs/decisions/0015 the reasons.
#pragma once

#include "libdsm/runtime/bound_span.hpp"
#include "libdsm/runtime/calls.hpp"
#include "libdsm/runtime/shared_memory.hpp"
#include "libdsm/runtime/spans.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

namespace dsm::rt {

/// What dsm_bind() was asked for, checked.
struct BindRequest {
    BoundFile::Part part;
    bool read_only;
};

class Binds final : public CallHandler, public FileKeeper {
public:
    Binds(Node &node, Engine &engine, Calls &calls, Spans &spans);
    ~Binds() override;
    void set_coherence(Coherence *coherence) { coherence_ = coherence; }

    BlockResult bind(const BindRequest &request);
    /// Any rank: what was written to [address, address + bytes) is in the file (bytes 0: to the end of the bind). 0,
    /// EINVAL where that does not lie in one bind, or why the file refused it.
    int sync(const void *address, std::size_t bytes);
    /// Any rank: writes back and ends the bind. On an error of the file the bind stays.
    int unbind(void *address);
    /// The end of the job, when all ranks have come to it: writes back what this rank has bound, and ends the worker.
    /// The first error of a file, or 0.
    int finish();

    /// One node: has the area of a page loaded, before this rank opens it. False: the span is gone.
    bool open_area(const memory::SpanRecord &record, PageId page, bool writable);
    /// One node: a rank opens areas that nobody asked for; what is bound there must be whole before.
    void prepare_areas(std::size_t first_area, std::size_t end_area);

    void want(PageId page) override;
    void on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) override;

private:
    struct Range {
        std::uint32_t generation;
        std::uint32_t writable;
        PageId first;
        std::uint64_t count;
    };
    struct Job {
        CallKind kind;
        CallToken token;
        Range range;
    };
    Rank keeper_of(const memory::SpanRecord &record) const;
    static Range whole(const memory::SpanRecord &record);
    void load_everything(const memory::SpanRecord &record);
    void start_worker();
    void work();
    bool next_job(std::deque<Job> &from, Job &job);
    BoundSpan *span_of(const Range &range);
    void serve_loads();
    void load(const Job &job);
    void finish_job(const Job &job);
    int write_back(BoundSpan &span, const Range &range);
    int end_bind(BoundSpan &span, const Range &range);
    void write_back_all();

    Node &node_;
    Engine &engine_;
    Calls &calls_;
    Spans &spans_;
    Coherence *coherence_ = nullptr;

    std::mutex mutex_; ///< guards what follows; held for a few instructions, also by handlers
    std::condition_variable arrived_;
    std::deque<Job> loads_; ///< go first: somebody's access waits
    std::deque<Job> jobs_;
    std::map<std::uint32_t, std::unique_ptr<BoundSpan>> binds_; ///< by generation; only the worker takes one out
    bool stopping_ = false;
    std::thread worker_;

    int last_error_ = 0; ///< of the worker's last write-back
};

} // namespace dsm::rt
