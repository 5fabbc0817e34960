/* SPDX-License-Identifier: MIT
 * Values by their own schema. Asks the registry once per schema id. */
#include "consumer/value_reader.h"

#include <stele/codec.h>

#include <stdlib.h>

#include "core/alloc.h"
#include "registry/wire.h"

typedef struct known_schema {
    int32_t id;
    stele_schema *schema;
    stele_type *type;
    stele_plan *plan;
} known_schema;

struct stele_value_reader {
    stele_registry *registry;
    int timeout_ms;
    known_schema *known; /* few: one per version of each type */
    size_t count;
    stele_arena *arena;
    void *value;
    size_t value_size;
};

stele_value_reader *stele_value_reader_new(stele_registry *registry, int timeout_ms)
{
    stele_value_reader *reader = stele_alloc(sizeof *reader);
    reader->registry = registry;
    reader->timeout_ms = timeout_ms;
    reader->arena = stele_arena_new();
    return reader;
}

static void known_clear(known_schema *known)
{
    stele_plan_free(known->plan);
    stele_type_free(known->type);
    stele_schema_free(known->schema);
}

void stele_value_reader_free(stele_value_reader *reader)
{
    if (reader == NULL) return;
    for (size_t i = 0; i < reader->count; i++)
        known_clear(&reader->known[i]);
    free(reader->known);
    free(reader->value);
    stele_arena_free(reader->arena);
    free(reader);
}

static stele_status learn_schema(stele_value_reader *reader, int32_t id, const known_schema **out,
                                 stele_error *err)
{
    known_schema one = {.id = id};
    stele_status status =
        stele_registry_schema(reader->registry, id, reader->timeout_ms, &one.schema, err);
    if (status == STELE_OK) status = stele_type_new(one.schema, &one.type, err);
    if (status == STELE_OK) status = stele_plan_new(one.schema, one.type, NULL, &one.plan, err);
    if (status < 0) {
        known_clear(&one);
        return status;
    }
    if (one.type->layout->size > reader->value_size) {
        reader->value_size = one.type->layout->size;
        free(reader->value);
        reader->value = stele_alloc(reader->value_size);
    }
    reader->known = stele_realloc_array(reader->known, reader->count + 1, sizeof *reader->known);
    reader->known[reader->count] = one;
    *out = &reader->known[reader->count++];
    return STELE_OK;
}

static stele_status find_schema(stele_value_reader *reader, int32_t id, const known_schema **out,
                                stele_error *err)
{
    for (size_t i = 0; i < reader->count; i++) {
        if (reader->known[i].id != id) continue;
        *out = &reader->known[i];
        return STELE_OK;
    }
    return learn_schema(reader, id, out, err);
}

stele_status stele_value_reader_read(stele_value_reader *reader, stele_bytes value,
                                     const stele_type **type, const void **out, stele_error *err)
{
    int32_t id;
    stele_bytes payload;
    const known_schema *schema;
    if (!stele_wire_split(value, &id, &payload)) return stele_wire_fail(value, err);
    stele_status status = find_schema(reader, id, &schema, err);
    if (status < 0) return status;
    stele_arena_reset(reader->arena);
    status = stele_plan_decode(schema->plan, payload, reader->value, reader->arena, err);
    if (status < 0) return status;
    *type = schema->type;
    *out = reader->value;
    return STELE_OK;
}
