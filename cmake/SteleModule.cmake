# SPDX-License-Identifier: MIT
# stele_module(NAME SOURCES a.c … LINKS core … LIBRARIES PkgConfig::X …)
#   one folder of the tree: a static library `stele_NAME` that may include only what it links.
# stele_test(MODULE FILE [LABEL unit|kafka] [LINKS module …] [LIBRARIES …])
#   tests/MODULE/FILE.c as one CTest entry `MODULE/FILE`, linked to stele_MODULE and cmocka.
find_package(PkgConfig REQUIRED)

function(stele_module name)
  cmake_parse_arguments(M "" "" "SOURCES;LINKS;LIBRARIES" ${ARGN})
  add_library(stele_${name} STATIC ${M_SOURCES})
  list(TRANSFORM M_LINKS PREPEND stele_)
  target_link_libraries(stele_${name} PUBLIC stele_flags ${M_LINKS} PRIVATE ${M_LIBRARIES})
  target_compile_options(stele_${name} PRIVATE
    $<$<COMPILE_LANGUAGE:C>:SHELL:-include ${PROJECT_SOURCE_DIR}/core/banned.h>)
  set_property(GLOBAL APPEND PROPERTY STELE_MODULES stele_${name})
endfunction()

function(stele_test module file)
  cmake_parse_arguments(T "" "LABEL" "LINKS;LIBRARIES" ${ARGN})
  if(NOT T_LABEL)
    set(T_LABEL unit)
  endif()
  string(REPLACE "test_" "" short ${file})
  set(target test_${module}_${short})
  add_executable(${target} ${file}.c)
  list(TRANSFORM T_LINKS PREPEND stele_)
  target_link_libraries(${target} PRIVATE stele_${module} ${T_LINKS} ${T_LIBRARIES} PkgConfig::cmocka)
  add_test(NAME ${module}/${short} COMMAND ${target} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${module}/${short} PROPERTIES LABELS ${T_LABEL})
endfunction()
