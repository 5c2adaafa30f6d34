// The userfaultfd backend.
#include "libdsm/memory/userfaultfd_backend.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/memory/raw_syscalls.hpp"
#include "libdsm/memory/userfaultfd_abi.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/mman.h>

namespace dsm::memory {
namespace {

constexpr int retries_max = 1'000'000; ///< of a call that the kernel asks to be repeated

[[noreturn]] void refused(const char *call, PageId page, int error) {
    end_job(exit_machine_failed, "userfaultfd: %s of page 0x%llx failed: %s", call,
            static_cast<unsigned long long>(page.value), ::strerrordesc_np(error));
}

PageId page_after(PageId page, std::size_t count) noexcept { return {page.value + count}; }

} // namespace

UserfaultfdBackend::UserfaultfdBackend(const Segment &segment, const FrameStore &store, RightsLedger &ledger,
                                       FileDescriptor own)
    : segment_(segment), store_(store), ledger_(ledger), own_(std::move(own)) {}

Outcome<std::unique_ptr<UserfaultfdBackend>> UserfaultfdBackend::create(const Segment &segment, const FrameStore &store,
                                                                        RightsLedger &ledger) {
    auto opened = open_userfaultfd();
    if (!opened) { return opened.failure(); }
    auto registered = register_range(opened.value().get(), segment.base(), segment.bytes());
    if (!registered) { return registered.failure(); }
    return std::unique_ptr<UserfaultfdBackend>(
        new UserfaultfdBackend(segment, store, ledger, std::move(opened.value())));
}

void UserfaultfdBackend::set_node(std::vector<FileDescriptor> descriptors, int own_local_rank) {
    node_ = std::move(descriptors);
    own_local_rank_ = static_cast<std::size_t>(own_local_rank);
    rank_count_ = node_.size();
}

int UserfaultfdBackend::fault_signal() const noexcept { return SIGBUS; }

std::uint64_t UserfaultfdBackend::address_of(PageId page) const noexcept {
    return reinterpret_cast<std::uintptr_t>(segment_.address_of(page));
}

int UserfaultfdBackend::descriptor_of(std::size_t local_rank) const noexcept {
    return local_rank == own_local_rank_ ? own_.get() : node_[local_rank].get();
}

void UserfaultfdBackend::map(PageId first, std::size_t count, Access access) {
    DSM_CHECK(access != Access::None, "map gives an access", first.value);
    const RankMask own = rank_bit(static_cast<int>(own_local_rank_));
    const PageId end = page_after(first, count);
    // Runs of pages that are mapped for reading and lack nothing but the right to write need no look at their frames.
    const auto only_protected = [&](PageId page) {
        const RankRights &rights = ledger_.rights_of(page);
        return access == Access::Write && (rights.readers.load(std::memory_order_relaxed) & own) != 0 &&
               (rights.writers.load(std::memory_order_relaxed) & own) == 0;
    };
    for (PageId begin = first; begin < end;) {
        const bool upgrade = only_protected(begin);
        PageId run_end = page_after(begin, 1);
        while (run_end < end && only_protected(run_end) == upgrade) { ++run_end.value; }
        const std::size_t run = run_end.value - begin.value;
        if (upgrade) {
            write_protect(own_.get(), begin, run, false);
        } else {
            install(begin, run, access);
        }
        begin = run_end;
    }
    for (PageId page = first; page < end; ++page.value) { // After the loop above: it reads what this writes.
        RankRights &rights = ledger_.rights_of(page);
        rights.readers.fetch_or(own, std::memory_order_relaxed);
        if (access == Access::Write) { rights.writers.fetch_or(own, std::memory_order_relaxed); }
    }
}

void UserfaultfdBackend::install(PageId first, std::size_t count, Access access) {
    const PageId end = page_after(first, count);
    int retries = 0;
    while (first < end) {
        const std::size_t left = end.value - first.value;
        std::size_t mapped_bytes = 0;
        const int error =
            continue_range(own_.get(), address_of(first), left * page_bytes, access == Access::Read, mapped_bytes);
        if (error == 0) { return; }
        first.value += mapped_bytes / page_bytes;
        if (mapped_bytes != 0) { continue; } // It stopped at a page that the next call tells about.
        switch (error) {
        case EEXIST: // Mapped already, at least for reading.
            if (access == Access::Write) { write_protect(own_.get(), first, 1, false); }
            ++first.value;
            break;
        case EFAULT: // A hole: zeros are made here.
            if (const int refusal = store_.allocate(first.value * page_bytes, left * page_bytes); refusal != 0) {
                refused("getting memory for the frame", first, refusal);
            }
            [[fallthrough]];
        case EAGAIN:
            if (++retries > retries_max) { refused("mapping", first, error); }
            break;
        default:
            refused("mapping", first, error);
        }
    }
}

void UserfaultfdBackend::write_protect(int descriptor, PageId first, std::size_t count, bool on) {
    for (int retries = 0; retries < retries_max; ++retries) {
        const int error = write_protect_range(descriptor, address_of(first), count * page_bytes, on);
        if (error == 0) { return; }
        const bool other_rank = descriptor != own_.get();
        if (other_rank && (error == ESRCH || error == ENOENT)) { return; } // It has ended, or unmapped its view.
        if (error != EAGAIN && error != EINTR) { refused(on ? "protecting" : "unprotecting", first, error); }
    }
    refused("protecting", first, EAGAIN);
}

void UserfaultfdBackend::write_protect_in(RankMask ranks, PageId first, std::size_t count) {
    for (std::size_t rank = 0; rank < rank_count_; ++rank) {
        if ((ranks & rank_bit(static_cast<int>(rank))) != 0) { write_protect(descriptor_of(rank), first, count, true); }
    }
}

void UserfaultfdBackend::restrict_ranks(PageId first, std::size_t count, Access access, bool frame_unneeded) {
    DSM_CHECK(access != Access::Write, "restrict takes an access", first.value);
    const PageId end = page_after(first, count);
    RankMask readers = 0;
    RankMask writers = 0;
    for (PageId page = first; page < end; ++page.value) {
        const RankRights &rights = ledger_.rights_of(page);
        readers |= rights.readers.load(std::memory_order_relaxed);
        writers |= rights.writers.load(std::memory_order_relaxed);
    }
    if (access == Access::Read) {
        write_protect_in(writers, first, count);
    } else if (readers != 0) {
        take_away(readers, writers, first, count, frame_unneeded);
    }
    for (PageId page = first; page < end; ++page.value) {
        RankRights &rights = ledger_.rights_of(page);
        if (access == Access::None) { rights.readers.store(0, std::memory_order_relaxed); }
        rights.writers.store(0, std::memory_order_relaxed);
    }
}

void UserfaultfdBackend::take_away(RankMask readers, RankMask writers, PageId first, std::size_t count,
                                   bool frame_unneeded) {
    const bool every_bit_is_one_rank = rank_count_ <= static_cast<std::size_t>(rank_mask_bits);
    if (every_bit_is_one_rank && readers == rank_bit(static_cast<int>(own_local_rank_))) {
        const int error = raw_madvise(segment_.address_of(first), count * page_bytes, MADV_DONTNEED);
        if (error != 0) { refused("unmapping", first, error); }
        return;
    }
    // Nobody can unmap pages of another process, but a punched frame is mapped by none.
    if (!frame_unneeded) {
        write_protect_in(writers, first, count); // Before the copy, or writes of other ranks get lost.
        take_away_keeping_bytes(first, count);
        return;
    }
    if (const int error = store_.punch(first.value * page_bytes, count * page_bytes); error != 0) {
        refused("punching", first, error);
    }
}

void UserfaultfdBackend::take_away_keeping_bytes(PageId first, std::size_t count) {
    alignas(64) std::byte bytes[page_bytes]; // Page by page: a block of 2 MiB does not fit a thread's stack.
    for (PageId page = first; page < page_after(first, count); ++page.value) {
        std::memcpy(bytes, store_.frame(page), page_bytes);
        if (const int error = store_.punch(page.value * page_bytes, page_bytes); error != 0) {
            refused("punching", page, error);
        }
        std::memcpy(store_.frame(page), bytes, page_bytes);
    }
}

} // namespace dsm::memory
