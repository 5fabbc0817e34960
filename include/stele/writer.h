/* SPDX-License-Identifier: MIT
 * The writer of an aggregate: commands and events in, fenced appends out.
 *
 * Each instance of a program that opens a writer takes part in the group "<aggregate>.writer", and
 * owns some partitions of the events topic. The owner of a partition decides on the commands for
 * its aggregates, one after the other, and appends what they yield; no one else can. A call is
 * answered when its events are stored and every reader sees them. */
#ifndef STELE_WRITER_H
#define STELE_WRITER_H

#include <stele/aggregate.h>
#include <stele/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Of one aggregate in this process; shared by threads. */
typedef struct stele_writer stele_writer;

/** When a call is answered. */
typedef enum stele_acknowledge {
    STELE_ACKNOWLEDGE_CONFIGURED = 0, /* `acknowledge` of [aggregate NAME]: visible, if not set */
    STELE_ACKNOWLEDGE_VISIBLE,        /* when every reader sees its events */
    STELE_ACKNOWLEDGE_COMMITTED /* half a millisecond earlier, when the broker has committed them: a
                                   broker that crashes then can lose what it has acknowledged */
} stele_acknowledge;

/** All zero, but for the aggregate, means the defaults. */
typedef struct stele_writer_options {
    const stele_aggregate *aggregate; /* with a state; borrowed, must outlive the writer */
    stele_acknowledge acknowledge;
    bool takes_commands; /* from the topic "<aggregate>.commands", too, as with `commands = topic`
                            of [aggregate NAME]; see <stele/sender.h> */
    int queue_max;       /* calls that wait for one partition, at most; 0: as `queue_max` of
                            [aggregate NAME] */
} stele_writer_options;

/**
 * Start the writer's thread, which joins the group. While broker or topic are away, it waits for
 * them, and so do calls.
 *
 * @param options  borrowed for the call
 * @param out      caller owns; release with stele_writer_close before the client
 * @return STELE_E_INVALID  the aggregate's table cannot be right (next = STOP)
 */
STELE_API stele_status stele_writer_open(stele_client *client, const stele_writer_options *options,
                                         stele_writer **out, stele_error *err);

/**
 * Finish what is being committed, answer every call that waits still as STELE_E_UNAVAILABLE, write
 * the last snapshots within `worker.drain_timeout_ms`, leave the group, release. No call may be
 * under way in another thread but stele_execute, which comes back before. NULL is fine.
 */
STELE_API void stele_writer_close(stele_writer *writer);

/** Versions that a call may expect; a positive number n: the aggregate has n events. */
enum {
    STELE_EXPECT_ANY = 0,
    STELE_EXPECT_NEW = -1 /* it has none */
};

/** A call of an aggregate. All of it is borrowed for the call. */
typedef struct stele_call {
    stele_bytes aggregate_id; /* 1 to 1,024 bytes of UTF-8 that do not begin with "stele:" */
    const stele_type *type; /* of the command, one of the aggregate's table; NULL: none, but … */
    const void *command;    /* its struct */
    const stele_new_event *events; /* … these, for the caller has decided */
    size_t event_count;
    int64_t expected_version;   /* or STELE_EXPECT_… */
    const char *command_id;     /* 1 to 128 bytes; NULL: one is made. With an id of its own a caller
                                   may repeat a call whose outcome it does not know: the aggregate
                                   remembers its last ones, and a repeat gets the first result */
    const char *correlation_id; /* ce_correlationid of the events; NULL: none */
    const char *traceparent;    /* W3C Trace Context; NULL: none */
    int timeout_ms;             /* 0: 30,000 */
} stele_call;

/** What came of it. */
typedef struct stele_result {
    int64_t version; /* of the aggregate after it; of STELE_E_CONFLICT: the one that it has */
    char topic[256];
    int32_t partition;
    int64_t offset; /* of its last event; -1: it has no events */
    size_t event_count;
    char first_event_id[37]; /* the ids of those behind it count up from it; "" without events */
    bool repeated;           /* the command was carried out before; this is its first result */
    char code[64];           /* of STELE_E_REJECTED: what the decide function gave; else "" */
} stele_result;

/**
 * Called once for each call that was taken, in the writer's thread. It must not block; it may make
 * other calls with stele_execute_async.
 *
 * @param result   never NULL; zero where there is nothing to say
 * @param failure  NULL: it was carried out; else as stele_execute returns it
 */
typedef void stele_executed(void *context, const stele_result *result, const stele_error *failure);

/**
 * Have a command decided on, or events appended, and be told of it by `done`.
 *
 * @return STELE_OK         it is taken, `done` will be called
 *         STELE_E_INVALID  the aggregate has no such command or event, or what is given with it
 *                          does not fit (next = REJECT)
 *         STELE_E_LIMIT    larger than it may be (next = REJECT)
 *         STELE_E_FULL     too many calls wait: again in a moment (next = RETRY)
 *         STELE_E_STOPPED  the aggregate's partition is stopped, or all of them are: the text says
 *                          why, and the way out (next = STOP)
 *         STELE_E_UNAVAILABLE  the writer has ended (next = STOP); the text says why
 */
STELE_API stele_status stele_execute_async(stele_writer *writer, const stele_call *call,
                                           stele_executed *done, void *context, stele_error *err);

/**
 * The same, and wait for it.
 *
 * @param result  filled in any case; NULL: not wanted
 * @return what stele_execute_async does, and
 *         STELE_E_REJECTED  by the decide function: result->code, and the reason as text; nothing
 *                           was appended (next = REJECT)
 *         STELE_E_CONFLICT  the aggregate is at another version: result->version (next = REJECT)
 *         STELE_E_INVALID, STELE_E_LIMIT  the decide function failed, a handler refused an event,
 *                              or an event is too large; nothing was appended (next = REJECT)
 *         STELE_E_UNAVAILABLE  no one could take it in time; nothing was appended (next = RETRY)
 *         STELE_E_TIMED_OUT    whether it was carried out is not known: the same call with the same
 *                              command_id says it (next = RETRY)
 */
STELE_API stele_status stele_execute(stele_writer *writer, const stele_call *call,
                                     stele_result *result, stele_error *err);

/**
 * The state of an aggregate as its owner has it: with every event that was acknowledged when the
 * call began. For callers who decide themselves: load, decide, then append with the version.
 *
 * @param timeout_ms  0: 30,000
 * @param state       owned value of the state type, all zero or filled: what it held is released;
 *                    of an aggregate without events as `init` makes it, of a finished one all zero.
 *                    Release it with stele_value_clear
 * @param version     count of its events; 0: it has none
 * @return STELE_E_INVALID, STELE_E_FULL, STELE_E_STOPPED, STELE_E_UNAVAILABLE  as stele_execute
 */
STELE_API stele_status stele_writer_load(stele_writer *writer, stele_bytes aggregate_id,
                                         int timeout_ms, void *state, int64_t *version,
                                         stele_error *err);

#ifdef __cplusplus
}
#endif

#endif
