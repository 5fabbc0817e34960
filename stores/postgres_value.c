/* SPDX-License-Identifier: MIT
 * PostgreSQL's types by their numbers, which are the same in every database, and their binary forms
 * where those are simple. */
#include "stores/postgres_value.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/alloc.h"

enum { AS_TEXT = 0, AS_BINARY = 1 };
#define IS_NULL SIZE_MAX

Oid postgres_type(stele_sql_type type)
{
    static const Oid types[] = {
        [STELE_SQL_TYPE_ANY] = 0,          [STELE_SQL_TYPE_BOOLEAN] = 16,
        [STELE_SQL_TYPE_INT] = 23,         [STELE_SQL_TYPE_LONG] = 20,
        [STELE_SQL_TYPE_FLOAT] = 700,      [STELE_SQL_TYPE_DOUBLE] = 701,
        [STELE_SQL_TYPE_TEXT] = 25,        [STELE_SQL_TYPE_BYTES] = 17,
        [STELE_SQL_TYPE_DECIMAL] = 1700,   [STELE_SQL_TYPE_UUID] = 2950,
        [STELE_SQL_TYPE_DATE] = 1082,      [STELE_SQL_TYPE_TIME] = 1083,
        [STELE_SQL_TYPE_TIMESTAMP] = 1184, [STELE_SQL_TYPE_LOCAL_TIMESTAMP] = 1114,
        [STELE_SQL_TYPE_DURATION] = 1186,  [STELE_SQL_TYPE_JSON] = 3802,
    };
    return types[type];
}

static void add(stele_buffer *room, const void *data, size_t size)
{
    stele_buffer_append(room, stele_bytes_of(data, size));
}

void postgres_add_number(stele_buffer *room, uint64_t bits, size_t size)
{
    while (size-- > 0)
        stele_buffer_push(room, (uint8_t)(bits >> (8 * size)));
}

bool postgres_add_binary(stele_buffer *room, stele_sql_type type, const stele_sql_value *value)
{
    uint64_t bits64;
    uint32_t bits32;
    float narrow;
    bool is_integer = value->kind == STELE_SQL_INTEGER;
    switch (type) {
    case STELE_SQL_TYPE_BOOLEAN:
        if (value->kind != STELE_SQL_BOOLEAN) return false;
        postgres_add_number(room, value->as.integer != 0, 1);
        return true;
    case STELE_SQL_TYPE_INT:
        if (!is_integer || value->as.integer != (int32_t)value->as.integer) return false;
        postgres_add_number(room, (uint64_t)value->as.integer, 4);
        return true;
    case STELE_SQL_TYPE_LONG:
        if (!is_integer) return false;
        postgres_add_number(room, (uint64_t)value->as.integer, 8);
        return true;
    case STELE_SQL_TYPE_FLOAT:
        if (value->kind != STELE_SQL_REAL) return false;
        narrow = (float)value->as.real;
        memcpy(&bits32, &narrow, sizeof bits32);
        postgres_add_number(room, bits32, 4);
        return true;
    case STELE_SQL_TYPE_DOUBLE:
        if (value->kind != STELE_SQL_REAL) return false;
        memcpy(&bits64, &value->as.real, sizeof bits64);
        postgres_add_number(room, bits64, 8);
        return true;
    case STELE_SQL_TYPE_TEXT:
    case STELE_SQL_TYPE_BYTES:
        if (value->kind != (type == STELE_SQL_TYPE_TEXT ? STELE_SQL_TEXT : STELE_SQL_BYTES))
            return false;
        add(room, value->as.bytes.data, value->as.bytes.size);
        return true;
    default:
        return false;
    }
}

static void add_hex(stele_buffer *room, stele_bytes bytes)
{
    stele_buffer_format(room, "\\x");
    for (size_t i = 0; i < bytes.size; i++)
        stele_buffer_format(room, "%02x", bytes.data[i]);
}

static void add_real(stele_buffer *room, double real)
{
    if (isinf(real))
        stele_buffer_format(room, real < 0 ? "-Infinity" : "Infinity");
    else
        stele_buffer_format(room, "%.17g", real);
}

