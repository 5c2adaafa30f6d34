// Sparse memory files and shared mappings of them, as segment stores and shared regions need them.
#pragma once

#include "libdsm/memory/outcome.hpp"
#include "libdsm/memory/owned.hpp"

#include <cstddef>

namespace dsm::memory {

/// A sparse, anonymous memory file of `bytes`. Where the soft limit on file sizes is in the way it is raised to the
/// hard one for the call; the signal that comes with that limit never reaches the program.
Outcome<FileDescriptor> create_memory_file(const char *name, std::size_t bytes);
/// A shared, readable and writable mapping of all of the file: left out of core files and of forked children.
Outcome<Mapping> map_shared(int descriptor, std::size_t bytes);
/// The same of a part, which begins at a page, to be read alone.
Outcome<Mapping> map_part_to_read(int descriptor, std::size_t offset, std::size_t bytes);
/// Leaves a range out of forked children, and out of core files unless `in_core_files`.
Outcome<Done> keep_out(void *base, std::size_t bytes, bool in_core_files);
/// Why a mapping of `bytes` was refused with `error`; names the limit on address space if that is in the way.
Failure mapping_failure(int error, const char *what, std::size_t bytes);

} // namespace dsm::memory
