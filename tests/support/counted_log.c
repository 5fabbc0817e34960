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

static stele_status bounds(stele_log *log, stele_partition partition, stele_isolation isolation,
                           int timeout_ms, int64_t *start, int64_t *end, stele_error *err)
{
    count(&counts.bounds, partition.topic);
    if (atomic_load(&counts.leaderless) > 0) {
        atomic_fetch_sub(&counts.leaderless, 1);
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "%s/%d has no leader",
                          partition.topic, (int)partition.index);
    }
    return inner->topic->bounds(log, partition, isolation, timeout_ms, start, end, err);
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
