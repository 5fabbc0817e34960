/* SPDX-License-Identifier: MIT
 * One partition in a worker: opened, prepared, fed, waiting, stopped, drained, closed. It knows
 * what its host lends it, and neither the group nor who is told about it. */
#ifndef STELE_CONSUMER_SLOT_H
#define STELE_CONSUMER_SLOT_H

#include <stdatomic.h>

#include "consumer/asker.h"
#include "consumer/status.h"
#include "consumer/task.h"
#include "core/logger.h"

typedef enum slot_phase {
    SLOT_FREE = 0,  /* not ours */
    SLOT_PREPARING, /* `task` may be NULL: it is to be opened (again) */
    SLOT_RUNNING,
    SLOT_FENCED, /* another owner wrote */
    SLOT_STOPPED
} slot_phase;

/** The calls of a task that can wait, each for a reason of its own. */
typedef enum slot_call { SLOT_PREPARE = 0, SLOT_TAKE, SLOT_TICK, SLOT_CALLS } slot_call;

/** What a failure of a task means for its partition. */
typedef enum slot_verdict {
    SLOT_ON_ITS_WAY = 0, /* nothing is wrong: the call is made again */
    SLOT_WAIT,           /* for a reason; the call is made again */
    SLOT_REOPEN,         /* the state can no longer be trusted */
    SLOT_GIVE_WAY,       /* another owner has fenced it */
    SLOT_GIVE_UP         /* it needs a person */
} slot_verdict;

/** Why a call is not made now. All zero: it may be made. */
typedef struct slot_wait {
    int backoff_ms;
    int64_t retry_ns;    /* no call before it */
    int64_t reported_ns; /* log and status do not hear of it before then */
    int64_t position;    /* where the task was when the call failed last */
    stele_error why;     /* STELE_OK: no reason */
} slot_wait;

typedef struct slot {
    int32_t index;
    slot_phase phase;
    stele_task *task;
    stele_task *closing; /* was `task`, and was asked to close; NULL: none */
    bool prepared_once;  /* `prepare` was called: it restores, before that it starts */
    bool draining;
    bool is_assigned; /* by the group */
    bool is_kept;  /* whatever the group has assigned: it was taken without it, or not given back */
    bool is_given; /* it is drained, and then it is no longer ours */
    int64_t given_ns; /* since then; or it was then */
    bool keeps_line;  /* its line in status stays when it is released: the last word of a worker */

    stele_batch batch; /* was not taken whole; its partition is held meanwhile */
    bool has_batch;

    slot_wait waits[SLOT_CALLS];
    stele_error ended; /* why it is fenced or stopped */
    int64_t fenced_ns;
    bool fenced_before;  /* since it was assigned */
    int reopened_ms;     /* the pause before it was opened again last, doubled each time … */
    int64_t reopened_ns; /* … unless it has run for long since */

    stele_progress progress;  /* as seen last */
    int64_t progress_ns;      /* when it moved, or there was nothing to do */
    int64_t looked_ns;        /* when it moved, or the broker was asked why it does not */
    stele_question *question; /* to the broker, why; owned, NULL: none yet */
    stele_error stalled;      /* why it is stalled; STELE_OK if it is not */
    stele_error held_back;    /* what keeps its events back; STELE_OK: nothing does */
} slot;

/** What slots use of their worker. */
typedef struct slot_host {
    stele_worker *worker; /* for tasks */
    stele_log *log;
    stele_log_reader *reader; /* NULL: there is none */
    stele_status_board *board;
    stele_asker *asker;
    const char *name;  /* of the worker */
    const char *topic; /* the source */
    int stall_timeout_ms;
    const stele_logger *logger; /* NULL: silent */
    const stele_task_ops *tasks;
    void *self; /* handed to tasks->open */
    const atomic_bool *stop;
    bool at_once;  /* something wants to be called again at once … */
    int within_ms; /* … or after that long; INT_MAX: nothing does */
    bool stopping; /* the last drain */
} slot_host;

static inline int64_t slot_now(const slot_host *host)
{
    return stele_log_now_ns(host->log);
}

static inline int64_t after_ms(int64_t now_ns, int64_t elapsed_ms)
{
    return now_ns + elapsed_ms * 1000000;
}

/** Log what an operator will wonder about. @param position  -1: none */
void slot_warn(const slot_host *host, int32_t partition, int64_t position, const char *message,
               const char *reason);

/** What follows from a failure. Changes nothing. */
slot_verdict slot_judge(const stele_error *failure);

/*
 * Whatever ends a task only asks it to close, so that many end at the same time; whoever has called
 * for all of them calls slots_await_closed.
 */

/** A new assignment. `task` of an earlier one is asked to close. */
void slot_assign(slot_host *host, slot *self);

/** Stop it: it needs a person. The task is asked to close. */
void slot_stop(slot_host *host, slot *self, const stele_error *why);

/** The group has assigned what is kept already: the task goes on. */
void slot_confirm(slot *self);

/** Ask the task to close; another is opened once it has. */
void slot_reopen(slot_host *host, slot *self);

/** Is it prepared or running, and not to be given away? */
bool slot_is_served(const slot *self);

/** Does it run, or is it not to run, with nothing under way? */
bool slot_is_at_rest(const slot *self);

/** How long until the next back-off is over; INT_MAX: no call waits for one. */
int64_t slot_due_in_ms(const slot_host *host, const slot *self);

/** What a call waits for may be there: no back-off holds it up now. */
void slot_call_now(const slot_host *host, slot *self);

/** Forget the batch that was not taken whole. */
void slot_drop_batch(slot *self);

/** Open the task and let it prepare, as far as that goes now. */
void slot_prepare(slot_host *host, slot *self);

/** Hand it a batch, which is taken over. `self` may be NULL. */
void slot_offer(slot_host *host, slot *self, stele_batch *batch);
void slot_offer_again(slot_host *host, slot *self);

void slot_tick(slot_host *host, slot *self);

/** One bounded piece of the last snapshot; `draining` goes when it is done. */
void slot_drain(slot_host *host, slot *self);

/** Wait for all that were asked to close, under one deadline. */
void slots_await_closed(const slot_host *host, slot *const *slots, size_t count);

/**
 * Take partitions away: all tasks are asked to close, then all are waited for under one deadline.
 * The slots are free then.
 */
void slots_release(slot_host *host, slot *const *slots, size_t count, bool lost);

/** Why it applies no events, as someone has ordered; NULL: it does. Valid until the next call. */
const stele_pause *slot_pause(const slot *self);

/** How far it is now. */
stele_progress slot_progress(const slot *self);

/** What it waits for now; "": nothing. Valid until the next call. */
const char *slot_hindrance(const slot_host *host, const slot *self);

/** What to say of it. @param reason  "" where there is nothing to say; valid until the next call */
stele_partition_state slot_state(const slot_host *host, const slot *self, const char **reason);

#endif
