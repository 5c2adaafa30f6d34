// What there is to know about the state of an object whose memory is being freed, for each kind.
#pragma once

#include "libdsm/runtime/sync_memory.hpp"

namespace dsm::rt {

/// "mutex", "condition", ...
const char *name_of(SyncKind kind) noexcept;
/// No message of this node's making is under way for the object, and no thread of it is in a call that will end by
/// itself. If it holds at all nodes, it stays so until a thread uses the object again.
bool is_settled(SyncKind kind, const SyncStates &states) noexcept;
/// Held or waited for: its memory should not have been freed.
bool is_in_use(SyncKind kind, const SyncStates &states) noexcept;
/// Gives records of the pools back that the state still links: those of threads that wait.
void give_back_records(SyncKind kind, const SyncStates &states, SyncMemory &memory) noexcept;

} // namespace dsm::rt
