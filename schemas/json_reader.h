/* SPDX-License-Identifier: MIT
 * What the parts of the JSON reader share. */
#ifndef STELE_SCHEMAS_JSON_READER_H
#define STELE_SCHEMAS_JSON_READER_H

#include <stele/json.h>

#include "schemas/tree.h"

/** How a scalar and a union are written: the two forms of json.h, and that of a field's default. */
typedef enum stele_json_read_form {
    STELE_JSON_FORM_PLAIN = STELE_JSON_PLAIN,
    STELE_JSON_FORM_AVRO = STELE_JSON_AVRO,
    STELE_JSON_FORM_DEFAULT
} stele_json_read_form;

typedef struct stele_json_reader {
    stele_json_read_form form;
    stele_arena *arena;
    stele_arena *trees; /* documents; released with the reader */
    stele_error *err;
    unsigned depth_left;
    size_t items_left;
    size_t memory_max; /* of the arena, with what it held before */
} stele_json_reader;

/** Where in the value the reader is: a chain through the callers. */
typedef struct stele_json_path {
    const struct stele_json_path *outer;
    const char *name;       /* of a field; NULL: an item */
    const stele_bytes *key; /* of a map's item; NULL: an array's, at `index` */
    size_t index;
} stele_json_path;

/** Put the path before what the reader's error says; OK stays OK. */
stele_status stele_json_at_path(stele_json_reader *r, const stele_json_path *p,
                                stele_status status);

/** Fail because the document has something else than `wanted` at this place. */
stele_status stele_json_mismatch(stele_json_reader *r, const stele_json_path *p, const char *wanted,
                                 const stele_tree *json);

/** Copy a map's key into the arena. @param key  as it is in the document; set to the copy */
stele_status stele_json_read_key(stele_json_reader *r, const stele_json_path *p, stele_bytes *key);

/** Read a value that is no record, union, array or map. */
stele_status stele_json_read_scalar(stele_json_reader *r, const stele_layout *layout,
                                    const stele_tree *json, const stele_json_path *p, void *value);

#endif
