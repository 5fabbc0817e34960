/* SPDX-License-Identifier: MIT
 * What the two writers of codecs share: a value in the code that is being written. Internal to the
 * generator. */
#ifndef STELE_SCHEMAS_GENERATE_PLACE_H
#define STELE_SCHEMAS_GENERATE_PLACE_H

#include <stele/buffer.h>

#include "schemas/generate_shape.h"

typedef struct stele_place {
    const stele_layout *layout;
    const stele_shape *shape; /* of the value; NULL for a scalar */
    const stele_shape *in;    /* whose function is being written */
    const char *text;         /* the value as a C expression that can be assigned to */
    int indent;
} stele_place;

/** The blanks of so many levels. */
const char *stele_place_indent(int levels);

/** What the functions that read and write a scalar are called: "long" of stele_read_long. */
const char *stele_place_scalar(const stele_layout *layout);

/** Does the code in `body` mention this? */
bool stele_place_mentions(stele_buffer *body, const char *word);

/** The function that reads a shape. */
void stele_generate_read(stele_buffer *out, const stele_shape *shape);

/** The functions that say how many bytes a shape takes at most, and that write it. */
void stele_generate_write(stele_buffer *out, const stele_shape *shape);

#endif
