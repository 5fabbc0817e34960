/* SPDX-License-Identifier: MIT
 * Transactions of PostgreSQL. A transaction begins with the position's row: whoever has changed it
 * holds its lock until the commit, so that a claim waits for the commit, and what comes after the
 * claim changes nothing. */
#include "stores/postgres_internal.h"

#include <inttypes.h>

#include "core/alloc.h"

enum { PUSH_EVERY = 32 /* statements between two looks at the network */ };

#define PLACE " projection = $1 AND topic = $2 AND part = $3"

/* Parameters are texts, whose types the server knows from the tables. */
static const struct {
    const char *name;
    const char *text;
} own[POSTGRES_STATEMENTS] = {
    [POSTGRES_MOVE] = {"move",
                       "UPDATE stele_positions SET next = $6, last_offset = $7, last_hash = $8"
                       " WHERE" PLACE " AND next = $4 AND term = $5"},
    [POSTGRES_CLAIM] = {"claim",
                        "UPDATE stele_positions SET term = term + 1 WHERE" PLACE
                        " RETURNING term, next, last_offset, last_hash, partitions, genesis"},
    [POSTGRES_ADD] = {"add", "INSERT INTO stele_positions AS there"
                             " VALUES ($1, $2, $3, $4, $5, 0, -1, -1, 0)"
                             " ON CONFLICT (projection, topic, part) DO UPDATE SET"
                             " partitions = excluded.partitions, genesis = excluded.genesis"
                             " WHERE there.next < 0"},
    [POSTGRES_COUNT] = {"count", "SELECT partitions FROM stele_positions"
                                 " WHERE projection = $1 AND topic = $2 AND next >= 0 LIMIT 1"},
    /* The session that has changed the row and not committed it. */
    [POSTGRES_EVICT] =
        {"evict", "SELECT pg_terminate_backend(l.pid) FROM stele_positions p JOIN pg_locks l"
                  " ON l.locktype = 'transactionid' AND l.transactionid = p.xmax AND l.granted"
                  " JOIN pg_stat_activity a ON a.pid = l.pid"
                  " AND a.usename = current_user"
                  " WHERE" PLACE},
    [POSTGRES_FIND] = {"find",
                       "SELECT version, setup FROM stele_projections WHERE projection = $1"},
    [POSTGRES_REMEMBER] = {"remember", "INSERT INTO stele_projections VALUES ($1, $2, $3)"},
    [POSTGRES_FORGET] = {"forget", "DELETE FROM stele_projections WHERE projection = $1"},
    [POSTGRES_FORGET_POSITIONS] = {"forget_positions",
                                   "DELETE FROM stele_positions WHERE projection = $1"},
    [POSTGRES_FORGET_LETTERS] = {"forget_letters",
                                 "DELETE FROM stele_letters WHERE projection = $1"},
    [POSTGRES_KEEP] = {"keep", "INSERT INTO stele_letters"
                               " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
                               " ON CONFLICT (projection, topic, part, event_offset) DO UPDATE SET"
                               " code = excluded.code, reason = excluded.reason,"
                               " attempts = excluded.attempts, letter = excluded.letter"},
    [POSTGRES_REMOVE] = {"remove",
                         "DELETE FROM stele_letters WHERE" PLACE " AND event_offset = $4"},
    [POSTGRES_LETTERS] = {"letters", "SELECT event_offset, encode(letter, 'hex')"
                                     " FROM stele_letters WHERE" PLACE " ORDER BY event_offset"},
    [POSTGRES_PLACES] = {"places", "SELECT projection, topic, part, next FROM stele_positions"
                                   " ORDER BY projection, topic, part"},
    [POSTGRES_BEGIN_AGAIN] = {"begin_again", "UPDATE stele_positions SET term = term + 1,"
                                             " next = -1, last_offset = -1, last_hash = 0"
                                             " WHERE projection = $1"},
    [POSTGRES_GO_BACK] = {"go_back", "UPDATE stele_positions SET term = term + 1,"
                                     " next = $4, last_offset = -1, last_hash = 0"
                                     " WHERE" PLACE " AND next > $4"},
};

/* ---- asking and answers ---- */

