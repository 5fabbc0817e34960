/* SPDX-License-Identifier: MIT
 * Which version of a projection readers have, where two of them run: records of the key
 * `stele:served` in the topic `<projection>.control`, of one partition, whose name has no version.
 * Value: {"version": 2, "after": 0, "since": "2026-01-31T12:00:00.000Z"}. The topic keeps all of
 * them. A record counts if `after` is the offset of the one that counted before, -1 of none: so of
 * two that were written at once the first one counts, and whoever was asleep for long, and writes
 * what it had decided before, changes nothing. */
#ifndef STELE_CONSUMER_SERVED_H
#define STELE_CONSUMER_SERVED_H

#include "core/deadline.h"
#include "kafka/log.h"

enum { STELE_SERVED_VALUE_MAX = 1000 };

typedef struct stele_served {
    int version;      /* 0: no one has chosen, and no worker of any runs */
    bool is_chosen;   /* by a record; false: it is the lowest that a living worker reports on */
    int64_t since_ms; /* Unix time at which it was chosen; 0: it was not */
    int64_t offset;   /* of the record; -1: there is none */
} stele_served;

/**
 * The value of a record.
 *
 * @param after  out: the record that it comes behind
 * @return STELE_E_INVALID, next = STOP: it is no such value
 */
stele_status stele_served_parse(stele_bytes value, stele_served *out, int64_t *after,
                                stele_error *err);

/**
 * What was chosen.
 *
 * @param projection  a name without a version
 * @return STELE_OK         also if no one has: version 0
 *         STELE_E_INVALID  the last record is not understood; the text says where it is and the way
 *                          out, and `out` has its offset (next = STOP)
 */
stele_status stele_served_read(stele_log *log, const char *projection, stele_deadline deadline,
                               stele_served *out, stele_error *err);

/** Who counts where no one has chosen. */
typedef enum stele_served_by {
    STELE_SERVED_BY_ANY = 0,
    STELE_SERVED_BY_HTTP /* workers that can be asked over HTTP; others had no such readers */
} stele_served_by;

/** What was chosen, or the lowest version that a living worker reports on: so that one that is
 * started beside it changes nothing for readers. */
stele_status stele_served_find(stele_log *log, const char *projection, stele_served_by by,
                               stele_deadline deadline, stele_served *out, stele_error *err);

typedef struct stele_served_choice {
    const char *projection; /* a name without a version */
    int version;
    int64_t after;       /* offset of the record that whoever chooses knows; -1: none */
    int64_t since_ms;    /* now, as Unix time */
    int16_t replication; /* of the topic, if it is made; 0: the broker's default */
} stele_served_choice;

/**
 * Choose. Makes the topic where there is none.
 *
 * @param out  what readers have now
 * @return STELE_E_CONFLICT      someone else has chosen another version meanwhile (next = STOP)
 *         STELE_E_INCOMPATIBLE  the topic would lose what was chosen (next = STOP)
 *         failures of the log, after which it may be chosen or not
 */
stele_status stele_served_choose(stele_log *log, const stele_served_choice *choice,
                                 stele_deadline deadline, stele_served *out, stele_error *err);

/**
 * Write down the version that readers have without a record, where there is none: the lowest that
 * can be asked over HTTP, this one among them. From then on a version that is started beside it is
 * not served while the workers of the first one are restarted.
 *
 * @param version  of this program
 * @param events   a topic, whose replication the record's topic gets
 */
stele_status stele_served_settle(stele_log *log, const char *projection, int version,
                                 const char *events, stele_deadline deadline, stele_error *err);

#endif
