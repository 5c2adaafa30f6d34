// Handing a signal on to whatever stood before our handler.
#pragma once

#include <csignal>
#include <ucontext.h>

namespace dsm::memory {

/// True for a signal that a process or thread sent, false for one that an instruction caused.
inline bool was_sent(const siginfo_t &info) noexcept { return info.si_code <= 0; }

/// True if the action is a handler, not the default or to ignore.
bool is_function(const struct sigaction &action) noexcept;
bool is_default_now(int signal) noexcept;
void set_default(int signal) noexcept;
/// Sends the signal to this thread again, with the same information.
void send_again(int signal, siginfo_t *info) noexcept;
/// Calls the handler that stood before us under the signal mask that it would have had without us.
void call_handler_before(const struct sigaction &before, int signal, siginfo_t *info, ucontext_t *context) noexcept;

} // namespace dsm::memory
