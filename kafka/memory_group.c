/* SPDX-License-Identifier: MIT
 * Groups in memory, asked and set from outside: their offsets and who is in them. */
#include "kafka/memory_broker.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "kafka/memory_ops.h"

/* Nothing is told while the monitor is held. */
typedef struct described {
    char *client;
    memory_partitions owned;
} described;

static size_t copy_members(const memory_group *group, described **out)
{
    size_t count = 0;
    for (const memory_member *it = group->members; it != NULL; it = it->next)
        count++;
    *out = stele_alloc_array(count + 1, sizeof **out);
    size_t i = 0;
    for (const memory_member *it = group->members; it != NULL; it = it->next, i++) {
        (*out)[i].client = stele_strdup(it->client);
        for (size_t n = 0; n < it->target.count; n++)
            stele_memory_partitions_add(&(*out)[i].owned, it->target.items[n]);
    }
    return count;
}

static stele_status group_describe(stele_log *base, const char *name, int timeout_ms,
                                   void (*each)(void *, const stele_log_group_member *),
                                   void *context, stele_error *err)
{
    memory_log *log = (memory_log *)base;
    described *members = NULL;
    size_t count = 0;
    stele_memory_enter(log);
    stele_status status = stele_memory_await_up(log, stele_memory_deadline(log, timeout_ms), err);
    if (status == STELE_OK) count = copy_members(stele_memory_group(log, name), &members);
    stele_memory_exit(log);
    for (size_t i = 0; i < count; i++) {
        stele_log_group_member member = {.client = members[i].client,
                                         .host = "memory",
                                         .partitions = members[i].owned.items,
                                         .partition_count = members[i].owned.count};
        each(context, &member);
        stele_memory_partitions_clear(&members[i].owned);
        free(members[i].client);
    }
    free(members);
    return status;
}

/* ---- offsets ---- */

static stele_status group_offsets(stele_log *base, const char *name,
                                  stele_asked_partition *partitions, size_t count, int timeout_ms,
                                  stele_error *err)
{
    memory_log *log = (memory_log *)base;
    stele_memory_enter(log);
    stele_status status = stele_memory_await_up(log, stele_memory_deadline(log, timeout_ms), err);
    memory_group *group = stele_memory_group(log, name);
    for (size_t i = 0; status == STELE_OK && i < count; i++) {
        stele_asked_partition *asked = &partitions[i];
        asked->error = (stele_error){0};
        if (stele_memory_is_pending(log, group, asked->partition))
            stele_log_fail_pending(&asked->error, name, asked->partition);
        else
            asked->offset = stele_memory_find_offset(group, asked->partition);
    }
    stele_memory_exit(log);
    return status;
}

static stele_status group_offset_set(stele_log *base, const char *name, stele_partition partition,
                                     int64_t offset, int timeout_ms, stele_error *err)
{
    memory_log *log = (memory_log *)base;
    stele_memory_enter(log);
    stele_status status = stele_memory_await_room(log, stele_memory_deadline(log, timeout_ms), err);
    memory_group *group = stele_memory_group(log, name);
    if (status == STELE_OK && group->members != NULL)
        status = stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                            "group %s has members: stop them before its offsets are set", name);
    else if (status == STELE_OK && stele_memory_find_partition(log, partition) == NULL)
        status = stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "there is no partition %s/%d",
                            partition.topic, (int)partition.index);
    if (status == STELE_OK) stele_memory_set_offset(group, partition, offset);
    stele_memory_exit(log);
    return status;
}

static stele_status group_remove(stele_log *base, const char *name, int timeout_ms,
                                 stele_error *err)
{
    memory_log *log = (memory_log *)base;
    stele_memory_enter(log);
    stele_status status = stele_memory_await_room(log, stele_memory_deadline(log, timeout_ms), err);
    memory_group *group = stele_memory_group(log, name);
    if (status == STELE_OK && group->members != NULL)
        status = stele_log_fail_members(err, name);
    else if (status == STELE_OK && group->offset_count == 0)
        status = stele_log_fail_no_group(err, name);
    for (size_t i = 0; status == STELE_OK && i < group->offset_count; i++)
        free(group->offsets[i].topic);
    if (status == STELE_OK) group->offset_count = 0;
    stele_memory_exit(log);
    return status;
}

void stele_log_memory_rebalance(stele_log *base, const char *topic)
{
    memory_log *log = (memory_log *)base;
    stele_memory_enter(log);
    stele_memory_rebalance_readers(log, topic);
    stele_memory_exit(log);
}

const stele_group_ops stele_memory_group_ops = {
    .offsets = group_offsets,
    .offset_set = group_offset_set,
    .describe = group_describe,
    .remove = group_remove,
};
