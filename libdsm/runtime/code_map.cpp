// Loaded code, and the way from a faulting instruction to who has called it.
#include "libdsm/runtime/code_map.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <link.h>
#include <string_view>
#include <unwind.h>

namespace dsm::rt {
namespace {

constexpr int frames_max = 64;

/// Beginnings of the names of libraries that are MPI or that MPI calls to move data.
constexpr std::array<std::string_view, 12> mpi_names = {"libmpi.",     "libmpi_",  "libmpich",  "libopen-pal",
                                                        "libopen-rte", "mca_",     "libuc",     "libfabric",
                                                        "libpsm",      "libhcoll", "libmpicxx", "libpmpi"};

std::string_view file_name_of(const char *path) {
    const char *slash = std::strrchr(path, '/');
    return slash != nullptr ? slash + 1 : path;
}

bool is_mpi_name(std::string_view name) {
    return std::any_of(mpi_names.begin(), mpi_names.end(),
                       [name](std::string_view begin) { return name.starts_with(begin); });
}

} // namespace

int CodeMap::note(void *info, std::size_t /*bytes*/, void *map) {
    auto &self = *static_cast<CodeMap *>(map);
    const auto &object = *static_cast<const dl_phdr_info *>(info);
    const auto own_code = reinterpret_cast<std::uintptr_t>(&CodeMap::note);
    const bool is_program = self.codes_.empty(); // The first object is the program.
    bool is_own = is_program;
    const std::size_t first = self.codes_.size();
    for (std::size_t index = 0; index < object.dlpi_phnum; ++index) {
        const ElfW(Phdr) &part = object.dlpi_phdr[index];
        if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) { continue; }
        const std::uintptr_t begin = object.dlpi_addr + part.p_vaddr;
        const std::string_view name = file_name_of(object.dlpi_name);
        self.codes_.push_back({begin, begin + part.p_memsz, std::string(name), is_mpi_name(name), false});
        is_own = is_own || self.codes_.back().contains(own_code);
    }
    for (std::size_t index = first; index < self.codes_.size(); ++index) { self.codes_[index].is_own = is_own; }
    if (is_program && self.codes_.empty()) { self.codes_.push_back({0, 0, "", false, true}); }
    return 0;
}

void CodeMap::collect() {
    codes_.clear();
    ::dl_iterate_phdr([](dl_phdr_info *info, std::size_t bytes, void *map) { return note(info, bytes, map); }, this);
    program_ = codes_.front();
}

const CodeMap::Code *CodeMap::find(std::uintptr_t address) const {
    const auto found =
        std::find_if(codes_.begin(), codes_.end(), [address](const Code &code) { return code.contains(address); });
    return found == codes_.end() ? nullptr : &*found;
}

const CodeMap::Code *CodeMap::caller_of(std::uintptr_t instruction, const Code *library) const {
    struct Walk {
        const CodeMap &map;
        std::uintptr_t instruction;
        const Code *library;
        const Code *caller;
        bool is_past_handler;
        int frames;
    } walk{*this, instruction, library, nullptr, false, 0};
    ::_Unwind_Backtrace(
        [](_Unwind_Context *context, void *argument) {
            auto &at = *static_cast<Walk *>(argument);
            const std::uintptr_t address = ::_Unwind_GetIP(context);
            if (!at.is_past_handler) { // Frames of the handler stand above the one that faulted.
                at.is_past_handler = address == at.instruction;
                return ++at.frames < frames_max ? _URC_NO_REASON : _URC_END_OF_STACK;
            }
            at.caller = at.map.find(address - 1); // A return address stands behind its call.
            const bool goes_on = at.caller == at.library && ++at.frames < frames_max;
            return goes_on ? _URC_NO_REASON : _URC_END_OF_STACK;
        },
        &walk);
    return walk.caller;
}

const char *CodeMap::mpi_library_of(const memory::Fault &fault) const {
    const auto instruction = reinterpret_cast<std::uintptr_t>(fault.instruction);
    if (program_.contains(instruction) || instruction == 0) { return nullptr; }
    const Code *library = find(instruction);
    if (library == nullptr || library->is_own) { return nullptr; }
    if (library->is_mpi) { return library->library.c_str(); }
#if defined(__x86_64__)
    // memcpy and its like keep nothing on the stack: their caller's address is on top of it.
    std::uintptr_t top = 0;
    std::memcpy(&top, fault.stack, sizeof top);
    if (program_.contains(top)) { return nullptr; }
#endif
    const Code *caller = caller_of(instruction, library);
    return caller != nullptr && caller->is_mpi ? caller->library.c_str() : nullptr;
}

} // namespace dsm::rt
