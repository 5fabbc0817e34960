/* SPDX-License-Identifier: MIT
 * Reading states without a worker. A partition at a time: its past, then the events from the
 * checkpoint on, through the same states as a worker's. */
#include "projections/query.h"

#include <inttypes.h>

#include "kafka/bounded_read.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/partitioner.h"
#include "projections/states.h"

typedef struct query {
    const stele_query_options *options;
    stele_past *past;
    char *events;
    stele_partition source;

    /* Of one partition. */
    stele_past_partition here;
    stele_states *states;
    int64_t restored; /* offset of the snapshot of the aggregate that is asked for */
    int64_t position;
    int64_t taken; /* events of the aggregate, when a version is asked for */
    bool is_older; /* what is asked for is older than the snapshot */
    stele_record *matching;
    size_t matching_max;
} query;

static void query_clear(query *q)
{
    stele_past_close(q->past);
    stele_states_free(q->states);
    free(q->matching);
    free(q->events);
}
STELE_VALUE_SCOPE(query, query_clear);

static bool is_of_old(const query *q)
{
    return q->options->at_version > 0 || q->options->at_time_ms > 0;
}

static stele_status restore_one(void *context, const stele_snapshot *snapshot, stele_error *err)
{
    query *q = context;
    if (q->options->id.data != NULL && !stele_bytes_equal(snapshot->id, q->options->id))
        return STELE_OK;
    return stele_states_restore(q->states, snapshot, err);
}

/* Is this event still asked for? Events come in order, so the first that is not ends them. */
static bool is_within(query *q, const stele_record *record)
{
    const stele_query_options *options = q->options;
    bool is_in_snapshot = record->offset < q->restored;
    if (options->at_time_ms > 0 && record->timestamp_ms > options->at_time_ms) {
        q->is_older = is_in_snapshot;
        return false;
    }
    return options->at_version == 0 || is_in_snapshot || q->taken++ < options->at_version;
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

static stele_status fail_gone(const query *q, int64_t version, const char *why, stele_error *err)
{
    return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                      "%s/%d begins at offset %" PRId64
                      ", so what %s was before its snapshot of version %" PRId64
                      " cannot be replayed%s; ask for that version or a later one",
                      q->source.topic, (int)q->source.index, q->here.log_start,
                      stele_quote(q->options->id).text, version, why);
}

/* Where the log begins at the first event it is replayed; else from the snapshot on, if that is not
 * newer than what is asked for. */
static stele_status find_moment(query *q, int64_t *from, stele_error *err)
{
    const stele_entry *entry = stele_table_find(stele_states_table(q->states), q->options->id);
    q->restored = entry == NULL ? 0 : entry->offset;
    q->taken = entry == NULL ? 0 : entry->version;
    if (entry == NULL) return STELE_OK;
    if (q->options->at_version > 0)
        return q->options->at_version < entry->version ? fail_gone(q, entry->version, "", err)
                                                       : STELE_OK;
    if (entry->offset - 1 < q->here.log_start)
        return fail_gone(q, entry->version, ", and when that was is not known", err);
    if (entry->offset - 1 < *from) *from = entry->offset - 1; /* to look at its time */
    return STELE_OK;
}

/* ---- one partition ---- */

static stele_status new_states(query *q, stele_error *err)
{
    stele_states_free(q->states);
    q->states = NULL;
    return stele_states_new(&(stele_states_options){.projection = q->options->projection,
                                                    .registry = q->options->registry,
                                                    .partition = q->source.index,
                                                    .partitions = stele_past_partitions(q->past)},
                            &q->states, err);
}

static stele_status open_past(query *q, int64_t *from, stele_error *err)
{
    stele_status status = new_states(q, err);
    if (status == STELE_OK)
        status = stele_past_read(q->past, q->source.index, restore_one, q, &q->here, err);
    if (status < 0) return status;
    q->is_older = false;
    q->restored = q->taken = 0;
    q->position = *from = q->here.resume.position;
    if (!is_of_old(q)) return STELE_OK;
    if (q->here.log_start > 0) return find_moment(q, from, err);
    q->position = *from = 0;
    return new_states(q, err);
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

static stele_status query_partition(query *q, int32_t index, size_t *found, stele_error *err)
{
    q->source = (stele_partition){q->events, index};
    int64_t from;
    stele_status status = open_past(q, &from, err);
    if (status == STELE_OK) status = read_events(q, from, err);
    if (status < 0) return status;
    if (q->is_older) {
        const stele_entry *entry = stele_table_find(stele_states_table(q->states), q->options->id);
        return fail_gone(q, entry->version, ", and that is later", err);
    }
    *found += stele_table_count(stele_states_table(q->states));
    return hand_out(q, err);
}

static stele_status query_one(query *q, stele_error *err)
{
    size_t found = 0;
    int32_t index = stele_log_partition_of(q->options->id, stele_past_partitions(q->past));
    stele_status status = query_partition(q, index, &found, err);
    if (status < 0 || found > 0) return status;
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "%s has no event of %s%s", q->events,
                      stele_quote(q->options->id).text,
                      q->options->at_time_ms > 0 ? " up to that time" : "");
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
                               .deadline = options->deadline,
                               .patience_ms = options->patience_ms,
                               .stop = options->stop};
    stele_status status = stele_past_open(&past, &q.past, err);
    if (status < 0) return status;
    return options->id.data != NULL ? query_one(&q, err) : query_all(&q, err);
}
