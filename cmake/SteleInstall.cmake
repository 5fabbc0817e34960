# SPDX-License-Identifier: MIT
# What `cmake --install` puts where: the library, its headers, the program `stele`, a pkg-config file
# and a CMake package (stele::stele and stele_generate).
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/stele)

install(TARGETS libstele EXPORT stele LIBRARY NAMELINK_COMPONENT development)
set(not_built "")
if(NOT STELE_AVROC)
  set(not_built PATTERN avro.h EXCLUDE)
endif()
install(DIRECTORY include/stele DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h"
  ${not_built})
if(TARGET stele)
  file(RELATIVE_PATH to_lib /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(stele PROPERTIES EXPORT_NAME program INSTALL_RPATH $ORIGIN/${to_lib})
  install(TARGETS stele EXPORT stele)
endif()

install(EXPORT stele NAMESPACE stele:: FILE steleTargets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/steleConfig.cmake.in steleConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(steleConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/steleConfig.cmake ${PROJECT_BINARY_DIR}/steleConfigVersion.cmake
  cmake/SteleGenerate.cmake DESTINATION ${package_dir})

file(RELATIVE_PATH to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/stele.pc.in stele.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/stele.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
