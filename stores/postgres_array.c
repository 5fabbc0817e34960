/* SPDX-License-Identifier: MIT
 * Columns as arrays: in binary form where the values have one, else as a text in braces. */
#include "stores/postgres_value.h"

#include <math.h>

#include "core/alloc.h"

Oid postgres_array_type(stele_sql_type type)
{
    static const Oid types[] = {
        [STELE_SQL_TYPE_ANY] = 1009,       [STELE_SQL_TYPE_BOOLEAN] = 1000,
        [STELE_SQL_TYPE_INT] = 1007,       [STELE_SQL_TYPE_LONG] = 1016,
        [STELE_SQL_TYPE_FLOAT] = 1021,     [STELE_SQL_TYPE_DOUBLE] = 1022,
        [STELE_SQL_TYPE_TEXT] = 1009,      [STELE_SQL_TYPE_BYTES] = 1001,
        [STELE_SQL_TYPE_DECIMAL] = 1231,   [STELE_SQL_TYPE_UUID] = 2951,
        [STELE_SQL_TYPE_DATE] = 1182,      [STELE_SQL_TYPE_TIME] = 1183,
        [STELE_SQL_TYPE_TIMESTAMP] = 1185, [STELE_SQL_TYPE_LOCAL_TIMESTAMP] = 1115,
        [STELE_SQL_TYPE_DURATION] = 1187,  [STELE_SQL_TYPE_JSON] = 3807,
    };
    return types[type];
}

/* The columns of one statement. */
typedef struct columns {
    postgres_parameters *set;
    const stele_sql_value *const *rows;
    size_t row_count;
    stele_error *err;
} columns;

static bool is_binary(stele_sql_type type)
{
    return (type >= STELE_SQL_TYPE_BOOLEAN && type <= STELE_SQL_TYPE_BYTES);
}

static void set_number(stele_buffer *room, size_t at, uint32_t bits)
{
    for (size_t i = 0; i < 4; i++)
        room->data[at + i] = (uint8_t)(bits >> (8 * (3 - i)));
}

/* A number that is none comes as a text. */
static bool add_value(stele_buffer *room, stele_sql_type type, const stele_sql_value *value)
{
    bool is_real = type == STELE_SQL_TYPE_FLOAT || type == STELE_SQL_TYPE_DOUBLE;
    const stele_sql_value nan_value = {.kind = STELE_SQL_REAL, .as.real = NAN};
    return postgres_add_binary(room, type,
                               is_real && value->kind == STELE_SQL_TEXT ? &nan_value : value);
}

/* One dimension, nulls may be there; then each element behind its size. */
static stele_status add_binary_array(const columns *of, stele_sql_type type, size_t column)
{
    stele_buffer *room = &of->set->room;
    const uint32_t head[] = {1, 1, postgres_type(type), (uint32_t)of->row_count, 1};
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
        postgres_add_number(room, head[i], 4);
    for (size_t i = 0; i < of->row_count; i++) {
        const stele_sql_value *value = &of->rows[i][column];
        size_t at = room->size;
        postgres_add_number(room, UINT32_MAX, 4); /* null */
        if (value->kind == STELE_SQL_NULL) continue;
        if (!add_value(room, type, value))
            return stele_fail(of->err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "a value of column %zu is of another type", column + 1);
        set_number(room, at, (uint32_t)(room->size - at - 4));
    }
    return STELE_OK;
}

/* {"a","b\\"c",NULL} */
static stele_status add_text_array(const columns *of, size_t column)
{
    stele_buffer *room = &of->set->room;
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    for (size_t i = 0; i < of->row_count; i++) {
        const stele_sql_value *value = &of->rows[i][column];
        stele_buffer_push(room, i == 0 ? '{' : ',');
        if (value->kind == STELE_SQL_NULL) {
            stele_buffer_format(room, "NULL");
            continue;
        }
        stele_buffer_reset(&text);
        stele_status status = postgres_add_text(&text, value, of->err);
        if (status < 0) return status;
        stele_buffer_push(room, '"');
        for (size_t k = 0; k < text.size; k++) {
            if (text.data[k] == '"' || text.data[k] == '\\') stele_buffer_push(room, '\\');
            stele_buffer_push(room, text.data[k]);
        }
        stele_buffer_push(room, '"');
    }
    stele_buffer_format(room, "}");
    stele_buffer_push(room, '\0');
    return STELE_OK;
}

stele_status postgres_set_arrays(postgres_parameters *set, const stele_sql_type *types,
                                 const stele_sql_value *const *rows, size_t row_count, size_t count,
                                 stele_error *err)
{
    columns of = {set, rows, row_count, err};
    postgres_make_room(set, count);
    stele_buffer_reset(&set->room);
    for (size_t i = 0; i < count; i++) {
        set->places[i] = set->room.size;
        set->formats[i] = is_binary(types[i]);
        stele_status status =
            is_binary(types[i]) ? add_binary_array(&of, types[i], i) : add_text_array(&of, i);
        if (status < 0) return status;
        set->sizes[i] = (int)(set->room.size - set->places[i]);
    }
    const char *room = stele_buffer_text(&set->room);
    for (size_t i = 0; i < count; i++)
        set->values[i] = room + set->places[i];
    return STELE_OK;
}
