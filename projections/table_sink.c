/* SPDX-License-Identifier: MIT
 * The sink over a database's desk: one parcel is under way, the next one fills meanwhile. */
#include "projections/table_sink.h"

#include <assert.h>

#include "core/alloc.h"
#include "core/deadline.h"
#include "projections/sql_value.h"

enum { CHUNK_MAX = 10000, AGAIN_MS = 50, AGAIN_MAX_MS = 2000 };
#define PARCEL_SIZE_MAX ((size_t)16 << 20)

typedef struct table_sink {
    stele_sink base;
    stele_table_sink_options options;
    stele_mark stored; /* in the database */
    stele_mark mark;   /* of the cycle */
    bool active;
    bool closes;     /* all is put */
    bool is_closing; /* the parcel that is sent moves the position */
    stele_sql_parcel *filling;
    stele_sql_parcel *unsent; /* was refused for a while */
    stele_sql_request *request;
    stele_deadline again;
    int pause_ms;
    stele_error waits; /* why it was refused; STELE_OK */
} table_sink;

static void begin(stele_sink *base, const stele_mark *mark)
{
    table_sink *self = (table_sink *)base;
    assert(!self->active && mark->position >= self->stored.position);
    self->active = true;
    self->closes = false;
    self->mark = *mark;
}

static stele_status add(table_sink *self, const stele_sink_entry *entry, bool is_gone,
                        stele_error *err)
{
    stele_sql_row row = {.block = 0, .statement = STELE_STATE_TABLE_WRITE};
    stele_status status = stele_state_table_values(
        self->options.table, entry, self->options.caller.source.index, self->options.schema,
        is_gone, self->filling->arena, &row.values, &row.count, err);
    if (status == STELE_OK) stele_sql_parcel_add_row(self->filling, &row);
    return status;
}

static bool is_full(const table_sink *self)
{
    return self->filling->row_count >= self->options.chunk_max ||
           self->filling->step_count >= self->options.chunk_max ||
           stele_arena_used(self->filling->arena) >= PARCEL_SIZE_MAX;
}

static stele_status put(stele_sink *base, const stele_sink_entry *entry, stele_error *err)
{
    table_sink *self = (table_sink *)base;
    assert(self->active && !self->closes);
    if (is_full(self)) return stele_fail(err, STELE_E_FULL, STELE_NEXT_RETRY, "%s", "");
    return add(self, entry, false, err);
}

static stele_status remove_entry(stele_sink *base, const stele_sink_entry *entry, stele_error *err)
{
    table_sink *self = (table_sink *)base;
    assert(self->active && !self->closes && entry->offset <= self->mark.position);
    return add(self, entry, true, err);
}

/* The position is where it was, or is about to be moved with the last step of the parcel. */
static stele_status keep(stele_sink *base, const stele_sink_letter *letter, stele_error *err)
{
    table_sink *self = (table_sink *)base;
    assert(self->active && !self->closes);
    stele_bytes value = letter->value;
    if (is_full(self)) return stele_fail(err, STELE_E_FULL, STELE_NEXT_RETRY, "%s", "");
    if (value.data != NULL)
        value = stele_sql_value_keep(self->filling->arena, STELE_SQL_BYTES, value).as.bytes;
    stele_sql_parcel_add_letter(self->filling, &self->stored, letter->offset, value);
    return STELE_OK;
}

static void close_cycle(stele_sink *base)
{
    table_sink *self = (table_sink *)base;
    assert(self->active && !self->closes);
    self->closes = true;
}

/* ---- sending ---- */

static void send(table_sink *self)
{
    stele_sql_parcel *parcel = self->unsent;
    if (self->request != NULL || !self->active) return;
    if (parcel != NULL && !stele_deadline_passed(self->again)) return;
    if (parcel == NULL) {
        if (!self->closes && !is_full(self)) return;
        parcel = self->filling;
        self->filling = stele_sql_parcel_new();
        self->is_closing = self->closes;
        stele_sql_parcel_end_event(parcel, self->is_closing ? &self->mark : &self->stored);
    }
    self->unsent = NULL;
    self->request = stele_sql_desk_store(self->options.desk, &self->options.caller,
                                         self->options.term, self->stored.position, parcel);
}

/* ---- outcomes ---- */

static stele_status fail_stored(table_sink *self, stele_sql_parcel *parcel, const stele_error *why,
                                stele_error *err)
{
    if (why->next == STELE_NEXT_RETRY) {
        self->unsent = parcel;
        self->waits = *why;
        self->pause_ms = self->pause_ms == 0 ? AGAIN_MS : 2 * self->pause_ms;
        if (self->pause_ms > AGAIN_MAX_MS) self->pause_ms = AGAIN_MAX_MS;
        self->again = stele_deadline_after(self->options.clock, self->pause_ms);
    } else {
        stele_sql_parcel_free(parcel);
    }
    if (err != NULL) *err = *why;
    return why->status;
}

static stele_status take_answer(table_sink *self, bool *closed, stele_error *err)
{
    stele_sql_answer answer;
    stele_sql_parcel *parcel = NULL;
    if (self->request == NULL || !stele_sql_request_take(&self->request, &answer, &parcel)) {
        if (self->waits.status < 0 && err != NULL) *err = self->waits;
        return self->waits.status;
    }
    if (answer.error.status < 0) return fail_stored(self, parcel, &answer.error, err);
    self->waits = (stele_error){0};
    self->pause_ms = 0;
    stele_sql_parcel_free(parcel);
    if (!self->is_closing) return STELE_OK;
    self->stored = self->mark;
    self->active = false;
    *closed = true;
    return STELE_OK;
}

static stele_status take_outcome(stele_sink *base, bool *closed, stele_error *err)
{
    table_sink *self = (table_sink *)base;
    *closed = false;
    stele_status status = take_answer(self, closed, err);
    if (status == STELE_OK || self->unsent != NULL) send(self);
    return status;
}

static void free_sink(stele_sink *base)
{
    table_sink *self = (table_sink *)base;
    stele_sql_request_forget(self->request);
    stele_sql_parcel_free(self->filling);
    stele_sql_parcel_free(self->unsent);
    free(self);
}

stele_sink *stele_table_sink_new(const stele_table_sink_options *options)
{
    static const stele_sink_ops ops = {.begin = begin,
                                       .put = put,
                                       .remove = remove_entry,
                                       .keep = keep,
                                       .close = close_cycle,
                                       .outcome = take_outcome,
                                       .free = free_sink};
    table_sink *self = stele_alloc(sizeof *self);
    self->base.ops = &ops;
    self->options = *options;
    if (self->options.chunk_max == 0) self->options.chunk_max = CHUNK_MAX;
    self->stored = options->mark;
    self->filling = stele_sql_parcel_new();
    return &self->base;
}
