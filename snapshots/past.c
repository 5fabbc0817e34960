/* SPDX-License-Identifier: MIT
 * Reading a projection's snapshots beside its workers, with the checks of a restore. */
#include "snapshots/past.h"

#include "kafka/bounded_read.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/table.h"
#include "snapshots/count.h"
#include "snapshots/last_event.h"
#include "snapshots/topic.h"

enum { ASK_MAX_MS = 60000, TAIL_RECORDS = 16, TAIL_GROWTH = 64 };

/* What the last record of an id says. */
typedef struct known {
    int64_t version;
    int64_t offset;
    bool tombstone;
} known;

struct stele_past {
    stele_past_options options;
    char *group;
    char *snapshots; /* the topic */
    bool has_snapshots;
    int32_t partitions;
    bool count_checked; /* of partitions, for those without a checkpoint */
    char genesis[37];

    /* Of the partition that is being read. */
    stele_restore *restore;
    stele_table *known;
    stele_past_each *each;
    void *context;
};

void stele_past_close(stele_past *past)
{
    if (past == NULL) return;
    stele_restore_free(past->restore);
    stele_table_free(past->known);
    free(past->group);
    free(past->snapshots);
    free(past);
}

int32_t stele_past_partitions(const stele_past *past)
{
    return past->partitions;
}

stele_deadline stele_past_piece(const stele_past_options *options)
{
    if (options->patience_ms == 0) return options->deadline;
    stele_deadline piece =
        stele_deadline_after(stele_log_clock(options->log), options->patience_ms);
    return piece.end_ns < options->deadline.end_ns ? piece : options->deadline;
}

stele_deadline stele_past_deadline(const stele_past *past)
{
    return stele_past_piece(&past->options);
}

static int time_left_ms(const stele_past *past)
{
    return stele_deadline_remaining_ms(stele_past_deadline(past), ASK_MAX_MS);
}

static stele_status open_topics(stele_past *past, stele_error *err)
{
    const stele_past_options *options = &past->options;
    stele_log_topic topic;
    stele_status status;
    if (options->events != NULL) {
        status = stele_log_topic_describe(options->log, options->events, time_left_ms(past), &topic,
                                          err);
        if (status < 0) return status;
        past->partitions = topic.partitions;
    }
    status =
        stele_log_topic_describe(options->log, past->snapshots, time_left_ms(past), &topic, err);
    if (status == STELE_E_NOT_FOUND) return STELE_OK; /* no worker has run yet */
    if (status < 0) return status;
    past->has_snapshots = true;
    if (options->events == NULL) past->partitions = topic.partitions;
    if (topic.partitions == past->partitions) return STELE_OK;
    return stele_snapshots_fail_partitions(err, past->snapshots, topic.partitions, options->events,
                                           past->partitions);
}

stele_status stele_past_open(const stele_past_options *options, stele_past **out, stele_error *err)
{
    STELE_AUTO(stele_past) past = stele_alloc(sizeof *past);
    past->options = *options;
    past->group = stele_projection_group(options->projection, options->version);
    past->snapshots = stele_snapshots_topic(options->projection, options->version);
    stele_status status = open_topics(past, err);
    if (status == STELE_OK)
        status = stele_registry_genesis(options->registry, time_left_ms(past), past->genesis, err);
    if (status < 0) return status;
    *out = past;
    past = NULL;
    return STELE_OK;
}

/* ---- one partition ---- */

static stele_status take_one(void *context, const stele_snapshot *snapshot, stele_error *err)
{
    stele_past *past = context;
    stele_status status = past->each == NULL ? STELE_OK : past->each(past->context, snapshot, err);
    if (status < 0) return status;
    bool is_new;
    known *one = stele_table_insert(past->known, snapshot->id, &is_new);
    if (one == NULL)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                          "a key of %zu bytes, the limit is %d", snapshot->id.size,
                          STELE_TABLE_KEY_MAX);
    if (!is_new) status = stele_snapshot_check_order(snapshot, one->version, one->offset, err);
    if (status < 0) return status;
    *one = (known){snapshot->version, snapshot->offset, snapshot->value.data == NULL};
    return STELE_OK;
}

static stele_status take_letter(void *context, int64_t offset, stele_bytes stored, stele_error *err)
{
    stele_past *past = context;
    return past->options.letter == NULL ? STELE_OK
                                        : past->options.letter(past->context, offset, stored, err);
}

