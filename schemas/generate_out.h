/* SPDX-License-Identifier: MIT
 * The parts of the generator's output, each written by one file. Internal to the generator. */
#ifndef STELE_SCHEMAS_GENERATE_OUT_H
#define STELE_SCHEMAS_GENERATE_OUT_H

#include "schemas/generate.h"
#include "schemas/generate_shape.h"
#include "schemas/schema_parts.h"

/** A C string literal, cut at the ends of lines and where lines are long. */
void stele_generate_literal(stele_buffer *out, stele_bytes text);

/** A schema's "doc" as a comment, with `space` in front of its lines; nothing for NULL. */
void stele_generate_comment(stele_buffer *out, const char *doc, const char *space);

/** Structs, enums and what is compiled into the caller. */
void stele_generate_header(const stele_shapes *shapes, const stele_schema_parts *parts,
                           stele_buffer *out);

/** The layouts as constants. */
void stele_generate_layouts(const stele_shapes *shapes, stele_buffer *out);

/** The functions that decode and encode each shape. */
void stele_generate_code(const stele_shapes *shapes, stele_buffer *out);

#endif
