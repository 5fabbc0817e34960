/* SPDX-License-Identifier: MIT
 * Events as JSON lines. Keeps a type and a plan per schema id that it has met. */
#include "cli/event_line.h"

#include <stele/json.h>

#include <inttypes.h>
#include <stdlib.h>

#include "cli/json_text.h"
#include "core/alloc.h"
#include "core/date.h"
#include "registry/wire.h"

typedef struct known_schema {
    int32_t id;
    stele_schema *schema;
    stele_type *type;
    stele_plan *plan;
} known_schema;

struct stele_event_lines {
    stele_log *log;
    stele_registry *registry;
    int timeout_ms;
    known_schema *known; /* few: one per version of each event type */
    size_t count;
    stele_arena *arena;
    void *value;
    size_t value_size;
};

stele_event_lines *stele_event_lines_new(stele_log *log, stele_registry *registry, int timeout_ms)
{
    stele_event_lines *lines = stele_alloc(sizeof *lines);
    lines->log = log;
    lines->registry = registry;
    lines->timeout_ms = timeout_ms;
    lines->arena = stele_arena_new();
    return lines;
}

void stele_event_lines_free(stele_event_lines *lines)
{
    if (lines == NULL) return;
    for (size_t i = 0; i < lines->count; i++) {
        stele_plan_free(lines->known[i].plan);
        stele_type_free(lines->known[i].type);
        stele_schema_free(lines->known[i].schema);
    }
    free(lines->known);
    free(lines->value);
    stele_arena_free(lines->arena);
    free(lines);
}

static stele_status learn_schema(stele_event_lines *lines, int32_t id, const known_schema **out,
                                 stele_error *err)
{
    known_schema one = {.id = id};
    stele_status status =
        stele_registry_schema(lines->registry, id, lines->timeout_ms, &one.schema, err);
    if (status < 0) return status;
    status = stele_type_new(one.schema, &one.type, err);
    if (status == STELE_OK) status = stele_plan_new(one.schema, one.type, NULL, &one.plan, err);
    if (status < 0) {
        stele_type_free(one.type);
        stele_schema_free(one.schema);
        return status;
    }
    if (one.type->layout->size > lines->value_size) {
        lines->value_size = one.type->layout->size;
        free(lines->value);
        lines->value = stele_alloc(lines->value_size);
    }
    lines->known = stele_realloc_array(lines->known, lines->count + 1, sizeof *lines->known);
    lines->known[lines->count] = one;
    *out = &lines->known[lines->count++];
    return STELE_OK;
}

static stele_status find_schema(stele_event_lines *lines, int32_t id, const known_schema **out,
                                stele_error *err)
{
    for (size_t i = 0; i < lines->count; i++) {
        if (lines->known[i].id != id) continue;
        *out = &lines->known[i];
        return STELE_OK;
    }
    return learn_schema(lines, id, out, err);
}

static void append_header(stele_event_lines *lines, const stele_record *record, const char *name,
                          bool number, stele_buffer *out)
{
    stele_bytes value;
    if (!stele_log_record_header(lines->log, record, name, &value) || value.data == NULL) {
        stele_buffer_append(out, stele_text("null"));
        return;
    }
    bool digits = value.size > 0 && value.size < 20;
    for (size_t i = 0; i < value.size; i++)
        digits = digits && value.data[i] >= '0' && value.data[i] <= '9';
    if (number && digits)
        stele_buffer_append(out, value);
    else
        stele_json_text(out, value);
}

static void append_time(int64_t time_ms, stele_buffer *out)
{
    stele_buffer_append(out, stele_text(",\"time\":"));
    if (time_ms < 0) {
        stele_buffer_append(out, stele_text("null"));
        return;
    }
    char text[STELE_DATE_TEXT_MAX + 1];
    stele_format_timestamp(time_ms, STELE_TIME_MILLIS, text);
    stele_buffer_format(out, "\"%s\"", text);
}

static void append_head(stele_event_lines *lines, stele_partition partition,
                        const stele_record *record, const char *type, int64_t version,
                        stele_buffer *out)
{
    stele_buffer_format(out, "{\"type\":\"%s\",\"event_id\":", type);
    append_header(lines, record, "ce_id", false, out);
    stele_buffer_append(out, stele_text(",\"id\":"));
    stele_json_text(out, record->key);
    stele_buffer_append(out, stele_text(",\"version\":"));
    if (version > 0)
        stele_buffer_format(out, "%" PRId64, version);
    else
        append_header(lines, record, "ce_aggregateversion", true, out);
    append_time(record->timestamp_ms, out);
    stele_buffer_format(out,
                        ",\"position\":\"%s/%" PRId32 "/%" PRId64 "\",\"data\":", partition.topic,
                        partition.index, record->offset);
}

stele_status stele_event_lines_write(stele_event_lines *lines, stele_partition partition,
                                     const stele_record *record, int64_t version, stele_buffer *out,
                                     stele_error *err)
{
    int32_t id;
    stele_bytes payload;
    if (record->key.data == NULL || record->value.data == NULL ||
        !stele_wire_split(record->value, &id, &payload))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "%s/%" PRId32 "/%" PRId64 ": not an event: %s", partition.topic,
                          partition.index, record->offset,
                          record->key.data == NULL     ? "it has no key"
                          : record->value.data == NULL ? "it has no value"
                                                       : "its value has no schema id in front");
    const known_schema *schema;
    stele_status status = find_schema(lines, id, &schema, err);
    if (status < 0) return status;
    stele_arena_reset(lines->arena);
    stele_error cause = {0};
    status = stele_plan_decode(schema->plan, payload, lines->value, lines->arena, &cause);
    if (status < 0)
        return stele_fail(err, status, cause.next, "%s/%" PRId32 "/%" PRId64 ": %s",
                          partition.topic, partition.index, record->offset, cause.text);
    append_head(lines, partition, record, schema->type->name, version, out);
    status = stele_json_write(schema->type, lines->value, STELE_JSON_PLAIN, out, err);
    stele_buffer_push(out, '}');
    return status;
}
