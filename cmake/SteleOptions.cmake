# SPDX-License-Identifier: MIT
# The language, the warnings and the sanitizers that every target of the tree is built with.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

set(STELE_SANITIZE "" CACHE STRING "Sanitizers to build with: address,undefined or thread; empty for none")
option(STELE_WERROR "Treat warnings as errors" OFF)
option(STELE_JEMALLOC "Link jemalloc into the programs (never into the library)" OFF)
option(STELE_AVROC "Offer avro-c's generic values, <stele/avro.h>" ON)
option(STELE_SQLITE "Keep SQL projections in SQLite" ON)
option(STELE_POSTGRES "Keep SQL projections in PostgreSQL" ON)
option(STELE_LMDB "Keep states of folds in LMDB" ON)
option(STELE_REDIS "Keep states of folds in Redis" ON)
option(STELE_ZSTD "Read and write exports that are compressed with Zstandard" ON)
option(STELE_EXAMPLES "Build the examples, where the tests are not built" OFF)
option(STELE_BENCH "Build the measurements in bench/" OFF)
option(STELE_SIMULATE "Build the simulation, where the tests are not built" OFF)
option(STELE_FUZZ "Build the libFuzzer targets; wants clang" OFF)
if(STELE_JEMALLOC AND STELE_SANITIZE)
  message(FATAL_ERROR "STELE_JEMALLOC and STELE_SANITIZE both replace malloc: choose one")
endif()

if(STELE_FUZZ AND NOT CMAKE_C_COMPILER_ID STREQUAL Clang)
  message(FATAL_ERROR "STELE_FUZZ wants clang: cmake --preset fuzz")
endif()

add_library(stele_flags INTERFACE)
target_compile_definitions(stele_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
target_compile_definitions(stele_flags INTERFACE $<$<BOOL:${STELE_SQLITE}>:STELE_SQLITE>
  $<$<BOOL:${STELE_POSTGRES}>:STELE_POSTGRES> $<$<BOOL:${STELE_LMDB}>:STELE_LMDB>
  $<$<BOOL:${STELE_REDIS}>:STELE_REDIS> $<$<BOOL:${STELE_ZSTD}>:STELE_ZSTD>)
target_compile_options(stele_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wvla
  $<$<COMPILE_LANGUAGE:C>:-Wconversion -Wstrict-prototypes>
  $<$<BOOL:${STELE_WERROR}>:-Werror>)
target_include_directories(stele_flags INTERFACE ${PROJECT_SOURCE_DIR}/include)
if(STELE_SANITIZE)
  target_compile_options(stele_flags INTERFACE -fsanitize=${STELE_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(stele_flags INTERFACE -fsanitize=${STELE_SANITIZE})
endif()
if(STELE_FUZZ)
  target_compile_options(stele_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
