// Coherence at the home of pages whose first contents are in a file: before and after a load, and the copies that a
// write-back takes.
#include "libdsm/runtime/coherence.hpp"
#include "libdsm/runtime/page_executor.hpp"

#include <cstring>
#include <mutex>

namespace dsm::rt {

bool Coherence::begin_load(const memory::SpanRecord &record, PageId page) {
    const PageAttributes attributes{record.generation, record.home, record.block_shift, PageOrigin::File};
    PageEntry &entry = (*node_.pages)[page];
    const std::lock_guard locked(entry.lock);
    if (!adopt(entry, page, attributes)) { return false; }
    PageExecutor effects(*this, entry, page);
    return protocol_.on_load_ahead(entry, context_of(attributes, page), now_us(), effects);
}

void Coherence::end_load(PageId page) {
    PageEntry &entry = (*node_.pages)[page];
    {
        const std::lock_guard locked(entry.lock);
        if (entry.dead != 0) { return; } // Its span has been freed meanwhile.
        PageExecutor effects(*this, entry, page);
        protocol_.on_loaded(entry, context_of(entry.attributes, page), now_us(), effects);
    }
    engine_.kick();
}

/// The copy is taken while the page's lock is held and no rank of the node may write: bytes and version go together.
CleanCopy Coherence::copy_clean(const memory::SpanRecord &record, PageId page, std::uint64_t known, std::byte *into,
                                std::uint64_t &version) {
    PageEntry &entry = (*node_.pages)[page];
    {
        const std::lock_guard locked(entry.lock);
        if (entry.attributes.generation != record.generation || entry.dead != 0) { return CleanCopy::Unchanged; }
        if (!protocol::is_initialised(entry.state) || protocol::has(entry.state, protocol::Flag::InFile)) {
            return CleanCopy::Unchanged;
        }
        if (protocol::access_of(entry.state) == Access::None) { return CleanCopy::Elsewhere; }
        if (entry.state.version.value == known) { return CleanCopy::Unchanged; }
        PageExecutor effects(*this, entry, page);
        const bool clean = protocol_.on_clean(entry, context_of(entry.attributes, page), now_us(), effects);
        version = clean ? entry.state.version.value : no_version;
        std::memcpy(into, node_.frames.frame(page), bytes_of_block(entry.attributes));
    }
    engine_.kick();
    return CleanCopy::Copied;
}

} // namespace dsm::rt