/* Answers up to the end of what was asked. @return the first failure among them */
stele_status postgres_take_rest(postgres_store *self, stele_error *err)
{
    stele_status first = STELE_OK;
    while (self->link.pending > 0) {
        PGresult *result;
        stele_status status = postgres_take(&self->link, true, &result, err);
        if (status < 0) return status;
        if (first == STELE_OK && postgres_is_failure(result))
            first = postgres_fail_result(self->label, result, err);
        PQclear(result);
    }
    return first;
}

/* @return the failure of what was asked, if there is one */
stele_status postgres_sync_all(postgres_store *self, stele_error *err)
{
    stele_status status = postgres_send_sync(&self->link, err);
    return status < 0 ? status : postgres_take_rest(self, err);
}

stele_status postgres_take_last(postgres_store *self, PGresult **out, stele_error *err)
{
    stele_status status = postgres_send_flush(&self->link, err);
    *out = NULL;
    while (status == STELE_OK) {
        status = postgres_take(&self->link, true, out, err);
        if (status == STELE_OK && postgres_is_failure(*out))
            status = postgres_fail_result(self->label, *out, err);
        if (status == STELE_OK && self->link.pending == 0) return STELE_OK;
        PQclear(*out);
        *out = NULL;
    }
    return status;
}

stele_status postgres_send_own(postgres_store *self, postgres_own which, int count,
                               const char *const *values, stele_error *err)
{
    return postgres_send_prepared(&self->link, own[which].name,
                                  &(postgres_values){.count = count, .values = values}, err);
}

stele_status postgres_ask_own(postgres_store *self, postgres_own which, int count,
                              const char *const *values, PGresult **out, stele_error *err)
{
    stele_status status = postgres_send_own(self, which, count, values, err);
    return status < 0 ? status : postgres_take_last(self, out, err);
}

/* ---- transactions ---- */

/* What is open is undone, whatever has happened in it. */
void postgres_roll_back(stele_sql_store *base)
{
    postgres_store *self = (postgres_store *)base;
    stele_error ignored;
    if (!self->is_begun) return;
    self->is_begun = false;
    if (self->link.conn == NULL || self->link.is_lost) return;
    postgres_sync_all(self, &ignored);
    if (postgres_send(&self->link, "ROLLBACK", &ignored) == STELE_OK)
        postgres_sync_all(self, &ignored);
}

/* @return `status`, after what was begun is undone */
stele_status postgres_undo(postgres_store *self, stele_status status)
{
    postgres_roll_back(&self->base);
    return status;
}

stele_status postgres_begin_own(postgres_store *self, stele_error *err)
{
    stele_status status = postgres_send(&self->link, "BEGIN", err);
    self->is_begun = status == STELE_OK;
    self->answered = self->sent = 0;
    self->failure = (stele_error){0};
    return status;
}

stele_status postgres_commit_own(postgres_store *self, stele_error *err)
{
    stele_status status = postgres_send(&self->link, "COMMIT", err);
    if (status == STELE_OK) status = postgres_sync_all(self, err);
    if (status < 0) return postgres_undo(self, status);
    self->is_begun = false;
    return STELE_OK;
}

stele_status postgres_prepare_own(postgres_store *self, stele_error *err)
{
    stele_status status = STELE_OK;
    for (int i = 0; i < POSTGRES_STATEMENTS && status == STELE_OK; i++)
        status = postgres_send_prepare(&self->link, own[i].name, own[i].text, 0, NULL, err);
    return status < 0 ? status : postgres_sync_all(self, err);
}

/* ---- positions ---- */

/* A place as parameters. */
typedef struct place_texts {
    char part[16];
    const char *values[8];
} place_texts;

static void set_place(place_texts *out, const stele_sql_place *place)
{
    snprintf(out->part, sizeof out->part, "%d", (int)place->source.index);
    out->values[0] = place->group;
    out->values[1] = place->source.topic;
    out->values[2] = out->part;
}

