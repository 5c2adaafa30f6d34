// Reading Open MPI's control variables. A component's variables exist only while it is loaded, and components that the
// user excluded or that lost the selection are unloaded in MPI_Init: so the presence of a variable tells what is in
// use. docs/transport.md has the table of what this gives.
#include "mpi_transport/path_limits.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <initializer_list>
#include <mpi.h>
#include <optional>
#include <string>

namespace dsm::transport {
namespace {

/// Where nothing is known: every MPI library that we know sends this much eagerly.
constexpr std::size_t cautious_bytes = 4096 - 128;
/// ob1 takes its largest header off the eager limit whatever the message; 56 bytes in 4.1, and some room.
constexpr std::size_t header_bytes = 128;
constexpr std::size_t packet_bytes_min = 512;
constexpr std::size_t packet_bytes_max = 64 * 1024;

/// The MPI tool interface, for as long as this lives.
class ToolInterface {
public:
    ToolInterface() {
        int provided = 0;
        open_ = MPI_T_init_thread(MPI_THREAD_MULTIPLE, &provided) == MPI_SUCCESS;
    }
    ~ToolInterface() {
        if (open_) { MPI_T_finalize(); }
    }
    ToolInterface(const ToolInterface &) = delete;
    ToolInterface &operator=(const ToolInterface &) = delete;

    /// The value of an integer control variable.
    std::optional<std::size_t> number(const char *name) const;
    bool has(const char *name) const { return index_of(name).has_value(); }

private:
    std::optional<int> index_of(const char *name) const {
        int index = 0;
        if (!open_ || MPI_T_cvar_get_index(name, &index) != MPI_SUCCESS) { return std::nullopt; }
        return index;
    }

    bool open_ = false;
};

std::optional<std::size_t> ToolInterface::number(const char *name) const {
    const std::optional<int> index = index_of(name);
    if (!index) { return std::nullopt; }
    int verbosity = 0;
    int binding = 0;
    int scope = 0;
    MPI_Datatype type = MPI_DATATYPE_NULL;
    MPI_T_enum values = MPI_T_ENUM_NULL;
    if (MPI_T_cvar_get_info(*index, nullptr, nullptr, &verbosity, &type, &values, nullptr, nullptr, &binding, &scope) !=
        MPI_SUCCESS) {
        return std::nullopt;
    }
    MPI_T_cvar_handle handle = MPI_T_CVAR_HANDLE_NULL;
    int count = 0;
    if (MPI_T_cvar_handle_alloc(*index, nullptr, &handle, &count) != MPI_SUCCESS) { return std::nullopt; }
    std::optional<std::size_t> value;
    if (count == 1 && (type == MPI_INT || type == MPI_UNSIGNED)) {
        unsigned narrow = 0;
        if (MPI_T_cvar_read(handle, &narrow) == MPI_SUCCESS) { value = narrow; }
    } else if (count == 1 && (type == MPI_UNSIGNED_LONG || type == MPI_UNSIGNED_LONG_LONG || type == MPI_COUNT)) {
        unsigned long long wide = 0;
        if (MPI_T_cvar_read(handle, &wide) == MPI_SUCCESS) { value = wide; }
    }
    MPI_T_cvar_handle_free(&handle);
    return value;
}

std::size_t packet_bytes_of(std::size_t eager_bytes) {
    const std::size_t usable = eager_bytes > header_bytes ? eager_bytes - header_bytes : 0;
    return std::clamp(usable / 8 * 8, packet_bytes_min, packet_bytes_max);
}

/// Open MPI's shared memory component: vader up to version 4, sm (the same code) since 5.
std::optional<std::string> shared_memory_component(const ToolInterface &tool) {
    for (const char *name : {"vader", "sm"}) {
        if (tool.has(("btl_" + std::string(name) + "_fbox_threshold").c_str())) { return name; }
    }
    return std::nullopt;
}

/// The smallest eager limit of the networks that are loaded: which one serves which peer cannot be asked.
std::size_t network_packet_bytes(const ToolInterface &tool) {
    std::optional<std::size_t> smallest;
    for (const char *name : {"tcp", "ofi", "openib", "uct", "ugni", "usnic", "portals4"}) {
        const auto limit = tool.number(("btl_" + std::string(name) + "_eager_limit").c_str());
        if (limit && *limit > 0) { smallest = std::min(*limit, smallest.value_or(*limit)); }
    }
    return smallest ? packet_bytes_of(*smallest) : cautious_bytes;
}

/// UCX does not tell where its rendezvous begins. Measured over shared memory and TCP: 8,192 bytes go eagerly, 9,000 do
/// not. The user may have set a lower bound.
std::size_t ucx_packet_bytes() {
    constexpr std::size_t measured_bytes = 8192;
    std::size_t bytes = measured_bytes;
    if (const char *text = std::getenv("UCX_RNDV_THRESH")) {
        char *unit = nullptr;
        const unsigned long value = std::strtoul(text, &unit, 10);
        const bool in_bytes = unit != text && (*unit == '\0' || *unit == 'b' || *unit == 'B');
        if (in_bytes) { bytes = std::min<std::size_t>(bytes, value); } // "auto", "inf" and larger units: no lower bound
        if (unit != text && (*unit == 'k' || *unit == 'K')) { bytes = std::min<std::size_t>(bytes, value * 1024); }
    }
    return packet_bytes_of(bytes);
}

} // namespace

PathLimits find_path_limits() {
    const ToolInterface tool;
    PathLimits limits{cautious_bytes, cautious_bytes, false, false, true};
    if (tool.has("pml_ucx_priority")) { limits.same_host_bytes = limits.other_host_bytes = ucx_packet_bytes(); }
    // Another carrier than ob1 (UCX, OFI and PSM libraries): those decide by themselves what is eager.
    if (!tool.has("pml_ob1_priority")) { return limits; }
    limits.other_host_bytes = network_packet_bytes(tool);
    limits.same_host_bytes = limits.other_host_bytes;
    constexpr std::array rdma_variables = {"btl_ofi_eager_limit", "btl_openib_eager_limit", "btl_uct_eager_limit",
                                           "btl_ugni_eager_limit", "btl_portals4_eager_limit"};
    limits.rdma_between_hosts =
        std::any_of(rdma_variables.begin(), rdma_variables.end(), [&](const char *name) { return tool.has(name); });
    const std::optional<std::string> shared = shared_memory_component(tool);
    if (!shared) { return limits; }
    limits.same_host_arrives_at_once = true;
    const auto eager = tool.number(("btl_" + *shared + "_eager_limit").c_str());
    limits.same_host_bytes = eager ? packet_bytes_of(*eager) : cautious_bytes;
    constexpr std::size_t cma = 1; // Open MPI's number for cross-memory attach
    limits.same_host_writes_by_cma = tool.number(("btl_" + *shared + "_single_copy_mechanism").c_str()) == cma;
    return limits;
}

} // namespace dsm::transport
