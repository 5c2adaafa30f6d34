// Core files that contain what the node has of shared memory (DSM_CORE=present).
//
// The segment is kept out of core files, because dumping a sparse range of 1 TiB never ends. With this, a process that
// is about to die of a signal maps its node's frames over the segment once more and gives those that are present to the
// core file, so that a debugger reads them at the program's own addresses. What is not at this node is not in the file.
#pragma once

#include "libdsm/memory/frame_store.hpp"
#include "libdsm/memory/outcome.hpp"
#include "libdsm/memory/segment.hpp"

namespace dsm::memory {

/// From now on core files of this process contain the frames that are present. Installs handlers for the signals other
/// than SIGSEGV and SIGBUS (fault_signals.hpp) that end a process with a core file, except where they are ignored.
Outcome<Done> include_frames_in_core_files(const Segment &segment, const FrameStore &frames);
/// Ends that, before segment or frames go away. The handlers go as those of fault_signals.hpp do.
void stop_including_frames() noexcept;

/// For a process that the signal in hand is going to end: no thread uses shared memory any more. Does nothing unless
/// core files are to have frames. Async-signal-safe.
void prepare_core_file() noexcept;
/// Never returns when another thread prepares the core file: this one is in nobody's way then.
void stay_out_of_core_file() noexcept;

} // namespace dsm::memory