/* For how many partitions the first of a source was claimed; 0: none was. */
static stele_status find_count(postgres_store *self, const place_texts *place, int32_t *out,
                               stele_error *err)
{
    PGresult *result;
    stele_status status = postgres_ask_own(self, POSTGRES_COUNT, 2, place->values, &result, err);
    if (status < 0) return status;
    *out = PQntuples(result) == 1 ? (int32_t)strtol(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    return STELE_OK;
}

static stele_status raise_term(postgres_store *self, const place_texts *place, stele_sql_claim *out,
                               stele_error *err)
{
    PGresult *result = NULL;
    stele_status status = postgres_ask_own(self, POSTGRES_ADD, 5, place->values, &result, err);
    PQclear(result);
    if (status < 0 ||
        (status = postgres_ask_own(self, POSTGRES_CLAIM, 3, place->values, &result, err)) < 0)
        return status;
    int64_t numbers[5];
    for (int i = 0; i < 5; i++)
        numbers[i] = strtoll(PQgetvalue(result, 0, i), NULL, 10);
    *out = (stele_sql_claim){
        .term = numbers[0],
        .mark = {.position = numbers[1], .last_offset = numbers[2], .last_hash = numbers[3]},
        .partitions = (int32_t)numbers[4]};
    snprintf(out->genesis, sizeof out->genesis, "%s", PQgetvalue(result, 0, 5));
    PQclear(result);
    return STELE_OK;
}

/* Another worker's session has the row, and does not go on: it is ended, as it commits nothing
 * after this claim anyway. */
static stele_status evict(postgres_store *self, const place_texts *place, stele_error *err)
{
    PGresult *result;
    stele_error why;
    stele_status status = postgres_ask_own(self, POSTGRES_EVICT, 3, place->values, &result, &why);
    if (status < 0) {
        postgres_sync_all(self, &(stele_error){0});
        if (err != NULL) *err = why;
        return status;
    }
    int ended = PQntuples(result);
    PQclear(result);
    if ((status = postgres_sync_all(self, err)) < 0) return status;
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                      "%s: another session holds the position of %s/%s%s", self->label,
                      place->values[1], place->values[2],
                      ended > 0 ? ": a worker that does not go on; it was ended" : "");
}

stele_status postgres_claim(stele_sql_store *base, const stele_sql_place *place, int32_t partitions,
                            const char *genesis, stele_sql_claim *out, stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    place_texts texts;
    stele_sql_claim found = {0};
    stele_error why;
    int32_t count = 0;
    char number[16];
    snprintf(number, sizeof number, "%d", (int)partitions);
    set_place(&texts, place);
    texts.values[3] = number;
    texts.values[4] = genesis;
    stele_status status = postgres_begin_own(self, err);
    if (status < 0) return status;
    status = postgres_send(&self->link, "SET LOCAL lock_timeout = '2s'", &why);
    if (status == STELE_OK) status = find_count(self, &texts, &count, &why);
    if (status == STELE_OK && count != 0 && count != partitions) {
        *out = (stele_sql_claim){.mark = {.position = -1, .last_offset = -1}, .partitions = count};
        return postgres_undo(self, STELE_OK);
    }
    if (status == STELE_OK) status = raise_term(self, &texts, &found, &why);
    if (status < 0) {
        postgres_undo(self, status);
        if (why.cause == postgres_cause("55P03")) return evict(self, &texts, err);
        if (err != NULL) *err = why;
        return status;
    }
    if ((status = postgres_commit_own(self, err)) < 0) return status;
    *out = found;
    return STELE_OK;
}

stele_status postgres_begin(stele_sql_store *base, const stele_sql_place *place, int64_t term,
                            int64_t from, const stele_mark *to, stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    int64_t numbers[5] = {from, term, to->position, to->last_offset, to->last_hash};
    char texts[5][24];
    place_texts of;
    set_place(&of, place);
    for (int i = 0; i < 5; i++) {
        snprintf(texts[i], sizeof texts[i], "%" PRId64, numbers[i]);
        of.values[3 + i] = texts[i];
    }
    PGresult *result;
    stele_status status = postgres_begin_own(self, err);
    if (status < 0) return status;
    status = postgres_ask_own(self, POSTGRES_MOVE, 8, of.values, &result, err);
    if (status < 0) return postgres_undo(self, status);
    bool is_moved = strcmp(PQcmdTuples(result), "1") == 0;
    PQclear(result);
    if (is_moved) return STELE_OK;
    postgres_roll_back(base);
    return stele_sql_fail_fenced(err, self->label, place);
}

/* ---- rows ---- */

/* An answer of the transaction: the first failure counts. */
static void note(postgres_store *self, const PGresult *result)
{
    size_t statement = self->answered++;
    if (self->failure.status < 0 || !postgres_is_failure(result)) return;
    postgres_fail_result(self->label, result, &self->failure);
    if (statement < self->sent) self->base.failed = self->begins[statement];
}

