# Shared memory given to MPI without dsm_pmpi, and pins that are held wrongly.
foreach(call send send_large receive reduce)
    failure_case(mpi_buffer.${call} BACKENDS RANKS 2 EXIT 73 NOT_OUT "finished"
                 SAY_ONCE "MPI was given shared memory, and has touched it at 0x[0-9a-f]+, in [a-z].*: link dsm_pmpi"
                 RUN mpi_buffer ${call})
endforeach()
failure_case(mpi_buffer.ordinary BACKENDS RANKS 2 OUT "finished" RUN mpi_buffer ordinary)
failure_case(pin.access_elsewhere BACKENDS RANKS 2 EXIT 73 NOT_OUT "still alive"
             SAY_ONCE "a thread that holds a pin has accessed shared memory at 0x[0-9a-f]+"
             RUN mpi_buffer pinned_access)
failure_case(pin.too_long BACKENDS RANKS 2 EXIT 73 ENV DSM_TIMEOUT=2 NOT_OUT "still alive"
             SAY_ONCE "a pin of 100 bytes of shared memory at 0x[0-9a-f]+, held by thread [0-9]+, has kept"
             RUN mpi_buffer pinned_long)
