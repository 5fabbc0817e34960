/* SPDX-License-Identifier: MIT
 * Failures as values: every call that can fail returns a status and fills a stele_error that
 * the caller holds. The library never logs a failure and keeps none in a global. */
#ifndef STELE_ERROR_H
#define STELE_ERROR_H

#include <stele/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What happened. A code exists only where a caller branches on it; the rest is in the text. */
typedef enum stele_status {
    STELE_OK = 0,
    STELE_FINISHED = 1,     /* from an apply function: the aggregate's life has ended, see fold.h */
    STELE_E_INVALID = -1,   /* the input cannot be right: data, schema, configuration, usage    */
    STELE_E_LIMIT = -2,     /* it is larger than a limit that the text names                    */
    STELE_E_NOT_FOUND = -3, /* no such topic, schema id, subject, file, aggregate               */
    STELE_E_EXISTS = -4,    /* it exists already                                                */
    STELE_E_CONFLICT = -5,  /* someone else was first; read again and decide again               */
    STELE_E_INCOMPATIBLE = -6, /* two schemas, or two settings, do not go together */
    STELE_E_FENCED = -7,    /* another owner took over: drop the state, this object is dead     */
    STELE_E_NOT_OWNER = -8, /* this member no longer owns the partition                         */
    STELE_E_TIMED_OUT = -9, /* the deadline passed; the outcome may be unknown                  */
    STELE_E_UNAVAILABLE = -10, /* broker, registry or database is away; it may come back */
    STELE_E_FULL = -11, /* a bounded queue is full: serve deliveries, then call again       */
    STELE_E_HOLE = -12, /* the log does not hold what is needed: going on would skip events */
    STELE_E_INTERRUPTED = -13, /* a signal or a stop request came first */
    STELE_E_INTERNAL = -14,  /* a bug in Stele or in a library below it                          */
    STELE_E_STOPPED = -15,   /* a partition, or all of a worker's, is stopped: it needs a person */
    STELE_E_FORBIDDEN = -16, /* this user, or anyone, lacks a right that the text names */
    STELE_E_REJECTED = -17 /* a decide function rejected the command; it has a code and a reason */
} stele_status;

/** What the caller does next. Exactly one; zero is the safe one. */
typedef enum stele_next {
    STELE_NEXT_STOP = 0, /* give up: close the object, exit the worker            */
    STELE_NEXT_RETRY,    /* the same call may be made again                       */
    STELE_NEXT_ABORT,    /* abort the transaction, rewind to the commit, go on    */
    STELE_NEXT_REJECT    /* this one event or command is bad: set it aside        */
} stele_next;

enum { STELE_ERROR_TEXT_MAX = 1023 };

/** A failure, held by the caller. Plain data: copy it freely, nothing is owned. */
typedef struct stele_error {
    stele_status status;
    stele_next next;
    int cause; /* errno or librdkafka's code; 0 if none */
    /* For people: what, where, what to do; UTF-8, NUL-terminated. Where a name or another text that
     * was inserted is too long for the room, its middle is left out, never the message's end. */
    char text[STELE_ERROR_TEXT_MAX + 1];
} stele_error;

/**
 * Fill `err` and return `status`, so that failing is one line.
 *
 * @param err  NULL is allowed and drops the details
 */
STELE_API stele_status stele_fail(stele_error *err, stele_status status, stele_next next,
                                  const char *format, ...) STELE_PRINTF(4, 5);

/** As stele_fail, with the code of the library or system call that failed (errno, librdkafka's). */
STELE_API stele_status stele_fail_cause(stele_error *err, stele_status status, stele_next next,
                                        int cause, const char *format, ...) STELE_PRINTF(5, 6);

/** The name of a status, as it is in logs and in --json: "invalid", "not_found", … Never NULL.
 */
STELE_API const char *stele_status_name(stele_status status);

#ifdef __cplusplus
}
#endif

#endif
