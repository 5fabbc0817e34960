/* SPDX-License-Identifier: MIT
 * The version of the library that these headers belong to. The build reads it from here. */
#ifndef STELE_VERSION_H
#define STELE_VERSION_H

#define STELE_VERSION_MAJOR 0
#define STELE_VERSION_MINOR 1
#define STELE_VERSION_PATCH 0
#define STELE_VERSION       "0.1.0"

#endif
