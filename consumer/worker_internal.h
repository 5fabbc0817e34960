/* SPDX-License-Identifier: MIT
 * What the files of the worker share: its partitions, each in a slot. */
#ifndef STELE_CONSUMER_WORKER_INTERNAL_H
#define STELE_CONSUMER_WORKER_INTERNAL_H

#include "consumer/worker.h"

#include "core/alloc.h"

enum {
    BACKOFF_MIN_MS = 50,
    BACKOFF_MAX_MS = 5000,
    PATIENCE_MS = 5000,  /* an answer on its way is a wait when it takes longer */
    COMPLAIN_MS = 10000, /* how often a wait is logged */
    REFRESH_MS = 30000,  /* how often the partition count is asked for */
    ASK_MS = 1000,       /* one question to the broker */
    MEMORY_MAX = 256 << 20
};

typedef enum slot_phase {
    SLOT_FREE = 0,  /* not ours */
    SLOT_PREPARING, /* `task` may be NULL: it is to be opened (again) at `retry_ns` */
    SLOT_RUNNING,
    SLOT_FENCED, /* another owner wrote; only a new assignment opens it again */
    SLOT_STOPPED
} slot_phase;

typedef struct slot {
    int32_t index;
    slot_phase phase;
    stele_task *task;
    bool prepared_once; /* `prepare` was called: it restores, before that it starts */
    bool draining;      /* is to be drained by worker_drain */

    stele_batch batch; /* was not taken whole; its partition is held meanwhile */
    bool has_batch;

    int backoff_ms;
    int64_t retry_ns;                      /* no call before it */
    char reason[STELE_ERROR_TEXT_MAX + 1]; /* why it waits or is stopped; "" */
    int64_t said_ns;                       /* the reason is kept from log and status until then */

    stele_progress progress;                /* as seen last */
    int64_t progress_ns;                    /* when it moved, or there was nothing to do */
    char stalled[STELE_ERROR_TEXT_MAX + 1]; /* why it is stalled; "" if it is not */
    int64_t fenced_ns;

    stele_partition_state told_state; /* to log and board */
    char told_reason[STELE_ERROR_TEXT_MAX + 1];
    stele_progress told_progress;
    bool told;
} slot;

struct stele_worker {
    stele_log *log;
    char *name;
    char *topic;
    char *instance;
    stele_worker_options options; /* its texts are the three above */

    stele_log_reader *reader;
    stele_log_member *member; /* NULL until the topic is there, and after one died */
    bool member_died;         /* what is revoked while it closes is lost */
    stele_status_board *board;

    int32_t partition_count; /* -1 until the topic was seen */
    bool count_unconfirmed;  /* partitions were assigned since it was compared */
    int64_t refresh_ns;      /* when it is compared again */
    int64_t connect_ns;      /* no attempt to connect before it */
    int64_t complained_ns;   /* INT64_MIN: never */
    stele_error stop_reason; /* all partitions are stopped, also those that come; or STELE_OK */

    slot *slots; /* by partition */
    int32_t slot_count;
    bool at_once;  /* something wants to be called again at once … */
    bool soon;     /* … or in a millisecond */
    bool stopping; /* the last drain */
};

static inline int64_t worker_now(const stele_worker *worker)
{
    return stele_clock_monotonic_ns(worker->options.clock);
}

static inline int64_t after_ms(int64_t now_ns, int64_t elapsed_ms)
{
    return now_ns + elapsed_ms * 1000000;
}

/* ---- worker_slot.c ---- */

slot *worker_slot(stele_worker *worker, int32_t partition);

void slot_assign(stele_worker *worker, slot *self);
/* Close the task and forget the partition. */
void slot_release(stele_worker *worker, slot *self, bool lost);
void slot_stop(stele_worker *worker, slot *self, const stele_error *why);
/* Close the task, to be opened anew. */
void slot_reopen(stele_worker *worker, slot *self);
void slot_prepare(stele_worker *worker, slot *self);
void slot_offer(stele_worker *worker, slot *self, stele_batch *batch);
void slot_offer_again(stele_worker *worker, slot *self);
void slot_tick(stele_worker *worker, slot *self);
/* Drain the partitions that are marked, in turns, until all are done or the time is up. */
void worker_drain(stele_worker *worker);

/* ---- worker_watch.c ---- */

stele_partition_state slot_state(const stele_worker *worker, const slot *self, const char **reason);
/* Look for partitions that stand still. @return failures of the worker itself */
stele_status worker_watch(stele_worker *worker, stele_error *err);
/* Tell log and board what has changed. */
void worker_tell(stele_worker *worker);
stele_status worker_open_reader(stele_worker *worker, stele_error *err);

#endif
