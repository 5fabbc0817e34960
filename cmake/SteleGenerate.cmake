# SPDX-License-Identifier: MIT
# stele_generate(TARGET [PREFIX NAME_] [SCHEMAS] SCHEMA…)
#   C structs and codecs from Avro schemas: compiled into TARGET, which includes them as "<file>.h".
#   Made again when a schema changes. In the order given, a schema may use names of those before it.
#   PREFIX is put in front of every C name and of the files' names, "NAME_<file>.h": two versions of an
#   event in one program need it.
function(stele_generate target)
  cmake_parse_arguments(PARSE_ARGV 1 G "" "PREFIX" "SCHEMAS")
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(NOT C IN_LIST languages)
    message(FATAL_ERROR "stele_generate(${target}): what is generated is C, with headers for C and C++, and "
      "this project has no C: project(${PROJECT_NAME} LANGUAGES C ${languages})")
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target}.generated)
  if(TARGET stele::program)
    set(program stele::program)
    set(command stele::program schema generate)
  else() # within Stele's own tree, where `stele` is not built yet
    set(program stele-generate)
    set(command stele-generate)
  endif()
  set(prefix "")
  if(NOT "${G_PREFIX}" STREQUAL "") # NO is a prefix, too
    set(prefix --prefix ${G_PREFIX})
  endif()
  set(earlier "")
  set(with "")
  foreach(schema IN LISTS G_UNPARSED_ARGUMENTS G_SCHEMAS)
    cmake_path(ABSOLUTE_PATH schema BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    cmake_path(GET schema STEM LAST_ONLY stem)
    set(name ${G_PREFIX}${stem})
    get_property(other TARGET ${target} PROPERTY STELE_SCHEMA_${name})
    if(other)
      message(FATAL_ERROR "stele_generate(${target}): ${other} and ${schema} would both become ${name}.h; give "
        "one of them a PREFIX or another file name")
    endif()
    set_property(TARGET ${target} PROPERTY STELE_SCHEMA_${name} ${schema})
    add_custom_command(
      OUTPUT ${folder}/${name}.h ${folder}/${name}.c
      COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
      COMMAND ${command} ${schema} ${with} ${prefix} -o ${folder}
      DEPENDS ${schema} ${earlier} ${program}
      COMMENT "Generating ${name}.h and ${name}.c from ${stem}.avsc"
      VERBATIM)
    target_sources(${target} PRIVATE ${folder}/${name}.h ${folder}/${name}.c)
    list(APPEND earlier ${schema})
    list(APPEND with --with ${schema})
  endforeach()
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${folder}>)
endfunction()
