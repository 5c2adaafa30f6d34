# Programs that ctest runs under mpirun.
set(DSM_MPI_TEST_RUN ${CMAKE_CURRENT_LIST_DIR}/../tests/mpi/support/run.sh)

# dsm_mpi_program(NAME sources...): a test program that links the library.
function(dsm_mpi_program name)
    add_executable(${name} ${ARGN})
    target_link_libraries(${name} PRIVATE dsm_settings dsm)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endfunction()

# dsm_mpi_test(NAME PROGRAM program RANKS n [ARGS ...] [ENV NAME=VALUE ...] [MCA ...] [TIMEOUT s] [SERIAL]):
# skipped where the machine has no userfaultfd and ENV asks for it, and where the program ends with 77.
function(dsm_mpi_test name)
    cmake_parse_arguments(arg "SERIAL" "PROGRAM;RANKS;TIMEOUT" "ARGS;ENV;MCA" ${ARGN})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    add_test(NAME ${name} COMMAND ${DSM_MPI_TEST_RUN} $<TARGET_FILE:userfaultfd_probe> ${MPIEXEC_EXECUTABLE}
             --oversubscribe --bind-to none -n ${arg_RANKS} ${arg_MCA} $<TARGET_FILE:${arg_PROGRAM}> ${arg_ARGS})
    set_tests_properties(${name} PROPERTIES LABELS mpi PROCESSORS 2 TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
        ENVIRONMENT "OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;${arg_ENV}")
    if(arg_SERIAL)
        set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
    endif()
endfunction()
