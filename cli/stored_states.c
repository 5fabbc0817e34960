/* SPDX-License-Identifier: MIT
 * The last snapshot of each aggregate, from the snapshots topic alone. */
#include "cli/stored_states.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/value_reader.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/table.h"
#include "core/text.h"
#include "kafka/partitioner.h"

typedef struct stored {
    int64_t version;
    int64_t offset;
    uint8_t *value; /* owned; NULL: finished */
    size_t value_size;
} stored;

typedef struct stored_read {
    const stele_stored_options *options;
    stele_value_reader *reader;
    stele_stored_past stored;
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
    stele_stored_past_clear(&r->stored);
}
STELE_VALUE_SCOPE(stored_read, stored_read_clear);

/* The one of the highest version, if the name has none. */
static const char *find_topic(char *const *topics, const char *projection)
{
    const char *best = NULL;
    int best_version = 0;
    for (; *topics != NULL; topics++) {
        stele_projection_name name;
        stele_bytes group = stele_snapshots_topic_parse(*topics, &name);
        if (group.data == NULL) continue;
        bool exact = stele_bytes_equal(group, stele_text(projection));
        if (!exact && !stele_bytes_equal(name.projection, stele_text(projection))) continue;
        int version = exact ? INT_MAX : name.version;
        if (version <= best_version) continue;
        best_version = version;
        best = *topics;
    }
    return best;
}

stele_status stele_stored_topic(stele_log *log, const char *projection, int timeout_ms, char **out,
                                stele_error *err)
{
    char **topics = NULL;
    stele_status status = stele_log_topics(log, projection, timeout_ms, &topics, err);
    if (status < 0) return status;
    STELE_AUTO(char) writer = stele_writer_name(projection);
    const char *best = find_topic(topics, projection);
    if (best == NULL) best = find_topic(topics, writer);
    if (best != NULL) *out = stele_strdup(best);
    free(topics);
    if (best != NULL) return STELE_OK;
    return stele_fail(
        err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
        "there is no topic %s.v<n>.snapshots: no worker of that projection has written snapshots",
        projection);
}

/* ---- the past ---- */

void stele_stored_past_clear(stele_stored_past *self)
{
    stele_past_close(self->past);
    free(self->topic);
    free(self->projection);
    free(self->source);
    *self = (stele_stored_past){0};
}

stele_status stele_stored_past_open(const stele_past_options *how, const char *name,
                                    stele_stored_past *out, stele_error *err)
{
    STELE_AUTO_VALUE(stele_stored_past) found = {0};
    stele_deadline until = stele_past_piece(how);
    int timeout_ms = stele_deadline_remaining_ms(until, 60000);
    stele_log_topic topic;
    stele_status status = stele_stored_topic(how->log, name, timeout_ms, &found.topic, err);
    if (status == STELE_OK)
        status = stele_log_topic_describe(how->log, found.topic, timeout_ms, &topic, err);
    if (status == STELE_OK)
        status = stele_past_source(how->log, found.topic, topic.partitions, until, how->stop,
                                   &found.source, err);
    if (status < 0) return status;
    stele_projection_name parts;
    stele_snapshots_topic_parse(found.topic, &parts);
    found.projection = stele_strndup((const char *)parts.projection.data, parts.projection.size);
    stele_past_options options = *how;
    options.projection = found.projection;
    options.version = parts.version;
    options.events = found.source;
    status = stele_past_open(&options, &found.past, err);
    if (status < 0) return status;
    *out = found;
    found = (stele_stored_past){0};
    return STELE_OK;
}

/* ---- states ---- */

static stele_status keep(void *context, const stele_snapshot *snapshot, stele_error *err)
{
    stored_read *r = context;
    if (r->options->id.data != NULL && !stele_bytes_equal(snapshot->id, r->options->id))
        return STELE_OK;
    const stele_type *type;
    const void *value;
    stele_status status =
        snapshot->value.data == NULL
            ? STELE_OK
            : stele_value_reader_read(r->reader, snapshot->value, &type, &value, err);
    if (status < 0) return status;
    stored *one = stele_table_insert(r->states, snapshot->id, NULL);
    if (one == NULL) return STELE_OK; /* too long for an id: the past says so */
    free(one->value);
    *one = (stored){.version = snapshot->version, .offset = snapshot->offset};
    if (snapshot->value.data == NULL) return STELE_OK;
    one->value = stele_alloc(snapshot->value.size);
    one->value_size = snapshot->value.size;
    memcpy(one->value, snapshot->value.data, snapshot->value.size);
    return STELE_OK;
}

static stele_status hand_out(stored_read *r, const stele_past_partition *here, stele_error *err)
{
    stele_status status = STELE_OK;
    stele_table_cursor cursor = {0};
    stored *one;
    while (status == STELE_OK && (one = stele_table_next(r->states, &cursor)) != NULL) {
        int64_t read_to = one->offset > here->next_offset ? one->offset : here->next_offset;
        stele_stored_state state = {.id = stele_table_key(r->states, one),
                                    .version = one->version,
                                    .offset = one->offset,
                                    .behind =
                                        here->log_end > read_to ? here->log_end - read_to : 0};
        if (one->value != NULL)
            status = stele_value_reader_read(r->reader, stele_bytes_of(one->value, one->value_size),
                                             &state.type, &state.value, err);
        if (status == STELE_OK) status = r->options->each(r->options->context, &state, err);
        r->found++;
    }
    return status;
}

static stele_status read_partition(void *context, int32_t index, stele_error *err)
{
    stored_read *r = context;
    r->states = stele_table_new(sizeof(stored), 0);
    stele_past_partition here;
    stele_status status = stele_past_read(r->stored.past, index, keep, r, &here, err);
    if (status == STELE_OK) status = hand_out(r, &here, err);
    free_states(r);
    return status;
}

stele_status stele_stored_states(const stele_stored_options *options, stele_error *err)
{
    STELE_AUTO_VALUE(stored_read) r = {.options = options};
    stele_past_options how = {.log = options->log,
                              .registry = options->registry,
                              .deadline = options->deadline,
                              .patience_ms = options->patience_ms,
                              .stop = options->stop};
    r.reader = stele_value_reader_new(options->registry,
                                      stele_deadline_remaining_ms(stele_past_piece(&how), 60000));
    stele_status status = stele_stored_past_open(&how, options->projection, &r.stored, err);
    if (status < 0) return status;
    if (options->id.data == NULL)
        return stele_past_walk(r.stored.past, read_partition, options->left_out, &r,
                               options->context, err);
    int32_t count = stele_past_partitions(r.stored.past);
    status = read_partition(&r, stele_log_partition_of(options->id, count), err);
    if (status == STELE_OK && r.found == 0)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "%s has no snapshot of %s",
                          r.stored.topic, stele_quote(options->id).text);
    return status;
}
