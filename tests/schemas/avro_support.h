/* SPDX-License-Identifier: MIT
 * Schemas and bytes as short texts, for tables of cases. */
#ifndef STELE_TESTS_SCHEMAS_AVRO_SUPPORT_H
#define STELE_TESTS_SCHEMAS_AVRO_SUPPORT_H

#include <stele/codec.h>

#include "core/alloc.h"
#include "schemas/scopes.h"
#include "tests/support/test.h"

/** The parsed schema; the test fails if it is none. JSON may be written with ' for ". */
static inline stele_schema *schema_of(const char *text)
{
    STELE_AUTO(char) json = stele_strdup(text);
    for (char *c = json; *c != '\0'; c++)
        if (*c == '\'') *c = '"';
    stele_error err = {0};
    stele_schema *schema = NULL;
    if (stele_schema_parse(stele_text(json), NULL, &schema, &err) < 0) {
        fail_msg("%s\n%s", err.text, json);
    }
    return schema;
}

/** The type of a schema's text, as above. */
static inline stele_type *type_of(const char *text)
{
    STELE_AUTO(stele_schema) schema = schema_of(text);
    stele_error err = {0};
    stele_type *type = NULL;
    if (stele_type_new(schema, &type, &err) < 0) fail_msg("%s\n%s", err.text, text);
    return type;
}

/** Append the bytes of hex digits; blanks between them are fine. */
static inline void put_hex(stele_buffer *out, const char *hex)
{
    for (; *hex != '\0'; hex++) {
        if (*hex == ' ') continue;
        unsigned byte = 0;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        stele_buffer_push(out, (uint8_t)byte);
        hex++;
    }
}

/** Bytes as hex digits, appended. */
static inline void put_as_hex(stele_buffer *out, stele_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        stele_buffer_format(out, "%02x", bytes.data[i]);
}

/**
 * What a reader sees of a writer's datum, both in hex, as the reader would write it; or "error: "
 * and the message. Appended to `out`.
 */
static inline stele_status convert(const char *writer, const char *reader, const char *hex,
                                   const stele_codec_limits *limits, stele_buffer *out)
{
    STELE_AUTO(stele_schema) schema = schema_of(writer);
    STELE_AUTO(stele_type) type = type_of(reader);
    STELE_AUTO(stele_plan) plan = NULL;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO(uint8_t) value = stele_alloc(type->layout->size);
    STELE_AUTO_VALUE(stele_buffer) datum = {0};
    STELE_AUTO_VALUE(stele_buffer) seen = {0};
    put_hex(&datum, hex);
    /* An exact copy, so that reading past its end is found. */
    STELE_AUTO(uint8_t) exact = stele_alloc(datum.size);
    if (datum.size > 0) memcpy(exact, datum.data, datum.size);

    stele_error err = {0};
    stele_status status = stele_plan_new(schema, type, limits, &plan, &err);
    if (status == STELE_OK) {
        status = stele_plan_decode(plan, stele_bytes_of(exact, datum.size), value, arena, &err);
    }
    if (status == STELE_OK) status = stele_encode(type, value, &seen, &err);
    if (status == STELE_OK) {
        put_as_hex(out, stele_buffer_view(&seen));
    } else {
        assert_int_equal(err.status, status);
        assert_int_equal(err.next, STELE_NEXT_REJECT);
        stele_buffer_format(out, "error: %s", err.text);
    }
    return status;
}

/** One row of a table of conversions. */
typedef struct conversion {
    const char *rule;
    const char *writer;
    const char *reader;
    const char *datum;
    const char *expected; /* hex without blanks, or "error: " and how the message goes on */
} conversion;

static inline void check_conversions(const conversion *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        STELE_AUTO_VALUE(stele_buffer) seen = {0};
        convert(rows[i].writer, rows[i].reader, rows[i].datum, NULL, &seen);
        if (strcmp(stele_buffer_text(&seen), rows[i].expected) != 0) {
            fail_msg("%s:\n  is       %s\n  expected %s", rows[i].rule, stele_buffer_text(&seen),
                     rows[i].expected);
        }
    }
}

#endif
