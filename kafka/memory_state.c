/* SPDX-License-Identifier: MIT
 * The log in memory as data: topics, sets of partitions, groups and transactional ids, found, made
 * and released. What happens to them is decided elsewhere. Partitions are in memory_partition.c. */
#include "kafka/memory_state.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

/* Kafka 4's topic settings with their defaults (TopicConfig). */
static const struct {
    const char *name;
    const char *value;
} defaults[] = {
    {"cleanup.policy", "delete"},
    {"compression.type", "producer"},
    {"delete.retention.ms", "86400000"},
    {"file.delete.delay.ms", "60000"},
    {"flush.messages", "9223372036854775807"},
    {"flush.ms", "9223372036854775807"},
    {"follower.replication.throttled.replicas", ""},
    {"index.interval.bytes", "4096"},
    {"leader.replication.throttled.replicas", ""},
    {"local.retention.bytes", "-2"},
    {"local.retention.ms", "-2"},
    {"max.compaction.lag.ms", "9223372036854775807"},
    {"max.message.bytes", "1048588"},
    {"message.timestamp.after.max.ms", "3600000"},
    {"message.timestamp.before.max.ms", "9223372036854775807"},
    {"message.timestamp.type", "CreateTime"},
    {"min.cleanable.dirty.ratio", "0.5"},
    {"min.compaction.lag.ms", "0"},
    {"min.insync.replicas", "1"},
    {"preallocate", "false"},
    {"remote.storage.enable", "false"},
    {"retention.bytes", "-1"},
    {"retention.ms", "604800000"},
    {"segment.bytes", "1073741824"},
    {"segment.index.bytes", "10485760"},
    {"segment.jitter.ms", "0"},
    {"segment.ms", "604800000"},
    {"unclean.leader.election.enable", "false"},
};

/* ---- topics ---- */

memory_topic *stele_memory_find_topic(const memory_log *log, const char *name)
{
    for (memory_topic *it = log->topics; it != NULL; it = it->next)
        if (strcmp(it->name, name) == 0) return it;
    return NULL;
}

memory_partition *stele_memory_find_partition(const memory_log *log, stele_partition partition)
{
    memory_topic *topic = stele_memory_find_topic(log, partition.topic);
    if (topic == NULL || partition.index < 0 || partition.index >= topic->partition_count)
        return NULL;
    return &topic->partitions[partition.index];
}

const char *stele_memory_setting(const memory_topic *topic, const char *name)
{
    for (size_t i = 0; i < topic->setting_count; i++)
        if (strcmp(topic->settings[i].name, name) == 0) return topic->settings[i].value;
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (strcmp(defaults[i].name, name) == 0) return defaults[i].value;
    return NULL;
}

void stele_memory_topic_free(memory_topic *topic)
{
    for (int32_t i = 0; i < topic->partition_count; i++)
        stele_memory_partition_clear(&topic->partitions[i]);
    for (size_t i = 0; i < topic->setting_count; i++) {
        free(topic->settings[i].name);
        free(topic->settings[i].value);
    }
    free(topic->partitions);
    free(topic->settings);
    free(topic->name);
    free(topic);
}

/* ---- sets of partitions ---- */

static bool is_same(stele_partition a, stele_partition b)
{
    return a.index == b.index && strcmp(a.topic, b.topic) == 0;
}

bool stele_memory_partitions_has(const memory_partitions *set, stele_partition partition)
{
    for (size_t i = 0; i < set->count; i++)
        if (is_same(set->items[i], partition)) return true;
    return false;
}

void stele_memory_partitions_add(memory_partitions *set, stele_partition partition)
{
    if (stele_memory_partitions_has(set, partition)) return;
    set->items = stele_realloc_array(set->items, set->count + 1, sizeof *set->items);
    set->items[set->count++] = (stele_partition){stele_strdup(partition.topic), partition.index};
}

static void free_name(stele_partition partition)
{
    free((char *)(uintptr_t)partition.topic);
}

void stele_memory_partitions_remove(memory_partitions *set, stele_partition partition)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!is_same(set->items[i], partition)) continue;
        free_name(set->items[i]);
        set->count--;
        memmove(&set->items[i], &set->items[i + 1], (set->count - i) * sizeof *set->items);
        return;
    }
}

void stele_memory_partitions_clear(memory_partitions *set)
{
    for (size_t i = 0; i < set->count; i++)
        free_name(set->items[i]);
    free(set->items);
    *set = (memory_partitions){0};
}

/* ---- groups ---- */

memory_group *stele_memory_group(memory_log *log, const char *name)
{
    for (memory_group *it = log->groups; it != NULL; it = it->next)
        if (strcmp(it->name, name) == 0) return it;
    memory_group *made = stele_alloc(sizeof *made);
    made->name = stele_strdup(name);
    made->next = log->groups;
    log->groups = made;
    return made;
}

