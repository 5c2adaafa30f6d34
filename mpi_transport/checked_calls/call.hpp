// One checked MPI call: which of its arguments are buffers, when MPI touches them, and who is called afterwards.
//
// The cost for private buffers is a comparison each, of the address with the segment (and with MPI_BOTTOM). Everything
// else is looked at only when an address lies there: the buffer may still be one that MPI leaves alone, being empty or
// meaning nothing at this rank.
#pragma once

#include "libdsm/transport/mpi_buffers.hpp"
#include "mpi_transport/extent.hpp"
#include "mpi_transport/groups.hpp"

#include <tuple>

namespace dsm::transport {

/// The kinds of buffers. All numbers are places of arguments, from 0. `used` gives the bytes that MPI touches.
template <int place> struct Address { static constexpr int address = place; };

/// `count` elements of `type`.
template <int place, int count, int type> struct Elements : Address<place> {
    template <class Arguments> static ByteRange used(const Arguments &given) {
        return range_of(std::get<count>(given), std::get<type>(given));
    }
};

/// One element of `type`.
template <int place, int type> struct Element : Address<place> {
    template <class Arguments> static ByteRange used(const Arguments &given) {
        return range_of(1, std::get<type>(given));
    }
};

/// As many blocks of `count` elements as `blocks_of` says.
template <int place, int count, int type, int comm, int (*blocks_of)(MPI_Comm) = block_count> struct EqualBlocks
    : Address<place> {
    template <class Arguments> static ByteRange used(const Arguments &given) {
        return range_of(MPI_Count{std::get<count>(given)} * blocks_of(std::get<comm>(given)), std::get<type>(given));
    }
};

template <int place, int bytes> struct Bytes : Address<place> {
    template <class Arguments> static ByteRange used(const Arguments &given) { return {0, std::get<bytes>(given)}; }
};

/// Blocks with counts of their own, `displacements` in elements of one type.
template <int place, int counts, int displacements, int type, int comm, int (*blocks_of)(MPI_Comm) = block_count>
struct Blocks : Address<place> {
    template <class Arguments> static ByteRange used(const Arguments &given) {
        const MPI_Count extent = extent_of(std::get<type>(given));
        ByteRange all;
        for (int block = 0; block < blocks_of(std::get<comm>(given)); ++block) {
            all = all.with(range_of(std::get<counts>(given)[block], std::get<type>(given),
                                    std::get<displacements>(given)[block] * extent));
        }
        return all;
    }
};

/// Blocks with counts and types of their own, `displacements` in bytes.
template <int place, int counts, int displacements, int types, int comm, int (*blocks_of)(MPI_Comm) = block_count>
struct TypedBlocks : Address<place> {
    template <class Arguments> static ByteRange used(const Arguments &given) {
        ByteRange all;
        for (int block = 0; block < blocks_of(std::get<comm>(given)); ++block) {
            all = all.with(range_of(std::get<counts>(given)[block], std::get<types>(given)[block],
                                    std::get<displacements>(given)[block]));
        }
        return all;
    }
};

/// Blocks of all ranks of this group, one behind the other.
template <int place, int counts, int type, int comm> struct PackedBlocks : Address<place> {
    template <class Arguments> static ByteRange used(const Arguments &given) {
        return range_of(sum_of(std::get<counts>(given), std::get<comm>(given)), std::get<type>(given));
    }
};

/// This rank's own block of many; all of them where the result takes the place of what is sent.
template <int place, int counts, int type, int comm, int sent> struct OwnBlock : Address<place> {
    template <class Arguments> static ByteRange used(const Arguments &given) {
        if (std::get<sent>(given) == MPI_IN_PLACE) { return PackedBlocks<place, counts, type, comm>::used(given); }
        return range_of(own_of(std::get<counts>(given), std::get<comm>(given)), std::get<type>(given));
    }
};

/// A buffer that means something unless the rank `peer` is MPI_PROC_NULL.
template <int peer, class Buffer> struct With : Buffer {
    template <class Arguments> static ByteRange used(const Arguments &given) {
        return std::get<peer>(given) == MPI_PROC_NULL ? ByteRange{} : Buffer::used(given);
    }
};

/// A buffer that means something unless the operation is MPI_NO_OP.
template <int op, class Buffer> struct Combined : Buffer {
    template <class Arguments> static ByteRange used(const Arguments &given) {
        return std::get<op>(given) == MPI_NO_OP ? ByteRange{} : Buffer::used(given);
    }
};

template <int root, int comm, class Buffer> struct AtRoot : Buffer {
    template <class Arguments> static ByteRange used(const Arguments &given) {
        return is_root(std::get<comm>(given), std::get<root>(given)) ? Buffer::used(given) : ByteRange{};
    }
};

/// At every rank that sends to the root or gets from it.
template <int root, int comm, class Buffer> struct AtLeaf : Buffer {
    template <class Arguments> static ByteRange used(const Arguments &given) {
        return is_leaf(std::get<comm>(given), std::get<root>(given)) ? Buffer::used(given) : ByteRange{};
    }
};

/// Who defines an MPI call behind libdsm: MPI itself, a tool of the profiling interface, or a shared dsm_pmpi.
struct NextDefinition {
    void *function; ///< nullptr: only the PMPI name is known
    bool is_dsm_pmpi;
};
NextDefinition find_next(const char *call);

template <class Function> struct Signature;
template <class... Types> struct Signature<int (*)(Types...)> {
    using Arguments = std::tuple<Types...>;
    using Function = int (*)(Types...);
};

template <auto pmpi, class... Buffers> class CheckedCall {
public:
    using Arguments = typename Signature<decltype(pmpi)>::Arguments;
    static int run(const char *call, const Arguments &given) {
        static const NextDefinition next = find_next(call);
        static const Function function = next.function ? reinterpret_cast<Function>(next.function) : pmpi;
        if (__builtin_expect((may_be_shared<Buffers>(given) || ...), 0) && !next.is_dsm_pmpi) {
            (check<Buffers>(call, given), ...);
        }
        return std::apply(function, given);
    }

private:
    using Function = typename Signature<decltype(pmpi)>::Function;
    template <class Buffer> static bool may_be_shared(const Arguments &given) {
        const void *const address = std::get<Buffer::address>(given);
        return watched_memory.contains(address) || address == MPI_BOTTOM;
    }
    template <class Buffer> static void check(const char *call, const Arguments &given) {
        if (!may_be_shared<Buffer>(given)) { return; }
        const ByteRange used = Buffer::used(given);
        if (used.is_empty()) { return; }
        // A datatype of absolute addresses may have private memory beside the segment: only a fault will tell.
        const auto address = reinterpret_cast<MPI_Count>(std::get<Buffer::address>(given));
        const auto *const first = reinterpret_cast<const void *>(address + used.begin);
        const auto *const last = reinterpret_cast<const void *>(address + used.end - 1);
        if (!watched_memory.contains(first) || !watched_memory.contains(last)) { return; }
        const auto judge = watched_memory.judge.load(std::memory_order_acquire);
        judge({call, Buffer::address + 1, first, static_cast<std::size_t>(used.end - used.begin)});
    }
};

} // namespace dsm::transport
