# Debian packages by `cpack -G DEB` in the build directory: libdsm0 (runtime) and libdsm-dev (devel). Configure with
# -DCMAKE_INSTALL_PREFIX=/usr for libraries in Debian's multiarch folder; `ci/package.sh` does.
set(runtime_package libdsm${PROJECT_VERSION_MAJOR})
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME libdsm)
set(CPACK_PACKAGE_VENDOR "the libdsm developers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "distributed shared memory over MPI")
set(CPACK_PACKAGE_CONTACT "The libdsm developers <libdsm@example.org>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL runtime devel)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(about "Programs started by mpirun share one address space: pages move between the machines as they are used, and\n\
mutexes, condition variables and barriers work across them.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ${runtime_package})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "${about}\n.\nThis package has the shared library.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_DEVEL_PACKAGE_NAME libdsm-dev)
set(CPACK_DEBIAN_DEVEL_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVEL_DESCRIPTION "${about}\n.\n\
This package has what programs are built with: headers, archive, CMake and\npkg-config files.")
set(CPACK_DEBIAN_DEVEL_PACKAGE_SUGGESTS "gdb, pkg-config, cmake")
string(REGEX MATCH "^[0-9]+" compiler_version "${CMAKE_CXX_COMPILER_VERSION}")
set(CPACK_DEBIAN_DEVEL_PACKAGE_DEPENDS "${runtime_package} (= ${PROJECT_VERSION}), libopenmpi-dev, libhwloc-dev, \
libstdc++-${compiler_version}-dev | libstdc++-dev")

# The libraries that libdsm.so needs, with their versions, as dpkg-shlibdeps finds them; where it is missing, by name.
find_program(DPKG_SHLIBDEPS dpkg-shlibdeps)
find_program(FILE_PROGRAM file)
mark_as_advanced(DPKG_SHLIBDEPS FILE_PROGRAM)
if(DPKG_SHLIBDEPS AND FILE_PROGRAM)
    set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
    set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
    set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
else()
    set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS "libc6, libstdc++6, libgcc-s1, libhwloc15, libopenmpi3")
endif()

# What Debian's policy wants in /usr/share/doc of every package.
find_program(GZIP_PROGRAM gzip REQUIRED)
mark_as_advanced(GZIP_PROGRAM)
foreach(package ${runtime_package} libdsm-dev)
    set(folder ${CMAKE_CURRENT_BINARY_DIR}/${package})
    configure_file(changelog.in ${folder}/changelog @ONLY)
    execute_process(COMMAND ${GZIP_PROGRAM} -9nf ${folder}/changelog COMMAND_ERROR_IS_FATAL ANY)
    configure_file(copyright.in ${folder}/copyright @ONLY)
    set(component devel)
    if(package STREQUAL runtime_package)
        set(component runtime)
    endif()
    install(FILES ${folder}/changelog.gz ${folder}/copyright
            DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} COMPONENT ${component})
endforeach()

include(CPack)
