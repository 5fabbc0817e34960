/* SPDX-License-Identifier: MIT
 * A copy of the log's tables of operations, with counters before those that are counted. */
#include "tests/support/counted_log.h"

#include <string.h>

static counted_log counts;
static stele_log_ops ops;
static stele_topic_ops topic_ops;
static const stele_log_ops *inner;
static const char *counted;

static void count(atomic_int *of, const char *topic)
{
    if (counted == NULL || strcmp(counted, topic) == 0) atomic_fetch_add(of, 1);
}

static stele_status describe(stele_log *log, const char *name, int timeout_ms, stele_log_topic *out,
                             stele_error *err)
{
    count(&counts.describes, name);
    return inner->topic->describe(log, name, timeout_ms, out, err);
}

static stele_status bounds(stele_log *log, stele_isolation isolation,
                           stele_asked_partition *partitions, size_t partition_count,
                           bool with_start, int timeout_ms, stele_error *err)
{
    for (size_t i = 0; i < partition_count; i++)
        count(&counts.bounds, partitions[i].partition.topic);
    if (atomic_load(&counts.leaderless) > 0) {
        atomic_fetch_sub(&counts.leaderless, 1);
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "%s/%d has no leader",
                          partitions[0].partition.topic, (int)partitions[0].partition.index);
    }
    return inner->topic->bounds(log, isolation, partitions, partition_count, with_start, timeout_ms,
                                err);
}

counted_log *counted_log_begin(stele_log *log, const char *topic)
{
    counted = topic;
    if (log->ops != &ops) inner = log->ops;
    ops = *inner;
    topic_ops = *inner->topic;
    topic_ops.describe = describe;
    topic_ops.bounds = bounds;
    ops.topic = &topic_ops;
    log->ops = &ops;
    atomic_store(&counts.describes, 0);
    atomic_store(&counts.bounds, 0);
    atomic_store(&counts.leaderless, 0);
    return &counts;
}
