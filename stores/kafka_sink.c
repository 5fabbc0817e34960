/* SPDX-License-Identifier: MIT
 * Snapshots and checkpoints in transactions. */
#include "stores/kafka_sink.h"

#include <assert.h>
#include <inttypes.h>

#include <stele/codec.h>

#include "core/alloc.h"
#include "core/deadline.h"
#include "core/names.h"
#include "core/bug.h"
#include "core/text.h"
#include "registry/wire.h"
#include "snapshots/format.h"

enum {
    TRANSACTION_MAX = 4000,
    CHUNK_BYTES = 1 << 20,
    AGAIN_MS = 100, /* between an abort and the next attempt; doubled each time */
    AGAIN_MAX_MS = 5000,
    ABORTS_TO_TELL = 3,
    ABORTS_TO_REPLACE = 6 /* one after the other, while a broker answers: the writer is replaced */
};

/* Whose state a record is. */
typedef struct origin {
    stele_bytes id;
    int64_t offset;
    bool is_letter; /* of an event that was set aside */
} origin;

/* A transaction under construction or in flight. */
typedef struct chunk {
    stele_transaction *transaction; /* NULL: none */
    origin *origins;                /* of its records, in order; owned */
    size_t count;
    size_t capacity;
    bool closing; /* it ends the cycle: it moves the checkpoint to the mark */
} chunk;

typedef struct kafka_sink {
    stele_sink base;
    stele_kafka_sink_options options;
    bool active;
    bool closes; /* nothing more is put */
    stele_mark mark;
    stele_mark committed;
    int64_t aggregates;
    int64_t finished;
    int64_t end; /* what is written comes to be behind it, or the topic was made again */
    chunk building;
    chunk flying; /* submitted, or aborted and to be submitted again */
    bool in_flight;
    int abort_count;      /* of `flying`, one after the other */
    stele_deadline again; /* when it is submitted again */
    stele_error aborted;
    stele_buffer scratch;
    stele_buffer companion;
} kafka_sink;

/* ---- building ---- */

static void clear_chunk(chunk *of)
{
    stele_transaction_free(of->transaction);
    of->transaction = NULL;
    of->count = 0;
    of->closing = false;
}

static bool is_full(const kafka_sink *self)
{
    const chunk *of = &self->building;
    return of->transaction != NULL && (of->count >= self->options.transaction_max ||
                                       stele_transaction_size(of->transaction) >= CHUNK_BYTES);
}

static stele_status fail_state(const kafka_sink *self, const origin *of, const char *what,
                               const stele_error *why, stele_error *err)
{
    if (of->is_letter)
        return stele_fail_cause(err, why->status, STELE_NEXT_STOP, why->cause,
                                "%s: the event was set aside, and in %s it %s: %s",
                                stele_position_format(self->options.source.topic,
                                                      self->options.source.index, of->offset)
                                    .text,
                                self->options.snapshots.topic, what, why->text);
    return stele_fail_cause(err, why->status, STELE_NEXT_STOP, why->cause,
                            "%s: after this event the state of %s %s: %s",
                            stele_position_format(self->options.source.topic,
                                                  self->options.source.index, of->offset - 1)
                                .text,
                            stele_quote(of->id).text, what, why->text);
}

static void add_origin(chunk *of, const origin *added)
{
    if (of->count == of->capacity) {
        of->capacity = of->capacity == 0 ? 256 : 2 * of->capacity;
        of->origins = stele_realloc_array(of->origins, of->capacity, sizeof(origin));
    }
    of->origins[of->count++] = *added;
}

static void add(kafka_sink *self, const stele_sink_entry *entry, stele_bytes value, bool finished)
{
    chunk *of = &self->building;
    if (of->transaction == NULL) of->transaction = stele_transaction_new();
    stele_snapshot_headers headers;
    stele_snapshot_headers_set(&headers, entry->version, entry->offset, finished);
    const stele_companion *companion = self->options.companion;
    if (companion != NULL) {
        stele_buffer_reset(&self->companion);
        companion->write(companion->context, entry->companion, &self->companion);
        stele_snapshot_headers_add(&headers, companion->header,
                                   stele_buffer_view(&self->companion));
    }
    stele_transaction_put(of->transaction, self->options.snapshots, entry->id, value, headers.list,
                          headers.count);
    add_origin(of, &(origin){.id = entry->id, .offset = entry->offset});
}

