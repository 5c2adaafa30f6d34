# One program, linked with and without dsm_pmpi, in several orders, with archives and with shared libraries.
find_package(Python3 3.10 REQUIRED COMPONENTS Interpreter)

# link_order_test(NAME covered|reported libraries...): what libdsm does about shared memory given to MPI. A library is
# linked where it stands in the list.
function(link_order_test name outcome)
    set(program link_order_${name})
    add_executable(${program} link_order.c)
    target_include_directories(${program} PRIVATE $<TARGET_PROPERTY:dsm,INTERFACE_INCLUDE_DIRECTORIES>
                                                  ${MPI_C_INCLUDE_DIRS})
    target_link_libraries(${program} PRIVATE dsm_settings)
    set(line)
    foreach(library ${ARGN})
        if(library STREQUAL mpi)
            list(APPEND line ${MPI_C_LIBRARIES})
        else()
            list(APPEND line $<TARGET_FILE:${library}>)
            add_dependencies(${program} ${library})
            set_property(TARGET ${program} APPEND PROPERTY LINK_DEPENDS $<TARGET_FILE:${library}>)
        endif()
    endforeach()
    # By their files, since CMake orders targets as their needs say. What the archives need stands behind.
    target_link_libraries(${program} PRIVATE ${line} PkgConfig::HWLOC Threads::Threads MPI::MPI_CXX)
    set_target_properties(${program} PROPERTIES LINKER_LANGUAGE CXX RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests
                          BUILD_RPATH "$<TARGET_FILE_DIR:dsm_shared>;$<TARGET_FILE_DIR:dsm_pmpi_shared>")
    if(outcome STREQUAL covered)
        set(judge "--out=^right$")
    else()
        set(judge --exit=73 "--not-out=right|wrong" "--say-once=MPI_Send was given shared memory as its argument 1")
    endif()
    add_test(NAME mpi.pmpi.link_order.${name}
             COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/failure/run_case.py
                     --mpiexec ${MPIEXEC_EXECUTABLE} --ranks 2 --env=DSM_RANKS_PER_NODE=1 ${judge}
                     -- $<TARGET_FILE:${program}>)
    set_tests_properties(mpi.pmpi.link_order.${name} PROPERTIES LABELS mpi PROCESSORS 2 TIMEOUT 60 SKIP_RETURN_CODE 77)
endfunction()

link_order_test(static.dsm reported dsm mpi)
link_order_test(static.mpi_dsm reported mpi dsm)
link_order_test(static.pmpi_dsm covered dsm_pmpi dsm mpi)
link_order_test(static.dsm_pmpi covered dsm dsm_pmpi mpi)
link_order_test(static.mpi_dsm_pmpi covered mpi dsm dsm_pmpi)
link_order_test(shared.dsm reported dsm_shared mpi)
link_order_test(shared.pmpi_dsm covered dsm_pmpi_shared dsm_shared mpi)
link_order_test(shared.dsm_pmpi covered dsm_shared dsm_pmpi_shared mpi)
link_order_test(shared.archive_of_pmpi covered dsm_pmpi dsm_shared mpi)
