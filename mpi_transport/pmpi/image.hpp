// Stand-ins in private memory for buffers in shared memory: what MPI is given instead of them.
//
// MPI copies with its own instructions, and hands addresses to the kernel and to network cards; none of them can wait
// for a page. So everything that touches shared memory happens here, outside MPI, by ordinary loads and stores:
//
//   Image sent(buffer, count, type, Use::Read);      loads what the datatype covers
//   PMPI_Send(sent, ...);
//   Image got(buffer, count, type, Use::Receive);
//   PMPI_Recv(got, ..., &status);
//   got.store_received(status);                      stores what has come, and no byte in the datatype's gaps
//
// A buffer that is private is its own image, at the cost of a look at the datatype's extent.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

namespace dsm::pmpi {

enum class Use {
    Read,     ///< MPI reads it
    Write,    ///< MPI fills all of it
    Receive,  ///< MPI fills it from its beginning, perhaps not to its end
    ReadWrite ///< MPI reads and fills it
};

/// Some elements of a buffer, `offset` bytes from its beginning.
struct Part {
    MPI_Aint offset;
    MPI_Count count;
};

/// As a part, with a datatype of its own.
struct TypedPart {
    MPI_Aint offset;
    MPI_Count count;
    MPI_Datatype type;
};

/// Where the bytes of one element of a datatype lie.
struct ElementLayout {
    MPI_Count extent; ///< from one element to the next
    MPI_Count begin;  ///< of the first byte, from the element's address
    MPI_Count span;   ///< from the first byte to the last
    MPI_Count bytes;  ///< of data
    [[nodiscard]] bool has_gaps() const { return bytes != span; }
    [[nodiscard]] bool is_dense() const { return bytes == span && bytes == extent; }
};

class Image {
public:
    /// Bytes from the buffer's address.
    struct Range {
        MPI_Count begin;
        MPI_Count end;
    };
    Image() = default;
    Image(const void *buffer, MPI_Count count, MPI_Datatype type, Use use);
    /// Several stretches of one buffer, as the vector collectives have them.
    Image(const void *buffer, std::span<const Part> parts, MPI_Datatype type, Use use);
    Image(const void *buffer, std::span<const TypedPart> parts, Use use);

    /// What to give to MPI.
    operator void *() const { return address_; } // NOLINT(google-explicit-constructor)
    [[nodiscard]] bool is_private() const { return !memory_; }
    /// Reads the shared memory again: a persistent send is started.
    void load();
    /// A persistent receive is started: reads again what will be stored although it may not be filled.
    void prepare_to_receive();
    /// Writes everything to shared memory.
    void store() const;
    /// Writes what an operation has received.
    void store_received(const MPI_Status &status) const;
    /// Writes some bytes of a buffer without gaps.
    void store_bytes(MPI_Count first, MPI_Count end) const;

private:
    struct Run {
        MPI_Count begin; ///< from the element's first byte
        MPI_Count bytes;
    };
    /// What is of one datatype.
    struct Section {
        ElementLayout layout{};
        std::vector<Part> parts;
        std::vector<Run> runs; ///< of one element, if it has gaps
    };
    struct Free {
        void operator()(std::byte *memory) const { std::free(memory); }
    };
    static std::vector<Run> runs_of(MPI_Datatype type, const ElementLayout &layout);
    void make(Range range, Use use);
    [[nodiscard]] bool is_one_run() const {
        return sections_.size() == 1 && sections_[0].parts.size() == 1 && sections_[0].layout.is_dense();
    }
    template <class Copy> void for_runs(Copy copy) const;
    template <class Copy> static void for_runs_of(const Section &section, const Part &part, Copy copy);

    void *address_ = nullptr;
    std::byte *shared_ = nullptr; ///< the program's buffer
    std::unique_ptr<std::byte, Free> memory_;
    MPI_Count begin_ = 0; ///< of the image, from the buffer's address
    std::vector<Section> sections_;
};

/// Prints one line about shared memory where it cannot be.
void complain(const char *call, const char *what, const void *address);

} // namespace dsm::pmpi
