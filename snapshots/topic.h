/* SPDX-License-Identifier: MIT
 * The snapshots topic itself: made with settings under which nothing is lost, and checked for
 * them. */
#ifndef STELE_SNAPSHOTS_TOPIC_H
#define STELE_SNAPSHOTS_TOPIC_H

#include "kafka/log.h"

/**
 * Make the snapshots topic if it is not there, with the partition count and the replication of the
 * events topic, and check what is there: compacted, min.compaction.lag.ms of an hour at least.
 *
 * @param timeout_ms  of one question to the broker
 * @return STELE_E_CONFLICT      it has another partition count than the events (next = STOP)
 *         STELE_E_INCOMPATIBLE  a setting under which snapshots would be lost (next = STOP)
 *         what the broker says, RETRY where it may pass
 */
stele_status stele_snapshots_ensure(stele_log *log, const char *snapshots, const char *events,
                                    int32_t partitions, int timeout_ms, stele_error *err);

/** Say that the snapshots topic has another partition count than its events.
 * @return STELE_E_CONFLICT (next = STOP) */
stele_status stele_snapshots_fail_partitions(stele_error *err, const char *snapshots, int32_t has,
                                             const char *events, int32_t wanted);

#endif
