// Every file that defines MPI functions is a part. Whoever links one part links all of them (linked.cpp), so that no
// operation begins here and ends elsewhere.
#pragma once

#define DSM_PMPI_PARTS(DO)                                                                                             \
    DO(completion)                                                                                                     \
    DO(files)                                                                                                          \
    DO(neighbours)                                                                                                     \
    DO(nonblocking_redistributions)                                                                                    \
    DO(nonblocking_reductions)                                                                                         \
    DO(one_sided)                                                                                                      \
    DO(packing)                                                                                                        \
    DO(point_to_point)                                                                                                 \
    DO(redistributions)                                                                                                \
    DO(reductions)                                                                                                     \
    DO(split_files)

namespace dsm::pmpi {
#define DSM_PMPI_DECLARE_PART(name) extern const char name##_part;
DSM_PMPI_PARTS(DSM_PMPI_DECLARE_PART)
#undef DSM_PMPI_DECLARE_PART
} // namespace dsm::pmpi
