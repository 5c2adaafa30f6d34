// Handlers of SIGSEGV and SIGBUS.
#include "libdsm/memory/fault_signals.hpp"

#include "libdsm/base/log.hpp"
#include "libdsm/memory/core_files.hpp"
#include "libdsm/memory/signal_chain.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <dsm/debug.h>
#include <pthread.h>
#include <ucontext.h>
#include <unistd.h>

namespace dsm::memory {
namespace {

/// What the handlers of this process know; written while no fault can be ours.
struct Handlers {
    FaultCallback callback = nullptr;
    struct sigaction before_segv {};
    struct sigaction before_bus {};
    pid_t owner = 0;
};
Handlers handlers; // A signal handler has no other way to find its data.

/// Initial-exec, because the general model may allocate at a thread's first access.
__attribute__((tls_model("initial-exec"))) thread_local bool inside_handler = false;

#if defined(__aarch64__)
/// The exception syndrome that the kernel puts into the signal frame, or 0.
std::uint64_t syndrome_of(const ucontext_t &context) noexcept {
    constexpr std::uint32_t esr_magic = 0x45535201;
    struct Header {
        std::uint32_t magic;
        std::uint32_t bytes;
    } header{};
    const unsigned char *at = context.uc_mcontext.__reserved;
    const unsigned char *end = at + sizeof context.uc_mcontext.__reserved;
    while (at + sizeof header + sizeof(std::uint64_t) <= end) {
        std::memcpy(&header, at, sizeof header);
        if (header.magic == 0 || header.bytes < sizeof header) { break; }
        if (header.magic == esr_magic) {
            std::uint64_t syndrome = 0;
            std::memcpy(&syndrome, at + sizeof header, sizeof syndrome);
            return syndrome;
        }
        at += header.bytes;
    }
    return 0;
}
#endif

FaultKind kind_of([[maybe_unused]] const ucontext_t &context) noexcept {
#if defined(__x86_64__)
    constexpr greg_t page_fault_trap = 14;
    constexpr greg_t write_bit = 2;
    constexpr greg_t fetch_bit = 16;
    if (context.uc_mcontext.gregs[REG_TRAPNO] != page_fault_trap) { return FaultKind::Unknown; }
    if ((context.uc_mcontext.gregs[REG_ERR] & fetch_bit) != 0) { return FaultKind::Execute; }
    return (context.uc_mcontext.gregs[REG_ERR] & write_bit) != 0 ? FaultKind::Write : FaultKind::Read;
#elif defined(__aarch64__)
    constexpr std::uint64_t data_abort_from_user = 0x24;
    constexpr std::uint64_t instruction_abort_from_user = 0x20;
    constexpr std::uint64_t write_not_read = std::uint64_t{1} << 6;
    const std::uint64_t syndrome = syndrome_of(context);
    if ((syndrome >> 26) == instruction_abort_from_user) { return FaultKind::Execute; }
    if ((syndrome >> 26) != data_abort_from_user) { return FaultKind::Unknown; }
    return (syndrome & write_not_read) != 0 ? FaultKind::Write : FaultKind::Read;
#else
    return FaultKind::Unknown;
#endif
}

const void *stack_of([[maybe_unused]] const ucontext_t &context) noexcept {
#if defined(__x86_64__)
    return reinterpret_cast<const void *>(context.uc_mcontext.gregs[REG_RSP]); // NOLINT(performance-no-int-to-ptr)
#elif defined(__aarch64__)
    return reinterpret_cast<const void *>(context.uc_mcontext.sp); // NOLINT(performance-no-int-to-ptr)
#else
    return nullptr;
#endif
}

const void *instruction_of([[maybe_unused]] const ucontext_t &context) noexcept {
#if defined(__x86_64__)
    return reinterpret_cast<const void *>(context.uc_mcontext.gregs[REG_RIP]); // NOLINT(performance-no-int-to-ptr)
#elif defined(__aarch64__)
    return reinterpret_cast<const void *>(context.uc_mcontext.pc); // NOLINT(performance-no-int-to-ptr)
#else
    return nullptr;
#endif
}

/// Hands a signal on. For the default action of a real fault the handlers before us are put back and the instruction
/// runs into its fault again, so that signal, address and core file are those of an ordinary crash.
void pass_on(int signal, siginfo_t *info, ucontext_t *context) noexcept {
    const struct sigaction before = signal == SIGSEGV ? handlers.before_segv : handlers.before_bus;
    if (is_function(before)) {
        call_handler_before(before, signal, info, context);
        // The fault is met again, now with the default action: the handler before us was for once, or put that back.
        if (!was_sent(*info) && is_default_now(signal)) { prepare_core_file(); }
    } else if (was_sent(*info)) {
        if (before.sa_handler == SIG_IGN) { return; }
        prepare_core_file();
        set_default(signal);
        send_again(signal, info);
    } else {
        prepare_core_file();
        ::sigaction(SIGSEGV, &handlers.before_segv, nullptr);
        ::sigaction(SIGBUS, &handlers.before_bus, nullptr);
        set_default(signal); // It may have been ignored, which the kernel overrules for a fault.
    }
}

FaultVerdict ask(const Fault &fault) noexcept {
    if (inside_handler) {
        log_line("fault at %p by the instruction at %p while another fault of the same thread was being served",
                 fault.address, fault.instruction);
        inside_handler = false; // The handler before us may jump away.
        return FaultVerdict::NotOurs;
    }
    inside_handler = true;
    const FaultVerdict verdict = handlers.callback(fault);
    inside_handler = false;
    return verdict;
}

void on_fault(int signal, siginfo_t *info, void *context) {
    const int saved_errno = errno;
    stay_out_of_core_file();
    auto &user = *static_cast<ucontext_t *>(context);
    bool served = false;
    if (handlers.callback != nullptr && !was_sent(*info)) {
        const Fault fault{info->si_addr, instruction_of(user),         kind_of(user),
                          signal,        ::getpid() != handlers.owner, stack_of(user)};
        served = ask(fault) == FaultVerdict::Served;
    }
    if (!served) {
        dsm_real_fault(signal, info->si_addr);
        pass_on(signal, info, &user);
    }
    errno = saved_errno;
}

Outcome<Done> install(int signal, struct sigaction &before) {
    if (::sigaction(signal, nullptr, &before) != 0) { return failure_of(errno, "cannot read a signal's action"); }
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    // SA_NODEFER: a fault inside the handler reaches `ask`, which reports it, rather than ending the process at once.
    action.sa_flags = SA_SIGINFO | SA_NODEFER | (is_function(before) ? before.sa_flags & SA_ONSTACK : 0);
    sigfillset(&action.sa_mask);
    for (const int crash : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT}) { sigdelset(&action.sa_mask, crash); }
    if (::sigaction(signal, &action, nullptr) != 0) { return failure_of(errno, "cannot install a signal handler"); }
    return Done{};
}

bool is_ours(const struct sigaction &action) noexcept {
    return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_fault;
}

void uninstall(int signal, const struct sigaction &before) noexcept {
    struct sigaction now {};
    if (::sigaction(signal, nullptr, &now) == 0 && is_ours(now)) { ::sigaction(signal, &before, nullptr); }
}

} // namespace

