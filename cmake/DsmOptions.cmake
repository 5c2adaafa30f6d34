# Compiler settings, options and dependencies that every folder shares.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY_TESTS ${CMAKE_BINARY_DIR}/tests)
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

option(DSM_WERROR "Treat warnings as errors" ${PROJECT_IS_TOP_LEVEL})
option(DSM_INSTALL "Have install rules and packages" ${PROJECT_IS_TOP_LEVEL})
set(DSM_SANITIZE "" CACHE STRING "Sanitizer to build with: address, undefined or thread; empty for none")

# Every target of the project links this: warnings, sanitizers, the include root.
add_library(dsm_settings INTERFACE)
target_include_directories(dsm_settings INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/libdsm/include)
target_compile_options(dsm_settings INTERFACE -Wall -Wextra -Wconversion -Wshadow
                                              $<$<COMPILE_LANGUAGE:CXX>:-Wswitch-enum>
                                              $<$<BOOL:${DSM_WERROR}>:-Werror>)
if(DSM_SANITIZE)
    target_compile_options(dsm_settings INTERFACE -fsanitize=${DSM_SANITIZE} -fno-omit-frame-pointer -g)
    target_link_options(dsm_settings INTERFACE -fsanitize=${DSM_SANITIZE})
endif()

find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(HWLOC REQUIRED IMPORTED_TARGET hwloc)
set(MPI_CXX_SKIP_MPICXX TRUE)
find_package(MPI REQUIRED COMPONENTS C CXX)

# dsm_objects(NAME sources...): one folder of the library as an object library called dsm_NAME. Tests link the folders
# that they need; the installed library is made of all of them. Thread-locals are initial-exec: in a shared library the
# general model may call malloc at a thread's first access, which may be in a fault handler.
function(dsm_objects name)
    add_library(dsm_${name} OBJECT ${ARGN})
    target_link_libraries(dsm_${name} PUBLIC dsm_settings Threads::Threads Boost::headers)
    target_compile_options(dsm_${name} PRIVATE -fvisibility=hidden -ftls-model=initial-exec)
endfunction()
