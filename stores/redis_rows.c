/* SPDX-License-Identifier: MIT
 * States in Redis: a hash for each, and the ids of a partition in a sorted set, by which they are
 * read back in order. */
#include "stores/redis_internal.h"

#include <string.h>

#include "core/alloc.h"
#include "core/text.h"

enum { ID = 0, PARTITION = 1, VALUES_MAX = 16, IDS_AT_ONCE = 1000 };

static char *rows_key(const char *projection, int64_t partition)
{
    return stele_strdup_format("stele/rows/%s/%d", projection, (int)partition);
}

static void add_hash_key(redis_commands *commands, const char *projection, stele_bytes id)
{
    STELE_AUTO_VALUE(stele_buffer) key = {0};
    stele_buffer_format(&key, "%s:", projection);
    stele_buffer_append(&key, id);
    redis_word(commands, stele_buffer_view(&key));
}

/* ---- statements ---- */

void redis_free_statements(redis_store *self)
{
    for (size_t i = 0; i < self->statement_count; i++) {
        free(self->statements[i].name);
        free(self->statements[i].fields);
    }
    free(self->statements);
    self->statements = NULL;
    self->statement_count = 0;
}

/* The names, which are cut out of a copy of the text. */
static redis_statement split(redis_verb verb, const char *names)
{
    redis_statement made = {.verb = verb, .name = stele_strdup(names)};
    for (char *at = strchr(made.name, ' '); at != NULL; at = strchr(at, ' ')) {
        *at++ = '\0';
        made.fields = stele_realloc_array(made.fields, made.field_count + 1, sizeof *made.fields);
        made.fields[made.field_count++] = at;
    }
    return made;
}

stele_status redis_prepare(stele_sql_store *base, const stele_sql_query *query, size_t *statement,
                           size_t *at, stele_error *err)
{
    static const char *const verbs[REDIS_VERBS] = {"PUT ", "SCAN ", "CLEAR "};
    redis_store *self = (redis_store *)base;
    int verb = 0;
    (void)at;
    while (verb < REDIS_VERBS && strncmp(query->text, verbs[verb], strlen(verbs[verb])) != 0)
        verb++;
    if (verb == REDIS_VERBS)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "Redis knows no SQL: it holds states of folds only");
    self->statements =
        stele_realloc_array(self->statements, self->statement_count + 1, sizeof *self->statements);
    self->statements[self->statement_count] =
        split((redis_verb)verb, query->text + strlen(verbs[verb]));
    *statement = self->statement_count++;
    return STELE_OK;
}

/* ---- writing ---- */

static void add_value(redis_commands *commands, const stele_sql_value *value)
{
    char text[40];
    switch (value->kind) {
    case STELE_SQL_BOOLEAN:
        redis_word_text(commands, value->as.integer != 0 ? "true" : "false");
        break;
    case STELE_SQL_INTEGER:
        redis_word_number(commands, value->as.integer);
        break;
    case STELE_SQL_REAL:
        snprintf(text, sizeof text, "%.17g", value->as.real);
        redis_word_text(commands, text);
        break;
    case STELE_SQL_NULL:
    case STELE_SQL_TEXT:
    case STELE_SQL_BYTES:
        redis_word(commands, value->as.bytes);
        break;
    }
}

/* What is null is no field. That of an older schema goes, too. */
static void put_row(redis_store *self, const redis_statement *of, const stele_sql_value *values,
                    size_t count)
{
    redis_commands *queue = &self->queue;
    STELE_AUTO(char) rows = rows_key(of->name, values[PARTITION].as.integer);
    size_t fields = 0;
    if (count > of->field_count) count = of->field_count;
    for (size_t i = 0; i < count; i++)
        if (values[i].kind != STELE_SQL_NULL) fields++;
    redis_command(queue, 2);
    redis_word_text(queue, "DEL");
    add_hash_key(queue, of->name, values[ID].as.bytes);
    redis_command(queue, 2 + 2 * fields);
    redis_word_text(queue, "HSET");
    add_hash_key(queue, of->name, values[ID].as.bytes);
    for (size_t i = 0; i < count; i++) {
        if (values[i].kind == STELE_SQL_NULL) continue;
        redis_word_text(queue, of->fields[i]);
        add_value(queue, &values[i]);
    }
    redis_command(queue, 4);
    redis_word_text(queue, "ZADD");
    redis_word_text(queue, rows);
    redis_word_text(queue, "0");
    redis_word(queue, values[ID].as.bytes);
}

/* ---- taking away ---- */

static void add_unlink(redis_commands *queue, const char *projection, const redisReply *ids,
                       size_t from)
{
    size_t count = ids->elements - from < IDS_AT_ONCE ? ids->elements - from : IDS_AT_ONCE;
    redis_command(queue, 1 + count);
    redis_word_text(queue, "UNLINK");
    for (size_t i = 0; i < count; i++)
        add_hash_key(queue, projection, redis_bytes(ids->element[from + i]));
}

stele_status redis_clear_rows(redis_store *self, const char *projection, int64_t partition,
                              redis_commands *queue, stele_error *err)
{
    STELE_AUTO_VALUE(redis_commands) ask = {0};
    STELE_AUTO_VALUE(redis_replies) replies = {0};
    STELE_AUTO(char) rows = rows_key(projection, partition);
    REDIS_COMMAND(&ask, "ZRANGE", rows, "0", "-1");
    stele_status status = redis_ask_one(self, &ask, &replies, err);
    if (status < 0) return status;
    const redisReply *ids = redis_last(&replies);
    for (size_t i = 0; i < ids->elements; i += IDS_AT_ONCE)
        add_unlink(queue, projection, ids, i);
    REDIS_COMMAND(queue, "UNLINK", rows);
    return STELE_OK;
}

