/* SPDX-License-Identifier: MIT
 * One bounded read for each partition. */
#include "cli/topic_walk.h"

#include "core/alloc.h"
#include "kafka/bounded_read.h"

typedef struct step {
    const stele_event_range *range;
    stele_moved_each *each;
    void *context;
    stele_header *headers;
    size_t capacity;
} step;

static void step_clear(step *s)
{
    free(s->headers);
}
STELE_VALUE_SCOPE(step, step_clear);

static size_t read_headers(step *s, const stele_batch *batch, const stele_record *record)
{
    size_t count = stele_log_batch_headers(batch, record, s->headers, s->capacity);
    if (count <= s->capacity) return count;
    s->capacity = count * 2;
    s->headers = stele_realloc_array(s->headers, s->capacity, sizeof *s->headers);
    return stele_log_batch_headers(batch, record, s->headers, s->capacity);
}

static int take(void *context, const stele_batch *batch, stele_error *err)
{
    step *s = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (record->offset >= s->range->until) return STELE_BOUNDED_READ_ENOUGH;
        stele_moved_event event = {.partition = batch->partition.index,
                                   .offset = record->offset,
                                   .time_ms = record->timestamp_ms,
                                   .key = record->key,
                                   .value = record->value,
                                   .header_count = read_headers(s, batch, record)};
        event.headers = s->headers;
        stele_status status = s->each(s->context, &event, err);
        if (status < 0) return status;
    }
    return batch->next_offset >= s->range->until ? STELE_BOUNDED_READ_ENOUGH : STELE_OK;
}

stele_status stele_walk_topic(const stele_topic_walk *walk, stele_moved_each *each, void *context,
                              stele_error *err)
{
    STELE_AUTO_VALUE(step) s = {.each = each, .context = context};
    stele_status status = STELE_OK;
    for (size_t i = 0; status == STELE_OK && i < walk->count; i++) {
        const stele_event_range *range = s.range = &walk->ranges[i];
        if (range->from >= range->until) continue;
        stele_bounded_read_start start = {{walk->topic, range->partition}, range->from};
        status =
            stele_bounded_read(walk->log,
                               &(stele_bounded_read_options){
                                   .starts = &start,
                                   .count = 1,
                                   .stable = true,
                                   .deadline = stele_deadline_after(stele_log_clock(walk->log), -1),
                                   .patience_ms = walk->patience_ms,
                                   .stop = walk->stop,
                                   .take = take,
                                   .context = &s},
                               err);
    }
    return status;
}
