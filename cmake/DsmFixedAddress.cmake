# dsm_link_at_fixed_address(TARGET): builds a program so that its code stands at the same address in every rank.
# Pointers to its functions and the tables of its virtual functions may then cross ranks in shared memory. All ranks run
# the same file. The program gives up the kernel's randomised placing of its own code and globals; libraries keep it.
#
# -fno-pie matters as well as -no-pie: it makes addresses of functions in shared libraries (std::strlen, say) those of
# the program's own jump table, which are fixed too. What a library itself stores stays at random addresses.
function(dsm_link_at_fixed_address target)
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL EXECUTABLE)
        message(FATAL_ERROR "dsm_link_at_fixed_address: ${target} is no program")
    endif()
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fno-pie)
    target_link_options(${target} PRIVATE -no-pie)
endfunction()