/* Those of partitions that the source does not have are known by their places. */
static stele_status clear_partitions(redis_store *self, const char *projection,
                                     const stele_sql_value *values, stele_error *err)
{
    STELE_AUTO_VALUE(redis_place_list) places = {0};
    int64_t own = values[0].as.integer, end = values[1].as.integer;
    stele_status status = redis_find_places(self, self->group, &places, err);
    if (status == STELE_OK) status = redis_clear_rows(self, projection, own, &self->queue, err);
    for (size_t i = 0; i < places.count && status == STELE_OK; i++)
        if (places.items[i].place.source.index >= end)
            status = redis_clear_rows(self, projection, places.items[i].place.source.index,
                                      &self->queue, err);
    return status;
}

stele_status redis_execute(stele_sql_store *base, size_t statement, const stele_sql_value *values,
                           size_t count, stele_error *err)
{
    redis_store *self = (redis_store *)base;
    const redis_statement *of = &self->statements[statement];
    if (!self->is_begun)
        return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_STOP, "no transaction is begun");
    if (of->verb == REDIS_CLEAR) return clear_partitions(self, of->name, values, err);
    put_row(self, of, values, count);
    return STELE_OK;
}

/* ---- reading ---- */

/* "-", all, or "(ID", what is behind it. */
static stele_status find_ids(redis_store *self, const redis_statement *of,
                             const stele_sql_value *values, redis_replies *out, stele_error *err)
{
    STELE_AUTO_VALUE(redis_commands) ask = {0};
    STELE_AUTO_VALUE(stele_buffer) from = {0};
    STELE_AUTO(char) rows = rows_key(of->name, values[0].as.integer);
    bool is_behind = values[1].kind == STELE_SQL_TEXT;
    stele_buffer_push(&from, is_behind ? '(' : '-');
    if (is_behind) stele_buffer_append(&from, values[1].as.bytes);
    redis_command(&ask, 7);
    redis_word_text(&ask, "ZRANGEBYLEX");
    redis_word_text(&ask, rows);
    redis_word(&ask, stele_buffer_view(&from));
    redis_word_text(&ask, "+");
    redis_word_text(&ask, "LIMIT");
    redis_word_text(&ask, "0");
    redis_word_number(&ask, STELE_REDIS_SCAN_MAX);
    return redis_ask_one(self, &ask, out, err);
}

static stele_sql_value value_of(const redisReply *reply, const char *field)
{
    stele_sql_value made = {.kind = STELE_SQL_NULL};
    stele_bytes bytes = redis_bytes(reply);
    if (bytes.data == NULL) return made;
    if (strcmp(field, "stele_state") == 0 || strcmp(field, "stele_beside") == 0)
        return (stele_sql_value){.kind = STELE_SQL_BYTES, .as.bytes = bytes};
    if (strcmp(field, "stele_finished") == 0)
        return (stele_sql_value){.kind = STELE_SQL_INTEGER,
                                 .as.integer = stele_bytes_equal(bytes, stele_text("true"))};
    made.kind = redis_number(reply, &made.as.integer) ? STELE_SQL_INTEGER : STELE_SQL_NULL;
    return made;
}

static stele_status fail_gone(const redis_store *self, const redis_statement *of, stele_bytes id,
                              stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s: the key %s:%s is gone, or is not as Stele has written it: another "
                      "program has changed it. reset %s --to beginning makes all of them again "
                      "from the events",
                      self->label, of->name, stele_quote(id).text, of->name);
}

static stele_status give_rows(const redis_store *self, const redis_statement *of,
                              const redisReply *ids, const redis_replies *rows,
                              stele_sql_each *each, void *context, stele_error *err)
{
    for (size_t i = 0; i < ids->elements; i++) {
        stele_sql_value values[VALUES_MAX];
        const redisReply *row = rows->items[i];
        stele_bytes id = redis_bytes(ids->element[i]);
        size_t count = 1;
        values[0] = (stele_sql_value){.kind = STELE_SQL_TEXT, .as.bytes = id};
        for (size_t k = 0; k < row->elements && count < VALUES_MAX; k++)
            values[count++] = value_of(row->element[k], of->fields[k]);
        if (of->field_count > 0 && values[1].kind == STELE_SQL_NULL)
            return fail_gone(self, of, id, err);
        each(context, values, count);
    }
    return STELE_OK;
}

stele_status redis_read(stele_sql_store *base, size_t statement, const stele_sql_value *values,
                        size_t count, stele_sql_each *each, void *context, stele_error *err)
{
    redis_store *self = (redis_store *)base;
    const redis_statement *of = &self->statements[statement];
    STELE_AUTO_VALUE(redis_commands) ask = {0};
    STELE_AUTO_VALUE(redis_replies) found = {0};
    STELE_AUTO_VALUE(redis_replies) rows = {0};
    (void)count;
    stele_status status = find_ids(self, of, values, &found, err);
    if (status < 0) return status;
    const redisReply *ids = redis_last(&found);
    for (size_t i = 0; i < ids->elements; i++) {
        redis_command(&ask, 2 + of->field_count);
        redis_word_text(&ask, "HMGET");
        add_hash_key(&ask, of->name, redis_bytes(ids->element[i]));
        for (size_t k = 0; k < of->field_count; k++)
            redis_word_text(&ask, of->fields[k]);
    }
    status = redis_ask_one(self, &ask, &rows, err);
    return status < 0 ? status : give_rows(self, of, ids, &rows, each, context, err);
}
