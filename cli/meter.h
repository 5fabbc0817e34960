/* SPDX-License-Identifier: MIT
 * Progress on a terminal: one line on standard error, drawn over itself at most ten times a second.
 * Nothing at all where standard error is no terminal. */
#ifndef STELE_CLI_METER_H
#define STELE_CLI_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/clock.h"

typedef struct stele_meter {
    FILE *out;
    const char *verb; /* "published" */
    const char *unit; /* "events" */
    int64_t total;    /* 0: not known */
    int64_t began_ns;
    int64_t drawn_ns;
    bool terminal;
    bool drawn;
} stele_meter;

/** Start the count of its rate. */
void stele_meter_begin(stele_meter *meter, stele_clock clock);

/** Draw how far it is, if the last drawing is old enough. */
void stele_meter_show(stele_meter *meter, stele_clock clock, int64_t done);

/** Take the line away, so that a message can take its place. */
void stele_meter_clear(stele_meter *meter);

#endif
