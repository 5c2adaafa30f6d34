# Start-up: options, address space, limits, thread level, what was forced and cannot be had.

# A bad value: one line names the variable, the value and what it may be; EINVAL in every rank.
function(bad_option name setting expected)
    string(REGEX REPLACE "([.+])" "\\\\\\1" quoted "${setting}")
    failure_case(option.${name} RANKS 0 2 ENV "${setting}" SAY_ONCE "${quoted} is not valid. it may be: .*${expected}"
                 RUN start init=EINVAL)
endfunction()
bad_option(fault DSM_FAULT=segv "auto.userfaultfd.mprotect")
bad_option(bulk DSM_BULK=ftp "auto.direct.rma.am")
bad_option(progress DSM_PROGRESS=never "auto.poll.event")
bad_option(log DSM_LOG=loud "error.warn.info.debug")
bad_option(log_part DSM_LOG=info,pages=debug "start.transport.memory.protocol.sync.alloc")
bad_option(core DSM_CORE=all "none.present")
bad_option(no_ranks_per_node DSM_RANKS_PER_NODE=0 "from 1 to 4096")
bad_option(half_a_rank_per_node DSM_RANKS_PER_NODE=1.5 "from 1 to 4096")
bad_option(negative_timeout DSM_TIMEOUT=-1 "from 0 .never. to 1000000")
bad_option(small_segment DSM_SEGMENT_SIZE=1M "an optional K, M, G or T, from")
bad_option(huge_segment DSM_SEGMENT_SIZE=18446744073709551616 "an optional K, M, G or T, from")
bad_option(odd_segment_base DSM_SEGMENT_BASE=0x1001 "a multiple of 2 MiB")
bad_option(negative_segment_base DSM_SEGMENT_BASE=-0x200000 "a multiple of 2 MiB")
bad_option(no_unit_of_cache DSM_CACHE=64X "an optional K, M, G or T, from")
bad_option(empty_value DSM_CACHE= "an optional K, M, G or T, from")
failure_case(option.bad_in_one_rank RANKS 3 SAY_ONCE "rank 1: DSM_CACHE=x is not valid" RUN start
             1:set=DSM_CACHE=x init=EINVAL)
failure_case(option.unknown_name_warns RANKS 0 2 ENV DSM_CASHE=64M SAY_ONCE "unknown variable DSM_CASHE" RUN start
             init=0 use=8192 finalize=0)
failure_case(option.unknown_name_at_log_error RANKS 0 ENV DSM_CASHE=64M DSM_LOG=error RUN start init=0 finalize=0)
foreach(setting DSM_SEGMENT_SIZE=128M DSM_SEGMENT_BASE=0x300000000000 DSM_RANKS_PER_NODE=1 DSM_FAULT=mprotect
        DSM_BULK=am)
    string(REGEX REPLACE "=.*" "" name ${setting})
    failure_case(option.different_${name} RANKS 3 SAY "${name}.* must be the same in all ranks" RUN start
                 2:set=${setting} init=EINVAL)
endforeach()

# A program that was compiled with headers of another version.
failure_case(version.of_headers RANKS 0 2 SAY_ONCE "compiled with headers of libdsm 0.2 and runs with the library 0.1"
             RUN start headers=200 init=EINVAL)
failure_case(version.of_headers_in_one_rank RANKS 2 SAY_ONCE "rank 1: the program was compiled with headers" RUN start
             1:headers=10100 init=EINVAL)
failure_case(version.patch_may_differ RANKS 2 RUN start headers=199 init=0 use=4096 finalize=0)

# The segment and the limits of the process. A failed start ends cleanly, and a second one is refused.
failure_case(segment.base_occupied RANKS 0 2 ENV DSM_SEGMENT_BASE=0x300000000000
             SAY_ONCE "0x300000000000 cannot be reserved: other memory is mapped there .*DSM_SEGMENT_BASE"
             RUN start 0:occupy=0x300000200000 init=ENOMEM init=EPERM)
failure_case(segment.base_occupied_in_one_rank RANKS 3 ENV DSM_SEGMENT_BASE=0x300000000000
             SAY_ONCE "rank 1: .*0x300000000000 cannot be reserved" RUN start 1:occupy=0x300000200000 init=ENOMEM)
failure_case(segment.first_candidate_occupied RANKS 0 2 RUN start 0:occupy=0x200000200000 init=0 use=20000 finalize=0)
failure_case(segment.base_behind_the_address_space RANKS 0 ENV DSM_SEGMENT_BASE=0x7ffffffffe00000
             SAY_ONCE "cannot .*DSM_SEGMENT_BASE" RUN start init=ENOMEM)
