// The handlers of SIGSEGV and SIGBUS: they decode a fault, ask one function whether it is ours, and hand what is not to
// whatever handler stood before, the default action included.
//
// They run on the thread's alternative stack only where the handler that stood before asked for that: serving a fault
// may run the progress engine, which needs more stack than alternative stacks usually have. While a fault is served all
// other signals wait. A fault inside the handler is a crash: it is reported in one line and never served.
#pragma once

#include "libdsm/memory/outcome.hpp"

#include <cstdint>

namespace dsm::memory {

enum class FaultKind : std::uint8_t { Read, Write, Execute, Unknown };

struct Fault {
    void *address;
    const void *instruction;
    FaultKind kind; ///< Execute: a jump there, never to be served. Unknown where the processor does not tell: then take
                    ///< a fault on a readable page for a write
    int signal;     ///< SIGSEGV or SIGBUS; compare with FaultBackend::fault_signal()
    bool forked_child; ///< a forked child of the process that installed the handlers: the segment is not there
    const void *stack = nullptr; ///< the thread's stack pointer when it faulted
};

enum class FaultVerdict : std::uint8_t { Served, NotOurs };

/// Runs on the faulting thread in the signal handler; may not allocate from the heap or throw. Whoever answers NotOurs
/// for an address in the segment has written the one line that explains it. errno is preserved around it.
using FaultCallback = FaultVerdict (*)(const Fault &fault) noexcept;

/// Installs the handlers of the process; once, after MPI has installed its own.
Outcome<Done> install_fault_handlers(FaultCallback callback);
/// Puts back what stood before, unless somebody installed handlers over ours: then ours stay and pass everything on.
void uninstall_fault_handlers() noexcept;
/// True while this thread is inside the handlers. Whoever must not be called from a fault can check it.
bool serving_fault() noexcept;

/// Unblocks SIGSEGV and SIGBUS in this thread: one that blocks them dies at its first fault. True if it had to.
bool unblock_fault_signals() noexcept;

} // namespace dsm::memory
