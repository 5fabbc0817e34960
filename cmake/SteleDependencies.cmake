# SPDX-License-Identifier: MIT
# What Stele links that is not its own: found by pkg-config, one imported target each. A module names
# in its LIBRARIES the ones that its sources include.
find_package(PkgConfig QUIET)
if(NOT PkgConfig_FOUND)
  message(FATAL_ERROR "pkg-config is missing: run scripts/deps (Debian: pkg-config)")
endif()
find_package(Threads REQUIRED)

# stele_require(NAME MODULE PACKAGE): PkgConfig::NAME from the pkg-config module, or a message that
# says how to get it.
function(stele_require name module package)
  pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "${module} was not found: run scripts/deps (Debian: ${package}), "
      "or name its folder in PKG_CONFIG_PATH")
  endif()
endfunction()

stele_require(rdkafka "rdkafka>=2.0.2" librdkafka-dev)
stele_require(jansson jansson libjansson-dev)
if(STELE_AVROC)
  stele_require(avro avro-c libavro-dev)
endif()
if(STELE_SQLITE)
  stele_require(sqlite "sqlite3>=3.40" libsqlite3-dev)
endif()
if(STELE_POSTGRES)
  stele_require(postgres "libpq>=14" libpq-dev)
endif()
if(STELE_LMDB)
  stele_require(lmdb "lmdb>=0.9.24" liblmdb-dev)
endif()
stele_require(curl "libcurl>=7.85" libcurl4-openssl-dev)
stele_require(xxhash libxxhash libxxhash-dev)
stele_require(zlib zlib zlib1g-dev)
if(STELE_JEMALLOC)
  stele_require(jemalloc jemalloc libjemalloc-dev)
endif()
if(BUILD_TESTING)
  stele_require(cmocka cmocka libcmocka-dev)
endif()
