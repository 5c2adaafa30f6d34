// Whose code was running when a thread faulted: the program's, or MPI's. A fault inside MPI cannot be served, since
// serving it would enter MPI again; it comes from a program that has given shared memory to MPI.
//
// An ordinary fault costs one comparison, the instruction being the program's, or two and a look at the stack, the
// instruction being memcpy's and its caller the program's. Only what is left is unwound.
#pragma once

#include "libdsm/memory/fault_signals.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace dsm::rt {

class CodeMap {
public:
    /// Notes which ranges of code are loaded, once MPI is up.
    void collect();
    /// The name of the library of MPI in which the thread was when it faulted, or nullptr. In the fault handler.
    const char *mpi_library_of(const memory::Fault &fault) const;

private:
    struct Code {
        std::uintptr_t begin;
        std::uintptr_t end;
        std::string library;
        bool is_mpi;
        bool is_own; ///< the program, or libdsm
        [[nodiscard]] bool contains(std::uintptr_t address) const { return address - begin < end - begin; }
    };
    static int note(void *info, std::size_t bytes, void *map);
    const Code *find(std::uintptr_t address) const;
    /// Who has called the library that the instruction is in.
    const Code *caller_of(std::uintptr_t instruction, const Code *library) const;

    Code program_{}; ///< of codes_, what most faults come from
    std::vector<Code> codes_;
};

} // namespace dsm::rt
