/* SPDX-License-Identifier: MIT
 * What reading and writing JSON have in common: how a union says which branch it holds. */
#ifndef STELE_SCHEMAS_JSON_FORM_H
#define STELE_SCHEMAS_JSON_FORM_H

#include <stele/type.h>

/** What a value looks like in the plain form; branches that look the same need their names. */
typedef enum stele_json_look {
    STELE_JSON_LOOK_NULL,
    STELE_JSON_LOOK_BOOLEAN,
    STELE_JSON_LOOK_NUMBER,
    STELE_JSON_LOOK_STRING,
    STELE_JSON_LOOK_ARRAY,
    STELE_JSON_LOOK_OBJECT
} stele_json_look;

stele_json_look stele_json_look_of(const stele_layout *layout);

/** Are two branches of a union told apart only by their names? */
bool stele_json_is_ambiguous(const stele_layout *layout);

/** Is this value of a branch written behind its name in the plain form? Where the union is
 * ambiguous, and a NaN or infinity, which are strings in JSON, beside a branch of strings. */
bool stele_json_is_tagged(const stele_layout *layout, const stele_layout *branch,
                          const void *value);

/** The name that stands for a branch: the full name of a named type, else the type's. */
const char *stele_json_branch_name(const stele_layout *layout);

/** Where a member's value lies in the struct at `base`. */
const void *stele_json_member(const stele_member *member, const void *base);

#endif
