/* SPDX-License-Identifier: MIT
 * Which version of a projection readers have, where two of them run: one record of the key
 * `stele:served` in the compact topic `<projection>.control`, of one partition, whose name has no
 * version. Value: {"version": 2, "since": "2026-01-31T12:00:00.000Z"}. */
#ifndef STELE_CONSUMER_SERVED_H
#define STELE_CONSUMER_SERVED_H

#include "core/deadline.h"
#include "kafka/log.h"

enum { STELE_SERVED_VALUE_MAX = 1000 };

typedef struct stele_served {
    int version;      /* 0: no one has chosen, and no worker of any runs */
    bool is_chosen;   /* by a record; false: it is the lowest that a living worker reports on */
    int64_t since_ms; /* Unix time at which it was chosen; 0: it was not */
} stele_served;

/** The value of a record. @return STELE_E_INVALID, next = STOP: it is no such value */
stele_status stele_served_parse(stele_bytes value, stele_served *out, stele_error *err);

/**
 * What was chosen.
 *
 * @param projection  a name without a version
 * @return STELE_OK         also if no one has: version 0
 *         STELE_E_INVALID  the last record is not understood; the text says where it is and the way
 *                          out (next = STOP)
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

/** Choose. The topic is there. */
stele_status stele_served_write(stele_log *log, const char *projection, int version,
                                int64_t since_ms, int timeout_ms, stele_error *err);

#endif
