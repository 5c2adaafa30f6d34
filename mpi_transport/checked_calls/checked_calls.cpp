// All MPI functions that take buffers, one line each: as many arguments, the name, and which of them are buffers.
//
// They are weak and stand in libdsm itself, so that every program has them. Who defines the same functions for real
// comes first: a program, a tool, dsm_pmpi. Linked statically, a strong definition takes the place of a weak one, in
// any order. Among shared libraries the first on the link line wins, weak or not; then the check here calls the next
// definition, and leaves the judgement to dsm_pmpi if that is it.
#include "mpi_transport/checked_calls/checked_calls.hpp"

#include "mpi_transport/checked_calls/call.hpp"
#include "mpi_transport/checked_calls/parameters.hpp"

#include <dlfcn.h>
#include <dsm/api.h>

// A tentative definition of what libdsm_pmpi.a defines: an archive's member that gives such a symbol its value is
// linked although nothing is undefined. So libdsm_pmpi.a may stand behind libdsm.a.
#define DSM_TEXT_OF(value) #value
#define DSM_TEXT(value) DSM_TEXT_OF(value)
__asm__(
    ".comm dsm_pmpi_linked, " DSM_TEXT(__SIZEOF_POINTER__) ", " DSM_TEXT(__SIZEOF_POINTER__) "\n"
                                                                                             ".hidden dsm_pmpi_linked");

#define CHECKED(arity, name, ...)                                                                                      \
    extern "C" DSM_API __attribute__((weak)) int MPI_##name(DSM_PARAMETERS_##arity(name)) {                            \
        return dsm::transport::CheckedCall<&PMPI_##name, __VA_ARGS__>::run("MPI_" #name, {DSM_VALUES_##arity});        \
    }
/// A collective and its nonblocking form, which has one argument more.
#define CHECKED_BOTH(arity, name, arity_of_begin, begin, ...)                                                          \
    CHECKED(arity, name, __VA_ARGS__)                                                                                  \
    CHECKED(arity_of_begin, begin, __VA_ARGS__)

namespace dsm::transport {
namespace {

void *object_of(const void *symbol) {
    Dl_info info{};
    return symbol != nullptr && ::dladdr(symbol, &info) != 0 ? info.dli_fbase : nullptr;
}

} // namespace

NextDefinition find_next(const char *call) {
    void *const function = ::dlsym(RTLD_NEXT, call);
    void *const pmpi = object_of(::dlsym(RTLD_DEFAULT, "dsm_pmpi_linked"));
    return {function, pmpi != nullptr && object_of(function) == pmpi};
}

bool are_calls_checked() { return ::dlsym(RTLD_DEFAULT, "MPI_Send") != reinterpret_cast<void *>(&PMPI_Send); }

// What stands at the same places in many calls.
using Sent = Elements<0, 1, 2>;          // (buffer, count, type, ...)
using Message = With<3, Sent>;           // ... with the other rank behind them
using Got = Elements<3, 4, 5>;           // (..., buffer, count, type) behind what is sent
using Operand = Elements<0, 2, 3>;       // (sent, result, count, type, ...)
using Result = Elements<1, 2, 3>;        //
using Transferred = Elements<1, 2, 3>;   // (file, buffer, count, type, ...)
using TransferredAt = Elements<2, 3, 4>; // (file, offset, buffer, count, type, ...)

} // namespace dsm::transport

using namespace dsm::transport;

// Point to point.
CHECKED(6, Send, Message)
CHECKED(6, Bsend, Message)
CHECKED(6, Ssend, Message)
CHECKED(6, Rsend, Message)
CHECKED(7, Isend, Message)
CHECKED(7, Ibsend, Message)
CHECKED(7, Issend, Message)
CHECKED(7, Irsend, Message)
CHECKED(7, Send_init, Message)
CHECKED(7, Bsend_init, Message)
CHECKED(7, Ssend_init, Message)
CHECKED(7, Rsend_init, Message)
CHECKED(7, Recv, Message)
CHECKED(7, Irecv, Message)
CHECKED(7, Recv_init, Message)
CHECKED(5, Mrecv, Sent)
CHECKED(5, Imrecv, Sent)
CHECKED(12, Sendrecv, Message, With<8, Elements<5, 6, 7>>)
CHECKED(9, Sendrecv_replace, Sent)
CHECKED(2, Buffer_attach, Bytes<0, 1>)

// Local.
CHECKED(7, Pack, Sent, Elements<3, 1, 2>)
CHECKED(7, Unpack, Bytes<0, 1>, Got)
CHECKED(7, Pack_external, Elements<1, 2, 3>, Elements<4, 2, 3>)
CHECKED(7, Unpack_external, Bytes<1, 2>, Elements<4, 5, 6>)
CHECKED(5, Reduce_local, Operand, Result)

