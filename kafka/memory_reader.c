/* SPDX-License-Identifier: MIT
 * Reading the log in memory. A batch is a copy, so that a view that outlives its batch is a use
 * after free that a sanitizer sees. */
#include "kafka/memory_broker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "kafka/memory_ops.h"

enum { BATCH_DEFAULT = 1024 };

/* A batch's memory. `ops` first: stele_log_batch_release finds it there. */
typedef struct box {
    const stele_reader_ops *ops;
    size_t count;
    stele_record records[];
} box;

/* A partition that is read. */
typedef struct source {
    stele_partition partition; /* the name is the reader's */
    int64_t position;
    int64_t told_end; /* the position that was last handed out as the end; -1: none */
    bool held;
} source;

typedef struct reader {
    stele_log_reader base;
    memory_log *log;
    int owner;
    stele_isolation isolation;
    size_t batch_max;
    source *sources;
    size_t count;
    bool woken;    /* by stele_log_reader_wake: the wait is over */
    size_t turn;   /* index of the source that is asked first */
    char **topics; /* kept until the reader closes: batches name them */
    size_t topic_count;
} reader;

/* ---- opening ---- */

static stele_status reader_open(stele_log *log, const stele_log_reader_options *options,
                                stele_log_reader **out, stele_error *err)
{
    memory_log *of = (memory_log *)log;
    stele_monitor_lock(&of->monitor);
    bool refused = of->refuses_readers;
    stele_monitor_unlock(&of->monitor);
    if (refused) return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_STOP, "too many open files");
    reader *self = stele_alloc(sizeof *self);
    self->base.ops = log->ops->reader;
    self->log = of;
    self->owner = stele_memory_owner(of);
    self->isolation = options->isolation;
    self->batch_max = options->batch_max == 0 ? BATCH_DEFAULT : options->batch_max;
    *out = &self->base;
    return STELE_OK;
}

static void reader_close(stele_log_reader *base)
{
    reader *self = (reader *)base;
    for (size_t i = 0; i < self->topic_count; i++)
        free(self->topics[i]);
    free(self->topics);
    free(self->sources);
    free(self);
}

/* ---- sources ---- */

static source *find_source(reader *self, stele_partition partition)
{
    for (size_t i = 0; i < self->count; i++) {
        const stele_partition *each = &self->sources[i].partition;
        if (each->index == partition.index && strcmp(each->topic, partition.topic) == 0)
            return &self->sources[i];
    }
    return NULL;
}

static const char *keep_topic(reader *self, const char *name)
{
    for (size_t i = 0; i < self->topic_count; i++)
        if (strcmp(self->topics[i], name) == 0) return self->topics[i];
    self->topics = stele_realloc_array(self->topics, self->topic_count + 1, sizeof(char *));
    self->topics[self->topic_count] = stele_strdup(name);
    return self->topics[self->topic_count++];
}

static stele_status reader_start(stele_log_reader *base, stele_partition partition, int64_t offset,
                                 stele_error *err)
{
    reader *self = (reader *)base;
    if (offset < 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s/%d: %" PRId64 " is no offset",
                          partition.topic, (int)partition.index, offset);
    if (find_source(self, partition) != NULL)
        return stele_fail(err, STELE_E_EXISTS, STELE_NEXT_STOP, "%s/%d is being read already",
                          partition.topic, (int)partition.index);

    self->sources = stele_realloc_array(self->sources, self->count + 1, sizeof *self->sources);
    self->sources[self->count++] = (source){
        .partition = {keep_topic(self, partition.topic), partition.index},
        .position = offset,
        .told_end = -1,
    };
    return STELE_OK;
}

static void stop_source(reader *self, source *stopped)
{
    size_t at = (size_t)(stopped - self->sources);
    self->count--;
    memmove(stopped, stopped + 1, (self->count - at) * sizeof *stopped);
    if (self->turn > at) self->turn--;
}

static void reader_stop(stele_log_reader *base, stele_partition partition)
{
    reader *self = (reader *)base;
    source *found = find_source(self, partition);
    if (found != NULL) stop_source(self, found);
}

bool *stele_memory_reader_woken(stele_log_reader *base)
{
    return &((reader *)base)->woken;
}

static void reader_wake(stele_log_reader *base)
{
    reader *self = (reader *)base;
    stele_monitor_lock(&self->log->monitor);
    self->woken = true;
    stele_monitor_wake(&self->log->monitor);
    stele_monitor_unlock(&self->log->monitor);
}

static void reader_hold(stele_log_reader *base, stele_partition partition, bool held)
{
    source *found = find_source((reader *)base, partition);
    if (found != NULL) found->held = held;
}

/* ---- batches ---- */

static box *make_box(const reader *self, size_t room)
{
    box *made = stele_alloc(sizeof *made + room * sizeof(stele_record));
    made->ops = self->base.ops;
    return made;
}

