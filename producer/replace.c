/* SPDX-License-Identifier: MIT
 * A producer has died, and what it had not been told is in doubt: in the log, or not. So the log is
 * read from where nothing pending can be, what is found there is delivered, and the rest goes to a
 * new producer, in order.
 *
 * An idempotent producer without transactions fences no one: a request of the dead one that a
 * broker still holds could be appended after the log was read. So the log is read again a moment
 * later, until nothing of ours has come in between. Others may write all the time. */
#include "core/bug.h"
#include "core/alloc.h"
#include "core/table.h"
#include "producer/publisher_inside.h"

enum {
    CALL_MS = 2000,
    SETTLE_MS = 200, /* between two looks at the log */
    READ_QUEUE_MAX = 16 << 20
};

/* A search of the log for what is in doubt. */
typedef struct search {
    stele_publisher *publisher;
    stele_deadline until;
    stele_log_reader *reader; /* NULL: nothing was to be read yet */
    stele_table **ids;        /* by partition: what is pending, by its id; NULL: nothing in doubt */
    int64_t *ends;            /* by partition: how far to read */
    bool *is_read;            /* by partition: the reader has it */
    size_t found;             /* of ours, in the last look */
} search;

static stele_status out_of_time(const char *what, stele_error *err)
{
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                      "a producer died; %s of its records is not finished", what);
}

/* Of a partition where something was sent and not answered: the events by their ids; the values are
 * pointers. */
static stele_table *by_id(const stele_pending_queue *queue)
{
    stele_table *table = stele_table_new(sizeof(stele_pending *), 0);
    stele_pending_chunk *chunk = NULL;
    size_t at = 0;
    bool is_in_doubt = false;
    stele_pending *pending;
    while ((pending = stele_pending_next(queue, &chunk, &at)) != NULL) {
        stele_bytes id = stele_bytes_of(pending->id.bytes, sizeof pending->id.bytes);
        stele_pending **place = stele_table_insert(table, id, NULL);
        *place = pending;
        is_in_doubt = is_in_doubt || pending->state == STELE_PENDING_SENT;
    }
    if (is_in_doubt) return table;
    stele_table_free(table);
    return NULL;
}

static search search_begin(stele_publisher *publisher, stele_deadline until)
{
    size_t count = (size_t)publisher->partition_count;
    search self = {.publisher = publisher,
                   .until = until,
                   .ids = stele_alloc_array(count, sizeof(stele_table *)),
                   .ends = stele_alloc_array(count, sizeof(int64_t)),
                   .is_read = stele_alloc_array(count, sizeof(bool))};
    for (size_t i = 0; i < count; i++)
        self.ids[i] = by_id(&publisher->partitions[i].queue);
    return self;
}

static void search_clear(search *self)
{
    stele_log_reader_close(self->reader);
    for (int32_t i = 0; i < self->publisher->partition_count; i++)
        stele_table_free(self->ids[i]);
    free(self->ids);
    free(self->ends);
    free(self->is_read);
}
STELE_VALUE_SCOPE(search, search_clear);

static bool is_in_doubt(const search *self)
{
    for (int32_t i = 0; i < self->publisher->partition_count; i++)
        if (self->ids[i] != NULL) return true;
    return false;
}

static void match(search *self, stele_table *ids, const stele_batch *batch,
                  const stele_record *record)
{
    stele_bytes text;
    stele_uuid uuid;
    if (!stele_log_batch_header(batch, record, "ce_id", &text)) return;
    if (stele_uuid_parse(text, &uuid, NULL) < 0) return;
    stele_bytes id = stele_bytes_of(uuid.bytes, sizeof uuid.bytes);
    stele_pending **found = stele_table_find(ids, id);
    if (found == NULL) return;
    stele_pending *pending = *found;
    stele_table_remove(ids, id);
    self->found++;
    stele_publisher_deliver(self->publisher, pending, record->offset, NULL);
}

static stele_status start_reading(search *self, int32_t index, int64_t start, stele_error *err)
{
    stele_publisher_partition *own = &self->publisher->partitions[index];
    stele_log_reader_options options = {.isolation = STELE_READ_UNCOMMITTED,
                                        .queue_max = READ_QUEUE_MAX};
    if (own->settled < start) own->settled = start;
    if (self->is_read[index] || own->settled >= self->ends[index]) return STELE_OK;
    stele_status status = STELE_OK;
    if (self->reader == NULL)
        status = stele_log_reader_open(self->publisher->log, &options, &self->reader, err);
    if (status == STELE_OK)
        status = stele_log_reader_start(
            self->reader, (stele_partition){self->publisher->topic, index}, own->settled, err);
    if (status == STELE_OK) self->is_read[index] = true;
    return status;
}

/* Where one partition ends now. */
static stele_status look_at_end(search *self, int32_t index, stele_error *err)
{
    stele_publisher *publisher = self->publisher;
    const stele_publisher_partition *own = &publisher->partitions[index];
    stele_partition partition = {publisher->topic, index};
    int64_t start;
    stele_status status = stele_log_bounds(publisher->log, partition, STELE_READ_UNCOMMITTED,
                                           stele_deadline_remaining_ms(self->until, CALL_MS),
                                           &start, &self->ends[index], err);
    if (status < 0) return status;
    if (STELE_BUG("publisher reads back too little") && self->ends[index] > own->settled)
        self->ends[index]--;
    if (self->ends[index] < own->settled) {
        return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                          "%s/%d ends at %lld, but it had records up to %lld: the topic was "
                          "replaced, or a broker lost acknowledged records",
                          publisher->topic, (int)index, (long long)self->ends[index],
                          (long long)own->settled);
    }
    return start_reading(self, index, start, err);
}