failure_case(limit.address_space RANKS 0 2 ENV DSM_SEGMENT_SIZE=4G
             SAY_ONCE "ulimit -v.*is 2048 MiB.*DSM_SEGMENT_SIZE"
             RUN start limit_v=0x80000000 init=ENOMEM)
failure_case(limit.address_space_in_one_rank RANKS 2 SAY_ONCE "rank 1: .*ulimit -v" RUN start 1:limit_v=0x80000000
             init=ENOMEM)
failure_case(limit.address_space_with_small_segment RANKS 0 2 ENV DSM_SEGMENT_SIZE=64M RUN start limit_v=0x100000000
             init=0 use=100000 finalize=0)
# Room for the reservation, and for little besides.
failure_case(limit.address_space_behind_segment RANKS 0 2 ENV DSM_SEGMENT_SIZE=1536M SAY_ONCE "ulimit -v" RUN start
             limit_v=0x80000000 init=ENOMEM)
failure_case(limit.file_size_soft RANKS 0 2 RUN start limit_soft_f=0x10000 init=0 use=100000 finalize=0)
failure_case(limit.file_size_soft_in_running_mpi RANKS 2 RUN start mpi=multiple
             limit_soft_f=0x10000 init=0 use=100000 finalize=0)
failure_case(limit.file_size_hard RANKS 0 2 SAY_ONCE "ulimit -f" RUN start limit_f=0x10000 init=ENOMEM)
failure_case(limit.file_size_hard_in_running_mpi RANKS 2 SAY_ONCE "ulimit -f" RUN start mpi=multiple
             limit_f=0x10000 init=ENOMEM)

# MPI.
foreach(level single funneled serialized)
    string(TOUPPER ${level} named)
    failure_case(thread_level.${level} RANKS 0 2 SAY_ONCE "MPI_THREAD_${named}.*needs MPI_THREAD_MULTIPLE" RUN start
                 mpi=${level} init=ENOTSUP)
endforeach()
failure_case(thread_level.low_in_one_rank RANKS 3 SAY "MPI_THREAD_FUNNELED.*needs MPI_THREAD_MULTIPLE" RUN start
             0:mpi=multiple 1:mpi=funneled 2:mpi=multiple init=ENOTSUP)
failure_case(thread_level.multiple RANKS 0 2 RUN start mpi=multiple init=0 use=20000 finalize=0)

# A rank that comes late is waited for, and the others say for what.
failure_case(late.in_dsm_init RANKS 2 ENV DSM_TIMEOUT=1 SAY "has been in dsm_init .MPI's start" MAY_SAY "." RUN start
             1:sleep=4 init=0 use=20000 finalize=0)

# What was forced and cannot be had.
failure_case(forced.userfaultfd_refused RANKS 2 ENV DSM_FAULT=userfaultfd DSM_RANKS_PER_NODE=1
             SAY_ONCE "DSM_FAULT=userfaultfd cannot be had: .*userfaultfd is refused.*not permitted" RUN start
             refuse=userfaultfd init=ENOTSUP)
failure_case(forced.userfaultfd_refused_in_one_rank RANKS 2 ENV DSM_FAULT=userfaultfd DSM_RANKS_PER_NODE=1
             SAY_ONCE "rank 1: DSM_FAULT=userfaultfd cannot be had" RUN start 1:refuse=userfaultfd init=ENOTSUP)
failure_case(forced.auto_falls_back_to_mprotect RANKS 2 ENV DSM_RANKS_PER_NODE=1 DSM_LOG=info SAY "faults by mprotect"
             MAY_SAY "." RUN start 1:refuse=userfaultfd init=0 use=20000 finalize=0)
failure_case(forced.rma_without_single_copy RANKS 2 ENV DSM_BULK=rma DSM_RANKS_PER_NODE=1
             OPTIONS --mca btl_vader_single_copy_mechanism none
             SAY_ONCE "DSM_BULK=rma cannot be had: ." RUN start init=ENOTSUP)
failure_case(forced.rma_over_tcp RANKS 2 ENV DSM_BULK=rma DSM_RANKS_PER_NODE=1 OPTIONS --mca btl tcp,self
             SAY_ONCE "DSM_BULK=rma cannot be had: ." RUN start init=ENOTSUP)
foreach(way direct am)
    failure_case(forced.${way} RANKS 2 ENV DSM_BULK=${way} DSM_RANKS_PER_NODE=1 DSM_LOG=info
                 SAY "bytes to node 1 by" MAY_SAY "." RUN start init=0 use=20000 finalize=0)
endforeach()
