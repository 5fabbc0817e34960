/* SPDX-License-Identifier: MIT
 * A producer has died, and what it had not been told is in doubt: in the log, or not. So the log is
 * read from the last acknowledged offset on, what is found there is delivered, and the rest goes to
 * a new producer, in order.
 *
 * An idempotent producer without transactions fences nobody: a request of the dead one that a
 * broker still holds could be appended after the log was read. So the end has to stand still for
 * a moment before it is believed. */
#include "core/alloc.h"
#include "core/table.h"
#include "producer/publisher_inside.h"

enum {
    CALL_MS = 2000,
    SETTLE_MS = 200, /* the end stands still this long */
    READ_QUEUE_MAX = 16 << 20
};

static stele_status out_of_time(const char *what, stele_error *err)
{
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                      "a producer died; %s of its records is not finished", what);
}

static stele_status end_of(stele_publisher *publisher, stele_partition partition,
                           stele_deadline until, int64_t *start, int64_t *end, stele_error *err)
{
    int timeout_ms = stele_deadline_remaining_ms(until, CALL_MS);
    return stele_log_bounds(publisher->log, partition, STELE_READ_UNCOMMITTED, timeout_ms, start,
                            end, err);
}

typedef struct partition_ends {
    int64_t *starts;
    int64_t *ends;
} partition_ends;

static void partition_ends_clear(partition_ends *ends)
{
    free(ends->starts);
    free(ends->ends);
}
STELE_VALUE_SCOPE(partition_ends, partition_ends_clear);

/* The ends of all partitions that matter. @param moved  is one another than before? */
static stele_status look_at_ends(stele_publisher *publisher, stele_deadline until,
                                 partition_ends *found, bool *moved, stele_error *err)
{
    *moved = false;
    for (int32_t i = 0; i < publisher->partition_count; i++) {
        if (publisher->partitions[i].queue.count == 0) continue;
        stele_partition partition = {publisher->topic, i};
        int64_t before = found->ends[i];
        stele_status status =
            end_of(publisher, partition, until, &found->starts[i], &found->ends[i], err);
        if (status < 0) return status;
        *moved = *moved || found->ends[i] != before;
    }
    return STELE_OK;
}

/* The high watermarks, once they have not moved for a while. */
static stele_status settle(stele_publisher *publisher, stele_deadline until, partition_ends *found,
                           stele_error *err)
{
    bool moved;
    stele_status status = look_at_ends(publisher, until, found, &moved, err);
    do {
        if (status < 0) return status;
        if (stele_deadline_passed(until)) return out_of_time("finding the end", err);
        stele_sleep_ms(stele_log_runtime(publisher->log), SETTLE_MS);
        status = look_at_ends(publisher, until, found, &moved, err);
    } while (status < 0 || moved);
    return STELE_OK;
}

/* The events of a partition by their ids; the values are pointers. */
static stele_table *by_id(const stele_pending_queue *queue)
{
    stele_table *table = stele_table_new(sizeof(stele_pending *), 0);
    stele_pending_chunk *chunk = NULL;
    size_t at = 0;
    stele_pending *pending;
    while ((pending = stele_pending_next(queue, &chunk, &at)) != NULL) {
        stele_bytes id = stele_bytes_of(pending->id.bytes, sizeof pending->id.bytes);
        stele_pending **place = stele_table_insert(table, id, NULL);
        *place = pending;
    }
    return table;
}

static void match(stele_publisher *publisher, stele_table *ids, const stele_record *record)
{
    stele_bytes text;
    stele_uuid uuid;
    if (!stele_log_record_header(publisher->log, record, "ce_id", &text)) return;
    if (stele_uuid_parse(text, &uuid, NULL) < 0) return;
    stele_bytes id = stele_bytes_of(uuid.bytes, sizeof uuid.bytes);
    stele_pending **found = stele_table_find(ids, id);
    if (found == NULL) return;
    stele_pending *pending = *found;
    stele_table_remove(ids, id);
    stele_publisher_deliver(publisher, pending, record->offset, NULL);
}

static stele_status read_back(stele_publisher *publisher, stele_partition partition,
                              stele_table *ids, int64_t from, int64_t end, stele_deadline until,
                              stele_error *err)
{
    stele_log_reader_options options = {.isolation = STELE_READ_UNCOMMITTED,
                                        .queue_max = READ_QUEUE_MAX};
    STELE_AUTO(stele_log_reader) reader = NULL;
    stele_status status;
    if ((status = stele_log_reader_open(publisher->log, &options, &reader, err)) < 0) return status;
    if ((status = stele_log_reader_start(reader, partition, from, err)) < 0) return status;
    for (int64_t at = from; at < end;) {
        STELE_AUTO_VALUE(stele_batch) batch = {0};
        int timeout_ms = stele_deadline_remaining_ms(until, CALL_MS);
        status = stele_log_reader_next(reader, timeout_ms, &batch, err);
        if (status == STELE_E_TIMED_OUT) return out_of_time("reading back", err);
        if (status < 0) return status;
        if (batch.status < 0) {
            if (err != NULL) *err = batch.error;
            return batch.status;
        }
        for (size_t i = 0; i < batch.count; i++)
            match(publisher, ids, &batch.records[i]);
        at = batch.next_offset;
    }
    return STELE_OK;
}

/* Deliver what the log holds of one partition's events. */
static stele_status find_delivered(stele_publisher *publisher, int32_t index, int64_t start,
                                   int64_t end, stele_deadline until, stele_error *err)
{
    stele_publisher_partition *own = &publisher->partitions[index];
    if (own->queue.count == 0) return STELE_OK;
    stele_partition partition = {publisher->topic, index};
    if (end < own->acknowledged) {
        return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                          "%s/%d ends at %lld, but %lld was acknowledged: the topic was replaced, "
                          "or a broker lost acknowledged records",
                          publisher->topic, (int)index, (long long)end,
                          (long long)own->acknowledged);
    }
    int64_t from = own->acknowledged > start ? own->acknowledged : start;
    STELE_AUTO(stele_table) ids = by_id(&own->queue);
    return read_back(publisher, partition, ids, from, end, until, err);
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
    stele_log_producer_close(publisher->producer); /* what it acknowledges meanwhile is delivered */
    publisher->producer = NULL;
    size_t count = (size_t)publisher->partition_count;
    STELE_AUTO_VALUE(partition_ends)
    found = {stele_alloc_array(count, sizeof *found.starts),
             stele_alloc_array(count, sizeof *found.ends)};
    stele_status status = settle(publisher, until, &found, err);
    for (int32_t i = 0; status == STELE_OK && i < publisher->partition_count; i++)
        status = find_delivered(publisher, i, found.starts[i], found.ends[i], until, err);
    if (status == STELE_OK) status = stele_publisher_open_producer(publisher, err);
    if (status < 0) return status;
    mark_kept(publisher);
    publisher->must_replace = false;
    return STELE_OK;
}
