# Files as shared memory.
foreach(mistake write_touched write_untouched)
    failure_case(bound.${mistake} RANKS 0 2 BACKENDS EXIT "SIGSEGV|SIGBUS" NOT_OUT "still alive"
                 SAY_ONCE "a write to memory that is bound read-only: address 0x[0-9a-f]+" RUN bound ${mistake})
endforeach()
failure_case(bound.write_one_node RANKS 2 EXIT "SIGSEGV|SIGBUS" NOT_OUT "still alive"
             SAY_ONCE "rank 1: a write to memory that is bound read-only" RUN bound write_touched)
failure_case(bound.free RANKS 0 2 EXIT 73 NOT_OUT "still alive"
             SAY_ONCE "dsm_free.0x[0-9a-f]+.: bound memory is ended by dsm_unbind" RUN bound free)
failure_case(bound.realloc RANKS 2 EXIT 73 NOT_OUT "still alive" SAY_ONCE "dsm_realloc.0x[0-9a-f]+.: ."
             RUN bound realloc)
failure_case(bound.shrunk RANKS 0 2 BACKENDS EXIT 71 NOT_OUT "still alive"
             SAY_ONCE "bound file .*: it has become shorter than what is bound of it" RUN bound shrunk)