void stele_memory_member_free(memory_member *member)
{
    stele_memory_partitions_clear(&member->target);
    stele_memory_partitions_clear(&member->owned);
    for (size_t i = 0; i < member->topic_count; i++)
        free(member->topics[i]);
    free(member->topics);
    free(member->client);
    free(member);
}

/* The only members that are left are those that no one could tell of their end. */
void stele_memory_group_free(memory_group *group)
{
    while (group->members != NULL && group->members->left_behind) {
        memory_member *member = group->members;
        group->members = member->next;
        stele_memory_member_free(member);
    }
    for (size_t i = 0; i < group->offset_count; i++)
        free(group->offsets[i].topic);
    free(group->offsets);
    free(group->name);
    free(group);
}

void stele_memory_set_offset(memory_group *group, stele_partition partition, int64_t offset)
{
    for (size_t i = 0; i < group->offset_count; i++) {
        memory_offset *each = &group->offsets[i];
        if (!is_same((stele_partition){each->topic, each->index}, partition)) continue;
        each->offset = offset;
        return;
    }
    group->offsets =
        stele_realloc_array(group->offsets, group->offset_count + 1, sizeof *group->offsets);
    group->offsets[group->offset_count++] =
        (memory_offset){stele_strdup(partition.topic), partition.index, offset};
}

int64_t stele_memory_find_offset(const memory_group *group, stele_partition partition)
{
    for (size_t i = 0; i < group->offset_count; i++) {
        const memory_offset *each = &group->offsets[i];
        if (each->index == partition.index && strcmp(each->topic, partition.topic) == 0)
            return each->offset;
    }
    return STELE_OFFSET_NONE;
}

void stele_memory_forget_offsets(memory_log *log, const char *topic)
{
    for (memory_group *group = log->groups; group != NULL; group = group->next) {
        size_t kept = 0;
        for (size_t i = 0; i < group->offset_count; i++) {
            if (strcmp(group->offsets[i].topic, topic) == 0)
                free(group->offsets[i].topic);
            else
                group->offsets[kept++] = group->offsets[i];
        }
        group->offset_count = kept;
    }
}

/* ---- transactional ids ---- */

memory_transactional *stele_memory_transactional(memory_log *log, const char *id)
{
    for (memory_transactional *it = log->transactionals; it != NULL; it = it->next)
        if (strcmp(it->id, id) == 0) return it;
    memory_transactional *made = stele_alloc(sizeof *made);
    made->id = stele_strdup(id);
    made->next = log->transactionals;
    log->transactionals = made;
    return made;
}

bool stele_memory_is_pending(const memory_log *log, const memory_group *group,
                             stele_partition partition)
{
    for (const memory_transactional *it = log->transactionals; it != NULL; it = it->next) {
        for (size_t i = 0; i < it->pending_count; i++) {
            const memory_pending *pending = &it->pending[i];
            if (pending->group == group && pending->index == partition.index &&
                strcmp(pending->topic, partition.topic) == 0)
                return true;
        }
    }
    return false;
}

void stele_memory_add_pending(memory_transactional *transactional, memory_group *group,
                              stele_partition partition, int64_t offset)
{
    transactional->pending = stele_realloc_array(
        transactional->pending, transactional->pending_count + 1, sizeof *transactional->pending);
    transactional->pending[transactional->pending_count++] =
        (memory_pending){.group = group,
                         .topic = stele_strdup(partition.topic),
                         .index = partition.index,
                         .offset = offset};
}

void stele_memory_transactional_free(memory_transactional *transactional)
{
    for (size_t i = 0; i < transactional->pending_count; i++)
        free(transactional->pending[i].topic);
    stele_memory_partitions_clear(&transactional->touched);
    free(transactional->pending);
    free(transactional->id);
    free(transactional);
}

/* ---- owners and time ---- */

int stele_memory_owner(const memory_log *log)
{
    return log->owner == NULL ? 0 : log->owner(log->context);
}

int64_t stele_memory_now_ns(const memory_log *log)
{
    return stele_log_now_ns(&log->base);
}

int64_t stele_memory_now_ms(const memory_log *log)
{
    return stele_clock_now_ms(log->clock);
}

/* ---- who reaches it, and is there room ---- */

bool stele_memory_is_reached(const memory_log *log, int owner)
{
    return log->up && (log->reaches == NULL || log->reaches(log->context, owner));
}

bool stele_memory_is_full(const memory_log *log, const char *topic)
{
    return log->disk_is_full || (log->full_topic != NULL && strcmp(topic, log->full_topic) == 0);
}
