// Giving frames to core files in a process's last moment.
#include "libdsm/memory/core_files.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/memory/raw_syscalls.hpp"
#include "libdsm/memory/signal_chain.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dsm::memory {
namespace {

/// Ranges in a core file at most, so that the kernel's limit of areas (65,530) is never in the way. With more ranges,
/// those with small holes between them are put together; the holes then read as zeros, as frames never touched do.
constexpr std::size_t ranges_max = 16'384;

constexpr std::array fatal_signals = {SIGABRT, SIGFPE, SIGILL, SIGQUIT};

/// What the handlers of this process know.
struct Core {
    std::byte *base = nullptr;
    std::size_t bytes = 0;
    int frames = -1;
    std::array<struct sigaction, fatal_signals.size()> before{};
    std::array<bool, fatal_signals.size()> installed{};
    std::atomic<bool> wanted{false};
    std::atomic<bool> under_way{false};
    std::atomic<long> maker{0}; ///< the thread that prepares the file
};
Core core; // A signal handler has no other way to find its data.

struct Range {
    std::size_t begin;
    std::size_t end;
};

/// The next frames that are present at or after `from`; holes shorter than `gap` count as present.
bool next_present(std::size_t from, std::size_t gap, Range &range) noexcept {
    const long begin = ::syscall(SYS_lseek, core.frames, from, SEEK_DATA);
    if (begin < 0) { return false; }
    range.begin = static_cast<std::size_t>(begin);
    for (long at = begin;;) {
        const long end = ::syscall(SYS_lseek, core.frames, at, SEEK_HOLE);
        range.end = end < 0 ? core.bytes : static_cast<std::size_t>(end);
        if (gap == 0 || range.end >= core.bytes) { return true; }
        at = ::syscall(SYS_lseek, core.frames, range.end, SEEK_DATA);
        if (at < 0 || static_cast<std::size_t>(at) - range.end >= gap) { return true; }
    }
}

std::size_t count_ranges(std::size_t gap) noexcept {
    std::size_t count = 0;
    for (Range range{0, 0}; count <= ranges_max && next_present(range.end, gap, range); ++count) {}
    return count;
}

void give_to_core_file() noexcept {
    std::size_t gap = 0;
    while (count_ranges(gap) > ranges_max) { gap = gap == 0 ? std::size_t{2} * page_bytes : gap * 4; }
    for (Range range{0, 0}; next_present(range.end, gap, range);) {
        raw_madvise(core.base + range.begin, range.end - range.begin, MADV_DODUMP);
    }
}

/// Hands a deadly signal on as pass_on() of fault_signals.cpp does, and prepares the core file when it is really
/// deadly: when nothing stood before us, or when the handler before us has sent it again or put the default action
/// back.
void on_fatal(int signal, siginfo_t *info, void *context) {
    const int saved_errno = errno;
    stay_out_of_core_file();
    std::size_t which = 0;
    while (fatal_signals[which] != signal) { ++which; }
    const struct sigaction before = core.before[which];
    if (is_function(before)) {
        call_handler_before(before, signal, info, static_cast<ucontext_t *>(context));
        sigset_t pending;
        const bool comes_again =
            !was_sent(*info) || (::sigpending(&pending) == 0 && sigismember(&pending, signal) == 1);
        if (comes_again && is_default_now(signal)) { prepare_core_file(); }
    } else {
        prepare_core_file();
        set_default(signal);
        if (was_sent(*info)) { send_again(signal, info); }
    }
    errno = saved_errno;
}

bool is_ours(const struct sigaction &action) noexcept {
    return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_fatal;
}

Outcome<Done> install(std::size_t which) {
    struct sigaction &before = core.before[which];
    const int signal = fatal_signals[which];
    if (::sigaction(signal, nullptr, &before) != 0) { return failure_of(errno, "cannot read a signal's action"); }
    if (!is_function(before) && before.sa_handler == SIG_IGN) { return Done{}; }
    struct sigaction action {};
    action.sa_sigaction = on_fatal;
    action.sa_flags = SA_SIGINFO | (is_function(before) ? before.sa_flags & SA_ONSTACK : 0);
    sigfillset(&action.sa_mask);
    for (const int crash : {SIGSEGV, SIGBUS}) { sigdelset(&action.sa_mask, crash); }
    if (::sigaction(signal, &action, nullptr) != 0) { return failure_of(errno, "cannot install a signal handler"); }
    core.installed[which] = true;
    return Done{};
}

} // namespace

Outcome<Done> include_frames_in_core_files(const Segment &segment, const FrameStore &frames) {
    core.base = segment.base();
    core.bytes = segment.bytes();
    core.frames = frames.descriptor();
    for (std::size_t which = 0; which < fatal_signals.size(); ++which) {
        if (auto done = install(which); !done) { return done; }
    }
    core.wanted.store(true, std::memory_order_release);
    return Done{};
}

void stop_including_frames() noexcept {
    core.wanted.store(false, std::memory_order_release);
    for (std::size_t which = 0; which < fatal_signals.size(); ++which) {
        struct sigaction now {};
        const bool ours = ::sigaction(fatal_signals[which], nullptr, &now) == 0 && is_ours(now);
        if (core.installed[which] && ours) { ::sigaction(fatal_signals[which], &core.before[which], nullptr); }
        core.installed[which] = false;
    }
}

void prepare_core_file() noexcept {
    if (!core.wanted.load(std::memory_order_acquire)) { return; }
    stay_out_of_core_file();
    if (core.under_way.exchange(true)) { return; }
    core.maker.store(::syscall(SYS_gettid));
    set_job_ender([](int) { stay_out_of_core_file(); });
    // Without rights: other threads that touch shared memory meet a fault, and stay out of the way in its handler,
    // rather than going on with what is not theirs. A core file takes memory that has no rights as any other.
    const long mapped =
        ::syscall(SYS_mmap, core.base, core.bytes, PROT_NONE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, core.frames, 0);
    if (mapped == -1 || raw_madvise(core.base, core.bytes, MADV_DONTDUMP) != 0) { return; }
    give_to_core_file();
}

void stay_out_of_core_file() noexcept {
    if (!core.under_way.load(std::memory_order_acquire)) { return; }
    while (core.maker.load() != ::syscall(SYS_gettid)) { ::pause(); }
}

} // namespace dsm::memory
