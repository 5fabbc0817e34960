/* SPDX-License-Identifier: MIT
 * For how many partitions snapshots were made. A partition that has a checkpoint carries the count;
 * one that came later has none, and whoever owns nothing else has to look at the others. */
#ifndef STELE_SNAPSHOTS_COUNT_H
#define STELE_SNAPSHOTS_COUNT_H

#include "core/deadline.h"
#include "registry/registry.h"

typedef struct stele_count_options {
    stele_log *log;
    stele_registry *registry;
    const char *snapshots; /* the topic */
    const char *events;    /* the source topic */
    int32_t partitions;    /* of both */
    int timeout_ms;        /* of one question to the broker */
} stele_count_options;

/**
 * The count that is in a checkpoint of the first partition that has one.
 *
 * @param out  0: none has
 * @return what the log and the registry say, RETRY where it may pass
 */
stele_status stele_snapshots_count(const stele_count_options *options, int32_t *out,
                                   stele_error *err);

/**
 * Say that the events of a projection have another partition count than its checkpoints.
 *
 * @param store  that has its position; NULL: the snapshots topic
 * @return STELE_E_CONFLICT (next = STOP)
 */
stele_status stele_snapshots_fail_count(stele_error *err, const char *events,
                                        const char *projection, int version, const char *store,
                                        int32_t then, int32_t now);

#endif