static bool is_behind(const search *self)
{
    for (int32_t i = 0; i < self->publisher->partition_count; i++)
        if (self->ids[i] != NULL && self->publisher->partitions[i].settled < self->ends[i])
            return true;
    return false;
}

/* One batch. What was compared is not read again, also by the next attempt. */
static stele_status read_batch(search *self, stele_error *err)
{
    STELE_AUTO_VALUE(stele_batch) batch = {0};
    int timeout_ms = stele_deadline_remaining_ms(self->until, CALL_MS);
    stele_status status = stele_log_reader_next(self->reader, timeout_ms, &batch, err);
    if (status == STELE_E_TIMED_OUT) return out_of_time("reading back", err);
    if (status < 0) return status;
    if (batch.status < 0) {
        if (err != NULL) *err = batch.error;
        return batch.status;
    }
    int32_t index = batch.partition.index;
    for (size_t i = 0; i < batch.count; i++)
        match(self, self->ids[index], &batch, &batch.records[i]);
    stele_publisher_partition *own = &self->publisher->partitions[index];
    if (own->settled < batch.next_offset) own->settled = batch.next_offset;
    self->publisher->has_advanced = true;
    return STELE_OK;
}

/* Read all partitions in doubt up to their ends of this moment. */
static stele_status look(search *self, stele_error *err)
{
    stele_status status;
    self->found = 0;
    for (int32_t i = 0; i < self->publisher->partition_count; i++)
        if (self->ids[i] != NULL && (status = look_at_end(self, i, err)) < 0) return status;
    while (is_behind(self))
        if ((status = read_batch(self, err)) < 0) return status;
    return STELE_OK;
}

/* Deliver what the log holds of what is in doubt. */
static stele_status find_delivered(stele_publisher *publisher, stele_deadline until,
                                   stele_error *err)
{
    STELE_AUTO_VALUE(search) self = search_begin(publisher, until);
    if (STELE_BUG("publisher does not read back")) return STELE_OK;
    if (!is_in_doubt(&self)) return STELE_OK;
    stele_status status = look(&self, err);
    do {
        if (status < 0) return status;
        if (STELE_BUG("publisher looks only once")) return STELE_OK;
        if (stele_deadline_passed(until)) return out_of_time("finding the end", err);
        stele_sleep_ms(stele_log_runtime(publisher->log), SETTLE_MS);
        status = look(&self, err);
    } while (status < 0 || self.found > 0);
    return STELE_OK;
}

static void mark_kept(stele_publisher *publisher)
{
    for (int32_t i = 0; i < publisher->partition_count; i++) {
        stele_pending_chunk *chunk = NULL;
        size_t at = 0;
        stele_pending *pending;
        while ((pending = stele_pending_next(&publisher->partitions[i].queue, &chunk, &at)) != NULL)
            pending->state = STELE_PENDING_KEPT;
    }
    publisher->has_kept = true;
}

stele_status stele_publisher_put_kept(stele_publisher *publisher, stele_error *err)
{
    for (int32_t i = 0; i < publisher->partition_count; i++) {
        stele_pending_chunk *chunk = NULL;
        size_t at = 0;
        stele_pending *pending;
        while ((pending = stele_pending_next(&publisher->partitions[i].queue, &chunk, &at))) {
            if (pending->state != STELE_PENDING_KEPT) continue;
            stele_error failure;
            stele_status status = stele_publisher_put(publisher, pending, &failure);
            if (status < 0 && failure.next == STELE_NEXT_REJECT) { /* limits are others now */
                stele_publisher_deliver(publisher, pending, -1, &failure);
                chunk = NULL; /* may be gone: from the beginning */
            } else if (status < 0) {
                if (err != NULL) *err = failure;
                return status;
            }
        }
    }
    publisher->has_kept = false;
    return STELE_OK;
}

stele_status stele_publisher_replace(stele_publisher *publisher, stele_deadline until,
                                     stele_error *err)
{
    if (publisher->producer != NULL) {
        stele_log_producer_close(publisher->producer); /* what it acknowledges now is delivered */
        publisher->producer = NULL;
        stele_publisher_count_cause(publisher, publisher->doubt.cause);
    }
    stele_status status;
    if ((status = find_delivered(publisher, until, err)) < 0) return status;
    /* The topic's limit may be another one than when batches were fitted to it. */
    if (publisher->doubt.status == STELE_E_LIMIT)
        stele_log_topic_batch_max(publisher->log, publisher->topic,
                                  stele_deadline_remaining_ms(until, CALL_MS),
                                  &publisher->batch_max, NULL);
    if ((status = stele_publisher_open_producer(publisher, err)) < 0) return status;
    mark_kept(publisher);
    publisher->must_replace = false;
    publisher->is_doubt_of_event = false;
    return STELE_OK;
}
