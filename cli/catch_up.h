/* SPDX-License-Identifier: MIT
 * How far a version of a projection is on its way to where the log ended at one moment, by what its
 * workers report. Only a living worker's word counts: it has in memory, or in its tables, what it
 * says. */
#ifndef STELE_CLI_CATCH_UP_H
#define STELE_CLI_CATCH_UP_H

#include "cli/control.h"

/** A partition of a source. */
typedef struct stele_catch_up_part {
    const char *topic; /* the control's */
    int32_t partition;
    int64_t begins;   /* where the log began … */
    int64_t end;      /* … and ended, at that moment */
    int64_t position; /* as a worker has reported it; -1: no one has yet */
    bool is_alive;    /* a worker reports on it … */
    int64_t said_ms;  /* … at that time, … */
    int64_t first_ms; /* … and did so when someone looked first; 0: no one did */
    stele_partition_state state;
    char *instance; /* who that is; owned; NULL: no one */
    char *reason;   /* owned; NULL: no one has reported */
} stele_catch_up_part;

typedef struct stele_catch_up {
    const stele_control *of;
    bool is_to_serve; /* only who goes on, and has reported since the first look, is there */
    stele_catch_up_part *parts; /* owned */
    size_t count;
} stele_catch_up;

void stele_catch_up_clear(stele_catch_up *on);
STELE_VALUE_SCOPE(stele_catch_up, stele_catch_up_clear);

/** Ask where the log ends now. @param of  borrowed @param out  cleared by the caller, also after a
 * failure */
stele_status stele_catch_up_begin(const stele_control *of, stele_catch_up *out, stele_error *err);

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

/** Is there a partition that does not go on by itself? It is the first one of them; NULL: none. */
const stele_catch_up_part *stele_catch_up_held(const stele_catch_up *on);

/** "account.events/2 (at 17 of 120, worker-3: restoring)", of each that is not there. */
void stele_catch_up_missing(const stele_catch_up *on, stele_buffer *out);

#endif
