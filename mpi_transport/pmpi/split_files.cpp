// Files: collective calls in two halves. A file has at most one of them under way, so the file is its name.
#include "mpi_transport/pmpi/parts.hpp"
#include "mpi_transport/pmpi/pending.hpp"

#include <dsm/api.h>

namespace {

using dsm::pmpi::Image;
using dsm::pmpi::receive;
using dsm::pmpi::Use;

/// The images of what has begun, by file.
class OpenHalves {
public:
    template <class Begin> int begin(MPI_File file, Image image, Begin call) {
        const int code = call(image);
        if (code == MPI_SUCCESS && !image.is_private()) {
            const std::lock_guard lock(mutex_);
            images_.insert_or_assign(file, std::move(image));
        }
        return code;
    }
    /// The image of what began with the program's buffer, which stands for itself if there is none.
    Image take(MPI_File file, const void *buffer) {
        const std::lock_guard lock(mutex_);
        auto found = images_.extract(file);
        return found.empty() ? Image(buffer, 0, MPI_DATATYPE_NULL, Use::Read) : std::move(found.mapped());
    }

private:
    std::mutex mutex_; // Never held while shared memory is touched.
    std::map<MPI_File, Image> images_;
};

OpenHalves &open_halves() {
    static auto *halves = new OpenHalves;
    return *halves;
}

} // namespace

const char dsm::pmpi::split_files_part = 0;

extern "C" {

DSM_API int MPI_File_read_all_begin(MPI_File file, void *buf, int count, MPI_Datatype type) {
    return open_halves().begin(file, Image(buf, count, type, Use::Receive),
                               [&](const Image &image) { return PMPI_File_read_all_begin(file, image, count, type); });
}

DSM_API int MPI_File_read_all_end(MPI_File file, void *buf, MPI_Status *status) {
    const Image into = open_halves().take(file, buf);
    return receive(into, status, [&](MPI_Status *used) { return PMPI_File_read_all_end(file, into, used); });
}

DSM_API int MPI_File_read_ordered_begin(MPI_File file, void *buf, int count, MPI_Datatype type) {
    return open_halves().begin(file, Image(buf, count, type, Use::Receive), [&](const Image &image) {
        return PMPI_File_read_ordered_begin(file, image, count, type);
    });
}

DSM_API int MPI_File_read_ordered_end(MPI_File file, void *buf, MPI_Status *status) {
    const Image into = open_halves().take(file, buf);
    return receive(into, status, [&](MPI_Status *used) { return PMPI_File_read_ordered_end(file, into, used); });
}

DSM_API int MPI_File_read_at_all_begin(MPI_File file, MPI_Offset offset, void *buf, int count, MPI_Datatype type) {
    return open_halves().begin(file, Image(buf, count, type, Use::Receive), [&](const Image &image) {
        return PMPI_File_read_at_all_begin(file, offset, image, count, type);
    });
}

DSM_API int MPI_File_read_at_all_end(MPI_File file, void *buf, MPI_Status *status) {
    const Image into = open_halves().take(file, buf);
    return receive(into, status, [&](MPI_Status *used) { return PMPI_File_read_at_all_end(file, into, used); });
}

DSM_API int MPI_File_write_all_begin(MPI_File file, const void *buf, int count, MPI_Datatype type) {
    return open_halves().begin(file, Image(buf, count, type, Use::Read),
                               [&](const Image &image) { return PMPI_File_write_all_begin(file, image, count, type); });
}

DSM_API int MPI_File_write_all_end(MPI_File file, const void *buf, MPI_Status *status) {
    return PMPI_File_write_all_end(file, open_halves().take(file, buf), status);
}

DSM_API int MPI_File_write_ordered_begin(MPI_File file, const void *buf, int count, MPI_Datatype type) {
    return open_halves().begin(file, Image(buf, count, type, Use::Read), [&](const Image &image) {
        return PMPI_File_write_ordered_begin(file, image, count, type);
    });
}

DSM_API int MPI_File_write_ordered_end(MPI_File file, const void *buf, MPI_Status *status) {
    return PMPI_File_write_ordered_end(file, open_halves().take(file, buf), status);
}

DSM_API int MPI_File_write_at_all_begin(MPI_File file, MPI_Offset offset, const void *buf, int count,
                                        MPI_Datatype type) {
    return open_halves().begin(file, Image(buf, count, type, Use::Read), [&](const Image &image) {
        return PMPI_File_write_at_all_begin(file, offset, image, count, type);
    });
}

DSM_API int MPI_File_write_at_all_end(MPI_File file, const void *buf, MPI_Status *status) {
    return PMPI_File_write_at_all_end(file, open_halves().take(file, buf), status);
}

} // extern "C"
