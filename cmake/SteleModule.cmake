# SPDX-License-Identifier: MIT
# stele_module(NAME SOURCES a.c … LINKS core … LIBRARIES PkgConfig::X …)
#   one folder of the tree: a static library `stele_NAME` that may include only what it links.
# stele_test(MODULE FILE [LABEL unit|kafka|long] [TIMEOUT_S N] [LINKS module …] [LIBRARIES …])
#   tests/MODULE/FILE.c as one CTest entry `MODULE/FILE`, linked to stele_MODULE and cmocka.
#   A test labelled kafka finds its broker in the environment variable STELE_KAFKA.
# stele_fuzz(MODULE FILE CORPUS…)
#   tests/fuzz/FILE.c with LLVMFuzzerTestOneInput: a libFuzzer program `FILE` under STELE_FUZZ; in every
#   build a test that feeds it the files of its corpus folders.
# stele_program(NAME SOURCES…)
#   a program that sees of Stele what its users see: libstele and include/.

function(stele_module name)
  cmake_parse_arguments(M "" "" "SOURCES;LINKS;LIBRARIES" ${ARGN})
  add_library(stele_${name} STATIC ${M_SOURCES})
  list(TRANSFORM M_LINKS PREPEND stele_)
  target_link_libraries(stele_${name} PUBLIC stele_flags ${M_LINKS} PRIVATE ${M_LIBRARIES})
  target_include_directories(stele_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(stele_${name} PRIVATE
    "$<$<COMPILE_LANGUAGE:C>:SHELL:-include '${PROJECT_SOURCE_DIR}/core/banned.h'>")
  set_property(GLOBAL APPEND PROPERTY STELE_MODULES stele_${name})
  set_property(GLOBAL APPEND PROPERTY STELE_LIBRARIES ${M_LIBRARIES})
endfunction()

function(stele_test module file)
  cmake_parse_arguments(T "" "LABEL;TIMEOUT_S" "LINKS;LIBRARIES" ${ARGN})
  if(NOT T_LABEL)
    set(T_LABEL unit)
  endif()
  if(NOT T_TIMEOUT_S)
    set(T_TIMEOUT_S 600)
  endif()
  string(REPLACE "test_" "" short ${file})
  set(target test_${module}_${short})
  add_executable(${target} ${file}.c)
  list(TRANSFORM T_LINKS PREPEND stele_)
  target_link_libraries(${target} PRIVATE stele_${module} stele_support ${T_LINKS} ${T_LIBRARIES} PkgConfig::cmocka)
  add_test(NAME ${module}/${short} COMMAND ${target} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${module}/${short} PROPERTIES LABELS "${T_LABEL}" TIMEOUT ${T_TIMEOUT_S})
endfunction()

function(stele_fuzz module file)
  add_executable(${file} ${file}.c)
  target_link_libraries(${file} PRIVATE stele_${module})
  if(STELE_FUZZ)
    target_link_options(${file} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${file} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
  endif()
  set(replay $<$<BOOL:${STELE_FUZZ}>:-runs=0>)
  add_test(NAME fuzz/${file} COMMAND ${file} ${replay} ${ARGN}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} COMMAND_EXPAND_LISTS)
  set_tests_properties(fuzz/${file} PROPERTIES LABELS unit TIMEOUT 240)
endfunction()

function(stele_program name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE stele::stele stele_flags)
  if(STELE_JEMALLOC)
    target_link_options(${name} PRIVATE LINKER:--no-as-needed)
    target_link_libraries(${name} PRIVATE PkgConfig::jemalloc)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()
