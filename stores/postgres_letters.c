/* SPDX-License-Identifier: MIT
 * Events that were set aside, in PostgreSQL: a table beside that of the positions. Bytes go as
 * hexadecimal texts, for they are few. */
#include "stores/postgres_internal.h"

#include <inttypes.h>

#include "core/alloc.h"

enum { VALUES = 10 };

stele_status postgres_keep(stele_sql_store *base, const stele_sql_place *place,
                           const stele_sql_letter *letter, stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    char part[16], offset[24], attempts[16];
    snprintf(part, sizeof part, "%" PRId32, place->source.index);
    snprintf(offset, sizeof offset, "%" PRId64, letter->offset);
    snprintf(attempts, sizeof attempts, "%" PRId32, letter->attempts);
    const char *values[VALUES] = {place->group, place->source.topic, part, offset};
    postgres_count_statement(self, STELE_SQL_NO_STATEMENT);
    if (letter->value.data == NULL) return postgres_send_own(self, POSTGRES_REMOVE, 4, values, err);
    STELE_AUTO_VALUE(stele_buffer) hex = {0};
    stele_buffer_format(&hex, "\\x");
    for (size_t i = 0; i < letter->value.size; i++)
        stele_buffer_format(&hex, "%02x", letter->value.data[i]);
    values[4] = letter->id;
    values[5] = letter->code;
    values[6] = letter->reason;
    values[7] = attempts;
    values[8] = letter->first_failed_at;
    values[9] = stele_buffer_text(&hex);
    return postgres_send_own(self, POSTGRES_KEEP, VALUES, values, err);
}

static uint8_t digit(char of)
{
    return (uint8_t)(of <= '9' ? of - '0' : of - 'a' + 10);
}

static void hand_out(const char *hex, int64_t offset, stele_sql_each_letter *each, void *context)
{
    size_t size = strlen(hex) / 2;
    uint8_t *bytes = stele_alloc(size + 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    each(context, offset, stele_bytes_of(bytes, size));
    free(bytes);
}

/* @return `status`, or what the end of what was asked says */
static stele_status end(postgres_store *self, stele_status status, stele_error *err)
{
    stele_error ignored;
    stele_status ended = postgres_sync_all(self, status == STELE_OK ? err : &ignored);
    return status < 0 ? status : ended;
}

stele_status postgres_letters(stele_sql_store *base, const stele_sql_place *place,
                              stele_sql_each_letter *each, void *context, stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    char part[16];
    snprintf(part, sizeof part, "%" PRId32, place->source.index);
    const char *const values[] = {place->group, place->source.topic, part};
    PGresult *result = NULL;
    stele_status status = postgres_ask_own(self, POSTGRES_LETTERS, 3, values, &result, err);
    for (int i = 0; status == STELE_OK && i < PQntuples(result); i++)
        hand_out(PQgetvalue(result, i, 1), strtoll(PQgetvalue(result, i, 0), NULL, 10), each,
                 context);
    PQclear(result);
    return end(self, status, err);
}

stele_status postgres_places(stele_sql_store *base, stele_sql_each_place *each, void *context,
                             stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    PGresult *result = NULL;
    stele_status status = postgres_ask_own(self, POSTGRES_PLACES, 0, NULL, &result, err);
    for (int i = 0; status == STELE_OK && i < PQntuples(result); i++) {
        const stele_sql_place place = {
            PQgetvalue(result, i, 0),
            {PQgetvalue(result, i, 1), (int32_t)strtol(PQgetvalue(result, i, 2), NULL, 10)}};
        each(context, &place, strtoll(PQgetvalue(result, i, 3), NULL, 10));
    }
    PQclear(result);
    return end(self, status, err);
}
