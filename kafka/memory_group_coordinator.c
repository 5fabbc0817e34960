/* SPDX-License-Identifier: MIT
 * The coordinator of groups in memory: generations, the two assignors, lost members. It follows
 * Kafka's classic protocol: a rebalance ends when every member has joined again; under the
 * cooperative one a partition that moves is first given back, then given away in the generation
 * after. */
#include "kafka/memory_broker.h"

#include <assert.h>
#include <string.h>

static bool subscribes(const memory_member *member, const char *topic)
{
    for (size_t i = 0; i < member->topic_count; i++)
        if (strcmp(member->topics[i], topic) == 0) return true;
    return false;
}

/* ---- assignors ---- */

static memory_member *find_owner(const memory_group *group, stele_partition partition)
{
    for (memory_member *it = group->members; it != NULL; it = it->next)
        if (stele_memory_partitions_has(&it->owned, partition)) return it;
    return NULL;
}

/* Each topic by itself: the members in the order of their ids, the first ones get one more. */
static void assign_range(memory_group *group, const memory_topic *topic)
{
    int32_t readers = 0;
    for (const memory_member *it = group->members; it != NULL; it = it->next)
        if (subscribes(it, topic->name)) readers++;

    int32_t next = 0;
    for (memory_member *it = group->members; it != NULL; it = it->next) {
        if (!subscribes(it, topic->name)) continue;
        int32_t left = topic->partition_count - next;
        int32_t share = left / readers + (left % readers != 0);
        readers--;
        for (; share > 0; share--, next++)
            stele_memory_partitions_add(&it->target, (stele_partition){topic->name, next});
    }
}

/* The reader of `topic` with the fewest partitions. */
static memory_member *find_poorest(const memory_group *group, const char *topic)
{
    memory_member *poorest = NULL;
    for (memory_member *it = group->members; it != NULL; it = it->next)
        if (subscribes(it, topic) && (poorest == NULL || it->target.count < poorest->target.count))
            poorest = it;
    return poorest;
}

/* What stands stays; what is free goes to whoever has the fewest. */
static void assign_sticky(memory_group *group, const memory_topic *topic)
{
    for (int32_t i = 0; i < topic->partition_count; i++) {
        stele_partition partition = {topic->name, i};
        memory_member *owner = find_owner(group, partition);
        if (owner != NULL && subscribes(owner, topic->name))
            stele_memory_partitions_add(&owner->target, partition);
    }
    for (int32_t i = 0; i < topic->partition_count; i++) {
        stele_partition partition = {topic->name, i};
        if (find_owner(group, partition) != NULL) continue;
        memory_member *poorest = find_poorest(group, topic->name);
        if (poorest != NULL) stele_memory_partitions_add(&poorest->target, partition);
    }
}

/* Move one partition from a member to one that has at least two fewer. The last is taken, as what
 * was added last. */
static bool move_one(memory_group *group, memory_member *rich)
{
    for (size_t i = rich->target.count; i-- > 0;) {
        memory_member *poorest = find_poorest(group, rich->target.items[i].topic);
        if (poorest->target.count + 1 >= rich->target.count) continue;
        stele_memory_partitions_add(&poorest->target, rich->target.items[i]);
        stele_memory_partitions_remove(&rich->target, rich->target.items[i]);
        return true;
    }
    return false;
}

static void balance(memory_group *group)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (memory_member *it = group->members; it != NULL; it = it->next)
            while (move_one(group, it))
                moved = true;
    }
}

/* What somebody else still owns is given away only once it was given back. */
static void withhold_owned(memory_group *group)
{
    for (memory_member *it = group->members; it != NULL; it = it->next) {
        for (size_t i = it->target.count; i-- > 0;) {
            memory_member *owner = find_owner(group, it->target.items[i]);
            if (owner != NULL && owner != it)
                stele_memory_partitions_remove(&it->target, it->target.items[i]);
        }
    }
}

/* No partition is two members' at a time. */
static void check_owners(const memory_group *group)
{
    for (const memory_member *it = group->members; it != NULL; it = it->next)
        for (size_t i = 0; i < it->owned.count; i++)
            assert(find_owner(group, it->owned.items[i]) == it);
}

