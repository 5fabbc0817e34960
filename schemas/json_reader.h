/* SPDX-License-Identifier: MIT
 * What the parts of the JSON reader share. */
#ifndef STELE_SCHEMAS_JSON_READER_H
#define STELE_SCHEMAS_JSON_READER_H

#include <jansson.h>

#include <stele/json.h>

/** How a scalar and a union are written: the two forms of json.h, and that of a field's default. */
typedef enum stele_json_read_form {
    STELE_JSON_FORM_PLAIN = STELE_JSON_PLAIN,
    STELE_JSON_FORM_AVRO = STELE_JSON_AVRO,
    STELE_JSON_FORM_DEFAULT
} stele_json_read_form;

typedef struct stele_json_reader {
    stele_json_read_form form;
    stele_arena *arena;
    stele_error *err;
    unsigned depth_left;
    size_t items_left;
    size_t memory_max; /* of the arena, with what it held before */
} stele_json_reader;

/** Where in the value the reader is: a chain through the callers. */
typedef struct stele_json_path {
    const struct stele_json_path *outer;
    const char *name; /* of a field; NULL: an item */
    const char *key;  /* of a map's item; NULL: an array's, at `index` */
    size_t index;
} stele_json_path;

/** Put the path before what the reader's error says; OK stays OK. */
stele_status stele_json_at_path(stele_json_reader *r, const stele_json_path *p,
                                stele_status status);

/** Fail because the document has something else than `wanted` at this place. */
stele_status stele_json_mismatch(stele_json_reader *r, const stele_json_path *p, const char *wanted,
                                 const json_t *json);

/** Read a value that is no record, union, array or map. */
stele_status stele_json_read_scalar(stele_json_reader *r, const stele_layout *layout,
                                    const json_t *json, const stele_json_path *p, void *value);

#endif
