// The parameters of an MPI function, taken from its PMPI name: DSM_PARAMETERS_3(Test) is the declaration of three, a0
// to a2, and DSM_VALUES_3 is their list.
#pragma once

#define DSM_PARAMETER(name, place)                                                                                     \
    std::tuple_element_t<place, dsm::transport::Signature<decltype(&PMPI_##name)>::Arguments> a##place
#define DSM_PARAMETERS_1(name) DSM_PARAMETER(name, 0)
#define DSM_PARAMETERS_2(name) DSM_PARAMETERS_1(name), DSM_PARAMETER(name, 1)
#define DSM_PARAMETERS_3(name) DSM_PARAMETERS_2(name), DSM_PARAMETER(name, 2)
#define DSM_PARAMETERS_4(name) DSM_PARAMETERS_3(name), DSM_PARAMETER(name, 3)
#define DSM_PARAMETERS_5(name) DSM_PARAMETERS_4(name), DSM_PARAMETER(name, 4)
#define DSM_PARAMETERS_6(name) DSM_PARAMETERS_5(name), DSM_PARAMETER(name, 5)
#define DSM_PARAMETERS_7(name) DSM_PARAMETERS_6(name), DSM_PARAMETER(name, 6)
#define DSM_PARAMETERS_8(name) DSM_PARAMETERS_7(name), DSM_PARAMETER(name, 7)
#define DSM_PARAMETERS_9(name) DSM_PARAMETERS_8(name), DSM_PARAMETER(name, 8)
#define DSM_PARAMETERS_10(name) DSM_PARAMETERS_9(name), DSM_PARAMETER(name, 9)
#define DSM_PARAMETERS_11(name) DSM_PARAMETERS_10(name), DSM_PARAMETER(name, 10)
#define DSM_PARAMETERS_12(name) DSM_PARAMETERS_11(name), DSM_PARAMETER(name, 11)
#define DSM_PARAMETERS_13(name) DSM_PARAMETERS_12(name), DSM_PARAMETER(name, 12)

#define DSM_VALUES_1 a0
#define DSM_VALUES_2 DSM_VALUES_1, a1
#define DSM_VALUES_3 DSM_VALUES_2, a2
#define DSM_VALUES_4 DSM_VALUES_3, a3
#define DSM_VALUES_5 DSM_VALUES_4, a4
#define DSM_VALUES_6 DSM_VALUES_5, a5
#define DSM_VALUES_7 DSM_VALUES_6, a6
#define DSM_VALUES_8 DSM_VALUES_7, a7
#define DSM_VALUES_9 DSM_VALUES_8, a8
#define DSM_VALUES_10 DSM_VALUES_9, a9
#define DSM_VALUES_11 DSM_VALUES_10, a10
#define DSM_VALUES_12 DSM_VALUES_11, a11
#define DSM_VALUES_13 DSM_VALUES_12, a12
