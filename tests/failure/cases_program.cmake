# Mistakes of the program: calls at the wrong time, bad pointers, misused locks, wild accesses, forks, early ends.
# Exit codes of a job that libdsm ends stand in libdsm/base/check.hpp.

failure_case(life RANKS 0 2 RUN life)
failure_case(life.access_after_finalize RANKS 0 EXIT "SIGSEGV" RUN life crash)
failure_case(life.access_after_finalize BACKENDS RANKS 2 EXIT "SIGSEGV" RUN life crash)
failure_case(life.free_after_finalize RANKS 0 2 EXIT 73 SAY "dsm_free.0x[0-9a-f]+. outside dsm_init" RUN life free)

foreach(mistake small_twice big_twice collective_twice inside_small inside_big inside_collective never_allocated
        ordinary_memory)
    failure_case(free.${mistake} RANKS 0 2 BACKENDS EXIT 73 SAY_ONCE "dsm_free.0x[0-9a-f]+.: ." NOT_OUT "still alive"
                 RUN bad_free ${mistake})
endforeach()
foreach(mistake realloc_freed realloc_ordinary_memory)
    failure_case(free.${mistake} RANKS 0 2 BACKENDS EXIT 73 SAY_ONCE "dsm_realloc.0x[0-9a-f]+.: ."
                 NOT_OUT "still alive" RUN bad_free ${mistake})
endforeach()

failure_case(sync_misuse BACKENDS RANKS 0 2 OUT "finished" RUN sync_misuse)
failure_case(sync_misuse.one_node RANKS 3 OUT "finished" RUN sync_misuse)

set(outside "access to shared memory outside every allocation: address 0x[0-9a-f]+")
foreach(access read_far write_far read_near write_near read_freed)
    failure_case(access.${access} BACKENDS RANKS 0 2 EXIT "SIGSEGV|SIGBUS" SAY_ONCE "${outside}" NOT_OUT "still alive"
                 RUN access ${access} 0)
endforeach()
failure_case(access.far_in_last_rank BACKENDS RANKS 3 EXIT "SIGSEGV|SIGBUS" SAY_ONCE "rank 2: ${outside}"
             NOT_OUT "still alive" RUN access write_far 2)
foreach(access write_far write_near read_freed)
    failure_case(access.${access}_one_node RANKS 2 EXIT "SIGSEGV|SIGBUS" SAY_ONCE "rank 1: ${outside}"
                 NOT_OUT "still alive" RUN access ${access} 1)
endforeach()
failure_case(access.null BACKENDS RANKS 0 2 EXIT SIGSEGV NOT_OUT "still alive" RUN access null 0)
failure_case(access.own_handler_far BACKENDS RANKS 0 2 EXIT 42 SAY_ONCE "${outside}" OUT "own handler: called"
             NOT_OUT "still alive" RUN access own_handler_far 0)
failure_case(access.own_handler BACKENDS RANKS 0 2 EXIT 42 OUT "own handler: called" NOT_OUT "still alive"
             RUN access own_handler 0)
failure_case(access.jump BACKENDS RANKS 0 2 EXIT "SIGSEGV|SIGBUS" SAY_ONCE "a jump into shared memory, to 0x[0-9a-f]+"
             NOT_OUT "still alive" RUN access jump 0)
failure_case(access.sent_signal BACKENDS RANKS 0 2 EXIT SIGSEGV NOT_OUT "still alive" RUN access sent 0)
# Documented: a thread that blocks the signals dies at its first fault, and nobody can say a word.
failure_case(access.signals_blocked BACKENDS RANKS 2 EXIT "SIGSEGV|SIGBUS" NOT_OUT "still alive" RUN access blocked 1)

set(child "process [0-9]+: a forked child has touched shared memory at 0x[0-9a-f]+")
failure_case(fork RANKS 0 SAY_ONCE "${child}" OUT "finished" RUN forked_child)
failure_case(fork BACKENDS RANKS 2 SAY "${child}" OUT "finished" RUN forked_child)

foreach(function malloc_small malloc_big calloc realloc aligned_alloc alloc)
    failure_case(exhaust.segment.${function} BACKENDS RANKS 0 2 ENV DSM_SEGMENT_SIZE=64M OUT "finished"
                 RUN exhaust ${function})
    failure_case(exhaust.cache.${function} BACKENDS RANKS 2 ENV DSM_SEGMENT_SIZE=1G DSM_CACHE=24M OUT "finished"
                 RUN exhaust ${function})
endforeach()
failure_case(exhaust.cache_of_one_node RANKS 0 2 ENV DSM_CACHE=24M OUT "finished" RUN exhaust malloc_big)

# Ends without dsm_finalize(): nobody hangs. What mpirun makes of it is mpirun's.
foreach(how return exit _exit)
    failure_case(leave.${how} RANKS 0 EXIT 0 OUT "leaves" RUN leave ${how} -1)
    failure_case(leave.${how} BACKENDS RANKS 2 EXIT any OUT "leaves" RUN leave ${how} -1)
    failure_case(leave.${how}_of_one_rank BACKENDS RANKS 2 EXIT nonzero OUT "leaves" NOT_OUT "still alive"
                 MAY_SAY "has not answered" ENV DSM_TIMEOUT=10 RUN leave ${how} 1)
endforeach()
failure_case(leave.exit_in_thread RANKS 0 EXIT 0 OUT "leaves" RUN leave exit_in_thread -1)
failure_case(leave.exit_code RANKS 0 EXIT 9 OUT "leaves" RUN leave exit_9 -1)
foreach(waits wait compute)
    foreach(how abort crash exit_9)
        failure_case(leave.${how}_of_one_rank.others_${waits} BACKENDS RANKS 3 EXIT nonzero OUT "leaves"
                     NOT_OUT "still alive" RUN leave ${how} 1 ${waits})
    endforeach()
endforeach()
failure_case(leave.abort RANKS 0 EXIT SIGABRT OUT "leaves" RUN leave abort -1)
