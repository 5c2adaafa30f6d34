// Threads of the library's own take no signal of the program's: it is started while signals are held back, and inherits
// that.
#pragma once

#include <csignal>
#include <pthread.h>

namespace dsm {

/// Holds signals back in the calling thread for as long as it lives, for threads that are started meanwhile.
class HeldSignals {
public:
    enum class But {
        Nothing,
        Faults ///< faults reach the thread: it touches shared memory, or they are ours and fatal
    };
    explicit HeldSignals(But but = But::Nothing) noexcept {
        sigset_t held;
        sigfillset(&held);
        if (but == But::Faults) {
            for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP}) { sigdelset(&held, signal); }
        }
        ::pthread_sigmask(SIG_SETMASK, &held, &before_);
    }
    ~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    HeldSignals(const HeldSignals &) = delete;
    HeldSignals &operator=(const HeldSignals &) = delete;

private:
    sigset_t before_;
};

} // namespace dsm
