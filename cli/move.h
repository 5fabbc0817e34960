/* SPDX-License-Identifier: MIT
 * Brings events into a topic: those that are not there yet, each aggregate's in order. What is
 * there is found by comparing, aggregate by aggregate, so a move that was interrupted goes on, and
 * one that is done adds nothing. */
#ifndef STELE_CLI_MOVE_H
#define STELE_CLI_MOVE_H

#include "cli/command.h"
#include "cli/topic_name.h"
#include "cli/topic_walk.h"

/** Where events come from. */
typedef struct stele_move_source {
    const char *name; /* in front of "/<partition>/<offset>" in messages */
    /** The same events in the same order each time. */
    stele_status (*walk)(void *self, stele_moved_each *each, void *context, stele_error *err);
    void *self;
    size_t unit; /* how many of them are written at once; 0: 5,000 */
} stele_move_source;

typedef struct stele_move_counts {
    int64_t added;   /* also where it fails: these are there */
    int64_t present; /* events that were there already */
} stele_move_counts;

/** May events be brought into this topic? @return STELE_E_FORBIDDEN  it is one of Stele's own */
stele_status stele_move_check_topic(const char *topic, stele_error *err);

/**
 * Add what is not there. The source is walked up to three times.
 *
 * An aggregate's events that are there must be its first ones in the source, or none of them; what
 * else the aggregate has in the topic may be before them. Versions that writers have given have to
 * be dense.
 *
 * Memory: 128 bytes and the id for each aggregate of the source.
 *
 * @param topic  borrowed
 * @return STELE_E_CONFLICT  another event is in the place of one of the source; both positions are
 *                           in the text; or a writer runs
 *         STELE_E_HOLE      a version before that of an event is missing
 *         failures of the log, and of the source's walk (next = STOP in all cases)
 */
stele_status stele_move(stele_cli *cli, const stele_move_source *source,
                        const stele_cli_topic *topic, stele_move_counts *counts, stele_error *err);

/** What the command prints and exits with. @param status, err  of the move */
stele_exit stele_move_report(stele_cli *cli, const stele_move_source *source,
                             const stele_cli_topic *topic, const stele_move_counts *counts,
                             stele_status status, const stele_error *err);

#endif
