/* SPDX-License-Identifier: MIT
 * Reading states without a worker. A partition at a time: its past, then the events from the
 * checkpoint on, through the same states as a worker's. What is asked for as of old goes on from
 * the nearest snapshot before it. */
#include "projections/query.h"

#include <inttypes.h>

#include "kafka/bounded_read.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/partitioner.h"
#include "projections/states.h"

enum { ASK_MAX_MS = 60000 };

typedef struct query {
    const stele_query_options *options;
    stele_past *past;
    char *events;
    stele_partition source;

    /* Of one partition. */
    stele_past_partition here;
    stele_states *states;
    stele_parked *parked; /* what is set aside: no state has it */
    int64_t position;

    /* Of one aggregate as of old. */
    int64_t limit;     /* no event below this offset is later than the time that is asked for */
    int64_t too_young; /* version of the oldest snapshot that is past what is asked for; 0: none */
    int64_t taken;     /* its events so far */
    bool is_there;     /* all that is asked for has been taken */
    stele_record *matching;
    size_t matching_max;
} query;

static void query_clear(query *q)
{
    stele_past_close(q->past);
    stele_states_free(q->states);
    stele_parked_free(q->parked);
    free(q->matching);
    free(q->events);
}
STELE_VALUE_SCOPE(query, query_clear);

static bool is_of_old(const query *q)
{
    return q->options->at_version > 0 || q->options->at_time_ms > 0;
}

/* A snapshot that is past what is asked for is noted, and does not count. */
static bool is_past_it(query *q, const stele_snapshot *snapshot)
{
    const stele_query_options *options = q->options;
    bool is_past = options->at_version > 0   ? snapshot->version > options->at_version
                   : options->at_time_ms > 0 ? snapshot->offset > q->limit
                                             : false;
    if (is_past && (q->too_young == 0 || snapshot->version < q->too_young))
        q->too_young = snapshot->version;
    return is_past;
}

static stele_status restore_one(void *context, const stele_snapshot *snapshot, stele_error *err)
{
    query *q = context;
    if (q->options->id.data != NULL && !stele_bytes_equal(snapshot->id, q->options->id))
        return STELE_OK;
    if (is_past_it(q, snapshot)) return STELE_OK;
    return stele_states_restore(q->states, snapshot, err);
}

static stele_status restore_letter(void *context, int64_t offset, stele_bytes stored,
                                   stele_error *err)
{
    query *q = context;
    stele_dead_event *letter = NULL;
    stele_status status =
        stored.data == NULL ? STELE_OK : stele_dead_event_read(offset, stored, &letter, err);
    if (status < 0) return status;
    stele_bytes id = q->options->id;
    if (letter != NULL && id.data != NULL && !stele_bytes_equal(letter->key, id))
        stele_dead_event_free(letter); /* of another aggregate, which is not asked for */
    else
        stele_parked_restore(q->parked, offset, letter);
    return STELE_OK;
}

/* Is this event still asked for? Events come in order, so the first that is not ends them. */
static bool is_within(query *q, const stele_record *record)
{
    const stele_query_options *options = q->options;
    if (options->at_time_ms > 0) return record->timestamp_ms <= options->at_time_ms;
    q->is_there = ++q->taken == options->at_version;
    return true;
}

/* The records of the one aggregate that is asked for. @return STELE_BOUNDED_READ_ENOUGH: none come
 * after them */
static int keep_matching(query *q, const stele_batch *batch, stele_batch *out)
{
    if (batch->count > q->matching_max) {
        q->matching_max = batch->count;
        q->matching = stele_realloc_array(q->matching, batch->count, sizeof *q->matching);
    }
    *out = *batch;
    out->records = q->matching;
    out->count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (!stele_bytes_equal(batch->records[i].key, q->options->id)) continue;
        if (!is_within(q, &batch->records[i])) return STELE_BOUNDED_READ_ENOUGH;
        q->matching[out->count++] = batch->records[i];
        if (q->is_there) return STELE_BOUNDED_READ_ENOUGH;
    }
    return STELE_OK;
}

