// One bind at its keeper, the rank that has the file: which pages are loaded, and what the file has of them. Used by
// the keeper's worker thread alone.
//
// How a write is noticed: with several nodes by the page's version, which grows with every grant of write access. With
// one node nobody is asked before a write, so an area gets a twin (a copy) before its first rank may write to it, and
// what differs from the twin was written.
#pragma once

#include "libdsm/runtime/bound_file.hpp"
#include "libdsm/runtime/coherence.hpp"
#include "libdsm/runtime/node.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace dsm::rt {

class BoundSpan {
public:
    /// `coherence` is nullptr with one node.
    BoundSpan(Node &node, Coherence *coherence, const memory::SpanRecord &record, BoundFile file);

    const memory::SpanRecord &record() const { return record_; }
    const BoundFile &file() const { return file_; }

    /// Loads a page for who waits for it, and some behind it: more, the longer the run of loaded pages before it is.
    void load(PageId page);
    /// One node: loads the area of a page. `writable`: a rank is going to write there.
    void open_area(PageId page, bool writable);
    /// Brings what was written in pages [first, first + count) into the file. `pause` is called now and then, for
    /// others that wait for this thread. 0, or errno's value: then what was not written stays to be written.
    int write_back(PageId first, std::uint64_t count, const std::function<void()> &pause);

private:
    class Batch;
    std::uint64_t index_of(PageId page) const { return page.value - memory::page_of(offset_of(record_.first)).value; }
    PageId page_at(std::uint64_t index) const { return {memory::page_of(offset_of(record_.first)).value + index}; }
    std::uint64_t run_before(std::uint64_t index) const;
    /// Loads what is not loaded of [first, end).
    void load_range(std::uint64_t first, std::uint64_t end);
    void load_run(std::uint64_t first, std::uint64_t end);
    bool copy_changed(std::uint64_t index, std::byte *into, std::uint64_t &version);
    bool differs_from_twin(std::uint64_t index, std::byte *into) const;
    std::byte *twin_of(std::uint64_t index) const;
    void settle(std::uint64_t index, const std::byte *written, std::uint64_t version);

    Node &node_;
    Coherence *coherence_;
    const memory::SpanRecord record_;
    const BoundFile file_;
    const std::uint64_t page_count_;
    std::vector<bool> loaded_;
    std::vector<std::uint64_t> synced_;               ///< several nodes: the version of each page that the file has
    std::vector<std::unique_ptr<std::byte[]>> twins_; ///< one node: of each area that ranks may write
};

} // namespace dsm::rt