static void begin(stele_sink *base, const stele_mark *mark)
{
    kafka_sink *self = (kafka_sink *)base;
    assert(!self->active && mark->position >= self->committed.position);
    self->active = true;
    self->closes = false;
    self->mark = *mark;
}

static stele_status put(stele_sink *base, const stele_sink_entry *entry, stele_error *err)
{
    kafka_sink *self = (kafka_sink *)base;
    assert(self->active && !self->closes);
    if (is_full(self)) return stele_fail(err, STELE_E_FULL, STELE_NEXT_RETRY, "%s", "");
    stele_buffer_reset(&self->scratch);
    stele_wire_begin(&self->scratch, self->options.state_schema);
    stele_error why;
    if (stele_encode(self->options.type, entry->state, &self->scratch, &why) < 0)
        return fail_state(self, &(origin){.id = entry->id, .offset = entry->offset},
                          "cannot be encoded", &why, err);
    add(self, entry, stele_buffer_view(&self->scratch), entry->is_finished);
    if (!entry->is_stored) self->aggregates++;
    return STELE_OK;
}

/* A tombstone is written with the checkpoint that is past it only. */
static stele_status remove_entry(stele_sink *base, const stele_sink_entry *entry, stele_error *err)
{
    kafka_sink *self = (kafka_sink *)base;
    (void)err;
    assert(self->active && !self->closes && entry->offset <= self->mark.position);
    add(self, entry, (stele_bytes){0}, false);
    if (entry->is_stored) self->aggregates--;
    assert(self->aggregates >= 0);
    self->finished++;
    return STELE_OK;
}

static stele_status keep(stele_sink *base, const stele_sink_letter *letter, stele_error *err)
{
    kafka_sink *self = (kafka_sink *)base;
    assert(self->active && !self->closes);
    chunk *of = &self->building;
    if (is_full(self)) return stele_fail(err, STELE_E_FULL, STELE_NEXT_RETRY, "%s", "");
    const stele_partition *source = &self->options.source;
    STELE_AUTO(char) key = stele_dead_key(source->topic, source->index, letter->offset);
    if (of->transaction == NULL) of->transaction = stele_transaction_new();
    stele_transaction_put(of->transaction, self->options.snapshots, stele_text(key), letter->value,
                          NULL, 0);
    add_origin(of, &(origin){.offset = letter->offset, .is_letter = true});
    return STELE_OK;
}

static void close_cycle(stele_sink *base)
{
    kafka_sink *self = (kafka_sink *)base;
    assert(self->active && !self->closes);
    self->closes = true;
}

static stele_status put_checkpoint(kafka_sink *self, const stele_mark *mark, stele_error *err)
{
    const stele_kafka_sink_options *options = &self->options;
    stele_checkpoint checkpoint = {
        .topic = stele_text(options->source.topic),
        .partitions = options->partitions,
        .next_offset = mark->position,
        .last_offset = mark->last_offset,
        .last_hash = mark->last_hash,
        .version = options->version,
        .genesis = stele_text(options->genesis),
        .aggregates = self->aggregates,
        .finished = self->finished,
    };
    stele_buffer_reset(&self->scratch);
    stele_wire_begin(&self->scratch, options->checkpoint_schema);
    stele_status status = stele_encode(&stele_checkpoint_type, &checkpoint, &self->scratch, err);
    if (status < 0) return status;
    STELE_AUTO(char) key = stele_checkpoint_key(options->source.topic, options->source.index);
    stele_transaction_put(self->building.transaction, options->snapshots, stele_text(key),
                          stele_buffer_view(&self->scratch), NULL, 0);
    return STELE_OK;
}

/* ---- submitting ---- */

stele_status stele_kafka_sink_fail_dead(const stele_error *why, stele_error *err)
{
    if (err != NULL) *err = *why;
    if (err != NULL && why->status != STELE_E_FENCED) err->next = STELE_NEXT_ABORT;
    return why->status;
}

