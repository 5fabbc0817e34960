/* SPDX-License-Identifier: MIT
 * The last snapshot of each aggregate, from the snapshots topic alone. */
#include "cli/stored_states.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/value_reader.h"
#include "consumer/read.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/table.h"
#include "core/text.h"
#include "kafka/partitioner.h"
#include "snapshots/format.h"

typedef struct stored {
    int64_t version;
    int64_t offset;
    uint8_t *value; /* owned; NULL: finished */
    size_t value_size;
} stored;

typedef struct stored_read {
    const stele_stored_options *options;
    stele_value_reader *reader;
    char *topic;         /* the snapshots' */
    char *group;         /* "<projection>.v<n>" */
    char *source;        /* the events' topic, as a checkpoint's key says it; NULL: none yet */
    stele_table *states; /* of one partition: id -> stored */
    size_t found;
} stored_read;

static void free_states(stored_read *r)
{
    stele_table_cursor cursor = {0};
    stored *one;
    while (r->states != NULL && (one = stele_table_next(r->states, &cursor)) != NULL)
        free(one->value);
    stele_table_free(r->states);
    r->states = NULL;
}

static void stored_read_clear(stored_read *r)
{
    free_states(r);
    stele_value_reader_free(r->reader);
    free(r->topic);
    free(r->group);
    free(r->source);
}
STELE_VALUE_SCOPE(stored_read, stored_read_clear);

static int time_left_ms(const stored_read *r)
{
    return stele_deadline_remaining_ms(r->options->deadline, 60000);
}

stele_status stele_stored_topic(stele_log *log, const char *projection, int timeout_ms, char **out,
                                stele_error *err)
{
    char **topics = NULL;
    stele_status status = stele_log_topics(log, projection, timeout_ms, &topics, err);
    if (status < 0) return status;
    const char *best = NULL;
    int best_version = 0;
    for (char **topic = topics; *topic != NULL; topic++) {
        stele_projection_name name;
        stele_bytes group = stele_snapshots_topic_parse(*topic, &name);
        if (group.data == NULL) continue;
        bool exact = stele_bytes_equal(group, stele_text(projection));
        if (!exact && !stele_bytes_equal(name.projection, stele_text(projection))) continue;
        int version = exact ? INT_MAX : name.version;
        if (version <= best_version) continue;
        best_version = version;
        best = *topic;
    }
    if (best != NULL) *out = stele_strdup(best);
    free(topics);
    if (best != NULL) return STELE_OK;
    return stele_fail(
        err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
        "there is no topic %s.v<n>.snapshots: no worker of that projection has written snapshots",
        projection);
}

static void learn_source(stored_read *r, stele_bytes key)
{
    stele_bytes topic;
    int32_t partition;
    if (r->source == NULL && stele_checkpoint_key_parse(key, &topic, &partition))
        r->source = stele_strndup((const char *)topic.data, topic.size);
}

static void keep(stored_read *r, const stele_snapshot *snapshot)
{
    stored *one = stele_table_insert(r->states, snapshot->id, NULL);
    if (one == NULL) return; /* longer than an id can be: it was never written by a worker */
    free(one->value);
    *one = (stored){.version = snapshot->version, .offset = snapshot->offset};
    if (snapshot->value.data == NULL) return;
    one->value = stele_alloc(snapshot->value.size);
    one->value_size = snapshot->value.size;
    memcpy(one->value, snapshot->value.data, snapshot->value.size);
}

static int take_batch(void *context, const stele_batch *batch, stele_error *err)
{
    stored_read *r = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (record->key.data == NULL || stele_id_is_reserved(record->key)) {
            learn_source(r, record->key);
            continue;
        }
        if (r->options->id.data != NULL && !stele_bytes_equal(record->key, r->options->id))
            continue;
        stele_snapshot snapshot;
        stele_status status = stele_snapshot_read(r->options->log, record, &snapshot, err);
        if (status < 0) return status;
        keep(r, &snapshot);
    }
    return STELE_OK;
}

/* Where the events go on behind the snapshots, and where they end; both 0 if that is not known. */
static stele_status find_rest(stored_read *r, int32_t index, int64_t *from, int64_t *end,
                              stele_error *err)
{
    *from = *end = 0;
    if (r->source == NULL) return STELE_OK;
    stele_partition source = {r->source, index};
    int64_t start;
    stele_status status = stele_log_bounds(r->options->log, source, STELE_READ_COMMITTED,
                                           time_left_ms(r), &start, end, err);
    if (status < 0) return status;
    return stele_log_group_offset(r->options->log, r->group, source, time_left_ms(r), from, err);
}

static stele_status hand_out(stored_read *r, int32_t index, stele_error *err)
{
    int64_t from, end;
    stele_status status = find_rest(r, index, &from, &end, err);
    stele_table_cursor cursor = {0};
    stored *one;
    while (status == STELE_OK && (one = stele_table_next(r->states, &cursor)) != NULL) {
        int64_t read_to = one->offset > from ? one->offset : from;
        stele_stored_state state = {.id = stele_table_key(r->states, one),
                                    .version = one->version,
                                    .offset = one->offset,
                                    .behind = end > read_to ? end - read_to : 0};
        if (one->value != NULL)
            status = stele_value_reader_read(r->reader, stele_bytes_of(one->value, one->value_size),
                                             &state.type, &state.value, err);
        if (status == STELE_OK) status = r->options->each(r->options->context, &state, err);
        r->found++;
    }
    return status;
}

static stele_status read_partition(stored_read *r, int32_t index, stele_error *err)
{
    r->states = stele_table_new(sizeof(stored), 0);
    stele_read_start start = {{r->topic, index}, STELE_OFFSET_NONE};
    stele_status status = stele_bounded_read(r->options->log,
                                             &(stele_read_options){.starts = &start,
                                                                   .count = 1,
                                                                   .deadline = r->options->deadline,
                                                                   .stop = r->options->stop,
                                                                   .take = take_batch,
                                                                   .context = r},
                                             err);
    if (status == STELE_OK) status = hand_out(r, index, err);
    free_states(r);
    return status;
}

stele_status stele_stored_states(const stele_stored_options *options, stele_error *err)
{
    STELE_AUTO_VALUE(stored_read) r = {.options = options};
    r.reader = stele_value_reader_new(options->registry, time_left_ms(&r));
    stele_status status =
        stele_stored_topic(options->log, options->projection, time_left_ms(&r), &r.topic, err);
    stele_log_topic topic;
    if (status == STELE_OK)
        status = stele_log_topic_describe(options->log, r.topic, time_left_ms(&r), &topic, err);
    if (status < 0) return status;
    r.group = stele_strndup(r.topic, strlen(r.topic) - strlen(".snapshots"));

    bool one = options->id.data != NULL;
    int32_t first = one ? stele_log_partition_of(options->id, topic.partitions) : 0;
    int32_t end = one ? first + 1 : topic.partitions;
    for (int32_t i = first; i < end && status == STELE_OK; i++)
        status = read_partition(&r, i, err);
    if (status == STELE_OK && one && r.found == 0)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "%s has no snapshot of %s",
                          r.topic, stele_quote(options->id).text);
    return status;
}