Outcome<Done> install_fault_handlers(FaultCallback callback) {
    struct sigaction now {};
    if (::sigaction(SIGSEGV, nullptr, &now) == 0 && is_ours(now)) {
        return Failure{EBUSY, "fault handlers are installed already"};
    }
    handlers.owner = ::getpid();
    if (auto done = install(SIGSEGV, handlers.before_segv); !done) { return done; }
    if (auto done = install(SIGBUS, handlers.before_bus); !done) {
        uninstall(SIGSEGV, handlers.before_segv);
        return done;
    }
    handlers.callback = callback;
    return Done{};
}

void uninstall_fault_handlers() noexcept {
    handlers.callback = nullptr;
    uninstall(SIGSEGV, handlers.before_segv);
    uninstall(SIGBUS, handlers.before_bus);
}

bool serving_fault() noexcept { return inside_handler; }

bool unblock_fault_signals() noexcept {
    sigset_t faults;
    sigset_t before;
    sigemptyset(&faults);
    sigaddset(&faults, SIGSEGV);
    sigaddset(&faults, SIGBUS);
    if (::pthread_sigmask(SIG_UNBLOCK, &faults, &before) != 0) { return false; }
    return sigismember(&before, SIGSEGV) == 1 || sigismember(&before, SIGBUS) == 1;
}

} // namespace dsm::memory