static int take_events(void *context, const stele_batch *batch, stele_error *err)
{
    query *q = context;
    stele_batch asked = *batch;
    int more = q->options->id.data == NULL ? STELE_OK : keep_matching(q, batch, &asked);
    const stele_record *last = NULL;
    stele_deadline until = stele_past_deadline(q->past);
    stele_status status;
    do {
        status = stele_states_take(q->states, &asked, &q->position, &last, err);
    } while (status < 0 && stele_bounded_read_wait_to_retry(until, q->options->stop, err));
    return status < 0 ? (int)status : more;
}

static stele_status read_events(query *q, int64_t from, stele_error *err)
{
    stele_bounded_read_start start = {q->source, from};
    return stele_bounded_read(q->options->log,
                              &(stele_bounded_read_options){.starts = &start,
                                                            .count = 1,
                                                            .deadline = q->options->deadline,
                                                            .patience_ms = q->options->patience_ms,
                                                            .stop = q->options->stop,
                                                            .take = take_events,
                                                            .context = q},
                              err);
}

/* ---- states of old ---- */

static stele_status fail_gone(const query *q, stele_error *err)
{
    return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                      "%s/%d begins at offset %" PRId64
                      ", so what %s was before its snapshot of version %" PRId64
                      " cannot be replayed; ask for that version or a later one",
                      q->source.topic, (int)q->source.index, q->here.log_start,
                      stele_quote(q->options->id).text, q->too_young);
}

/* By its times the log says below which offset all is old enough. */
static stele_status find_limit(query *q, stele_error *err)
{
    q->limit = INT64_MAX;
    q->too_young = q->taken = 0;
    q->is_there = false;
    if (q->options->at_time_ms <= 0 || q->options->at_time_ms == INT64_MAX) return STELE_OK;
    int64_t first;
    stele_status status = stele_log_offset_at(
        q->options->log, q->source, q->options->at_time_ms + 1,
        stele_deadline_remaining_ms(stele_past_deadline(q->past), ASK_MAX_MS), &first, err);
    if (status < 0) return status;
    if (first != STELE_OFFSET_NONE) q->limit = first;
    return STELE_OK;
}

/* What retention has deleted is older than what is left, so before that nothing is known but the
 * snapshots, and not when they were. */
static bool is_before_the_log(const query *q)
{
    return q->options->at_time_ms > 0 && q->here.log_start > 0 &&
           (q->limit <= q->here.log_start || q->here.log_end <= q->here.log_start);
}

/* Where to read on from: behind the nearest snapshot, or at the first event. */
static stele_status find_moment(query *q, int64_t *from, stele_error *err)
{
    const stele_entry *entry = stele_table_find(stele_states_table(q->states), q->options->id);
    if (entry != NULL && is_before_the_log(q)) {
        q->too_young = entry->version;
        return fail_gone(q, err);
    }
    if (entry == NULL && q->here.log_start > 0)
        return q->too_young > 0 ? fail_gone(q, err) : STELE_OK;
    if (entry == NULL) {
        *from = 0;
        return STELE_OK;
    }
    q->taken = entry->version;
    q->is_there = entry->version == q->options->at_version;
    *from = entry->offset;
    if (entry->offset >= q->here.log_start || q->is_there) return STELE_OK;
    *from = q->here.log_start; /* up to the checkpoint the last snapshot has all */
    return q->too_young > 0 ? fail_gone(q, err) : STELE_OK;
}

/* ---- one partition ---- */

static stele_status new_states(query *q, stele_error *err)
{
    stele_states_free(q->states);
    stele_parked_free(q->parked);
    q->states = NULL;
    uint64_t seed;
    stele_random_bytes(stele_log_runtime(q->options->log), &seed, sizeof seed);
    q->parked = stele_parked_new(NULL, seed);
    return stele_states_new(&(stele_states_options){.projection = q->options->projection,
                                                    .registry = q->options->registry,
                                                    .parked = q->parked,
                                                    .parks = q->options->parks,
                                                    .refuses = q->options->parks,
                                                    .partition = q->source.index,
                                                    .partitions = stele_past_partitions(q->past)},
                            &q->states, err);
}

/* What is set aside, and what was discarded, is known to a database, not to the snapshots. */
static stele_status add_letters(query *q, stele_error *err)
{
    const stele_parked *there =
        q->options->letters == NULL ? NULL : q->options->letters[q->source.index];
    stele_status status = STELE_OK;
    for (size_t i = 0; there != NULL && i < there->changed_count && status == STELE_OK; i++) {
        STELE_AUTO_VALUE(stele_buffer) bytes = {0};
        stele_dead_event *letter = NULL;
        stele_dead_event_write(there->changed[i], 0, &bytes);
        status = stele_dead_event_read(there->changed[i]->offset, stele_buffer_view(&bytes),
                                       &letter, err);
        if (status == STELE_OK) stele_parked_restore(q->parked, letter->offset, letter);
    }
    return status;
}