static stele_status take_answers(postgres_store *self, bool waits, stele_error *err)
{
    while (self->link.pending > 0) {
        PGresult *result;
        stele_status status = postgres_take(&self->link, waits, &result, err);
        if (status < 0) return status;
        if (result == NULL) break;
        note(self, result);
        PQclear(result);
    }
    if (self->failure.status == STELE_OK) return STELE_OK;
    if (err != NULL) *err = self->failure;
    return self->failure.status;
}

void postgres_count_statement(postgres_store *self, size_t row)
{
    if (self->sent == self->sent_max) {
        self->sent_max = self->sent_max == 0 ? 256 : 2 * self->sent_max;
        self->begins = stele_realloc_array(self->begins, self->sent_max, sizeof *self->begins);
    }
    self->begins[self->sent++] = row;
}

/* @param row  the first of those that the statement has */
static stele_status send_statement(postgres_store *self, const postgres_statement *of, size_t row,
                                   stele_error *err)
{
    const postgres_parameters *set = &self->parameters;
    postgres_count_statement(self, row);
    return postgres_send_prepared(
        &self->link, of->name,
        &(postgres_values){(int)of->count, set->values, set->sizes, set->formats, false}, err);
}

/* Hand on what was asked, and take what was answered. */
static stele_status keep_going(postgres_store *self, stele_error *err)
{
    stele_status status = postgres_push(&self->link, err);
    return status < 0 ? status : take_answers(self, false, err);
}

stele_status postgres_execute(stele_sql_store *base, size_t statement,
                              const stele_sql_value *values, size_t count, stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    const postgres_statement *of = &self->statements[statement];
    size_t row = base->executed - 1;
    stele_status status = postgres_set_parameters(&self->parameters, of->types, values, count, err);
    if (status < 0) {
        base->failed = row;
        return status;
    }
    status = send_statement(self, of, row, err);
    if (status < 0 || base->executed % PUSH_EVERY != 0) return status;
    return keep_going(self, err);
}

stele_status postgres_execute_many(stele_sql_store *base, size_t statement,
                                   const stele_sql_value *const *rows, size_t row_count,
                                   size_t count, stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    const postgres_statement *of = &self->statements[statement];
    size_t row = base->executed - row_count;
    stele_status status =
        postgres_set_arrays(&self->parameters, of->types, rows, row_count, count, err);
    if (status < 0) {
        base->failed = row;
        return status;
    }
    status = send_statement(self, of, row, err);
    return status < 0 ? status : keep_going(self, err);
}

/* After the COMMIT has gone out, only its answer says what has become of it. */
stele_status postgres_commit(stele_sql_store *base, stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    stele_status status = postgres_send(&self->link, "COMMIT", err);
    if (status == STELE_OK) status = postgres_send_sync(&self->link, err);
    if (status == STELE_OK) status = take_answers(self, true, err);
    if (status < 0) return postgres_undo(self, status);
    self->is_begun = false;
    return STELE_OK;
}

static stele_status hand_out(const PGresult *result, stele_sql_each *each, void *context,
                             stele_error *err)
{
    int columns = PQnfields(result);
    bool is_known = true;
    stele_sql_value *row = stele_alloc_array((size_t)columns + 1, sizeof *row);
    for (int i = 0; i < PQntuples(result) && is_known; i++) {
        for (int k = 0; k < columns; k++)
            is_known = postgres_get_value(result, i, k, &row[k]) && is_known;
        if (is_known) each(context, row, (size_t)columns);
    }
    free(row);
    if (is_known) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "a column has another type");
}

stele_status postgres_read(stele_sql_store *base, size_t statement, const stele_sql_value *values,
                           size_t count, stele_sql_each *each, void *context, stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    const postgres_statement *of = &self->statements[statement];
    postgres_parameters *set = &self->parameters;
    PGresult *result = NULL;
    stele_status status = postgres_set_parameters(set, of->types, values, count, err);
    if (status < 0) return status;
    status = postgres_send_prepared(
        &self->link, of->name,
        &(postgres_values){(int)count, set->values, set->sizes, set->formats, true}, err);
    if (status == STELE_OK) status = postgres_take_last(self, &result, err);
    if (status == STELE_OK) status = hand_out(result, each, context, err);
    PQclear(result);
    stele_error ignored;
    stele_status end = postgres_sync_all(self, status == STELE_OK ? err : &ignored);
    return status < 0 ? status : end;
}
