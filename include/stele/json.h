/* SPDX-License-Identifier: MIT
 * Values as JSON, in two forms. AVRO is the specification's "JSON Encoding": unions tagged, bytes
 * as code points 0-255. PLAIN is for people: decimals are strings with full scale ("88.68"), dates,
 * times and durations ISO 8601, bytes and fixed base64, and a value in a union is tagged only if it
 * could be taken for one of another branch. NaN and the infinities are the strings "NaN",
 * "Infinity" and "-Infinity" in both. */
#ifndef STELE_JSON_H
#define STELE_JSON_H

#include <stele/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum stele_json_form { STELE_JSON_PLAIN = 0, STELE_JSON_AVRO } stele_json_form;

/** Append a value as one line of JSON, without a newline. The value must be valid for its type. */
STELE_API stele_status stele_json_write(const stele_type *type, const void *value,
                                        stele_json_form form, stele_buffer *out, stele_error *err);

/**
 * Read a value from JSON text. Strings, arrays and maps lie in `arena`.
 *
 * In the plain form a missing field takes its default and an unknown one is an error; in Avro's
 * form it is the other way round, as in Avro Java. Integers are exact; a number that its type
 * cannot hold is an error.
 *
 * @param limits  NULL for the defaults
 * @return STELE_E_INVALID  not JSON, or not of this type; the text says the path (next = REJECT)
 */
STELE_API stele_status stele_json_read(const stele_type *type, stele_bytes text,
                                       stele_json_form form, const stele_codec_limits *limits,
                                       void *value, stele_arena *arena, stele_error *err);

#ifdef __cplusplus
}
#endif

#endif
