// Handing signals on. Async-signal-safe throughout.
#include "libdsm/memory/signal_chain.hpp"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dsm::memory {

bool is_function(const struct sigaction &action) noexcept {
    return (action.sa_flags & SA_SIGINFO) != 0 || (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

bool is_default_now(int signal) noexcept {
    struct sigaction now {};
    return ::sigaction(signal, nullptr, &now) == 0 && !is_function(now) && now.sa_handler == SIG_DFL;
}

void set_default(int signal) noexcept {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    ::sigaction(signal, &action, nullptr);
}

void send_again(int signal, siginfo_t *info) noexcept {
    ::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), ::syscall(SYS_gettid), signal, info);
}

void call_handler_before(const struct sigaction &before, int signal, siginfo_t *info, ucontext_t *context) noexcept {
    sigset_t mask;
    sigorset(&mask, &context->uc_sigmask, &before.sa_mask);
    if ((before.sa_flags & SA_NODEFER) == 0) { sigaddset(&mask, signal); }
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    if ((before.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) { set_default(signal); }
    if ((before.sa_flags & SA_SIGINFO) != 0) {
        before.sa_sigaction(signal, info, context);
    } else {
        before.sa_handler(signal);
    }
}

} // namespace dsm::memory
