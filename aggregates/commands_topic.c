/* SPDX-License-Identifier: MIT
 * Creation and check of the topics of commands. */
#include "aggregates/commands_topic.h"

#include "core/alloc.h"
#include "core/names.h"
#include "kafka/topic_spec.h"

stele_status stele_commands_fail_missing(const char *aggregate, stele_next next, stele_error *err)
{
    STELE_AUTO(char) topic = stele_commands_topic(aggregate);
    return stele_fail(err, STELE_E_NOT_FOUND, next,
                      "there is no topic %s: a writer makes it, with commands = topic in "
                      "[aggregate %s]",
                      topic, aggregate);
}

stele_status stele_commands_fail_count(const char *topic, int32_t count, const char *events,
                                       int32_t event_count, stele_error *err)
{
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s has %d partitions and %s has %d: they must be equal, for the owner of a "
                      "partition of events reads the commands of the same number; delete %s when "
                      "what is in it is done, and a writer makes it again",
                      topic, (int)count, events, (int)event_count, topic);
}

/* What is compacted loses commands for the same aggregate. Time may delete what is done. */
static const stele_topic_setting settings[] = {
    {.name = "cleanup.policy",
     .value = "delete",
     .danger = "of the commands for one aggregate only the last would be left"},
};

static stele_status ensure(stele_log *log, const char *topic, const char *events,
                           const stele_log_topic *like, int timeout_ms, stele_error *err)
{
    stele_topic_spec spec = {.name = topic,
                             .partitions = like->partitions,
                             .replication = like->replication,
                             .settings = settings,
                             .setting_count = sizeof settings / sizeof settings[0]};
    stele_log_topic found;
    stele_status status = stele_topic_ensure(log, &spec, timeout_ms, &found, err);
    if (status < 0 || found.partitions == like->partitions) return status;
    return stele_commands_fail_count(topic, found.partitions, events, like->partitions, err);
}

static stele_status ensure_like_events(stele_log *log, const char *topic, const char *aggregate,
                                       int timeout_ms, stele_error *err)
{
    STELE_AUTO(char) events = stele_events_topic(aggregate);
    stele_log_topic like;
    stele_status status = stele_log_topic_describe(log, events, timeout_ms, &like, err);
    return status < 0 ? status : ensure(log, topic, events, &like, timeout_ms, err);
}

stele_status stele_commands_ensure(stele_log *log, const char *aggregate, int timeout_ms,
                                   stele_error *err)
{
    STELE_AUTO(char) commands = stele_commands_topic(aggregate);
    return ensure_like_events(log, commands, aggregate, timeout_ms, err);
}

stele_status stele_commands_dead_ensure(stele_log *log, const char *aggregate, int timeout_ms,
                                        stele_error *err)
{
    STELE_AUTO(char) dead = stele_commands_dead_topic(aggregate);
    return ensure_like_events(log, dead, aggregate, timeout_ms, err);
}
