/* SPDX-License-Identifier: MIT
 * What workers say about their partitions in the compact topic `_stele.status`, and how it is read.
 * For people only: no decision of Stele rests on it, and writing it neither blocks nor fails a
 * worker.
 *
 * Key: "<projection>.v<n>/<topic>/<partition>". Value: JSON with instance, state, reason, position,
 * rate, since and time, `"address"` where the instance has HTTP, `"parked": {"aggregates",
 * "events"}` where events are set aside; `"sources"`, how many topics it has, of more than one;
 * `"reset"`, a time in milliseconds; `"ended": true` in the
 * last word of a worker that ends. Written on change and every 5 s; what is older than 15 s says
 * nothing about the present. */
#ifndef STELE_CONSUMER_STATUS_H
#define STELE_CONSUMER_STATUS_H

#include "core/clock.h"
#include "core/deadline.h"
#include "core/names.h"
#include "core/scope.h"
#include "kafka/log.h"

#define STELE_STATUS_AGE_MS 15000 /* older lines read as unknown */

typedef enum stele_partition_state {
    STELE_STATE_STARTING = 0,
    STELE_STATE_RESTORING,
    STELE_STATE_RUNNING, /* makes progress, or there is nothing to do */
    STELE_STATE_WAITING, /* for something that may come back; the reason says what */
    STELE_STATE_PAUSED,  /* someone has ordered it; the reason says why */
    STELE_STATE_STALLED, /* behind, and no progress for stall_timeout_ms */
    STELE_STATE_STOPPED, /* it needs a person; the reason says what to do */
    STELE_STATE_STOPPING,
    STELE_STATE_UNKNOWN /* no one has said anything lately; never written */
} stele_partition_state;

/** "starting", "restoring", … Never NULL. */
const char *stele_partition_state_name(stele_partition_state state);

/** One partition's status. Texts are borrowed. */
typedef struct stele_status_line {
    const char *name; /* "<projection>.v<n>" */
    const char *topic;
    int32_t partition;
    const char *instance;
    const char *address; /* of the instance's HTTP, "10.0.0.7:8080"; "": it has none */
    stele_partition_state state;
    const char *reason; /* "" where there is nothing to say */
    int64_t position;   /* offset of the next event to be applied; -1: not restored */
    double rate;        /* events per second, lately */
    int sources; /* topics that are made into this projection, with this one; 0: it does not say */
    int64_t parked_aggregates; /* of which events are set aside … */
    int64_t parked_events;     /* … and how many */
    int64_t reset_ms;          /* it has begun after the reset of that time; 0: there was none */
    int64_t since_ms; /* Unix time at which it came into this state; paused: of the order */
    int64_t time_ms;  /* Unix time at which it was written */
    bool is_over;     /* no one reports on it: too old, or the last word of a worker that ended */
} stele_status_line;

/* ---- writing: the board of one worker ---- */

typedef struct stele_status_board stele_status_board;

typedef struct stele_status_board_options {
    const char *name;
    const char *topic;
    const char *instance;
    const char *address;  /* of its HTTP; NULL: it has none */
    int sources;          /* topics of the projection; 0: this one only */
    int stall_timeout_ms; /* a worker busy with one batch for longer is stalled */
} stele_status_board_options;

/**
 * Open a board with a thread of its own, which makes the topic and writes. `log` is borrowed.
 * @return NULL if there is no thread to be had: then nothing is written. All calls take NULL.
 */
stele_status_board *stele_status_board_open(stele_log *log,
                                            const stele_status_board_options *options);

/** How it stands with a partition; `reason` is copied. `applied` counts up, for the rate. */
void stele_status_board_set(stele_status_board *board, int32_t partition,
                            stele_partition_state state, const char *reason, int64_t position,
                            int64_t applied);

/** What of it is set aside, from the next _set on. */
void stele_status_board_parked(stele_status_board *board, int32_t partition, int64_t aggregates,
                               int64_t events);

/** What it was ordered: since when it is paused, and after which reset it has begun, by the times
 * of the orders; 0: it was not. From the next _set on. */
void stele_status_board_ordered(stele_status_board *board, int32_t partition, int64_t paused_ms,
                                int64_t reset_ms);

/**
 * A partition that is not ours, because this worker is not let into the group: `reason` says why.
 * It is read only where no one who was given the partition says otherwise.
 */
void stele_status_board_refused(stele_status_board *board, int32_t partition,
                                stele_partition_state state, const char *reason);

/** The partition is somebody else's to report from now on. */
void stele_status_board_drop(stele_status_board *board, int32_t partition);

/** A call that may take long begins, for this partition, or (-1) has ended. The board's thread
 * reports a worker that does not come out of one as stalled. */
void stele_status_board_busy(stele_status_board *board, int32_t partition);

/** Write what has changed, as far as that is possible within a second, and release. */
void stele_status_board_close(stele_status_board *board);

/* ---- reading ---- */

typedef void stele_status_each(void *context, const stele_status_line *line);

/**
 * The last word on each key, in no order. Where a worker that was frozen wrote after the one that
 * took its place, the newer word counts, not the later record. A word that is too old, or of a
 * clock that is ahead by as much, comes with STELE_STATE_UNKNOWN and the reason "last said: STATE:
 * REASON". So does a record that is not understood, with an empty instance and time_ms 0.
 *
 * @param name  of one projection with its version; NULL: all
 * @return STELE_OK also if the topic does not exist: no one has written
 */
stele_status stele_status_read(stele_log *log, const char *name, stele_deadline deadline,
                               stele_status_each *each, void *context, stele_error *err);

/**
 * Drop rows: a tombstone for each. Whoever still reports on one brings it back within 5 s.
 * @param rows  as stele_status_read gave them; STELE_STATE_UNKNOWN ones, or you meddle with a
 * worker
 */
stele_status stele_status_forget(stele_log *log, const stele_status_row *rows, size_t count,
                                 int timeout_ms, stele_error *err);

#endif