static void assign(memory_log *log, memory_group *group)
{
    bool eager = group->members->eager;
    for (memory_member *it = group->members; it != NULL; it = it->next)
        stele_memory_partitions_clear(&it->target);
    for (const memory_topic *it = log->topics; it != NULL; it = it->next) {
        if (eager)
            assign_range(group, it);
        else
            assign_sticky(group, it);
    }
    if (eager) return;
    balance(group);
    withhold_owned(group);
}

/* ---- rebalances ---- */

static void wake_owner(const memory_member *member)
{
    if (member->wakes != NULL) *member->wakes = true;
}

static void begin_rebalance(memory_log *log, memory_group *group)
{
    if (group->rebalancing || group->members == NULL) return;
    group->rebalancing = true;
    for (memory_member *it = group->members; it != NULL; it = it->next) {
        it->joined = false;
        wake_owner(it);
    }
    stele_memory_changed(log);
}

static void end_rebalance_if_all_joined(memory_log *log, memory_group *group)
{
    if (!group->rebalancing) return;
    for (const memory_member *it = group->members; it != NULL; it = it->next)
        if (!it->joined) return;
    group->rebalancing = false;
    group->generation++;
    if (group->members != NULL) assign(log, group);
    check_owners(group);
    for (const memory_member *it = group->members; it != NULL; it = it->next)
        wake_owner(it);
    stele_memory_changed(log);
}

static void add_member(memory_group *group, memory_member *member)
{
    memory_member **at = &group->members;
    while (*at != NULL)
        at = &(*at)->next;
    *at = member;
    member->next = NULL;
}

void stele_memory_join(memory_member *member)
{
    memory_group *group = member->group;
    if (member->id == 0) {
        if (group->members != NULL && group->members->eager != member->eager) return;
        member->id = ++member->log->last_member;
        add_member(group, member);
    }
    begin_rebalance(member->log, group);
    member->joined = true;
    end_rebalance_if_all_joined(member->log, group);
}

void stele_memory_leave(memory_member *member)
{
    memory_group *group = member->group;
    if (member->id == 0) return;
    memory_member **at = &group->members;
    while (*at != member) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = member->next;
    member->id = 0;
    begin_rebalance(member->log, group);
    end_rebalance_if_all_joined(member->log, group);
}

void stele_memory_expire_members(memory_log *log)
{
    int64_t now_ns = stele_memory_now_ns(log);
    for (memory_group *group = log->groups; group != NULL; group = group->next) {
        memory_member *next;
        for (memory_member *it = group->members; it != NULL; it = next) {
            next = it->next;
            /* It beats while it is in a poll, if that gets through. */
            if (it->polled && !it->asleep && stele_memory_is_reached(log, it->owner))
                it->seen_ns = now_ns;
            if ((now_ns - it->seen_ns) / 1000000 < it->session_timeout_ms) continue;
            it->lost = true;
            wake_owner(it);
            stele_memory_leave(it);
            if (it->left_behind) stele_memory_member_free(it);
        }
    }
}

void stele_memory_forgive_members(memory_log *log)
{
    int64_t now_ns = stele_memory_now_ns(log);
    for (memory_group *group = log->groups; group != NULL; group = group->next)
        for (memory_member *it = group->members; it != NULL; it = it->next)
            it->seen_ns = now_ns;
}

void stele_memory_rebalance_readers(memory_log *log, const char *topic)
{
    for (memory_group *group = log->groups; group != NULL; group = group->next) {
        bool reads = false;
        for (memory_member *it = group->members; it != NULL; it = it->next)
            reads = reads || subscribes(it, topic);
        if (reads) begin_rebalance(log, group);
    }
}

/* ---- offsets ---- */

stele_status stele_memory_check_captured(memory_log *log, const memory_captured *captured,
                                         stele_error *err)
{
    /* As Kafka: metadata of no one is let through in a transaction. It fences nothing. */
    if (captured->generation < 0 && captured->member == 0) return STELE_OK;

    const memory_group *group = stele_memory_group(log, captured->group);
    const memory_member *it = group->members;
    while (it != NULL && it->id != captured->member)
        it = it->next;
    if (it == NULL)
        return stele_fail(err, STELE_E_NOT_OWNER, STELE_NEXT_ABORT,
                          "group %s no longer knows this member", captured->group);
    if (captured->generation != group->generation)
        return stele_fail(err, STELE_E_NOT_OWNER, STELE_NEXT_ABORT,
                          "group %s is in generation %d, these offsets are of generation %d",
                          captured->group, (int)group->generation, (int)captured->generation);
    return STELE_OK;
}
