// Page runs in the chunks of a node's heap, under one lock.
#include "libdsm/memory/heap_chunks.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>
#include <bit>
#include <mutex>
#include <span>

namespace dsm::memory {
namespace {
constexpr std::size_t whole_pages(std::size_t bytes) { return (bytes + page_bytes - 1) & ~(page_bytes - 1); }
/// Chunks looked at per list for an aligned run that is not sure to fit.
constexpr int aligned_tries = 4;

/// The first bit at or after `from` that equals `value`; `limit` when there is none below it.
std::uint32_t next_bit(std::span<const std::uint64_t> words, std::uint32_t limit, std::uint32_t from, bool value) {
    while (from < limit) {
        const std::uint64_t word = value ? words[from / 64] : ~words[from / 64];
        const std::uint64_t rest = word >> (from % 64);
        if (rest != 0) { return std::min(limit, from + static_cast<std::uint32_t>(std::countr_zero(rest))); }
        from = (from / 64 + 1) * 64;
    }
    return limit;
}

/// The first aligned run of free pages in a chunk, or pages_per_chunk.
std::uint32_t find_run(const ChunkMeta &meta, std::uint32_t pages, std::uint32_t alignment) {
    for (std::uint32_t at = 0; at < pages_per_chunk;) {
        const std::uint32_t begin = next_bit(meta.used_pages, pages_per_chunk, at, false);
        const std::uint32_t end = next_bit(meta.used_pages, pages_per_chunk, begin, true);
        const std::uint32_t start = (begin + alignment - 1) & ~(alignment - 1);
        if (start + pages <= end) { return start; }
        at = end;
    }
    return pages_per_chunk;
}

std::uint16_t longest_run(const ChunkMeta &meta) {
    std::uint32_t longest = 0;
    for (std::uint32_t at = 0; at < pages_per_chunk;) {
        const std::uint32_t begin = next_bit(meta.used_pages, pages_per_chunk, at, false);
        at = next_bit(meta.used_pages, pages_per_chunk, begin, true);
        longest = std::max(longest, at - begin);
    }
    return static_cast<std::uint16_t>(longest);
}
} // namespace

struct HeapChunks::Header {
    FutexMutex lock;
    std::uint32_t quiet_chunks;          ///< owned chunks whose used pages are all idle slabs'; empty ones included
    std::atomic<std::uint32_t> owned;    ///< owned chunks
    std::atomic<std::uint32_t> released; ///< list of chunks given up: chunk number + 1
    std::atomic<std::uint64_t> pages_used;
    std::atomic<std::uint64_t> added;                                 ///< chunks got since the beginning
    std::atomic<std::uint64_t> given_up;                              ///< chunks given up since the beginning
    std::array<std::uint64_t, pages_per_chunk / 64 + 1> lists_in_use; ///< bit n: heads[n] is not empty
    std::array<std::uint32_t, pages_per_chunk + 1> heads;             ///< by longest run; a full chunk is in no list
};

HeapChunks::HeapChunks(std::byte *region, std::uint32_t chunk_count, std::uint32_t reserve_chunks)
    : chunk_count_(chunk_count), reserve_chunks_(reserve_chunks), header_(*reinterpret_cast<Header *>(region)),
      states_(reinterpret_cast<std::atomic<std::uint8_t> *>(region + page_bytes)),
      metas_(reinterpret_cast<ChunkMeta *>(region + page_bytes + whole_pages(chunk_count))) {
    static_assert(sizeof(Header) <= page_bytes && std::atomic<PageLabel>::is_always_lock_free);
}

std::size_t HeapChunks::region_bytes(std::uint32_t chunk_count) {
    return page_bytes + whole_pages(chunk_count) + std::size_t{chunk_count} * sizeof(ChunkMeta);
}

void HeapChunks::add(ChunkId chunk) {
    DSM_CHECK(chunk.value < chunk_count_, "a chunk lies inside the segment", chunk.value);
    const std::lock_guard guard(header_.lock);
    ChunkMeta &added = meta(chunk);
    DSM_CHECK(states_[chunk.value].load(std::memory_order_relaxed) == state_none, "a chunk is given to a heap once",
              chunk.value);
    added.free_pages = pages_per_chunk;
    added.longest_run = pages_per_chunk;
    added.idle_pages = 0;
    states_[chunk.value].store(state_owned, std::memory_order_release);
    header_.added.fetch_add(1, std::memory_order_relaxed);
    header_.owned.fetch_add(1, std::memory_order_relaxed);
    ++header_.quiet_chunks;
    link(chunk);
}

std::optional<ChunkId> HeapChunks::take_released() {
    const std::lock_guard guard(header_.lock);
    const std::uint32_t head = header_.released.load(std::memory_order_relaxed);
    if (head == 0) { return std::nullopt; }
    ChunkMeta &released = metas_[head - 1];
    header_.released.store(released.next, std::memory_order_relaxed);
    released.next = 0;
    states_[head - 1].store(state_none, std::memory_order_relaxed);
    return ChunkId{head - 1};
}

bool HeapChunks::release_pending() const { return header_.released.load(std::memory_order_relaxed) != 0; }

void HeapChunks::release_empty() {
    const std::lock_guard guard(header_.lock);
    while (header_.heads[pages_per_chunk] != 0) { give_up({header_.heads[pages_per_chunk] - 1}); }
}

std::uint32_t HeapChunks::owned() const { return header_.owned.load(std::memory_order_relaxed); }
std::uint64_t HeapChunks::pages_used() const { return header_.pages_used.load(std::memory_order_relaxed); }

HeapTraffic HeapChunks::traffic() const {
    return {header_.added.load(std::memory_order_relaxed), header_.given_up.load(std::memory_order_relaxed)};
}

// ---- lists of chunks by longest run ----

void HeapChunks::link(ChunkId chunk) {
    ChunkMeta &linked = meta(chunk);
    if (linked.longest_run == 0) { return; }
    std::uint32_t &head = header_.heads[linked.longest_run];
    linked.previous = 0;
    linked.next = head;
    if (head != 0) { metas_[head - 1].previous = chunk.value + 1; }
    head = chunk.value + 1;
    header_.lists_in_use[linked.longest_run / 64U] |= std::uint64_t{1} << (linked.longest_run % 64U);
}

void HeapChunks::unlink(ChunkId chunk) {
    const ChunkMeta &unlinked = meta(chunk);
    if (unlinked.longest_run == 0) { return; }
    std::uint32_t &head = header_.heads[unlinked.longest_run];
    if (unlinked.previous != 0) {
        metas_[unlinked.previous - 1].next = unlinked.next;
    } else {
        head = unlinked.next;
    }
    if (unlinked.next != 0) { metas_[unlinked.next - 1].previous = unlinked.previous; }
    if (head == 0) {
        header_.lists_in_use[unlinked.longest_run / 64U] &= ~(std::uint64_t{1} << (unlinked.longest_run % 64U));
    }
}

// ---- pages ----

/// Marks pages, keeps the counts and moves the chunk to the list of its new longest run.
void HeapChunks::mark(PageRun run, bool used) {
    ChunkMeta &marked = meta(run.chunk);
    for (std::uint32_t page = run.first_page; page < run.first_page + run.page_count; ++page) {
        const std::uint64_t bit = std::uint64_t{1} << (page % 64);
        std::uint64_t &word = marked.used_pages[page / 64];
        word = used ? word | bit : word & ~bit;
    }
    const auto delta = static_cast<std::uint16_t>(run.page_count);
    marked.free_pages = static_cast<std::uint16_t>(used ? marked.free_pages - delta : marked.free_pages + delta);
    header_.pages_used.fetch_add(used ? delta : std::uint64_t{0} - delta, std::memory_order_relaxed);
    const std::uint16_t longest = longest_run(marked);
    if (longest == marked.longest_run) { return; }
    unlink(run.chunk);
    marked.longest_run = longest;
    link(run.chunk);
}

void HeapChunks::tag_all(PageRun run, PageLabel tag) {
    ChunkMeta &tagged = meta(run.chunk);
    for (std::uint32_t i = 0; i < run.page_count; ++i) {
        tagged.tags[run.first_page + i].store(tag, std::memory_order_release);
    }
}

void HeapChunks::tag_run(PageRun run) {
    tag_all(run, PageLabel::run_inside(run.first_page));
    meta(run.chunk).tags[run.first_page].store(PageLabel::run_start(run.page_count), std::memory_order_release);
}

/// Shortest sufficient chunk first. Without alignment the first look fits; with it, chunks that may fit are tried, and
/// one whose longest run exceeds the pages by the alignment surely does.
std::optional<PageRun> HeapChunks::take_pages(std::uint32_t pages, std::uint32_t alignment_pages) {
    constexpr auto list_end = static_cast<std::uint32_t>(pages_per_chunk + 1);
    for (std::uint32_t list = pages; list < list_end; ++list) {
        list = next_bit(header_.lists_in_use, list_end, list, true);
        if (list == list_end) { break; }
        std::uint32_t at = header_.heads[list];
        for (int tries = 0; at != 0 && tries < aligned_tries; ++tries, at = metas_[at - 1].next) {
            const std::uint32_t first = find_run(metas_[at - 1], pages, alignment_pages);
            if (first == pages_per_chunk) { continue; }
            const PageRun run{{at - 1}, first, pages};
            const bool was_quiet = quiet(meta(run.chunk));
            mark(run, true);
            note_quiet(run.chunk, was_quiet);
            return run;
        }
    }
    return std::nullopt;
}

std::optional<PageRun> HeapChunks::allocate_run(std::uint32_t pages, std::uint32_t alignment_pages) {
    const std::lock_guard guard(header_.lock);
    const std::optional<PageRun> run = take_pages(pages, alignment_pages);
    if (run) { tag_run(*run); }
    return run;
}

std::optional<PageRun> HeapChunks::allocate_slab(SizeClass size_class) {
    const std::lock_guard guard(header_.lock);
    const std::optional<PageRun> run = take_pages(shape_of(size_class).slab_pages, 1);
    if (run) { tag_all(*run, PageLabel::slab(size_class, run->first_page)); }
    return run;
}

RunStatus HeapChunks::free_run(ChunkId chunk, std::uint32_t first_page, bool &spare_idle) {
    const std::lock_guard guard(header_.lock);
    const PageLabel found = tag(chunk, first_page);
    if (!owns(chunk) || found.use() != PageUse::RunStart) { return RunStatus::NotARun; }
    const PageRun run{chunk, first_page, static_cast<std::uint32_t>(found.page_count())};
    const bool was_quiet = quiet(meta(chunk));
    tag_all(run, PageLabel{});
    mark(run, false);
    spare_idle = note_quiet(chunk, was_quiet);
    return RunStatus::Ok;
}

void HeapChunks::free_idle_slab(ChunkId chunk, const SlabHeader &slab, SizeClass size_class) {
    const std::lock_guard guard(header_.lock);
    const PageRun run{chunk, slab.first_page, shape_of(size_class).slab_pages};
    const bool was_quiet = quiet(meta(chunk));
    meta(chunk).idle_pages = static_cast<std::uint16_t>(meta(chunk).idle_pages - run.page_count);
    tag_all(run, PageLabel{});
    mark(run, false);
    note_quiet(chunk, was_quiet);
}

RunStatus HeapChunks::resize_run(ChunkId chunk, std::uint32_t first_page, std::uint32_t pages) {
    const std::lock_guard guard(header_.lock);
    const PageLabel found = tag(chunk, first_page);
    if (!owns(chunk) || found.use() != PageUse::RunStart) { return RunStatus::NotARun; }
    const auto old_pages = static_cast<std::uint32_t>(found.page_count());
    const std::uint32_t old_end = first_page + old_pages;
    if (pages > old_pages) {
        const std::uint32_t free_end = next_bit(meta(chunk).used_pages, pages_per_chunk, old_end, true);
        if (first_page + pages > free_end) { return RunStatus::NoRoom; }
        mark({chunk, old_end, pages - old_pages}, true);
    } else if (pages < old_pages) {
        const PageRun tail{chunk, first_page + pages, old_pages - pages};
        tag_all(tail, PageLabel{});
        mark(tail, false);
    }
    tag_run({chunk, first_page, pages});
    return RunStatus::Ok;
}

// ---- quiet chunks ----

bool HeapChunks::set_idle(ChunkId chunk, SizeClass size_class, bool idle) {
    const std::lock_guard guard(header_.lock);
    const bool was_quiet = quiet(meta(chunk));
    const std::uint32_t pages = shape_of(size_class).slab_pages;
    std::uint16_t &idle_pages = meta(chunk).idle_pages;
    idle_pages = static_cast<std::uint16_t>(idle ? idle_pages + pages : idle_pages - pages);
    return note_quiet(chunk, was_quiet);
}

bool HeapChunks::quiet(const ChunkMeta &meta) { return meta.free_pages + meta.idle_pages == pages_per_chunk; }

/// Keeps the count of quiet chunks. More of them than the reserve: an empty chunk is given up at once, and true is
/// returned for one whose idle slabs should be freed first.
bool HeapChunks::note_quiet(ChunkId chunk, bool was_quiet) {
    const bool is_quiet = quiet(meta(chunk));
    if (is_quiet != was_quiet) { header_.quiet_chunks += is_quiet ? 1U : std::uint32_t{0} - 1U; }
    if (!is_quiet || header_.quiet_chunks <= reserve_chunks_) { return false; }
    if (meta(chunk).idle_pages != 0) { return true; }
    give_up(chunk);
    return false;
}

void HeapChunks::give_up(ChunkId chunk) {
    unlink(chunk);
    --header_.quiet_chunks;
    ChunkMeta &given = meta(chunk);
    states_[chunk.value].store(state_released, std::memory_order_relaxed);
    header_.given_up.fetch_add(1, std::memory_order_relaxed);
    given.next = header_.released.load(std::memory_order_relaxed);
    header_.owned.fetch_sub(1, std::memory_order_relaxed);
    header_.released.store(chunk.value + 1, std::memory_order_relaxed);
}

// ---- slabs ----

namespace {
constexpr std::uint32_t slabs_per_chunk = pages_per_chunk / slab_pages_min;
} // namespace

SlabRef HeapChunks::slab_ref(ChunkId chunk, std::size_t first_page) {
    return {chunk.value * slabs_per_chunk + static_cast<std::uint32_t>(first_page / slab_pages_min) + 1};
}

ChunkId HeapChunks::chunk_of_slab(SlabRef slab) { return {(slab.value - 1) / slabs_per_chunk}; }

SlabHeader &HeapChunks::slab(SlabRef slab) const {
    return meta(chunk_of_slab(slab)).slabs[(slab.value - 1) % slabs_per_chunk];
}

std::uint64_t *HeapChunks::block_bits(SlabRef slab_ref) const {
    constexpr std::size_t words_per_page = page_bytes / block_granule_bytes / 64;
    return &meta(chunk_of_slab(slab_ref)).block_bits[slab(slab_ref).first_page * words_per_page];
}

} // namespace dsm::memory
