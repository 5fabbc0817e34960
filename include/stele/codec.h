/* SPDX-License-Identifier: MIT
 * Avro binary to structs and back: plans that read any writer's bytes into the reader's layout.
 * Apache Avro 1.11, "Binary Encoding" and "Schema Resolution". */
#ifndef STELE_CODEC_H
#define STELE_CODEC_H

#include <stele/type.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Caps on what a message may make us do. Zero means the default. */
typedef struct stele_codec_limits {
    unsigned depth_max;  /* nesting of values; 0: 64 */
    size_t items_max;    /* array and map items of one message, in all; 0: 1,000,000 */
    size_t memory_max;   /* bytes taken from the arena by one message; 0: 64 MiB */
    bool utf8_unchecked; /* accept strings that are not UTF-8 */
} stele_codec_limits;

/** The program that decodes one writer's bytes into one reader's struct. Immutable, shareable. */
typedef struct stele_plan stele_plan;

/**
 * Resolve a writer's schema against a type and compile the plan.
 *
 * @param writer  borrowed for the call
 * @param reader  borrowed; must outlive the plan
 * @param limits  NULL for the defaults
 * @param out     caller owns; release with stele_plan_free
 * @return STELE_E_INCOMPATIBLE  no datum of the writer could be read; the text says path and both
 * types (what fails only for some data is an error when such data come)
 */
STELE_API stele_status stele_plan_new(const stele_schema *writer, const stele_type *reader,
                                      const stele_codec_limits *limits, stele_plan **out,
                                      stele_error *err);

/** Release a plan. NULL is fine. */
STELE_API void stele_plan_free(stele_plan *plan);

/**
 * Decode one datum; all of `data` must be used.
 *
 * Strings and bytes are views into `data`, or into the plan where they are defaults; arrays and
 * maps lie in `arena`. So the value is valid as long as all three.
 *
 * @param value  memory of the reader's layout size; written on success; undefined on failure
 * @return STELE_E_INVALID  the bytes are bad; the text says the path: "items[2].sku: string of 81
 * bytes, 12 left" STELE_E_LIMIT    they are past a limit (next = REJECT in both cases)
 */
STELE_API stele_status stele_plan_decode(const stele_plan *plan, stele_bytes data, void *value,
                                         stele_arena *arena, stele_error *err);

/**
 * Append the Avro binary of a value; equal values make equal bytes: map keys sorted, one block per
 * array or map, NaN normalised.
 *
 * @return STELE_E_INVALID  the value does not fit its type (enum index, union branch, decimal
 *                          precision, text that is not UTF-8)
 *         STELE_E_LIMIT    it is nested deeper than is read by default (next = REJECT in both
 *                          cases, and nothing is appended)
 */
STELE_API stele_status stele_encode(const stele_type *type, const void *value, stele_buffer *out,
                                    stele_error *err);

/** Append the head of single-object encoding: c3 01 and the fingerprint (stele_schema_crc64) of the
 * schema that the datum behind it is encoded with. */
STELE_API void stele_single_object_begin(uint64_t fingerprint, stele_buffer *out);

/**
 * Split a message in single-object encoding.
 *
 * @param datum  a view into `message`
 * @return STELE_E_INVALID  it does not begin as one (next = REJECT)
 */
STELE_API stele_status stele_single_object_open(stele_bytes message, uint64_t *fingerprint,
                                                stele_bytes *datum, stele_error *err);

#ifdef __cplusplus
}
#endif

#endif