static int take_batch(void *context, const stele_batch *batch, stele_error *err)
{
    stele_past *past = context;
    stele_status status;
    stele_deadline until = stele_past_deadline(past);
    do {
        status = stele_restore_take(past->restore, batch, err);
    } while (status < 0 && stele_bounded_read_wait_to_retry(until, past->options.stop, err));
    return status;
}

static stele_status read_snapshots(stele_past *past, stele_partition source, stele_error *err)
{
    const stele_past_options *options = &past->options;
    stele_partition snapshots = {past->snapshots, source.index};
    stele_restore_free(past->restore);
    stele_table_free(past->known);
    past->known = stele_table_new(sizeof(known), 0);
    stele_restore_new(&(stele_restore_options){.registry = options->registry,
                                               .snapshots = snapshots,
                                               .source = source,
                                               .genesis = past->genesis,
                                               .companion = options->companion,
                                               .each = take_one,
                                               .letter = take_letter,
                                               .context = past},
                      &past->restore);
    if (!past->has_snapshots) return STELE_OK;
    stele_bounded_read_start start = {snapshots, STELE_OFFSET_NONE};
    stele_status status =
        stele_bounded_read(options->log,
                           &(stele_bounded_read_options){.starts = &start,
                                                         .count = 1,
                                                         .deadline = options->deadline,
                                                         .patience_ms = options->patience_ms,
                                                         .stop = options->stop,
                                                         .take = take_batch,
                                                         .context = past},
                           err);
    stele_deadline until = stele_past_deadline(past);
    while (status == STELE_OK) {
        status = stele_restore_finish(past->restore, err);
        if (status == STELE_OK || !stele_bounded_read_wait_to_retry(until, options->stop, err))
            break;
        status = STELE_OK;
    }
    return status;
}

static void count_known(const stele_past *past, stele_restore_facts *facts)
{
    stele_table_cursor cursor = {0};
    const known *one;
    while ((one = stele_table_next(past->known, &cursor)) != NULL) {
        facts->finished += one->tombstone;
        facts->aggregates += !one->tombstone;
        if (one->offset < facts->furthest) continue;
        facts->furthest = one->offset;
        facts->furthest_id = stele_table_key(past->known, one);
    }
}

/* A worker may be writing just now: what the read has of its next transaction is more than the
 * checkpoint says, and what has become a tombstone is less and more; only the sum must not be less.
 */
static void allow_for_a_writer(const stele_checkpoint *checkpoint, stele_restore_facts *facts)
{
    if (checkpoint == NULL) { /* nothing, or the beginning of the first transaction */
        facts->aggregates = facts->finished = 0;
        return;
    }
    if (facts->aggregates + facts->finished < checkpoint->aggregates + checkpoint->finished) return;
    facts->aggregates = checkpoint->aggregates;
    facts->finished = checkpoint->finished;
}

/* A partition that came later has no checkpoint to tell of it, but others have. Asked for once. */
static stele_status check_count(stele_past *past, stele_error *err)
{
    if (past->count_checked || !past->has_snapshots) return STELE_OK;
    const stele_past_options *options = &past->options;
    stele_count_options count = {.log = options->log,
                                 .registry = options->registry,
                                 .snapshots = past->snapshots,
                                 .events = options->events,
                                 .partitions = past->partitions,
                                 .timeout_ms = time_left_ms(past)};
    int32_t found;
    stele_status status = stele_snapshots_count(&count, &found, err);
    if (status < 0) return status;
    past->count_checked = found == 0 || found == past->partitions;
    if (past->count_checked) return STELE_OK;
    return stele_snapshots_fail_count(err, options->events, options->projection, options->version,
                                      NULL, found, past->partitions);
}

