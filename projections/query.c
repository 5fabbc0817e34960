/* SPDX-License-Identifier: MIT
 * Reading states without a worker. A partition at a time: its snapshots and its checkpoint, then
 * the events from the checkpoint on, through the same states as a worker's. */
#include "projections/query.h"

#include <inttypes.h>
#include <stdio.h>

#include "consumer/read.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/partitioner.h"
#include "projections/states.h"
#include "snapshots/restore.h"

typedef struct query {
    const stele_query_options *options;
    char *events;
    char *snapshots;
    stele_partition source;
    int32_t partitions;
    char genesis[37];

    /* Of one partition. */
    stele_states *states;
    stele_restore *restore;
    stele_table *stored; /* ids of all snapshots and tombstones; the value: is it a tombstone? */
    int64_t position;
    int64_t taken; /* events of the aggregate, when a version is asked for */
    stele_record *matching;
    size_t matching_max;
} query;

static void query_clear(query *q)
{
    stele_restore_free(q->restore);
    stele_states_free(q->states);
    stele_table_free(q->stored);
    free(q->matching);
    free(q->events);
    free(q->snapshots);
}
STELE_VALUE_SCOPE(query, query_clear);

static bool is_replay(const query *q)
{
    return q->options->at_version > 0 || q->options->at_time_ms > 0;
}

static stele_status restore_one(void *context, const stele_snapshot *snapshot, stele_error *err)
{
    query *q = context;
    bool *tombstone = stele_table_insert(q->stored, snapshot->id, NULL);
    if (tombstone != NULL) *tombstone = snapshot->value.data == NULL;
    if (q->options->id.data != NULL && !stele_bytes_equal(snapshot->id, q->options->id))
        return STELE_OK;
    return stele_states_restore(q->states, snapshot, err);
}

static int take_snapshots(void *context, const stele_batch *batch, stele_error *err)
{
    query *q = context;
    stele_status status;
    do {
        status = stele_restore_take(q->restore, batch, err);
    } while (status < 0 && stele_read_wait_to_retry(q->options->deadline, q->options->stop, err));
    return status;
}

/* Is this event still asked for? Events come in order, so the first that is not ends them. */
static bool is_within(query *q, const stele_record *record)
{
    const stele_query_options *options = q->options;
    if (options->at_time_ms > 0 && record->timestamp_ms > options->at_time_ms) return false;
    return options->at_version == 0 || q->taken++ < options->at_version;
}

/* The records of the one aggregate that is asked for. @return STELE_READ_ENOUGH: none come after
 * them */
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
        if (!is_within(q, &batch->records[i])) return STELE_READ_ENOUGH;
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
    stele_status status;
    do {
        status = stele_states_take(q->states, &asked, &q->position, &last, err);
    } while (status < 0 && stele_read_wait_to_retry(q->options->deadline, q->options->stop, err));
    return status < 0 ? (int)status : more;
}

static stele_status read_partition(query *q, stele_partition partition, int64_t from,
                                   stele_read_take *take, stele_error *err)
{
    stele_read_start start = {partition, from};
    return stele_bounded_read(q->options->log,
                              &(stele_read_options){.starts = &start,
                                                    .count = 1,
                                                    .deadline = q->options->deadline,
                                                    .stop = q->options->stop,
                                                    .take = take,
                                                    .context = q},
                              err);
}

static int time_left_ms(const query *q)
{
    return stele_deadline_remaining_ms(q->options->deadline, 60000);
}

static stele_status read_snapshots(query *q, stele_error *err)
{
    const stele_query_options *options = q->options;
    stele_partition snapshots = {q->snapshots, q->source.index};
    stele_restore_new(&(stele_restore_options){.log = options->log,
                                               .registry = options->registry,
                                               .snapshots = snapshots,
                                               .source = q->source,
                                               .each = restore_one,
                                               .context = q},
                      &q->restore);
    q->stored = stele_table_new(sizeof(bool), 0);
    if (is_replay(q)) return STELE_OK;
    stele_log_topic topic;
    stele_status status =
        stele_log_topic_describe(options->log, q->snapshots, time_left_ms(q), &topic, err);
    if (status == STELE_E_NOT_FOUND) return STELE_OK; /* no worker has run yet */
    if (status < 0) return status;
    return read_partition(q, snapshots, STELE_OFFSET_NONE, take_snapshots, err);
}

