/* SPDX-License-Identifier: MIT
 * The topic that a worker reads: its partition count, which must stay, and the reader, which is
 * replaced if it gives nothing. */
#include "consumer/worker_inside.h"

#include <assert.h>

#include "consumer/watch.h"
#include "core/bug.h"

enum { MEMORY_MAX = 256 << 20 };

/* ---- the partition count ---- */

void worker_compare_count(stele_worker *worker, int32_t count)
{
    if (count == worker->partition_count || STELE_BUG("partition count is not compared")) return;
    stele_error reason;
    stele_fail(&reason, STELE_E_CONFLICT, STELE_NEXT_STOP,
               "%s had %d partitions and has %d: keys have moved to other partitions, so states "
               "would be split in two; copy its events to a new topic with that many",
               worker->topic, (int)worker->partition_count, (int)count);
    stele_worker_stop_all(worker, &reason);
}

/* Each assignment wants an answer; between them it is asked for when a broker is there. */
void worker_check_count(stele_worker *worker)
{
    stele_log_topic found;
    stele_error failure;
    bool is_due = worker->count_unconfirmed ||
                  (source_is_old(&worker->source) && stele_log_is_up(worker->host.log));
    if (!source_ask(&worker->source, is_due, &found, &failure)) return;
    if (failure.status < 0) {
        worker_complain(worker, "partition count is not known", &failure);
        return;
    }
    worker->count_unconfirmed = false;
    worker_compare_count(worker, found.partitions);
}

/* ---- the reader ---- */

/* @locality a thread of its own */
static void close_reader(void *reader)
{
    stele_log_reader_close(reader);
}

stele_status worker_open_reader(stele_worker *worker, stele_log_reader **out, stele_error *err)
{
    assert(worker->partition_count > 0);
    /* It may come to own every partition, and each has a queue of its own. */
    size_t memory =
        worker->options.memory_max == 0 ? (size_t)MEMORY_MAX : worker->options.memory_max;
    stele_log_reader_options options = {.haste = STELE_READER_HASTY_ONCE,
                                        .queue_max = memory / (size_t)worker->partition_count};
    return stele_log_reader_open(worker->host.log, &options, out, err);
}

/* What it restores is read by the reader too. It stays stalled until something comes. */
static void begin_again(stele_worker *worker, slot *self)
{
    stele_error stalled = self->stalled;
    slot_reopen(&worker->host, self);
    self->stalled = stalled;
}

static void read_on(stele_worker *worker, slot *self)
{
    stele_error failure;
    slot_drop_batch(self);
    if (self->phase == SLOT_RUNNING &&
        stele_log_reader_start(worker->host.reader, (stele_partition){worker->topic, self->index},
                               slot_progress(self).position, &failure) < 0)
        slot_stop(&worker->host, self, &failure);
}

/* A reader that gives nothing although there is something is replaced: what it had fetched ahead is
 * read again, from where each task stands. The old one serves until there is another. */
static void replace_reader(stele_worker *worker)
{
    stele_log_reader *opened;
    stele_error failure;
    if (worker_open_reader(worker, &opened, &failure) < 0) {
        worker_complain(worker, "the reader gives nothing and cannot be replaced", &failure);
        return;
    }
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = worker->slots[i];
        slot_drop_batch(each);
        if (each->phase == SLOT_PREPARING && each->task != NULL) begin_again(worker, each);
    }
    worker_await_closed(worker); /* while there is the reader that they know */
    stele_log_reader *replaced = worker->host.reader;
    worker_set_reader(worker, opened);
    if (worker->membership != NULL) stele_log_member_wakes(worker->membership->member, opened);
    worker_retire(worker, close_reader, replaced);
    for (int32_t i = 0; i < worker->slot_count; i++)
        read_on(worker, worker->slots[i]);
}

void worker_watch(stele_worker *worker)
{
    bool replace = false;
    for (int32_t i = 0; i < worker->slot_count; i++)
        replace = watch_slot(&worker->host, worker->slots[i]) || replace;
    if (replace) replace_reader(worker);
}