static stele_status check(stele_past *past, stele_partition source, stele_past_partition *out,
                          stele_error *err)
{
    const stele_past_options *options = &past->options;
    const stele_checkpoint *checkpoint = stele_restore_checkpoint(past->restore);
    stele_restore_facts facts = {.projection = options->projection,
                                 .version = options->version,
                                 .source = source,
                                 .partitions = past->partitions,
                                 .genesis = past->genesis,
                                 .group_offset = STELE_OFFSET_NONE}; /* the workers' affair */
    count_known(past, &facts);
    out->aggregates = facts.aggregates;
    out->finished = facts.finished;
    out->has_checkpoint = checkpoint != NULL;
    if (checkpoint != NULL) out->next_offset = checkpoint->next_offset;
    if (options->events == NULL) return STELE_OK;
    stele_status status =
        stele_log_bounds_by(options->log, source, STELE_READ_UNCOMMITTED,
                            stele_deadline_after(stele_log_clock(options->log), time_left_ms(past)),
                            &facts.log_start, &facts.log_end, err);
    if (status < 0) return status;
    out->log_start = facts.log_start;
    out->log_end = facts.log_end;
    if (checkpoint == NULL && (status = check_count(past, err)) < 0) return status;
    allow_for_a_writer(checkpoint, &facts);
    status = stele_restore_validate(checkpoint, &facts, &out->resume, err);
    if (status < 0) return status;
    stele_last_event last = {.source = source,
                             .offset = out->resume.last_offset,
                             .hash = out->resume.last_hash,
                             .group = past->group};
    return stele_last_event_read(options->log, &last, stele_past_deadline(past), options->stop,
                                 err);
}

stele_status stele_past_read(stele_past *past, int32_t partition, stele_past_each *each,
                             void *context, stele_past_partition *out, stele_error *err)
{
    *out = (stele_past_partition){0};
    past->each = each;
    past->context = context;
    const char *events = past->options.events == NULL ? "" : past->options.events;
    stele_partition source = {events, partition};
    stele_status status = read_snapshots(past, source, err);
    if (status < 0) return status;
    out->is_read = true;
    return check(past, source, out, err);
}

static bool is_of_partition(const stele_past *past, const stele_error *failure)
{
    switch (failure->status) {
    case STELE_E_INTERRUPTED:
    case STELE_E_CONFLICT:
    case STELE_E_UNAVAILABLE:
        return false;
    case STELE_E_TIMED_OUT: /* an open transaction holds it back, say */
        return stele_log_is_up(past->options.log);
    default:
        return true;
    }
}

stele_status stele_past_walk(
    stele_past *past, stele_status (*one)(void *context, int32_t partition, stele_error *err),
    stele_past_left_out *left_out, void *one_context, void *left_out_context, stele_error *err)
{
    const char *topic = past->options.events == NULL ? past->snapshots : past->options.events;
    for (int32_t i = 0; i < past->partitions; i++) {
        stele_error failure;
        stele_status status = one(one_context, i, &failure);
        if (status == STELE_OK) continue;
        if (left_out == NULL || !is_of_partition(past, &failure)) {
            if (err != NULL) *err = failure;
            return status;
        }
        left_out(left_out_context, (stele_partition){topic, i}, &failure);
    }
    return STELE_OK;
}

/* ---- an unknown projection ---- */

static int find_source(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    char **source = context;
    for (size_t i = 0; i < batch->count && *source == NULL; i++) {
        stele_bytes topic;
        int32_t partition;
        if (stele_checkpoint_key_parse(batch->records[i].key, &topic, &partition))
            *source = stele_strndup((const char *)topic.data, topic.size);
    }
    return *source != NULL ? STELE_BOUNDED_READ_ENOUGH : STELE_OK;
}

stele_status stele_past_source(stele_log *log, const char *snapshots, int32_t partitions,
                               stele_deadline deadline, const atomic_bool *stop, char **out,
                               stele_error *err)
{
    *out = NULL;
    stele_status status = STELE_OK;
    for (int32_t i = 0; i < partitions && *out == NULL && status == STELE_OK; i++) {
        stele_partition partition = {snapshots, i};
        int64_t start;
        int64_t end;
        stele_deadline until = stele_deadline_after(
            stele_log_clock(log), stele_deadline_remaining_ms(deadline, ASK_MAX_MS));
        status =
            stele_log_bounds_by(log, partition, STELE_READ_COMMITTED, until, &start, &end, err);
        /* Each transaction ends with a checkpoint, so one is near the end, unless many were
         * aborted.
         */
        for (int64_t back = TAIL_RECORDS; status == STELE_OK && *out == NULL && start < end;
             back *= TAIL_GROWTH) {
            stele_bounded_read_start from = {partition, end - start > back ? end - back : start};
            status = stele_bounded_read(log,
                                        &(stele_bounded_read_options){.starts = &from,
                                                                      .count = 1,
                                                                      .deadline = deadline,
                                                                      .stop = stop,
                                                                      .take = find_source,
                                                                      .context = out},
                                        err);
            if (from.offset == start) break;
        }
    }
    return status;
}
