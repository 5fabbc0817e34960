/* SPDX-License-Identifier: MIT
 * An owner at work: what the tasks of a writer's worker do with their partitions. A fold keeps the
 * states as the log has them (projections/fold.h); on top of it, once all that was there at the
 * fence is applied, the calls of the partition's desk are decided on, and what they yield is
 * appended through the fold's fenced writer, in a lane of its own.
 *
 * A call is answered when the fold has applied its events, for then every reader sees them. What
 * comes for an aggregate meanwhile is decided on a state with them (aggregates/overlay.h), and its
 * answer waits for them, whatever it is. A transaction that is aborted takes along all that was
 * decided after it began: it is decided again. */
#ifndef STELE_AGGREGATES_OWNERSHIP_H
#define STELE_AGGREGATES_OWNERSHIP_H

#include "aggregates/desk.h"
#include "aggregates/owners.h"
#include "consumer/worker.h"
#include "projections/fold.h"

/** What all partitions of one worker share. */
typedef struct stele_ownership stele_ownership;

/** All borrowed, and outlives the ownership. */
typedef struct stele_ownership_options {
    const stele_aggregate *aggregate; /* one that decides */
    stele_registry *registry;
    stele_fold *fold; /* of its projection, which owns its source, with STELE_OWNER_LANES lanes */
    const char *instance;
    const char *address; /* of its HTTP, in the owner's record; "": it has none */
    const char *source;  /* ce_source of events that are whole CloudEvents; NULL: minimal headers */
    bool takes_commands; /* from the commands topic, too; the fold knows of it */
    bool answers_committed; /* a call is answered when its transaction is committed already */
    /** The desk of a partition of the source; borrowed. In the worker's thread. */
    stele_desk *(*desk)(void *context, int32_t partition);
    /** In each turn of the worker's loop, before the tasks'. */
    void (*turn)(void *context, stele_worker *worker);
    void *context;
} stele_ownership_options;

/**
 * Nothing is asked yet.
 *
 * @param out  caller owns; release with stele_ownership_free after the worker
 * @return STELE_E_INVALID  the aggregate's table cannot be right (next = STOP)
 */
stele_status stele_ownership_new(const stele_ownership_options *options, stele_ownership **out,
                                 stele_error *err);
void stele_ownership_free(stele_ownership *ownership);
STELE_SCOPE(stele_ownership, stele_ownership_free);

/** Of the fold's writer: it writes in the first one. */
enum { STELE_OWNER_LANES = 2 };

/** The fold's `ensure`, with the ownership as context: the topic of owners is there, and the
 * schemas of the events are registered. */
stele_status stele_ownership_ensure(void *ownership, stele_log *log, int timeout_ms,
                                    stele_error *err);

/** For stele_worker_options, with the ownership as self. */
extern const stele_task_ops stele_owner_tasks;

#endif
