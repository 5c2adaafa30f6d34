/*
 * Shared memory where it cannot be used as it is. Arguments: the mistake, made by rank 1 with memory that rank 0 has
 * written.
 *
 *   send, receive, reduce   given to MPI without dsm_pmpi
 *   send_large              a message that the kernel copies or sends for MPI
 *   allreduce, allreduce_large, file_write, file_write_large
 *                           as these; the collective by all ranks
 *   send_bound              a file's memory, with one node as well
 *   absolute                its address stands in the datatype
 *   absolute_mixed          so does a private one: only a fault finds it
 *   unused                  not a mistake: shared buffers that MPI leaves alone
 *   one_node                not a mistake with one node: all of these, of memory that no instruction has touched
 *   ordinary                not a mistake: copied by memcpy and qsort, which are no part of MPI, and sent by MPI
 *   pinned_access           another page is touched while one is pinned
 *   pinned_long             a page is pinned for longer than DSM_TIMEOUT while rank 0 wants it
 */
#include "expect.h"

#include <dsm/mpi.h>
#include <stdlib.h>
#include <unistd.h>

enum { count = 100, page = 4096 };

static int compare(const void *left, const void *right) {
    const int a = *(const int *)left, b = *(const int *)right;
    return a < b ? -1 : a > b;
}

