/* SPDX-License-Identifier: MIT
 * How far a version of a projection is on its way to where the log ended at one moment, by what its
 * workers report. Only a living worker's word counts: it has in memory, or in its tables, what it
 * says. */
#ifndef STELE_CONSUMER_CATCH_UP_H
#define STELE_CONSUMER_CATCH_UP_H

#include "consumer/status.h"
#include "core/alloc.h"

/** Which version, and of what it is made. Borrowed, and outlives what is made of it. */
typedef struct stele_catch_up_options {
    stele_log *log;
    const char *group;          /* "customers.v2" */
    const char *const *sources; /* topics of events */
    size_t source_count;
    int timeout_ms; /* of one question to the broker */
} stele_catch_up_options;

/** A partition of a source. */
typedef struct stele_catch_up_part {
    const char *topic; /* the options' */
    int32_t partition;
    int64_t begins;   /* where the log began … */
    int64_t end;      /* … and ended, at that moment */
    int64_t position; /* as a worker has reported it; -1: no one has yet */
    bool is_alive;    /* a worker reports on it … */
    bool has_address; /* … that can be asked over HTTP … */
    int64_t said_ms;  /* … at that time, … */
    int64_t first_ms; /* … and did so when someone looked first; 0: no one did */
    stele_partition_state state;
    int64_t parked_events;     /* that are set aside … */
    int64_t parked_aggregates; /* … of so many */
    char *instance;            /* who that is; owned; NULL: no one */
    char *reason;              /* owned; NULL: no one has reported */
} stele_catch_up_part;

typedef struct stele_catch_up {
    const stele_catch_up_options *of;
    bool is_to_serve; /* only who goes on, and has reported since the first look, is there */
    stele_catch_up_part *parts; /* owned */
    size_t count;
    int sources; /* as many topics has it, by the word of its workers; 0: none has said it */
} stele_catch_up;

void stele_catch_up_clear(stele_catch_up *on);
STELE_VALUE_SCOPE(stele_catch_up, stele_catch_up_clear);

/** Ask where the log ends now. @param of  borrowed, outlives `out` @param out  cleared by the
 * caller, also after a failure */
stele_status stele_catch_up_begin(const stele_catch_up_options *of, stele_catch_up *out,
                                  stele_error *err);

/** Read what workers report now. */
stele_status stele_catch_up_look(stele_catch_up *on, stele_error *err);

/** What has come of it so far. */
typedef struct stele_catch_up_sum {
    size_t done;     /* partitions that are there */
    size_t alive;    /* on which a living worker reports … */
    size_t known;    /* … and says where it is */
    int64_t applied; /* events, or what else takes an offset, that are behind them … */
    int64_t total;   /* … of so many */
} stele_catch_up_sum;

stele_catch_up_sum stele_catch_up_sum_of(const stele_catch_up *on);

/** Is each partition of each source there? */
bool stele_catch_up_is_done(const stele_catch_up *on);

/** Is there a partition that does not go on by itself? It is the first one of them; NULL: none. */
const stele_catch_up_part *stele_catch_up_held(const stele_catch_up *on);

/** "account.events/2 (at 17 of 120, worker-3: restoring)", of each that is not there; and how many
 * sources no worker has reported on yet. */
void stele_catch_up_missing(const stele_catch_up *on, stele_buffer *out);

#endif