static stele_deadline in_a_while(const kafka_sink *self)
{
    int pause_ms = AGAIN_MS;
    for (int i = 1; i < self->abort_count && pause_ms < AGAIN_MAX_MS; i++)
        pause_ms *= 2;
    return stele_deadline_after(stele_log_clock(self->options.log), pause_ms);
}

/* Every transaction carries the group's offset, so that the group is a second fence for each; it
 * moves with the checkpoint only. Its metadata is that of this moment: the events below the mark
 * were taken in this thread, and the group has not been served since the last of them, or the
 * partition is still ours after it was. The first fence is the transactional id, which is the
 * partition's: it cannot detect that our session expired if no other member took over.
 * @return false: it is in no group at this moment, and about to hear why */
static bool add_offset(kafka_sink *self)
{
    stele_log_group *group = self->options.take_group(self->options.context);
    if (group == NULL) return false;
    bool moves = self->flying.closing || STELE_BUG("checkpoint ahead of its snapshots");
    const stele_mark *mark = moves ? &self->mark : &self->committed;
    stele_transaction_offset(self->flying.transaction, group, self->options.source, mark->position);
    return true;
}

static stele_status submit(kafka_sink *self, stele_error *err)
{
    if (!add_offset(self)) {
        self->again = in_a_while(self);
        return STELE_OK;
    }
    stele_transaction_above(self->flying.transaction, self->options.snapshots, self->end);
    stele_status status = stele_fenced_submit(self->options.fenced, self->options.lane,
                                              self->flying.transaction, err);
    self->in_flight = status == STELE_OK;
    if (status == STELE_OK) return STELE_OK;
    stele_error failure;
    stele_fenced_poll(self->options.fenced, &failure); /* one at a time, so it is not full: dead */
    return stele_kafka_sink_fail_dead(&failure, err);
}

/* Complete what was built, and let it go. */
static stele_status submit_built(kafka_sink *self, stele_error *err)
{
    chunk *built = &self->building;
    if (built->transaction == NULL) built->transaction = stele_transaction_new();
    built->closing = self->closes;
    bool moves = built->closing || STELE_BUG("checkpoint ahead of its snapshots");
    const stele_mark *mark = moves ? &self->mark : &self->committed;
    stele_status status = put_checkpoint(self, mark, err);
    if (status < 0) return status;
    chunk empty = self->flying;
    self->flying = *built;
    *built = empty;
    self->abort_count = 0;
    return submit(self, err);
}

/* ---- outcomes ---- */

static void end_chunk(kafka_sink *self, bool *closed)
{
    for (size_t i = 0; i < stele_transaction_count(self->flying.transaction); i++) {
        int64_t offset = stele_transaction_position(self->flying.transaction, i).offset;
        if (offset >= self->end) self->end = offset + 1;
    }
    *closed = self->flying.closing;
    if (*closed) {
        self->committed = self->mark;
        self->active = false;
    }
    self->abort_count = 0;
    clear_chunk(&self->flying);
}

static stele_status fail_too_large(const kafka_sink *self, const stele_outcome *outcome,
                                   stele_error *err)
{
    const chunk *of = &self->flying;
    if (outcome->rejected >= of->count) { /* the checkpoint */
        if (err != NULL) *err = outcome->error;
        return outcome->status;
    }
    return fail_state(self, &of->origins[outcome->rejected],
                      outcome->status == STELE_E_LIMIT
                          ? "is too large for a record; make it smaller, or raise message.max.bytes"
                          : "cannot be written",
                      &outcome->error, err);
}

/* A producer that cannot commit although a broker answers may never be able to: after seven days
 * without a transaction Kafka forgets its id (transactional.id.expiration.ms), and that ends with
 * another init only. */
static bool may_go_on(const kafka_sink *self)
{
    return self->abort_count < ABORTS_TO_REPLACE || !stele_log_is_up(self->options.log);
}

static stele_status fail_useless(const kafka_sink *self, stele_error *err)
{
    const stele_error *why = &self->aborted;
    return stele_fail_cause(err, why->status, STELE_NEXT_ABORT, why->cause,
                            "the writer cannot commit, another one takes its place: %s", why->text);
}

