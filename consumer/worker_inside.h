/* SPDX-License-Identifier: MIT
 * What the files of the worker share: worker.c, and below it worker_group.c and worker_reader.c,
 * then worker_own.c, then worker_wait.c. */
#ifndef STELE_CONSUMER_WORKER_INSIDE_H
#define STELE_CONSUMER_WORKER_INSIDE_H

#include "consumer/report.h"
#include "consumer/slot.h"
#include "consumer/source.h"
#include "consumer/worker.h"
#include "core/monitor.h"
#include "core/retire.h"

/* A member of the group, and whether it still speaks for the worker. */
typedef struct membership {
    stele_log_member *member;
    stele_worker *worker; /* NULL: it was left, and what it says is about nothing any more */
} membership;

struct stele_worker {
    slot_host host;
    char *name;
    char *topic;
    char *instance;
    stele_worker_options options; /* its texts are the three above */
    atomic_bool never;            /* the stop flag of a worker that no one runs */
    stele_monitor bell;
    bool rung;             /* under the monitor: something came for a task */
    atomic_bool is_called; /* something came for a task, and it may look at clocks for it */
    int64_t busy_ns;       /* when something went on last */
    stele_registry_listener listener;
    atomic_bool schemas_came; /* that one may wait for */

    membership *membership;    /* owned; NULL until the topic is there, and after it was left */
    stele_retirement replaced; /* members that were left, readers */
    bool is_refused;           /* the group does not let it in */
    int64_t refused_ns;        /* … since then */
    report told;

    source source;           /* asked for its partition count */
    int32_t partition_count; /* -1 until the topic was seen */
    bool count_unconfirmed;  /* partitions were assigned since it was compared */
    int64_t complained_ns;   /* INT64_MIN: never */
    stele_error stop_reason; /* all partitions are stopped, also those that come; or STELE_OK */

    slot **slots; /* by partition; they do not move */
    int32_t slot_count;
};

/* ---- worker_wait.c ---- */

/** End its wait: an answer is there, also one that a worker at rest has asked for. Any thread. */
void worker_ring(stele_worker *worker);

/** Whoever wakes the worker wakes that reader from now on. NULL: there is none. */
void worker_set_reader(stele_worker *worker, stele_log_reader *reader);

/** How long to wait for something to come, now: `timeout_ms` at most. */
int worker_turn_ms(stele_worker *worker, int timeout_ms);

/* ---- worker_own.c ---- */

/** A partition's slot. @return NULL: it never had one */
slot *worker_slot(const stele_worker *worker, int32_t partition);
slot *worker_make_slot(stele_worker *worker, int32_t index);

/** Drain the partitions that are marked, in turns, until all are done or the time is up.
 * @param lost  whether they are: then they are not to be drained, and someone checks that */
void worker_drain(stele_worker *worker, bool lost);

/** Once for all that ended in a part of the turn. */
void worker_await_closed(stele_worker *worker);

/** They are free then. */
void worker_release(stele_worker *worker, slot *const *slots, size_t count, bool lost);

/** What was given away is drained, and released then; if it is still assigned after a whole
 * session, it is asked for again. */
void worker_serve_given(stele_worker *worker);

/** Do what stele_worker_stop_all has asked for. */
void worker_stop_if_asked(stele_worker *worker);

/** Log why it waits, every ten seconds at most. */
void worker_complain(stele_worker *worker, const char *message, const stele_error *why);

/** Close what is not used any more, in a thread of its own if one is to be had. */
void worker_retire(stele_worker *worker, void (*close)(void *what), void *what);

/* ---- worker_group.c ---- */

stele_status worker_join_group(stele_worker *worker, stele_error *err);

/** All that is ours is given away, or lost if the member has died. */
void worker_leave_group(stele_worker *worker, bool died);

/** One poll, and what follows. */
void worker_serve_group(stele_worker *worker);

/* ---- worker_reader.c ---- */

/** Stop all if it is not what it was. */
void worker_compare_count(stele_worker *worker, int32_t count);
void worker_check_count(stele_worker *worker);

stele_status worker_open_reader(stele_worker *worker, stele_log_reader **out, stele_error *err);

/** Look for partitions that stand still; a reader that gives nothing is replaced. */
void worker_watch(stele_worker *worker);

#endif
