/* SPDX-License-Identifier: MIT
 * The bridge to avro-c. Both ways go through the struct of the type: what avro-c reads was encoded
 * by us, and what it wrote is decoded by us, so nothing from outside meets its decoder, which has
 * no limits. Its error texts are one global buffer and are not used. */
#include <stele/avro.h>

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "schemas/scopes.h"

struct stele_avro {
    const stele_type *type;
    avro_value_iface_t *class;
    stele_plan *own; /* from the type's schema to the type */
    stele_arena *arena;
    void *record;
    stele_buffer bytes;
};

static void free_bridge(stele_avro *bridge)
{
    if (bridge->class != NULL) avro_value_iface_decref(bridge->class);
    stele_plan_free(bridge->own);
    stele_arena_free(bridge->arena);
    free(bridge->record);
    stele_buffer_clear(&bridge->bytes);
    free(bridge);
}

STELE_SCOPE(stele_avro, free_bridge);

/* avro-c gets the canonical form: what that leaves out it would not understand. */
static stele_status make_class(stele_avro *bridge, const stele_schema *schema, stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) canonical = {0};
    stele_schema_canonical(schema, &canonical);
    avro_schema_t parsed;
    if (avro_schema_from_json_length((const char *)canonical.data, canonical.size, &parsed) != 0) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "avro-c does not take the schema of %s", bridge->type->name);
    }
    bridge->class = avro_generic_class_from_schema(parsed);
    avro_schema_decref(parsed);
    if (bridge->class == NULL) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "avro-c has no generic value for %s", bridge->type->name);
    }
    return STELE_OK;
}

stele_status stele_avro_new(const stele_type *type, stele_avro **out, stele_error *err)
{
    stele_status status;
    STELE_AUTO(stele_schema) schema = NULL;
    if ((status = stele_schema_parse(stele_text(type->schema), NULL, &schema, err)) < 0) {
        return status;
    }
    STELE_AUTO(stele_avro) bridge = stele_alloc(sizeof *bridge);
    bridge->type = type;
    bridge->arena = stele_arena_new();
    bridge->record = stele_alloc(type->layout->size);
    if ((status = stele_plan_new(schema, type, NULL, &bridge->own, err)) < 0) return status;
    if ((status = make_class(bridge, schema, err)) < 0) return status;

    *out = bridge;
    bridge = NULL;
    return STELE_OK;
}

void stele_avro_free(stele_avro *bridge)
{
    if (bridge != NULL) free_bridge(bridge);
}

avro_value_iface_t *stele_avro_class(const stele_avro *bridge)
{
    return bridge->class;
}

/* Decode by a plan into the type's struct and append its encoding. */
static stele_status transcode(stele_avro *bridge, const stele_plan *plan, stele_bytes data,
                              stele_buffer *out, stele_error *err)
{
    stele_arena_reset(bridge->arena);
    stele_status status = stele_plan_decode(plan, data, bridge->record, bridge->arena, err);
    if (status < 0) return status;
    return stele_encode(bridge->type, bridge->record, out, err);
}

stele_status stele_avro_value_read(stele_avro *bridge, const stele_plan *plan, stele_bytes data,
                                   avro_value_t *value, stele_error *err)
{
    stele_buffer_reset(&bridge->bytes);
    stele_status status = transcode(bridge, plan, data, &bridge->bytes, err);
    if (status < 0) return status;

    stele_bytes own = stele_buffer_view(&bridge->bytes);
    avro_reader_t reader = avro_reader_memory((const char *)own.data, (int64_t)own.size);
    avro_value_reset(value);
    int failure = avro_value_read(reader, value);
    avro_reader_free(reader);
    if (failure != 0) {
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_REJECT, failure,
                                "avro-c cannot hold this value of %s: %s", bridge->type->name,
                                strerror(failure));
    }
    return STELE_OK;
}

/* What avro-c makes of the value; unchecked. */
static stele_status write_unchecked(stele_avro *bridge, avro_value_t *value, stele_error *err)
{
    size_t size = 0;
    int failure = avro_value_sizeof(value, &size);
    stele_buffer_reset(&bridge->bytes);
    uint8_t *room = stele_buffer_reserve(&bridge->bytes, size + 1);
    if (failure == 0) {
        avro_writer_t writer = avro_writer_memory((const char *)room, (int64_t)size);
        failure = avro_value_write(writer, value);
        avro_writer_free(writer);
    }
    if (failure != 0) {
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_REJECT, failure,
                                "avro-c cannot write this value of %s: %s; is a branch of a union "
                                "not set?",
                                bridge->type->name, strerror(failure));
    }
    bridge->bytes.size = size;
    return STELE_OK;
}

stele_status stele_avro_value_write(stele_avro *bridge, const avro_value_t *value,
                                    stele_buffer *out, stele_error *err)
{
    avro_value_t borrowed = *value; /* avro-c reads through pointers that are not const */
    stele_status status = write_unchecked(bridge, &borrowed, err);
    if (status < 0) return status;
    return transcode(bridge, bridge->own, stele_buffer_view(&bridge->bytes), out, err);
}
