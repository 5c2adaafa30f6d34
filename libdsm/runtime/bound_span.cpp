// Loading pages of a bound file, and writing them back.
#include "libdsm/runtime/bound_span.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace dsm::rt {
namespace {

/// Pages that one wish brings in: 64 KiB at first, up to 1 MiB where the file is read in order.
constexpr std::uint64_t load_pages_min = 16;
constexpr std::uint64_t load_pages_max = 256;
constexpr std::uint64_t batch_pages = 256;
/// How often a page that other nodes want is asked for before it is copied as any reader would.
constexpr int clean_copy_tries = 8;
constexpr std::uint64_t area_pages = memory::area_bytes / page_bytes;

} // namespace

BoundSpan::BoundSpan(Node &node, Coherence *coherence, const memory::SpanRecord &record, BoundFile file)
    : node_(node), coherence_(coherence), record_(record), file_(std::move(file)),
      page_count_(record.bytes / page_bytes), loaded_(page_count_) {
    if (!file_.written_back()) { return; }
    if (coherence_ != nullptr) {
        synced_.resize(page_count_); // A page that has been loaded and not written is of version 0.
    } else {
        twins_.resize(record.chunk_count);
    }
}

/// How many pages just before this one are loaded, as far as it matters.
std::uint64_t BoundSpan::run_before(std::uint64_t index) const {
    std::uint64_t run = 0;
    while (run < index && run < load_pages_max && loaded_[index - run - 1]) { ++run; }
    return run;
}

void BoundSpan::load(PageId page) {
    const std::uint64_t index = index_of(page);
    if (loaded_[index]) { return; } // Came with an earlier wish.
    const std::uint64_t count = std::clamp(2 * run_before(index), load_pages_min, load_pages_max);
    load_range(index, std::min(index + count, page_count_));
}

void BoundSpan::load_range(std::uint64_t first, std::uint64_t end) {
    while (first < end) {
        if (loaded_[first]) {
            ++first;
            continue;
        }
        std::uint64_t run_end = first;
        while (run_end < end && run_end - first < load_pages_max && !loaded_[run_end]) { ++run_end; }
        load_run(first, run_end);
        first = run_end;
    }
}

/// Nobody looks at the frames meanwhile: with several nodes the pages wait for their load, with one their area is shut.
void BoundSpan::load_run(std::uint64_t first, std::uint64_t end) {
    for (std::uint64_t index = first; coherence_ != nullptr && index < end; ++index) {
        if (!coherence_->begin_load(record_, page_at(index))) { return; } // The span is being ended.
    }
    file_.read(first * page_bytes, {node_.frames.frame(page_at(first)), (end - first) * page_bytes});
    for (std::uint64_t index = first; index < end; ++index) {
        loaded_[index] = true;
        if (coherence_ != nullptr) { coherence_->end_load(page_at(index)); }
    }
}

void BoundSpan::open_area(PageId page, bool writable) {
    const std::uint64_t first = index_of(page) / area_pages * area_pages;
    const std::uint64_t end = std::min(first + area_pages, page_count_);
    load_range(first, end);
    if (!writable || twins_.empty() || twins_[first / area_pages]) { return; }
    auto twin = std::make_unique_for_overwrite<std::byte[]>(memory::area_bytes);
    std::memcpy(twin.get(), node_.frames.frame(page_at(first)), (end - first) * page_bytes);
    twins_[first / area_pages] = std::move(twin);
}

std::byte *BoundSpan::twin_of(std::uint64_t index) const {
    std::byte *twin = twins_[index / area_pages].get();
    return twin == nullptr ? nullptr : twin + index % area_pages * page_bytes;
}

/// One read of each byte: what is compared is what is written and becomes the twin.
bool BoundSpan::differs_from_twin(std::uint64_t index, std::byte *into) const {
    const std::byte *twin = twin_of(index);
    if (twin == nullptr) { return false; }
    std::memcpy(into, node_.frames.frame(page_at(index)), page_bytes);
    return std::memcmp(into, twin, page_bytes) != 0;
}

bool BoundSpan::copy_changed(std::uint64_t index, std::byte *into, std::uint64_t &version) {
    if (!loaded_[index]) { return false; }
    if (coherence_ == nullptr) { return differs_from_twin(index, into); }
    const auto *view = static_cast<const std::byte *>(node_.address_of(memory::offset_of(page_at(index))));
    for (int tries = 0; tries < clean_copy_tries; ++tries) {
        switch (coherence_->copy_clean(record_, page_at(index), synced_[index], into, version)) {
        case CleanCopy::Unchanged:
            return false;
        case CleanCopy::Copied:
            return true;
        case CleanCopy::Elsewhere:
            static_cast<void>(*static_cast<const volatile std::byte *>(view)); // Faults it in, as any reader does.
        }
    }
    std::memcpy(into, view, page_bytes);
    version = Coherence::no_version;
    return true;
}

/// The file has the page as it was written.
void BoundSpan::settle(std::uint64_t index, const std::byte *written, std::uint64_t version) {
    if (coherence_ != nullptr) {
        synced_[index] = version;
    } else {
        std::memcpy(twin_of(index), written, page_bytes);
    }
}

/// Pages that follow one another, written with one call.
class BoundSpan::Batch {
public:
    explicit Batch(BoundSpan &span)
        : span_(span), bytes_(std::make_unique_for_overwrite<std::byte[]>(batch_pages * page_bytes)) {}

    /// Takes the page in, if it was written since the file last got it. 0 or errno's value.
    int add(std::uint64_t index) {
        if (count_ > 0 && (index != first_ + count_ || count_ == batch_pages)) {
            if (const int error = flush(); error != 0) { return error; }
        }
        if (!span_.copy_changed(index, place(count_), versions_[count_])) { return 0; }
        if (count_ == 0) { first_ = index; }
        ++count_;
        return 0;
    }
    int flush() {
        if (count_ == 0) { return 0; }
        const int error = span_.file_.write(first_ * page_bytes, {bytes_.get(), count_ * page_bytes});
        for (std::uint64_t i = 0; error == 0 && i < count_; ++i) { span_.settle(first_ + i, place(i), versions_[i]); }
        count_ = 0;
        has_written_ = true;
        return error;
    }
    bool has_written() const { return has_written_; }

private:
    std::byte *place(std::uint64_t i) { return bytes_.get() + i * page_bytes; }
    BoundSpan &span_;
    std::unique_ptr<std::byte[]> bytes_;
    std::array<std::uint64_t, batch_pages> versions_{};
    std::uint64_t first_ = 0;
    std::uint64_t count_ = 0;
    bool has_written_ = false;
};

int BoundSpan::write_back(PageId first, std::uint64_t count, const std::function<void()> &pause) {
    if (!file_.written_back()) { return 0; }
    Batch batch(*this);
    const std::uint64_t begin = index_of(first);
    for (std::uint64_t index = begin; index < begin + count; ++index) {
        if (const int error = batch.add(index); error != 0) { return error; }
        if (index % batch_pages == 0) { pause(); }
    }
    if (const int error = batch.flush(); error != 0) { return error; }
    return batch.has_written() ? file_.flush() : 0;
}

} // namespace dsm::rt