// Collectives.
CHECKED_BOTH(5, Bcast, 6, Ibcast, Message)
CHECKED_BOTH(7, Reduce, 8, Ireduce, AtLeaf<5, 6, Operand>, AtRoot<5, 6, Result>)
CHECKED_BOTH(6, Allreduce, 7, Iallreduce, Operand, Result)
CHECKED_BOTH(6, Scan, 7, Iscan, Operand, Result)
CHECKED_BOTH(6, Exscan, 7, Iexscan, Operand, Result)
CHECKED_BOTH(6, Reduce_scatter_block, 7, Ireduce_scatter_block, EqualBlocks<0, 2, 3, 5, group_size>, Result)
CHECKED_BOTH(6, Reduce_scatter, 7, Ireduce_scatter, PackedBlocks<0, 2, 3, 5>, OwnBlock<1, 2, 3, 5, 0>)
CHECKED_BOTH(8, Gather, 9, Igather, AtLeaf<6, 7, Sent>, AtRoot<6, 7, EqualBlocks<3, 4, 5, 7>>)
CHECKED_BOTH(9, Gatherv, 10, Igatherv, AtLeaf<7, 8, Sent>, AtRoot<7, 8, Blocks<3, 4, 5, 6, 8>>)
CHECKED_BOTH(8, Scatter, 9, Iscatter, AtRoot<6, 7, EqualBlocks<0, 1, 2, 7>>, AtLeaf<6, 7, Got>)
CHECKED_BOTH(9, Scatterv, 10, Iscatterv, AtRoot<7, 8, Blocks<0, 1, 2, 3, 8>>, AtLeaf<7, 8, Elements<4, 5, 6>>)
CHECKED_BOTH(7, Allgather, 8, Iallgather, Sent, EqualBlocks<3, 4, 5, 6>)
CHECKED_BOTH(8, Allgatherv, 9, Iallgatherv, Sent, Blocks<3, 4, 5, 6, 7>)
CHECKED_BOTH(7, Alltoall, 8, Ialltoall, EqualBlocks<0, 1, 2, 6>, EqualBlocks<3, 4, 5, 6>)
CHECKED_BOTH(9, Alltoallv, 10, Ialltoallv, Blocks<0, 1, 2, 3, 8>, Blocks<4, 5, 6, 7, 8>)
CHECKED_BOTH(9, Alltoallw, 10, Ialltoallw, TypedBlocks<0, 1, 2, 3, 8>, TypedBlocks<4, 5, 6, 7, 8>)

// Collectives among neighbours.
CHECKED_BOTH(7, Neighbor_allgather, 8, Ineighbor_allgather, Sent, EqualBlocks<3, 4, 5, 6, source_count>)
CHECKED_BOTH(8, Neighbor_allgatherv, 9, Ineighbor_allgatherv, Sent, Blocks<3, 4, 5, 6, 7, source_count>)
CHECKED_BOTH(7, Neighbor_alltoall, 8, Ineighbor_alltoall, EqualBlocks<0, 1, 2, 6, target_count>,
             EqualBlocks<3, 4, 5, 6, source_count>)
CHECKED_BOTH(9, Neighbor_alltoallv, 10, Ineighbor_alltoallv, Blocks<0, 1, 2, 3, 8, target_count>,
             Blocks<4, 5, 6, 7, 8, source_count>)
CHECKED_BOTH(9, Neighbor_alltoallw, 10, Ineighbor_alltoallw, TypedBlocks<0, 1, 2, 3, 8, target_count>,
             TypedBlocks<4, 5, 6, 7, 8, source_count>)

// One-sided.
CHECKED(6, Win_create, Bytes<0, 1>)
CHECKED(3, Win_attach, Bytes<1, 2>)
CHECKED(8, Put, Message)
CHECKED(8, Get, Message)
CHECKED(9, Accumulate, Message)
CHECKED(12, Get_accumulate, Combined<10, With<6, Sent>>, With<6, Got>)
CHECKED(7, Fetch_and_op, Combined<5, With<3, Element<0, 2>>>, With<3, Element<1, 2>>)
CHECKED(7, Compare_and_swap, With<4, Element<0, 3>>, With<4, Element<1, 3>>, With<4, Element<2, 3>>)
CHECKED(9, Rput, Message)
CHECKED(9, Rget, Message)
CHECKED(10, Raccumulate, Message)
CHECKED(13, Rget_accumulate, Combined<10, With<6, Sent>>, With<6, Got>)

// Files.
CHECKED(5, File_read, Transferred)
CHECKED(5, File_read_all, Transferred)
CHECKED(5, File_read_shared, Transferred)
CHECKED(5, File_read_ordered, Transferred)
CHECKED(5, File_write, Transferred)
CHECKED(5, File_write_all, Transferred)
CHECKED(5, File_write_shared, Transferred)
CHECKED(5, File_write_ordered, Transferred)
CHECKED(6, File_read_at, TransferredAt)
CHECKED(6, File_read_at_all, TransferredAt)
CHECKED(6, File_write_at, TransferredAt)
CHECKED(6, File_write_at_all, TransferredAt)
CHECKED(5, File_iread, Transferred)
CHECKED(5, File_iread_all, Transferred)
CHECKED(5, File_iread_shared, Transferred)
CHECKED(5, File_iwrite, Transferred)
CHECKED(5, File_iwrite_all, Transferred)
CHECKED(5, File_iwrite_shared, Transferred)
CHECKED(6, File_iread_at, TransferredAt)
CHECKED(6, File_iread_at_all, TransferredAt)
CHECKED(6, File_iwrite_at, TransferredAt)
CHECKED(6, File_iwrite_at_all, TransferredAt)
CHECKED(4, File_read_all_begin, Transferred)
CHECKED(4, File_read_ordered_begin, Transferred)
CHECKED(4, File_write_all_begin, Transferred)
CHECKED(4, File_write_ordered_begin, Transferred)
CHECKED(5, File_read_at_all_begin, TransferredAt)
CHECKED(5, File_write_at_all_begin, TransferredAt)
