/* SPDX-License-Identifier: MIT
 * Letting readers have another version of a projection: it has to be where the log ends when this
 * begins, which is not before where the other one is; then it is written down, and time passes
 * until each instance has heard of it. */
#ifndef STELE_CONSUMER_SERVED_SWITCH_H
#define STELE_CONSUMER_SERVED_SWITCH_H

#include <stdatomic.h>

#include "consumer/catch_up.h"
#include "consumer/served.h"

/** Borrowed for the call. */
typedef struct stele_switch_options {
    const char *projection;    /* a name without a version */
    int version;               /* that readers are to have */
    stele_catch_up_options of; /* that version */
    int16_t replication;       /* of the record's topic; 0: the broker's default */
    bool takes_parked;         /* also if it has set aside what the other one has not */
    int timeout_ms;            /* until it is there */
    const atomic_bool *stop;   /* NULL: nothing ends it early */
} stele_switch_options;

typedef struct stele_switch_outcome {
    int before;       /* the version that readers had; 0: none */
    bool was_already; /* it was written down before */
    bool has_http;    /* some worker of the projection can be asked over HTTP */
} stele_switch_outcome;

/**
 * @return STELE_E_CONFLICT     nothing was switched: it is not there in time, does not go on by
 *                              itself, cannot be asked over HTTP where the other one can, has set
 *                              events aside, or someone else switched meanwhile. Of a version that
 *                              readers have already: it is not where the log ends (next = STOP)
 *         STELE_E_INTERRUPTED  nothing was switched
 *         failures of the log
 */
stele_status stele_served_switch(const stele_switch_options *options, stele_switch_outcome *out,
                                 stele_error *err);

#endif
