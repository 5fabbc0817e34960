/* SPDX-License-Identifier: MIT
 * The inside of a writer: for whoever runs it in a thread of its own making, calls it without
 * blocking, or takes calls of partitions that are elsewhere to their owners. */
#ifndef STELE_AGGREGATES_WRITER_INSIDE_H
#define STELE_AGGREGATES_WRITER_INSIDE_H

#include <stdatomic.h>

#include <stele/writer.h>

#include "aggregates/desk.h"
#include "core/logger.h"
#include "core/scope.h"

STELE_SCOPE(stele_writer, stele_writer_close);

/** Takes a call to its owner, elsewhere. */
typedef struct stele_forwarder {
    /**
     * A call waits for a partition that another instance owns, or no one. In the writer's thread;
     * may not block.
     *
     * @return true: the ticket is taken over. It is answered, or comes back with
     * stele_writer_return; false: it waits on, and is offered again in each turn
     */
    bool (*forward)(void *context, int32_t partition, stele_ticket *ticket);
    void *context;
} stele_forwarder;

/** What a process knows of its writers besides. All zero: nothing. Borrowed, outlives the writer.
 */
typedef struct stele_writer_setting {
    const stele_logger *logger;       /* NULL: silent */
    const char *address;              /* of its HTTP, for the owner's record; NULL: it has none */
    const stele_forwarder *forwarder; /* NULL: calls wait until their time is over */
    size_t memory_max;                /* bytes of events fetched ahead; 0: worker.memory_max_mb */
} stele_writer_setting;

/** As stele_writer_open, but no thread is started: for stele_writer_run. Calls may be made. */
stele_status stele_writer_new(stele_client *client, const stele_writer_options *options,
                              const stele_writer_setting *setting, stele_writer **out,
                              stele_error *err);

/**
 * Own and serve until `stop` is set, then finish, leave the group and answer every call that waits.
 * Once, for a writer of stele_writer_new.
 *
 * @return as stele_worker_run. After STELE_E_STOPPED a writer that has a forwarder takes calls on:
 * stele_writer_pass_on takes them to those who own the partitions by now
 */
stele_status stele_writer_run(stele_writer *writer, const atomic_bool *stop, stele_error *err);

/** Own nothing any more, and pass on all calls until `stop` is set; then answer those that wait. In
 * the thread of stele_writer_run, after that. */
void stele_writer_pass_on(stele_writer *writer, const atomic_bool *stop);

/**
 * stele_execute_async, of a call that other instances have passed on.
 *
 * @param hops  how often; past STELE_HOPS_MAX it is answered as STELE_E_NOT_OWNER where the
 *              partition is elsewhere
 */
stele_status stele_writer_execute(stele_writer *writer, const stele_call *call, int hops,
                                  stele_executed *done, void *context, stele_error *err);

/** Its stop flag was set: it need not wait until it looks by itself. From any thread, until it is
 * closed. */
void stele_writer_wake(stele_writer *writer);

const stele_aggregate *stele_writer_aggregate(const stele_writer *writer);

/** Who serves the partition of an aggregate, or of a number; elsewhere while that is not known. */
stele_desk_state stele_writer_desk_state(stele_writer *writer, int32_t partition);
/** @return -1: the topic was not seen yet */
int32_t stele_writer_partition_of(stele_writer *writer, stele_bytes aggregate_id);

/**
 * stele_writer_load without waiting: `loaded` is called with the state, then `done`; or `done`
 * alone with a failure. Both in one thread of the writer's or the forwarder's.
 *
 * @param hops  as stele_writer_execute
 */
stele_status stele_writer_load_async(stele_writer *writer, stele_bytes aggregate_id, int timeout_ms,
                                     int hops, void (*loaded)(void *context, const void *state),
                                     stele_executed *done, void *context, stele_error *err);

/** A forwarder gives back a ticket that it could not deliver: it waits at the front again, or is
 * answered if the writer has ended. From any thread. */
void stele_writer_return(stele_writer *writer, int32_t partition, stele_ticket *ticket);

#endif
