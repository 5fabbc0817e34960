# SPDX-License-Identifier: MIT
# libstele: all modules in one shared library. Only what carries STELE_API is exported.
get_property(modules GLOBAL PROPERTY STELE_MODULES)
get_property(libraries GLOBAL PROPERTY STELE_LIBRARIES)
list(REMOVE_DUPLICATES libraries)
list(TRANSFORM modules REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")

add_library(libstele SHARED ${modules})
add_library(stele::stele ALIAS libstele)
target_link_libraries(libstele PRIVATE stele_flags ${libraries} Threads::Threads)
target_link_options(libstele PRIVATE LINKER:--as-needed)
if(NOT STELE_SANITIZE)
  target_link_options(libstele PRIVATE LINKER:--no-undefined)
endif()
target_include_directories(libstele INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
set_target_properties(libstele PROPERTIES
  OUTPUT_NAME stele
  EXPORT_NAME stele
  LINKER_LANGUAGE C
  VERSION ${PROJECT_VERSION}
  # Before 1.0 every minor version may change the binary interface.
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