/* What stands, for the check that nothing is missing. A worker may be writing just now: what the
 * read has of its next transaction is more than the checkpoint says, and what has become a
 * tombstone is less and more; only the sum must not be less. */
static void count_stored(query *q, const stele_checkpoint *checkpoint, stele_restore_facts *facts)
{
    if (checkpoint == NULL) return; /* nothing, or the beginning of the first transaction */
    stele_table_cursor cursor = {0};
    const bool *tombstone;
    while ((tombstone = stele_table_next(q->stored, &cursor)) != NULL) {
        facts->finished += *tombstone;
        facts->aggregates += !*tombstone;
    }
    if (facts->aggregates + facts->finished < checkpoint->aggregates + checkpoint->finished) return;
    facts->aggregates = checkpoint->aggregates;
    facts->finished = checkpoint->finished;
}

/* As a worker would; the offset of its group is its own affair. */
static stele_status find_resume(query *q, stele_resume *out, stele_error *err)
{
    const stele_checkpoint *checkpoint = stele_restore_checkpoint(q->restore);
    stele_restore_facts facts = {
        .projection = q->options->projection->name,
        .version = q->options->projection->version,
        .source = q->source,
        .partitions = q->partitions,
        .genesis = q->genesis,
        .group_offset = STELE_OFFSET_NONE,
    };
    count_stored(q, checkpoint, &facts);
    stele_status status = stele_log_bounds(q->options->log, q->source, STELE_READ_UNCOMMITTED,
                                           time_left_ms(q), &facts.log_start, &facts.log_end, err);
    if (status < 0) return status;
    return stele_restore_validate(checkpoint, &facts, out, err);
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
    stele_status status =
        stele_states_new(&(stele_states_options){.projection = q->options->projection,
                                                 .registry = q->options->registry},
                         &q->states, err);
    stele_resume resume;
    if (status == STELE_OK) status = read_snapshots(q, err);
    if (status == STELE_OK) status = find_resume(q, &resume, err);
    if (status < 0) return status;
    q->position = resume.position;
    status = read_partition(q, q->source, resume.position, take_events, err);
    if (status == STELE_OK) status = hand_out(q, err);
    *found += stele_table_count(stele_states_table(q->states));
    stele_restore_free(q->restore);
    q->restore = NULL;
    stele_table_free(q->stored);
    q->stored = NULL;
    stele_states_free(q->states);
    q->states = NULL;
    return status;
}

stele_status stele_query(const stele_query_options *options, stele_error *err)
{
    const stele_projection *projection = options->projection;
    STELE_AUTO_VALUE(query) q = {.options = options};
    q.events = stele_events_topic(projection->source->name);
    q.snapshots = stele_snapshots_topic(projection->name, projection->version);
    stele_log_topic topic;
    stele_status status =
        stele_log_topic_describe(options->log, q.events, time_left_ms(&q), &topic, err);
    if (status == STELE_OK)
        status = stele_registry_genesis(options->registry, time_left_ms(&q), q.genesis, err);
    if (status < 0) return status;
    q.partitions = topic.partitions;

    size_t found = 0;
    if (options->id.data != NULL) {
        int32_t index = stele_log_partition_of(options->id, topic.partitions);
        status = query_partition(&q, index, &found, err);
        if (status == STELE_OK && found == 0)
            return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "%s has no event of %s%s",
                              q.events, stele_quote(options->id).text,
                              options->at_time_ms > 0 ? " up to that time" : "");
        return status;
    }
    for (int32_t i = 0; i < topic.partitions && status == STELE_OK; i++)
        status = query_partition(&q, i, &found, err);
    return status;
}