static void use_without_mistake(int *shared) {
    int own[count], got[count];
    memcpy(own, shared, sizeof own);
    MPI_Sendrecv(own, count, MPI_INT, dsm_rank(), 1, got, count, MPI_INT, dsm_rank(), 1, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    memmove(shared + 2 * page, got, sizeof got);
    qsort(shared + page, count, sizeof *shared, compare);
    EXPECT(got[5] == 5 && shared[2 * page + 5] == 5 && shared[page] == 0);
}

/* Small messages go eagerly, large ones by rendezvous, and then the kernel copies or sends. */
enum { small = count, large = 3 * page };

static void write_file(const int *shared, int numbers) {
    char name[64];
    snprintf(name, sizeof name, "/tmp/dsm_mpi_buffer_%d", (int)getpid());
    MPI_File file;
    EXPECT(MPI_File_open(MPI_COMM_SELF, name, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE, MPI_INFO_NULL,
                         &file) == MPI_SUCCESS);
    unlink(name); /* It stays while it is open, and goes with the process. */
    MPI_Status status;
    EXPECT(MPI_File_write(file, shared, numbers, MPI_INT, &status) == MPI_SUCCESS);
    int written = 0;
    MPI_Get_count(&status, MPI_INT, &written);
    EXPECT(written == numbers);
    int back = -1;
    MPI_File_read_at(file, (MPI_Offset)(5 * sizeof back), &back, 1, MPI_INT, &status);
    EXPECT(back == shared[5]);
    MPI_File_close(&file);
}

/* No data, no partner, or no meaning at this rank: by all ranks. */
static void leave_alone(int *shared) {
    int own = 1, sum = 0;
    MPI_Send(shared, 0, MPI_INT, dsm_rank() ^ 1, 2, MPI_COMM_WORLD);
    MPI_Recv(shared, 0, MPI_INT, dsm_rank() ^ 1, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Sendrecv(shared, count, MPI_INT, MPI_PROC_NULL, 3, shared, count, MPI_INT, MPI_PROC_NULL, 3, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    MPI_Reduce(&own, dsm_rank() == 0 ? &sum : shared, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
    EXPECT(dsm_rank() != 0 || sum == dsm_size());
    int numbers[2] = {0, 0};
    MPI_Gather(&own, 1, MPI_INT, dsm_rank() == 0 ? numbers : shared, 1, MPI_INT, 0, MPI_COMM_WORLD);
    EXPECT(dsm_rank() != 0 || numbers[1] == 1);
}

/* With one node shared memory is a buffer like any other. */
static void use_on_one_node(int *shared) {
    const int other = dsm_rank() ^ 1;
    int *untouched = dsm_alloc(4 * large * sizeof *untouched, NULL); /* Collective, and zero. */
    EXPECT(untouched != NULL);
    int *mine = untouched + (size_t)dsm_rank() * 2 * large;
    for (int numbers = small; numbers <= large; numbers += large - small) {
        MPI_Sendrecv(shared, numbers, MPI_INT, other, 4, mine, numbers, MPI_INT, other, 4, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
        EXPECT(mine[5] == 5 && mine[numbers - 1] == shared[numbers - 1]);
        MPI_Allreduce(shared, mine + large, numbers, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        EXPECT(mine[large + 5] == 10);
        write_file(shared, numbers);
    }
}

static void send_absolute(const int *shared, int blocks) {
    MPI_Aint places[2];
    MPI_Datatype type;
    int lengths[2] = {small, small}, own[small] = {0}, got[2 * small];
    MPI_Get_address(shared, &places[0]);
    MPI_Get_address(own, &places[1]);
    MPI_Type_create_hindexed(blocks, lengths, places, MPI_INT, &type);
    MPI_Type_commit(&type);
    MPI_Sendrecv(MPI_BOTTOM, 1, type, dsm_rank(), 5, got, 2 * small, MPI_INT, dsm_rank(), 5, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
}

static void make(const char *mistake, int *shared) {
    int own[count] = {0};
    if (strcmp(mistake, "send") == 0) {
        MPI_Send(shared, small, MPI_INT, 0, 1, MPI_COMM_WORLD);
    } else if (strcmp(mistake, "send_large") == 0) {
        MPI_Send(shared, large, MPI_INT, 0, 1, MPI_COMM_WORLD);
    } else if (strncmp(mistake, "file_write", 10) == 0) {
        write_file(shared, strcmp(mistake, "file_write") == 0 ? small : large);
    } else if (strcmp(mistake, "receive") == 0) {
        MPI_Sendrecv(own, count, MPI_INT, dsm_rank(), 1, shared, count, MPI_INT, dsm_rank(), 1, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
    } else if (strcmp(mistake, "reduce") == 0) {
        MPI_Reduce_local(own, shared, count, MPI_INT, MPI_SUM);
    } else if (strcmp(mistake, "send_bound") == 0) {
        const void *bound = dsm_bind("/proc/self/exe", 0, 0, DSM_BIND_READ | DSM_BIND_SHARED);
        EXPECT(bound != NULL);
        MPI_Send(bound, page, MPI_BYTE, 0, 1, MPI_COMM_WORLD);
    } else if (strcmp(mistake, "absolute") == 0) {
        send_absolute(shared, 1);
    } else if (strcmp(mistake, "absolute_mixed") == 0) {
        send_absolute(shared, 2);
    } else if (strcmp(mistake, "ordinary") == 0) {
        use_without_mistake(shared);
    } else if (strcmp(mistake, "pinned_access") == 0) {
        EXPECT_CODE(dsm_pin(shared, count, DSM_READ), 0);
        own[0] = *(volatile int *)(shared + page);
        say("still alive");
    } else if (strcmp(mistake, "pinned_long") == 0) {
        EXPECT_CODE(dsm_pin(shared, count, DSM_WRITE), 0);
        dsm_barrier_all();
        sleep(30);
        say("still alive");
    } else {
        EXPECT(!"a known mistake");
    }
}

int main(int argc, char **argv) {
    EXPECT(argc == 2);
    int level = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    EXPECT_CODE(dsm_init(), 0);
    int *shared = dsm_alloc(3 * page * sizeof *shared, NULL);
    EXPECT(shared != NULL);
    if (dsm_rank() == 0) {
        for (int i = 0; i < 3 * page; ++i) { shared[i] = i % page; }
    }
    dsm_barrier_all();
    const int is_long = strcmp(argv[1], "pinned_long") == 0;
    if (strcmp(argv[1], "unused") == 0) {
        leave_alone(shared);
    } else if (strcmp(argv[1], "one_node") == 0) {
        use_on_one_node(shared);
    } else if (strncmp(argv[1], "allreduce", 9) == 0) {
        const int numbers = strcmp(argv[1], "allreduce") == 0 ? small : large;
        int *sums = malloc(large * sizeof *sums);
        int *own = calloc(large, sizeof *own);
        MPI_Allreduce(dsm_rank() == 1 ? shared : own, sums, numbers, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        free(own);
        free(sums);
    } else if (dsm_rank() == 1) {
        make(argv[1], shared);
    } else if (strncmp(argv[1], "send", 4) == 0) {
        int *got = malloc(3 * page * sizeof *got);
        MPI_Recv(got, 3 * page, MPI_INT, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        say(got[2 * page + 5] == 5 && got[5] == 5 ? "right" : "wrong");
        free(got);
    } else if (is_long) {
        dsm_barrier_all();
        shared[0] = 1;
    }
    dsm_barrier_all();
    EXPECT_CODE(dsm_finalize(), 0);
    MPI_Finalize();
    say("finished");
    return 0;
}
