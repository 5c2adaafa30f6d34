/* Says whether this machine gives what the userfaultfd backend needs, without asking libdsm, so that a test is skipped
 * only where the machine is the reason: exit code 0, or 77 with the reason. The constants stand here because the
 * kernel headers may be older than the kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXIT_SKIPPED = 77, PAGE_BYTES = 4096, USER_MODE_ONLY = 1 };
static const uint64_t feature_sigbus = 1u << 7;
static const uint64_t feature_minor_shmem = 1u << 10;
static const uint64_t feature_write_protect_shmem = 1u << 12;
static const uint64_t continue_write_protected = 1u << 1; /* Linux 6.4 */

static int skip(const char *what) {
    printf("skipped: %s: %s\n", what, strerror(errno));
    return EXIT_SKIPPED;
}

int main(void) {
    const int faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | USER_MODE_ONLY);
    if (faults < 0) { return skip("userfaultfd"); }
    struct uffdio_api api = {.api = UFFD_API,
                             .features = feature_sigbus | feature_minor_shmem | feature_write_protect_shmem};
    if (ioctl(faults, UFFDIO_API, &api) != 0) { return skip("its features"); }

    const int store = memfd_create("probe", MFD_CLOEXEC);
    if (store < 0 || ftruncate(store, PAGE_BYTES) != 0) { return skip("memfd"); }
    char *service = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, store, 0);
    char *application = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, store, 0);
    if (service == MAP_FAILED || application == MAP_FAILED) { return skip("mmap"); }
    service[0] = 1;

    const struct uffdio_range page = {.start = (uintptr_t)application, .len = PAGE_BYTES};
    struct uffdio_register area = {
        .range = page, .mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR | UFFDIO_REGISTER_MODE_WP};
    if (ioctl(faults, UFFDIO_REGISTER, &area) != 0) { return skip("registration"); }
    struct uffdio_continue map = {.range = page, .mode = continue_write_protected};
    if (ioctl(faults, UFFDIO_CONTINUE, &map) != 0) { return skip("write-protected continue"); }
    return application[0] == 1 ? 0 : EXIT_SKIPPED;
}
