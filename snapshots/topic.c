/* SPDX-License-Identifier: MIT
 * Creation and check of a snapshots topic. */
#include "snapshots/topic.h"

#include "kafka/topic_spec.h"

/* A reader beside a writer loses no key to compaction if it is done within the lag. Tombstones are
 * what says that an aggregate is finished: they stay for a hundred years. */
static const stele_topic_setting settings[] = {
    {.name = "cleanup.policy", .value = "compact", .danger = "snapshots would be deleted"},
    {.name = "min.compaction.lag.ms",
     .value = "3600000",
     .at_least = true,
     .danger = "a restore could miss keys that are compacted while it reads"},
    {.name = "delete.retention.ms", .value = "3155760000000"},
};

static stele_status replication_of(stele_log *log, const char *topic, int timeout_ms, int16_t *out,
                                   stele_error *err)
{
    stele_log_topic found;
    stele_status status = stele_log_topic_describe(log, topic, timeout_ms, &found, err);
    if (status == STELE_OK) *out = found.replication;
    return status;
}

stele_status stele_snapshots_ensure(stele_log *log, const char *snapshots, const char *events,
                                    int32_t partitions, int timeout_ms, stele_error *err)
{
    stele_topic_spec spec = {.name = snapshots,
                             .partitions = partitions,
                             .settings = settings,
                             .setting_count = sizeof settings / sizeof settings[0]};
    stele_status status = replication_of(log, events, timeout_ms, &spec.replication, err);
    if (status < 0) return status;
    stele_log_topic topic;
    if ((status = stele_topic_ensure(log, &spec, timeout_ms, &topic, err)) < 0) return status;
    if (topic.partitions != partitions)
        return stele_snapshots_fail_partitions(err, snapshots, topic.partitions, events,
                                               partitions);
    return STELE_OK;
}

stele_status stele_snapshots_fail_partitions(stele_error *err, const char *snapshots, int32_t has,
                                             const char *events, int32_t wanted)
{
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s has %d partitions and %s has %d: they must be equal; delete %s, and "
                      "a worker makes it again from the events; but if partitions were added to "
                      "the events, keys have moved: copy them to a new topic",
                      snapshots, (int)has, events, (int)wanted, snapshots);
}
