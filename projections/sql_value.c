/* SPDX-License-Identifier: MIT
 * Values of each Avro type for a database, and what type they are there. */
#include "projections/sql_value.h"

#include <stele/json.h>

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "schemas/layout.h"
#include "schemas/scalar_text.h"

/* ---- types ---- */

static stele_sql_type scalar_type(const stele_layout *layout, stele_sql_type plain)
{
    switch (layout->logical) {
    case STELE_LOGICAL_NONE:
        return plain;
    case STELE_LOGICAL_DECIMAL:
        return STELE_SQL_TYPE_DECIMAL;
    case STELE_LOGICAL_UUID:
        return STELE_SQL_TYPE_UUID;
    case STELE_LOGICAL_DATE:
        return STELE_SQL_TYPE_DATE;
    case STELE_LOGICAL_TIME_MILLIS:
    case STELE_LOGICAL_TIME_MICROS:
        return STELE_SQL_TYPE_TIME;
    case STELE_LOGICAL_TIMESTAMP_MILLIS:
    case STELE_LOGICAL_TIMESTAMP_MICROS:
    case STELE_LOGICAL_TIMESTAMP_NANOS:
        return STELE_SQL_TYPE_TIMESTAMP;
    case STELE_LOGICAL_LOCAL_TIMESTAMP_MILLIS:
    case STELE_LOGICAL_LOCAL_TIMESTAMP_MICROS:
    case STELE_LOGICAL_LOCAL_TIMESTAMP_NANOS:
        return STELE_SQL_TYPE_LOCAL_TIMESTAMP;
    case STELE_LOGICAL_DURATION:
        return STELE_SQL_TYPE_DURATION;
    }
    return STELE_SQL_TYPE_ANY;
}

/* A union is of the type that all its branches have, but for null. */
static stele_sql_type union_type(const stele_layout *layout)
{
    stele_sql_type type = STELE_SQL_TYPE_ANY;
    for (uint32_t i = 0, values = 0; i < layout->count; i++) {
        const stele_layout *branch = layout->members[i].layout;
        if (branch == NULL || branch->kind == STELE_KIND_NULL) continue;
        stele_sql_type own =
            branch->kind == STELE_KIND_UNION ? STELE_SQL_TYPE_ANY : stele_sql_type_of(branch);
        if (values++ > 0 && own != type) return STELE_SQL_TYPE_ANY;
        type = own;
    }
    return type;
}

stele_sql_type stele_sql_type_of(const stele_layout *layout)
{
    if (layout == NULL) return STELE_SQL_TYPE_ANY;
    switch (layout->kind) {
    case STELE_KIND_NULL:
        return STELE_SQL_TYPE_ANY;
    case STELE_KIND_BOOLEAN:
        return STELE_SQL_TYPE_BOOLEAN;
    case STELE_KIND_INT:
        return scalar_type(layout, STELE_SQL_TYPE_INT);
    case STELE_KIND_LONG:
        return scalar_type(layout, STELE_SQL_TYPE_LONG);
    case STELE_KIND_FLOAT:
        return STELE_SQL_TYPE_FLOAT;
    case STELE_KIND_DOUBLE:
        return STELE_SQL_TYPE_DOUBLE;
    case STELE_KIND_STRING:
        return scalar_type(layout, STELE_SQL_TYPE_TEXT);
    case STELE_KIND_ENUM:
        return STELE_SQL_TYPE_TEXT;
    case STELE_KIND_BYTES:
    case STELE_KIND_FIXED:
        return scalar_type(layout, STELE_SQL_TYPE_BYTES);
    case STELE_KIND_UNION:
        return union_type(layout);
    default:
        return STELE_SQL_TYPE_JSON;
    }
}

/* ---- values ---- */

const uint8_t *stele_sql_load(const stele_member *member, const uint8_t *base)
{
    if (member->flag_offset != STELE_NO_FLAG && !*(const bool *)(base + member->flag_offset))
        return NULL;
    const uint8_t *at = base + member->offset;
    return member->pointer ? stele_load_pointer(at) : at;
}

/* What a value is made with. */
typedef struct maker {
    stele_arena *arena;
    stele_buffer *room;
    stele_error *err;
} maker;

stele_sql_value stele_sql_value_keep(stele_arena *arena, stele_sql_kind kind, stele_bytes bytes)
{
    uint8_t *copied = stele_arena_take(arena, bytes.size + 1);
    if (bytes.size > 0) memcpy(copied, bytes.data, bytes.size);
    return (stele_sql_value){.kind = kind, .as.bytes = stele_bytes_of(copied, bytes.size)};
}

