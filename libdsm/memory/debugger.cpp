// The names that debuggers hold on to.
#include <dsm/debug.h>

extern "C" {

DSM_API dsm_debug_segment_t dsm_debug_segment{};

/// Neither inlined nor taken for a function without effect, so that a breakpoint on it is reached.
__attribute__((noinline, noclone)) DSM_API void dsm_real_fault(int signal, const void *address) {
    __asm__ volatile("" : : "r"(signal), "r"(address) : "memory");
}

DSM_API int dsm_debug_read(const void *address) { return *static_cast<const volatile unsigned char *>(address); }

} // extern "C"
