// Lists of kept records.
#include "libdsm/runtime/kept_records.hpp"

#include "libdsm/base/check.hpp"

#include <cstring>
#include <sys/mman.h>

namespace dsm::rt {
namespace {

constexpr std::size_t slots = std::size_t{KeptRecords::records_max} + 1;

} // namespace

KeptRecords::KeptRecords() {
    void *memory = ::mmap(nullptr, slots * sizeof(Kept), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    DSM_CHECK(memory != MAP_FAILED, "memory for records that come early", slots * sizeof(Kept));
    kept_ = static_cast<Kept *>(memory);
}

KeptRecords::~KeptRecords() { ::munmap(kept_, slots * sizeof(Kept)); }

std::uint32_t KeptRecords::free_slot(PageId page) {
    if (free_ != none) {
        const std::uint32_t slot = free_;
        free_ = kept_[slot].next;
        return slot;
    }
    DSM_CHECK(used_ < records_max, "P10 there is a place for an early record", page.value);
    return ++used_;
}

void KeptRecords::keep(PageId page, std::span<const std::byte> record) {
    DSM_CHECK(record.size() <= sizeof kept_->record, "P10 there is a place for an early record", page.value);
    const std::uint32_t slot = free_slot(page);
    Kept &kept = kept_[slot];
    kept.page = page.value;
    kept.bytes = static_cast<std::uint32_t>(record.size());
    kept.next = none;
    std::memcpy(kept.record, record.data(), record.size());
    List &list = lists_[list_of(page)];
    (list.first == none ? list.first : kept_[list.last].next) = slot;
    list.last = slot;
}

std::size_t KeptRecords::count_of(PageId page) const {
    std::size_t count = 0;
    for_each(page, [&](std::span<const std::byte>) { ++count; });
    return count;
}

std::span<const std::byte> KeptRecords::take(PageId page) {
    List &list = lists_[list_of(page)];
    std::uint32_t before = none;
    std::uint32_t at = list.first;
    while (at != none && kept_[at].page != page.value) {
        before = at;
        at = kept_[at].next;
    }
    DSM_CHECK(at != none, "P10 a record that is taken was kept", page.value);
    (before == none ? list.first : kept_[before].next) = kept_[at].next;
    if (list.last == at) { list.last = before; }
    if (taken_ != none) {
        kept_[taken_].next = free_;
        free_ = taken_;
    }
    taken_ = at;
    return {kept_[at].record, kept_[at].bytes};
}

} // namespace dsm::rt
