/* SPDX-License-Identifier: MIT
 * How `status` shows its rows. */
#ifndef STELE_CLI_STATUS_PRINT_H
#define STELE_CLI_STATUS_PRINT_H

#include <stdio.h>

#include "consumer/status.h"

/** A row. Texts belong to whoever made it. */
typedef struct stele_status_shown {
    char *name; /* "<projection>.v<n>", "<aggregate>.writer" */
    char *topic;
    int32_t partition;
    char *instance; /* NULL: no one has reported on it */
    char *reason;   /* NULL: there is nothing to say */
    stele_partition_state state;
    int64_t position; /* -1: not known */
    int64_t end;      /* high watermark; -1: not known */
    double rate;
    int64_t parked_aggregates; /* of which events are set aside … */
    int64_t parked_events;     /* … and how many */
    int64_t since_ms;          /* 0: not known */
    bool is_served;            /* readers have this version, by choice */
    char *commands_of;         /* the aggregate, of a row of its commands; NULL: it is none */
} stele_status_shown;

/** One object on one line. @param now_ms  Unix time */
void stele_status_print_json(FILE *out, const stele_status_shown *row, int64_t now_ms);

/** A line each, below a headline. */
void stele_status_print_table(FILE *out, const stele_status_shown *rows, size_t count,
                              int64_t now_ms);

#endif