static stele_sql_value keep(const maker *m, stele_sql_kind kind, stele_bytes bytes)
{
    return stele_sql_value_keep(m->arena, kind, bytes);
}

static stele_sql_value keep_room(const maker *m)
{
    return keep(m, STELE_SQL_TEXT, stele_buffer_view(m->room));
}

static stele_sql_value integer(int64_t value)
{
    return (stele_sql_value){.kind = STELE_SQL_INTEGER, .as.integer = value};
}

static stele_sql_value real(const maker *m, double value)
{
    if (isnan(value)) return keep(m, STELE_SQL_TEXT, stele_text("NaN"));
    return (stele_sql_value){.kind = STELE_SQL_REAL, .as.real = value};
}

static stele_status make_text(const maker *m, const stele_layout *layout, const uint8_t *value,
                              stele_sql_value *out)
{
    stele_buffer_reset(m->room);
    stele_status status = stele_scalar_write(layout, value, m->room, m->err);
    if (status == STELE_OK) *out = keep_room(m);
    return status;
}

static stele_status make_json(const maker *m, const stele_layout *layout, const uint8_t *value,
                              stele_sql_value *out)
{
    const stele_type type = {.name = layout->name, .layout = layout};
    stele_buffer_reset(m->room);
    stele_status status = stele_json_write(&type, value, STELE_JSON_PLAIN, m->room, m->err);
    if (status == STELE_OK) *out = keep_room(m);
    return status;
}

static stele_status make_bytes(const maker *m, const stele_layout *layout, const uint8_t *value,
                               stele_sql_value *out)
{
    if (layout->logical != STELE_LOGICAL_NONE) return make_text(m, layout, value, out);
    *out = keep(m, STELE_SQL_BYTES,
                layout->kind == STELE_KIND_FIXED ? stele_bytes_of(value, layout->fixed_size)
                                                 : stele_load_bytes(value));
    return STELE_OK;
}

static stele_status make_number(const maker *m, const stele_layout *layout, const uint8_t *value,
                                stele_sql_value *out)
{
    if (layout->logical != STELE_LOGICAL_NONE) return make_text(m, layout, value, out);
    *out = integer(layout->kind == STELE_KIND_INT ? *(const int32_t *)(const void *)value
                                                  : *(const int64_t *)(const void *)value);
    return STELE_OK;
}

/* Of a union the branch that it holds; a union in a union there is not. */
static const uint8_t *enter_union(const stele_layout **layout, const uint8_t *value)
{
    if ((*layout)->kind != STELE_KIND_UNION) return value;
    uint32_t branch = stele_load_branch(value);
    if (branch >= (*layout)->count || (*layout)->members[branch].layout == NULL) return NULL;
    const stele_member *member = &(*layout)->members[branch];
    *layout = member->layout;
    return stele_sql_load(member, value);
}

static stele_status make_value(const maker *m, const stele_layout *layout, const uint8_t *value,
                               stele_sql_value *out)
{
    *out = (stele_sql_value){0};
    if (layout == NULL || value == NULL) return STELE_OK;
    value = enter_union(&layout, value);
    if (value == NULL) return STELE_OK;
    switch (layout->kind) {
    case STELE_KIND_NULL:
        return STELE_OK;
    case STELE_KIND_BOOLEAN:
        *out = (stele_sql_value){.kind = STELE_SQL_BOOLEAN, .as.integer = *(const bool *)value};
        return STELE_OK;
    case STELE_KIND_INT:
    case STELE_KIND_LONG:
        return make_number(m, layout, value, out);
    case STELE_KIND_FLOAT:
        *out = real(m, (double)*(const float *)(const void *)value);
        return STELE_OK;
    case STELE_KIND_DOUBLE:
        *out = real(m, *(const double *)(const void *)value);
        return STELE_OK;
    case STELE_KIND_STRING:
        *out = keep(m, STELE_SQL_TEXT, stele_load_bytes(value));
        return STELE_OK;
    case STELE_KIND_BYTES:
    case STELE_KIND_FIXED:
        return make_bytes(m, layout, value, out);
    case STELE_KIND_ENUM:
        return make_text(m, layout, value, out);
    default:
        return make_json(m, layout, value, out);
    }
}

stele_status stele_sql_value_make(const stele_layout *layout, const uint8_t *value,
                                  stele_arena *arena, stele_buffer *room, stele_sql_value *out,
                                  stele_error *err)
{
    maker m = {arena, room, err};
    return make_value(&m, layout, value, out);
}
