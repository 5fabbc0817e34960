/* SPDX-License-Identifier: MIT
 * Few schemas: one for each version of each type of event. */
#include "cli/event_schemas.h"

#include "core/alloc.h"
#include "kafka/bounded_read.h"
#include "schemas/schema_text.h"

enum { MISSING_MS = 2000, QUESTION_MS = 5000 };

static void schema_free(stele_event_schema *schema)
{
    stele_plan_free(schema->plan);
    stele_type_free(schema->type);
    stele_schema_free(schema->schema);
    free(schema);
}

void stele_event_schemas_clear(stele_event_schemas *schemas)
{
    for (size_t i = 0; i < schemas->count; i++)
        schema_free(schemas->items[i]);
    free(schemas->items);
    free(schemas->value);
    stele_arena_free(schemas->arena);
    *schemas = (stele_event_schemas){0};
}

/* The first one whose id is not below. */
static size_t place_of(const stele_event_schemas *schemas, int32_t id)
{
    size_t place = 0;
    while (place < schemas->count && schemas->items[place]->id < id)
        place++;
    return place;
}

stele_event_schema *stele_event_schemas_find(const stele_event_schemas *schemas, int32_t id)
{
    size_t place = place_of(schemas, id);
    bool is_there = place < schemas->count && schemas->items[place]->id == id;
    return is_there ? schemas->items[place] : NULL;
}

/* A schema that no type can be made of is kept without one. */
static void prepare(stele_event_schemas *schemas, stele_event_schema *one)
{
    if (one->schema == NULL) return;
    stele_error ignored;
    if (stele_type_new(one->schema, &one->type, &ignored) < 0 ||
        stele_plan_new(one->schema, one->type, NULL, &one->plan, &ignored) < 0)
        return;
    if (schemas->arena == NULL) schemas->arena = stele_arena_new();
    if (one->type->layout->size <= schemas->value_size) return;
    schemas->value_size = one->type->layout->size;
    free(schemas->value);
    schemas->value = stele_alloc(schemas->value_size);
}

stele_event_schema *stele_event_schemas_add(stele_event_schemas *schemas, int32_t id,
                                            stele_schema *schema)
{
    stele_event_schema *one = stele_alloc(sizeof *one);
    *one = (stele_event_schema){.id = id, .schema = schema};
    prepare(schemas, one);
    size_t place = place_of(schemas, id);
    schemas->items =
        stele_realloc_array(schemas->items, schemas->count + 1, sizeof(stele_event_schema *));
    memmove(schemas->items + place + 1, schemas->items + place,
            (schemas->count - place) * sizeof(stele_event_schema *));
    schemas->items[place] = one;
    schemas->count++;
    return one;
}

stele_status stele_event_schemas_ask(stele_event_schemas *schemas, stele_registry *registry,
                                     int32_t id, stele_deadline until, const atomic_bool *stop,
                                     stele_event_schema **out, bool *is_new, stele_error *err)
{
    stele_event_schema *one = stele_event_schemas_find(schemas, id);
    if (is_new != NULL) *is_new = one == NULL;
    stele_deadline missing = stele_deadline_after(stele_registry_clock(registry), MISSING_MS);
    stele_schema *schema = NULL;
    while (one == NULL) {
        stele_status status = stele_registry_schema(registry, id, QUESTION_MS, &schema, err);
        bool is_missing = status == STELE_E_NOT_FOUND && stele_deadline_passed(missing);
        if (status == STELE_OK || is_missing)
            one = stele_event_schemas_add(schemas, id, schema);
        else if (!stele_bounded_read_wait_to_retry(until, stop, err))
            return status;
    }
    *out = one;
    return STELE_OK;
}

stele_status stele_event_schemas_check(stele_event_schemas *schemas,
                                       const stele_event_schema *schema, stele_bytes payload,
                                       stele_error *err)
{
    stele_arena_reset(schemas->arena);
    return stele_plan_decode(schema->plan, payload, schemas->value, schemas->arena, err);
}

stele_status stele_event_schemas_register(stele_event_schema *schema, stele_registry *registry,
                                          const char *topic, int timeout_ms, stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_schema_write(schema->schema, &text);
    STELE_AUTO(char)
    subject = stele_registry_subject(topic, stele_schema_name(schema->schema));
    stele_error why;
    stele_status status = stele_registry_register(registry, subject, stele_buffer_view(&text), NULL,
                                                  0, timeout_ms, &schema->target, &why);
    if (status == STELE_E_INCOMPATIBLE)
        return stele_fail(err, status, STELE_NEXT_STOP,
                          "%s does not take schema %d: %s; stele schema level %s NONE takes it, "
                          "and what was there before stays",
                          subject, (int)schema->id, why.text, subject);
    if (status < 0 && err != NULL) *err = why;
    return status;
}