static stele_status open_past(query *q, int64_t *from, stele_error *err)
{
    stele_status status = new_states(q, err);
    if (status == STELE_OK) status = find_limit(q, err);
    if (status == STELE_OK)
        status = stele_past_read(q->past, q->source.index, restore_one, q, &q->here, err);
    if (status == STELE_OK) status = add_letters(q, err);
    if (status < 0) return status;
    stele_parked_restored(q->parked);
    /* What was discarded is passed over here if it is not to come any more; of old, it comes. */
    stele_states_settle(q->states, is_of_old(q) ? 0 : q->here.resume.position);
    *from = q->here.resume.position;
    if (is_of_old(q)) status = find_moment(q, from, err);
    q->position = *from;
    return status;
}

static stele_status hand_out(query *q, stele_error *err)
{
    stele_table *table = stele_states_table(q->states);
    stele_table_cursor cursor = {0};
    stele_entry *entry;
    while ((entry = stele_table_next(table, &cursor)) != NULL) {
        bool finished = (entry->flags & STELE_ENTRY_FINISHED) != 0;
        stele_query_state state = {.id = stele_table_key(table, entry),
                                   .version = entry->version,
                                   .offset = entry->offset,
                                   .state = finished ? NULL : stele_entry_state(entry)};
        stele_status status = q->options->each(q->options->context, &state, err);
        if (status < 0) return status;
    }
    return STELE_OK;
}

/* Has it as many events as are asked for? Those after its end do not count. */
static bool is_reached(query *q)
{
    const stele_entry *entry = stele_table_find(stele_states_table(q->states), q->options->id);
    q->taken = entry == NULL ? 0 : entry->version;
    return q->taken == q->options->at_version;
}

static stele_status query_partition(query *q, int32_t index, size_t *found, stele_error *err)
{
    q->source = (stele_partition){q->events, index};
    int64_t from;
    stele_status status = open_past(q, &from, err);
    if (status == STELE_OK && !q->is_there) status = read_events(q, from, err);
    if (status < 0) return status;
    if (q->options->at_version > 0 && !is_reached(q)) return STELE_OK;
    *found += stele_table_count(stele_states_table(q->states));
    return hand_out(q, err);
}

/* No event of it, or not as many as are asked for. */
static stele_status fail_missing(const query *q, stele_error *err)
{
    if (q->taken > 0)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                          "%s has had %" PRId64 " events, so it has no version %" PRId64,
                          stele_quote(q->options->id).text, q->taken, q->options->at_version);
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "%s has no event of %s%s", q->events,
                      stele_quote(q->options->id).text,
                      q->options->at_time_ms > 0 ? " up to that time" : "");
}

static stele_status query_one(query *q, stele_error *err)
{
    size_t found = 0;
    int32_t index = stele_log_partition_of(q->options->id, stele_past_partitions(q->past));
    stele_status status = query_partition(q, index, &found, err);
    return status < 0 || found > 0 ? status : fail_missing(q, err);
}

static stele_status query_each(void *context, int32_t index, stele_error *err)
{
    size_t found = 0;
    return query_partition(context, index, &found, err);
}

static stele_status query_all(query *q, stele_error *err)
{
    return stele_past_walk(q->past, query_each, q->options->left_out, q, q->options->context, err);
}

stele_status stele_query(const stele_query_options *options, stele_error *err)
{
    const stele_projection *projection = options->projection;
    STELE_AUTO_VALUE(query) q = {.options = options};
    q.events = stele_events_topic(projection->source->name);
    stele_past_options past = {.log = options->log,
                               .registry = options->registry,
                               .projection = projection->name,
                               .version = projection->version,
                               .events = q.events,
                               .letter = restore_letter,
                               .deadline = options->deadline,
                               .patience_ms = options->patience_ms,
                               .stop = options->stop};
    stele_status status = stele_past_open(&past, &q.past, err);
    if (status < 0) return status;
    return options->id.data != NULL ? query_one(&q, err) : query_all(&q, err);
}