stele_status postgres_add_text(stele_buffer *room, const stele_sql_value *value, stele_error *err)
{
    switch (value->kind) {
    case STELE_SQL_BOOLEAN:
        stele_buffer_push(room, value->as.integer != 0 ? 't' : 'f');
        break;
    case STELE_SQL_INTEGER:
        stele_buffer_format(room, "%" PRId64, value->as.integer);
        break;
    case STELE_SQL_REAL:
        add_real(room, value->as.real);
        break;
    case STELE_SQL_BYTES:
        add_hex(room, value->as.bytes);
        break;
    case STELE_SQL_TEXT:
    default:
        if (value->as.bytes.size > 0 &&
            memchr(value->as.bytes.data, '\0', value->as.bytes.size) != NULL)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "a text has a NUL byte, which PostgreSQL does not take");
        add(room, value->as.bytes.data, value->as.bytes.size);
        break;
    }
    return STELE_OK;
}

void postgres_make_room(postgres_parameters *p, size_t count)
{
    if (count <= p->max) return;
    p->max = count;
    p->values = stele_realloc_array(p->values, count, sizeof *p->values);
    p->sizes = stele_realloc_array(p->sizes, count, sizeof *p->sizes);
    p->formats = stele_realloc_array(p->formats, count, sizeof *p->formats);
    p->places = stele_realloc_array(p->places, count, sizeof *p->places);
}

stele_status postgres_set_parameters(postgres_parameters *p, const stele_sql_type *types,
                                     const stele_sql_value *values, size_t count, stele_error *err)
{
    postgres_make_room(p, count);
    stele_buffer_reset(&p->room);
    for (size_t i = 0; i < count; i++) {
        p->places[i] = values[i].kind == STELE_SQL_NULL ? IS_NULL : p->room.size;
        p->formats[i] = AS_BINARY;
        if (p->places[i] != IS_NULL && !postgres_add_binary(&p->room, types[i], &values[i])) {
            stele_status status = postgres_add_text(&p->room, &values[i], err);
            if (status < 0) return status;
            stele_buffer_push(&p->room, '\0');
            p->formats[i] = AS_TEXT;
        }
        p->sizes[i] = p->places[i] == IS_NULL ? 0 : (int)(p->room.size - p->places[i]);
    }
    const char *room = stele_buffer_text(&p->room); /* at least an empty text */
    for (size_t i = 0; i < count; i++)
        p->values[i] = p->places[i] == IS_NULL ? NULL : room + p->places[i];
    return STELE_OK;
}

static int64_t get_number(const char *data, int size)
{
    uint64_t bits = (data[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (int i = 0; i < size; i++)
        bits = bits << 8 | (uint8_t)data[i];
    return (int64_t)bits;
}

bool postgres_get_value(const PGresult *result, int row, int column, stele_sql_value *out)
{
    const char *data = PQgetvalue(result, row, column);
    int size = PQgetlength(result, row, column);
    Oid type = PQftype(result, column);
    *out = (stele_sql_value){0};
    if (PQgetisnull(result, row, column)) return true;
    if (type == postgres_type(STELE_SQL_TYPE_TEXT) || type == postgres_type(STELE_SQL_TYPE_BYTES)) {
        out->kind = type == postgres_type(STELE_SQL_TYPE_TEXT) ? STELE_SQL_TEXT : STELE_SQL_BYTES;
        out->as.bytes = stele_bytes_of(data, (size_t)size);
        return true;
    }
    if (type == postgres_type(STELE_SQL_TYPE_BOOLEAN)) {
        *out = (stele_sql_value){.kind = STELE_SQL_BOOLEAN, .as.integer = data[0] != 0};
        return true;
    }
    if (type != postgres_type(STELE_SQL_TYPE_LONG) && type != postgres_type(STELE_SQL_TYPE_INT))
        return false;
    *out = (stele_sql_value){.kind = STELE_SQL_INTEGER, .as.integer = get_number(data, size)};
    return true;
}

void postgres_clear_parameters(postgres_parameters *p)
{
    free(p->values);
    free(p->sizes);
    free(p->formats);
    free(p->places);
    stele_buffer_clear(&p->room);
}
