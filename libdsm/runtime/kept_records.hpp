// Records about release pages that came before what they must wait for: a Home, or an acknowledgement. Lists by page,
// each in the order of coming, in slots that are touched as they are used. Of one thread at a time.
#pragma once

#include "libdsm/base/hash.hpp"
#include "libdsm/base/ids.hpp"
#include "libdsm/runtime/outbox.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::rt {

class KeptRecords {
public:
    /// All nodes of the largest job may ask one for a page whose home it is to become; twice as many.
    static constexpr std::uint32_t records_max = 2 * nodes_max;

    KeptRecords();
    ~KeptRecords();
    KeptRecords(const KeptRecords &) = delete;
    KeptRecords &operator=(const KeptRecords &) = delete;

    void keep(PageId page, std::span<const std::byte> record);
    std::size_t count_of(PageId page) const;
    /// Takes the page's oldest, of which there is one. Valid until the next call of this.
    std::span<const std::byte> take(PageId page);

    /// Calls visit(record) for each of the page's, in the order of their coming.
    template <class Visit> void for_each(PageId page, Visit visit) const {
        for (std::uint32_t at = lists_[list_of(page)].first; at != none; at = kept_[at].next) {
            if (kept_[at].page == page.value) { visit(std::span<const std::byte>(kept_[at].record, kept_[at].bytes)); }
        }
    }

private:
    struct Kept {
        std::uint64_t page;
        std::uint32_t bytes;
        std::uint32_t next; ///< of the same list, or free
        std::byte record[outbox_slot_bytes - 16];
    };
    struct List {
        std::uint32_t first, last;
    };
    static constexpr std::uint32_t none = 0; ///< slot 0 is not used
    static constexpr unsigned lists_bits = 8;
    static std::size_t list_of(PageId page) { return spread(page.value, lists_bits); }
    std::uint32_t free_slot(PageId page);

    Kept *kept_;
    List lists_[std::size_t{1} << lists_bits]{}; ///< of several pages each
    std::uint32_t free_ = none;                  ///< a list of those that were used
    std::uint32_t used_ = 0;                     ///< slots that ever were
    std::uint32_t taken_ = none;
};

} // namespace dsm::rt