static void box_add(box *into, const memory_record *record)
{
    const memory_payload *payload = record->payload;
    memory_payload *copy = stele_memory_payload_copy(payload->key, payload->value, payload->headers,
                                                     payload->header_count);
    into->records[into->count++] = (stele_record){
        .offset = record->offset,
        .timestamp_ms = record->timestamp_ms,
        .key = copy->key,
        .value = copy->value,
        .headers = copy,
    };
}

static void batch_release(stele_batch *batch)
{
    box *full = batch->self;
    for (size_t i = 0; i < full->count; i++)
        free((void *)(uintptr_t)full->records[i].headers);
    free(full);
}

static size_t batch_headers(const stele_batch *batch, const stele_record *record, stele_header *out,
                            size_t max)
{
    (void)batch;
    const memory_payload *payload = record->headers;
    for (size_t i = 0; i < payload->header_count && i < max; i++)
        out[i] = payload->headers[i];
    return payload->header_count;
}

/* Read from a partition that has the position. @return false: nothing to hand out */
static bool read_batch(reader *self, source *from, const memory_partition *partition,
                       stele_batch *out)
{
    int64_t end = stele_memory_end(partition, self->isolation);
    size_t at = stele_memory_find_record(partition, from->position);
    size_t stop = stele_memory_find_record(partition, end);
    size_t room = stop > at ? stop - at : 0;
    box *into = make_box(self, room < self->batch_max ? room : self->batch_max);
    bool at_end = true;
    for (; at < stop; at++) {
        if (!stele_memory_is_visible(&partition->records[at], self->isolation)) continue;
        at_end = into->count < self->batch_max;
        if (!at_end) break;
        box_add(into, &partition->records[at]);
        from->position = partition->records[at].offset + 1;
    }
    if (at_end && from->position < end) from->position = end;
    if (into->count == 0 && from->told_end == from->position) {
        free(into);
        return false;
    }
    if (at_end) from->told_end = from->position;
    *out = (stele_batch){
        .partition = from->partition,
        .records = into->records,
        .count = into->count,
        .next_offset = from->position,
        .at_end = at_end,
        .log_end = partition->end,
        .self = into,
    };
    return true;
}

static void hand_out_failure(reader *self, source *from, const stele_error *failure,
                             stele_batch *out)
{
    *out = (stele_batch){
        .partition = from->partition,
        .next_offset = from->position,
        .log_end = from->position,
        .status = failure->status,
        .error = *failure,
        .self = make_box(self, 0),
    };
    stop_source(self, from);
}

static bool take_from(reader *self, source *from, stele_batch *out)
{
    stele_error failure;
    const char *topic = from->partition.topic;
    int index = (int)from->partition.index;
    if (from->held) return false;

    const memory_partition *partition = stele_memory_find_partition(self->log, from->partition);
    if (partition == NULL) {
        stele_fail(&failure, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                   "%s/%d: the topic or the partition is not there", topic, index);
    } else if (from->position < partition->start || from->position > partition->end) {
        stele_fail(&failure, STELE_E_HOLE, STELE_NEXT_STOP,
                   "%s/%d: offset %" PRId64 " is not in the log, which holds %" PRId64
                   " to %" PRId64 "; nothing is skipped: restore from snapshots, or rebuild",
                   topic, index, from->position, partition->start, partition->end);
    } else {
        return read_batch(self, from, partition, out);
    }
    hand_out_failure(self, from, &failure, out);
    return true;
}

static bool take_any(reader *self, stele_batch *out)
{
    size_t count = self->count;
    if (!stele_memory_is_reached(self->log, self->owner)) return false;
    for (size_t i = 0; i < count; i++) {
        size_t at = (self->turn + i) % count;
        if (!take_from(self, &self->sources[at], out)) continue;
        /* A source that failed is gone; the next one stands in its place. */
        self->turn = self->count < count ? at : at + 1;
        return true;
    }
    return false;
}

static stele_status reader_next(stele_log_reader *base, int timeout_ms, stele_batch *out,
                                stele_error *err)
{
    (void)err;
    reader *self = (reader *)base;
    stele_deadline deadline = stele_memory_deadline(self->log, timeout_ms);
    stele_memory_enter(self->log);
    bool taken = take_any(self, out);
    while (!taken && !self->woken && stele_memory_wait(self->log, deadline))
        taken = take_any(self, out);
    self->woken = false;
    stele_memory_exit(self->log);
    return taken ? STELE_OK : STELE_E_TIMED_OUT;
}

const stele_reader_ops stele_memory_reader_ops = {
    .open = reader_open,
    .close = reader_close,
    .start = reader_start,
    .stop = reader_stop,
    .hold = reader_hold,
    .wake = reader_wake,
    .next = reader_next,
    .batch_headers = batch_headers,
    .batch_release = batch_release,
};
