/* SPDX-License-Identifier: MIT
 * Where in a value something is wrong: "items[2].sku". Built from the inside out, by the callers of
 * what failed. */
#ifndef STELE_SCHEMAS_VALUE_PATH_H
#define STELE_SCHEMAS_VALUE_PATH_H

#include <stddef.h>

#include <stele/bytes.h>
#include <stele/error.h>

enum { STELE_VALUE_PATH_MAX = 120, STELE_VALUE_WHY_MAX = 160 };

/** All zero is the empty path. */
typedef struct stele_value_path {
    char text[STELE_VALUE_PATH_MAX]; /* filled from the end */
    size_t size;
} stele_value_path;

/** Put ".name" in front of the path. */
void stele_value_path_field(stele_value_path *path, const char *name);

/** Put ".key" in front of the path. */
void stele_value_path_key(stele_value_path *path, stele_bytes key);

/** Put "[index]" in front of the path. */
void stele_value_path_index(stele_value_path *path, size_t index);

/** Fail with "path: why", or with "why" at the top; next = REJECT. */
stele_status stele_value_path_fail(const stele_value_path *path, stele_status status,
                                   const char *why, stele_error *err);

#endif
