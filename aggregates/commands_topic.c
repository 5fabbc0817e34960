/* SPDX-License-Identifier: MIT
 * Creation and check of the topics of commands. */
#include "aggregates/commands_topic.h"

#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/topic_spec.h"

bool stele_dead_position_parse(stele_bytes position, stele_bytes *topic, int64_t *offset)
{
    size_t at = position.size;
    while (at > 0 && position.data[at - 1] != '/')
        at--;
    if (at < 2) return false;
    if (stele_parse_int64(stele_bytes_of(position.data + at, position.size - at), 0, INT64_MAX,
                          offset, NULL) < 0)
        return false;
    *topic = stele_bytes_of(position.data, at - 1);
    return true;
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
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s has %d partitions and %s has %d: they must be equal, for the owner of a "
                      "partition of events reads the commands of the same number; make %s again "
                      "when what is in it is done",
                      topic, (int)found.partitions, events, (int)like->partitions, topic);
}

stele_status stele_commands_topics_ensure(stele_log *log, const char *aggregate, int timeout_ms,
                                          stele_error *err)
{
    STELE_AUTO(char) events = stele_events_topic(aggregate);
    STELE_AUTO(char) commands = stele_commands_topic(aggregate);
    STELE_AUTO(char) dead = stele_commands_dead_topic(aggregate);
    stele_log_topic like;
    stele_status status = stele_log_topic_describe(log, events, timeout_ms, &like, err);
    if (status == STELE_OK) status = ensure(log, commands, events, &like, timeout_ms, err);
    if (status == STELE_OK) status = ensure(log, dead, events, &like, timeout_ms, err);
    return status;
}
