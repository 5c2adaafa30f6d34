# Shared memory given to MPI without dsm_pmpi, and pins that are held wrongly.
set(shared_memory OPTIONS --mca btl vader,self)
set(tcp OPTIONS --mca btl tcp,self)
foreach(call send:MPI_Send:1 allreduce:MPI_Allreduce:1 file_write:MPI_File_write:2)
    string(REPLACE : ";" call ${call})
    list(POP_FRONT call name function argument)
    set(report SAY_ONCE "${function} was given shared memory as its argument ${argument}, at 0x[0-9a-f]+ .byte 0 of an \
allocation of 49152.: link dsm_pmpi before libdsm, or copy")
    foreach(size "" _large)
        # The calls are judged before memory is touched: each path needs only one of the backends.
        failure_case(mpi_buffer.${name}${size}.shared_memory RANKS 2 EXIT 73 NOT_OUT "finished" ${report}
                     ENV DSM_RANKS_PER_NODE=1 DSM_FAULT=mprotect ${shared_memory} RUN mpi_buffer ${name}${size})
        failure_case(mpi_buffer.${name}${size}.tcp RANKS 2 EXIT 73 NOT_OUT "finished" ${report}
                     ENV DSM_RANKS_PER_NODE=1 ${tcp} RUN mpi_buffer ${name}${size})
    endforeach()
endforeach()
failure_case(mpi_buffer.receive BACKENDS RANKS 2 EXIT 73 NOT_OUT "finished" RUN mpi_buffer receive
             SAY_ONCE "MPI_Sendrecv was given shared memory as its argument 6")
failure_case(mpi_buffer.reduce RANKS 2 EXIT 73 NOT_OUT "finished" ENV DSM_RANKS_PER_NODE=1 RUN mpi_buffer reduce
             SAY_ONCE "MPI_Reduce_local was given shared memory as its argument 2")
failure_case(mpi_buffer.bound_on_one_node RANKS 2 EXIT 73 NOT_OUT "finished" RUN mpi_buffer send_bound
             SAY_ONCE "MPI_Send was given shared memory as its argument 1")
failure_case(mpi_buffer.absolute RANKS 2 EXIT 73 NOT_OUT "finished" ENV DSM_RANKS_PER_NODE=1 RUN mpi_buffer absolute
             SAY_ONCE "MPI_Sendrecv was given shared memory as its argument 1")
failure_case(mpi_buffer.absolute_mixed BACKENDS RANKS 2 EXIT 73 NOT_OUT "finished" RUN mpi_buffer absolute_mixed
             SAY_ONCE "MPI was given shared memory, and has touched it at 0x[0-9a-f]+, in [a-z].*: link dsm_pmpi")
failure_case(mpi_buffer.ordinary BACKENDS RANKS 2 OUT "finished" RUN mpi_buffer ordinary)
failure_case(mpi_buffer.unused RANKS 2 OUT "finished" ENV DSM_RANKS_PER_NODE=1 RUN mpi_buffer unused)
failure_case(mpi_buffer.one_node.shared_memory RANKS 2 OUT "finished" ${shared_memory} RUN mpi_buffer one_node)
failure_case(mpi_buffer.one_node.tcp RANKS 2 OUT "finished" ${tcp} RUN mpi_buffer one_node)
failure_case(pin.access_elsewhere BACKENDS RANKS 2 EXIT 73 NOT_OUT "still alive"
             SAY_ONCE "a thread that holds a pin has accessed shared memory at 0x[0-9a-f]+"
             RUN mpi_buffer pinned_access)
failure_case(pin.too_long BACKENDS RANKS 2 EXIT 73 ENV DSM_TIMEOUT=2 NOT_OUT "still alive"
             SAY_ONCE "a pin of 100 bytes of shared memory at 0x[0-9a-f]+, held by thread [0-9]+, has kept"
             RUN mpi_buffer pinned_long)
