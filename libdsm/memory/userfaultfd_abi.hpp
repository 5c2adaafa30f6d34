// Numbers of the userfaultfd interface that older kernel headers lack, and opening a userfaultfd as we need it.
#pragma once

#include "libdsm/memory/outcome.hpp"
#include "libdsm/memory/owned.hpp"

#include <cstddef>
#include <cstdint>

namespace dsm::memory {

namespace uffd {
constexpr int user_mode_only = 1; ///< Linux 5.11: no privilege needed
constexpr std::uint64_t feature_pagefault_flag_wp = 1U << 0;
constexpr std::uint64_t feature_missing_shmem = 1U << 5;
constexpr std::uint64_t feature_sigbus = 1U << 7;              ///< Linux 4.14
constexpr std::uint64_t feature_minor_shmem = 1U << 10;        ///< Linux 5.14
constexpr std::uint64_t feature_wp_hugetlbfs_shmem = 1U << 12; ///< Linux 5.19
constexpr std::uint64_t register_mode_missing = 1U << 0;
constexpr std::uint64_t register_mode_wp = 1U << 1;
constexpr std::uint64_t register_mode_minor = 1U << 2;
constexpr std::uint64_t continue_mode_dontwake = 1U << 0;
constexpr std::uint64_t continue_mode_wp = 1U << 1; ///< Linux 6.4
constexpr std::uint64_t writeprotect_mode_wp = 1U << 0;
constexpr unsigned ioctl_writeprotect = 0x06;
constexpr unsigned ioctl_continue = 0x07;
} // namespace uffd

/// A userfaultfd with all the features that the backend needs.
Outcome<FileDescriptor> open_userfaultfd();
/// Registers a range for missing, minor and write-protect faults at once: with fewer, a punched frame reads as zeros
/// without any fault.
Outcome<Done> register_range(int descriptor, void *base, std::size_t bytes);
/// One UFFDIO_CONTINUE. Returns 0 or errno's value; `mapped_bytes` is how far it got.
int continue_range(int descriptor, std::uint64_t address, std::size_t bytes, bool write_protected,
                   std::size_t &mapped_bytes) noexcept;
/// One UFFDIO_WRITEPROTECT. Returns 0 or errno's value.
int write_protect_range(int descriptor, std::uint64_t address, std::size_t bytes, bool on) noexcept;

} // namespace dsm::memory
