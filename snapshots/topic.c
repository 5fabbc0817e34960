/* SPDX-License-Identifier: MIT
 * Creation and check of a snapshots topic. */
#include "snapshots/topic.h"

#include <inttypes.h>

#include "core/alloc.h"
#include "core/text.h"

/* A reader beside a writer loses no key to compaction if it is done within the lag. Tombstones are
 * what says that an aggregate is finished: they stay for a hundred years. */
#define COMPACTION_LAG_MS "3600000"
#define TOMBSTONES_MS     "3155760000000"

static stele_status create(stele_log *log, const char *snapshots, const char *events,
                           int32_t partitions, int timeout_ms, stele_error *err)
{
    stele_log_topic source;
    stele_status status = stele_log_topic_describe(log, events, timeout_ms, &source, err);
    if (status < 0) return status;
    const stele_header settings[] = {
        {"cleanup.policy", stele_text("compact")},
        {"min.compaction.lag.ms", stele_text(COMPACTION_LAG_MS)},
        {"delete.retention.ms", stele_text(TOMBSTONES_MS)},
    };
    stele_log_topic_options options = {.name = snapshots,
                                       .partitions = partitions,
                                       .replication = source.replication,
                                       .settings = settings,
                                       .setting_count = sizeof settings / sizeof settings[0]};
    status = stele_log_topic_create(log, &options, timeout_ms, err);
    return status == STELE_E_EXISTS ? STELE_OK : status;
}

static stele_status check_policy(stele_log *log, const char *snapshots, int timeout_ms,
                                 stele_error *err)
{
    STELE_AUTO(char) policy = NULL;
    stele_status status =
        stele_log_topic_setting(log, snapshots, "cleanup.policy", timeout_ms, &policy, err);
    if (status < 0 || strcmp(policy, "compact") == 0) return status;
    return stele_fail(err, STELE_E_INCOMPATIBLE, STELE_NEXT_STOP,
                      "%s has cleanup.policy=%s: snapshots would be deleted; set it to compact",
                      snapshots, policy);
}

static stele_status check_lag(stele_log *log, const char *snapshots, int timeout_ms,
                              stele_error *err)
{
    STELE_AUTO(char) text = NULL;
    int64_t lag_ms;
    stele_status status =
        stele_log_topic_setting(log, snapshots, "min.compaction.lag.ms", timeout_ms, &text, err);
    if (status < 0) return status;
    if (stele_parse_int64(stele_text(text), 0, INT64_MAX, &lag_ms, NULL) == STELE_OK &&
        lag_ms >= 3600000)
        return STELE_OK;
    return stele_fail(err, STELE_E_INCOMPATIBLE, STELE_NEXT_STOP,
                      "%s has min.compaction.lag.ms=%s: a restore could miss keys that are "
                      "compacted while it reads; set it to " COMPACTION_LAG_MS " or more",
                      snapshots, text);
}

stele_status stele_snapshots_ensure(stele_log *log, const char *snapshots, const char *events,
                                    int32_t partitions, int timeout_ms, stele_error *err)
{
    stele_error own;
    if (err == NULL) err = &own;
    stele_log_topic topic;
    stele_status status = stele_log_topic_describe(log, snapshots, timeout_ms, &topic, err);
    if (status == STELE_E_NOT_FOUND) {
        status = create(log, snapshots, events, partitions, timeout_ms, err);
        if (status < 0) return status;
        status = stele_log_topic_describe(log, snapshots, timeout_ms, &topic, err);
        if (status == STELE_E_NOT_FOUND) err->next = STELE_NEXT_RETRY; /* on its way */
    }
    if (status < 0) return status;
    if (topic.partitions != partitions)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                          "%s has %d partitions and %s has %d: they must be equal, and keys have "
                          "moved if either was changed; copy the events to a new topic",
                          snapshots, (int)topic.partitions, events, (int)partitions);
    if ((status = check_policy(log, snapshots, timeout_ms, err)) < 0) return status;
    return check_lag(log, snapshots, timeout_ms, err);
}
