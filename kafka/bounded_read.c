/* SPDX-License-Identifier: MIT
 * Reads to a bound. The bound is the high watermark, and it is reached when the log says that the
 * next offset is there: not by counting records, since aborted and control records leave holes, at
 * the end too. */
#include "kafka/bounded_read.h"

#include <inttypes.h>

#include "core/alloc.h"

enum {
    LOOK_MS = 100,     /* a wait looks at the stop flag that often */
    ASK_MS = 2000,     /* one question to the broker, before it is asked again */
    RETRY_PAUSE_MS = 5 /* between two looks at a schema that is being fetched */
};

typedef struct part {
    stele_partition partition;
    int64_t next;
    int64_t end;
    bool done;
} part;

typedef struct bounded_read {
    stele_log *log;
    const stele_bounded_read_options *options;
    stele_log_reader *reader;
    part *parts;
    size_t left;
    stele_deadline patience; /* by when the next batch has to come */
} bounded_read;

static void begin_patience(bounded_read *read)
{
    int patience_ms = read->options->patience_ms;
    read->patience =
        stele_deadline_after(stele_log_clock(read->log), patience_ms == 0 ? -1 : patience_ms);
}

static stele_status look_at_clock(const bounded_read *read, stele_error *err)
{
    const stele_bounded_read_options *options = read->options;
    if (options->stop != NULL && atomic_load(options->stop))
        return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP, "interrupted while reading");
    if (!stele_deadline_passed(options->deadline) && !stele_deadline_passed(read->patience))
        return STELE_OK;
    for (size_t i = 0; i < options->count; i++) {
        const part *late = &read->parts[i];
        if (late->done) continue;
        return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                          "%s/%d: read to offset %" PRId64 " of %" PRId64 " in time%s",
                          late->partition.topic, (int)late->partition.index, late->next, late->end,
                          stele_log_is_up(read->log)
                              ? "; if it stands still, an open transaction holds it back"
                              : "; no broker answers");
    }
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                      "no answer from the broker in time");
}

/* Ask for the bounds until the deadline: a broker that is away may come back. */
static stele_status ask_bounds(bounded_read *read, part *asked, int64_t *start, stele_error *err)
{
    for (;;) {
        int timeout_ms = stele_deadline_remaining_ms(read->options->deadline, ASK_MS);
        stele_status status =
            stele_log_bounds(read->log, asked->partition,
                             read->options->stable ? STELE_READ_COMMITTED : STELE_READ_UNCOMMITTED,
                             timeout_ms, start, &asked->end, err);
        if (status == STELE_OK || err->next != STELE_NEXT_RETRY || status == STELE_E_NOT_FOUND ||
            stele_deadline_passed(read->options->deadline))
            return status;
        if ((status = look_at_clock(read, err)) < 0) return status;
    }
}

static stele_status begin_part(bounded_read *read, size_t index, stele_error *err)
{
    const stele_bounded_read_start *from = &read->options->starts[index];
    part *begun = &read->parts[index];
    begun->partition = from->partition;
    int64_t start;
    stele_status status = ask_bounds(read, begun, &start, err);
    if (status < 0) return status;
    begun->next = from->offset == STELE_OFFSET_NONE ? start : from->offset;
    if (begun->next >= begun->end) {
        begun->done = true;
        return STELE_OK;
    }
    read->left++;
    return stele_log_reader_start(read->reader, begun->partition, begun->next, err);
}

static part *find_part(bounded_read *read, stele_partition partition)
{
    for (size_t i = 0; i < read->options->count; i++) {
        part *each = &read->parts[i];
        if (!each->done && each->partition.index == partition.index &&
            strcmp(each->partition.topic, partition.topic) == 0)
            return each;
    }
    return NULL;
}

/* @return what `take` said, or what became of the partition */
static int take_batch(bounded_read *read, part *of, const stele_batch *batch, stele_error *err)
{
    if (batch->status < 0) {
        if (err != NULL) *err = batch->error;
        return batch->status;
    }
    of->next = batch->next_offset;
    stele_batch cut = *batch; /* what came after the read began is not part of it */
    while (cut.count > 0 && cut.records[cut.count - 1].offset >= of->end)
        cut.count--;
    if (cut.next_offset > of->end) cut.next_offset = of->end;
    return cut.count == 0 ? STELE_OK : read->options->take(read->options->context, &cut, err);
}

static stele_status step(bounded_read *read, stele_error *err)
{
    stele_status status = look_at_clock(read, err);
    if (status < 0) return status;
    STELE_AUTO_VALUE(stele_batch) batch = {0};
    status = stele_log_reader_next(
        read->reader, stele_deadline_remaining_ms(read->options->deadline, LOOK_MS), &batch, err);
    if (status == STELE_E_TIMED_OUT) return STELE_OK;
    if (status < 0) return status;

    part *of = find_part(read, batch.partition);
    if (of == NULL) return STELE_OK;
    int taken = take_batch(read, of, &batch, err);
    begin_patience(read);
    if (taken < 0) return (stele_status)taken;
    if (taken == STELE_BOUNDED_READ_ENOUGH || of->next >= of->end) {
        of->done = true;
        read->left--;
        stele_log_reader_stop(read->reader, of->partition);
    }
    return STELE_OK;
}

stele_status stele_bounded_read(stele_log *log, const stele_bounded_read_options *options,
                                stele_error *err)
{
    stele_error own;
    if (err == NULL) err = &own;
    STELE_AUTO(stele_log_reader) reader = NULL;
    stele_status status =
        stele_log_reader_open(log,
                              &(stele_log_reader_options){.isolation = options->isolation,
                                                          .haste = STELE_READER_HASTY,
                                                          .queue_max = options->queue_max},
                              &reader, err);
    if (status < 0) return status;

    bounded_read read = {.log = log, .options = options, .reader = reader};
    begin_patience(&read);
    read.parts = stele_alloc_array(options->count, sizeof *read.parts);
    for (size_t i = 0; i < options->count && status == STELE_OK; i++)
        status = begin_part(&read, i, err);
    while (status == STELE_OK && read.left > 0)
        status = step(&read, err);
    free(read.parts);
    return status;
}

bool stele_bounded_read_wait_to_retry(stele_deadline deadline, const atomic_bool *stop,
                                      const stele_error *failure)
{
    if (failure->next != STELE_NEXT_RETRY || stele_deadline_passed(deadline)) return false;
    if (stop != NULL && atomic_load(stop)) return false;
    stele_sleep_ms(deadline.clock.runtime, RETRY_PAUSE_MS);
    return true;
}
