/* SPDX-License-Identifier: MIT
 * What commands that control a projection share: finding it by its name, giving orders to its
 * workers by way of its control topic, and hearing from the status whether they have followed. */
#ifndef STELE_CLI_CONTROL_H
#define STELE_CLI_CONTROL_H

#include "cli/command.h"
#include "consumer/catch_up.h"
#include "core/scope.h"

/** A projection. */
typedef struct stele_control {
    stele_cli *cli;
    stele_log *log;
    char *group;
    char **sources; /* topics of events; NULL-terminated */
    size_t source_count;
    int32_t partitions;  /* the highest of the sources' counts: as many has its control topic */
    int16_t replication; /* of the first source */
} stele_control;

void stele_control_clear(stele_control *of);
STELE_VALUE_SCOPE(stele_control, stele_control_clear);

/**
 * Find a projection: the version that readers have, if one was chosen; else what workers report on,
 * what this program has, what the configuration names.
 *
 * @param name  "customers", or "customers.v1"
 * @param out   cleared by the caller
 * @return STELE_E_NOT_FOUND  there is no such projection, or its topic of events is not there
 *         STELE_E_CONFLICT   more than one version runs, and none was chosen (next = STOP)
 *         STELE_E_INVALID    it is no projection
 */
stele_status stele_control_find(stele_cli *cli, const char *name, stele_control *out,
                                stele_error *err);

/** Make the control topic of a group, if it is not there. */
stele_status stele_control_ensure(stele_cli *cli, const char *topic, int32_t partitions,
                                  int16_t replication, stele_error *err);

/** How far it is, is asked so. What is returned is a view into `of`. */
stele_catch_up_options stele_control_catch_up(const stele_control *of);

/** An order about all of each partition. */
typedef struct stele_control_order {
    const char *key;
    const char *value;  /* NULL: it is withdrawn */
    const char *reason; /* NULL: none */
    int64_t since_ms;
} stele_control_order;

/** Write it into each partition of the control topic, which is made if it is not there. */
stele_status stele_control_give(const stele_control *of, const stele_control_order *order,
                                stele_error *err);

/** Has the worker that reports this line done what was ordered? */
typedef bool stele_control_is_done(const void *context, const stele_status_line *line);

/** What has come of waiting. */
typedef struct stele_control_heard {
    size_t partitions;   /* on which someone reports */
    size_t left;         /* of them, those that have not done it yet */
    stele_buffer behind; /* "account.events/2 (worker-3: running)", of each of these */
} stele_control_heard;

void stele_control_heard_clear(stele_control_heard *heard);
STELE_VALUE_SCOPE(stele_control_heard, stele_control_heard_clear);

/**
 * Wait until all partitions on which a living worker reports have done it, or --timeout is over.
 * Not an error then: `left` says how many have not.
 */
stele_status stele_control_await(const stele_control *of, stele_control_is_done *is_done,
                                 const void *context, stele_control_heard *out, stele_error *err);

/** Say what has come of it. @param done  "paused" @return what the command exits with */
stele_exit stele_control_say(const stele_control *of, stele_control_heard *heard, const char *done);

#endif