static stele_status answer(kafka_sink *self, const stele_outcome *outcome, bool *closed,
                           stele_error *err)
{
    self->in_flight = false;
    if (outcome->status == STELE_OK) {
        end_chunk(self, closed);
        return STELE_OK;
    }
    switch (outcome->error.next) {
    case STELE_NEXT_REJECT:
        return fail_too_large(self, outcome, err);
    case STELE_NEXT_ABORT:
    case STELE_NEXT_RETRY:
        if (outcome->status == STELE_E_HOLE) /* what was written before is gone */
            return stele_kafka_sink_fail_anew(self->options.snapshots, self->end, err);
        /* Nothing of it is visible, and we still own the partition: the very same records again. */
        self->aborted = outcome->error;
        self->abort_count++;
        self->again = in_a_while(self);
        return may_go_on(self) ? STELE_OK : fail_useless(self, err);
    case STELE_NEXT_STOP:
        break;
    }
    return stele_kafka_sink_fail_dead(&outcome->error, err);
}

static stele_status collect(kafka_sink *self, bool *closed, stele_error *err)
{
    stele_outcome outcome;
    if (self->in_flight &&
        stele_fenced_outcome(self->options.fenced, self->options.lane, 0, &outcome))
        return answer(self, &outcome, closed, err);
    stele_error failure;
    if (stele_fenced_poll(self->options.fenced, &failure) != STELE_FENCED_DEAD) return STELE_OK;
    return stele_kafka_sink_fail_dead(&failure, err);
}

static stele_status go_on(kafka_sink *self, bool *closed, stele_error *err)
{
    stele_status status = collect(self, closed, err);
    if (status < 0 || self->in_flight) return status;
    if (self->flying.transaction != NULL)
        return stele_deadline_passed(self->again) ? submit(self, err) : STELE_OK;
    if (!self->active || !(self->closes || is_full(self))) return STELE_OK;
    return submit_built(self, err);
}

static stele_status take_outcome(stele_sink *base, bool *closed, stele_error *err)
{
    kafka_sink *self = (kafka_sink *)base;
    *closed = false;
    stele_status status = go_on(self, closed, err);
    if (status < 0 || self->abort_count < ABORTS_TO_TELL) return status;
    /* Also while the next attempt is in flight: the reason stays until one succeeds. */
    return stele_fail(err, self->aborted.status, STELE_NEXT_RETRY,
                      "snapshots cannot be committed, trying again: %s", self->aborted.text);
}

/* ---- beginning and end ---- */

static void free_sink(stele_sink *base)
{
    kafka_sink *self = (kafka_sink *)base;
    clear_chunk(&self->building);
    if (!self->in_flight) clear_chunk(&self->flying); /* else it is the writer's */
    free(self->building.origins);
    free(self->flying.origins);
    stele_buffer_clear(&self->scratch);
    stele_buffer_clear(&self->companion);
    free(self);
}

stele_status stele_kafka_sink_fail_anew(stele_partition snapshots, int64_t end, stele_error *err)
{
    return stele_fail(err, STELE_E_HOLE, STELE_NEXT_ABORT,
                      "%s/%d ended at offset %" PRId64
                      ", and ends before: the topic was deleted and made again, or its broker has "
                      "lost records; what it held is made again from the events",
                      snapshots.topic, (int)snapshots.index, end);
}

int64_t stele_kafka_sink_end(const stele_sink *sink)
{
    return ((const kafka_sink *)sink)->end;
}

stele_sink *stele_kafka_sink_new(const stele_kafka_sink_options *options)
{
    static const stele_sink_ops ops = {.begin = begin,
                                       .put = put,
                                       .remove = remove_entry,
                                       .keep = keep,
                                       .close = close_cycle,
                                       .outcome = take_outcome,
                                       .free = free_sink};
    kafka_sink *self = stele_alloc(sizeof *self);
    self->base.ops = &ops;
    self->options = *options;
    if (self->options.transaction_max == 0) self->options.transaction_max = TRANSACTION_MAX;
    self->committed = options->committed;
    self->aggregates = options->aggregates;
    self->finished = options->finished;
    self->end = options->end;
    return &self->base;
}
