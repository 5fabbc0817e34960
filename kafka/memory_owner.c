/* SPDX-License-Identifier: MIT
 * Owners of what was opened, as a simulation needs them: processes that die or sleep, and what the
 * broker holds of each. Nothing is locked here; kafka/memory_log.h says when it may be called. */
#include <string.h>

#include "kafka/memory_producer.h"

static void forget_producers(memory_log *log, int owner)
{
    memory_producer **at = &log->producers;
    while (*at != NULL) {
        if ((*at)->owner == owner)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
}

/* It has beaten for the last time. */
static void fall_silent(memory_member *member)
{
    if (member->polled && !member->asleep) member->seen_ns = stele_memory_now_ns(member->log);
}

/* The coordinator keeps those that it knows, until they are lost. */
static void forget_members(memory_log *log, int owner)
{
    memory_member **at = &log->members;
    while (*at != NULL) {
        memory_member *member = *at;
        if (member->owner != owner) {
            at = &member->next_open;
            continue;
        }
        fall_silent(member);
        member->polled = false;
        *at = member->next_open;
    }
}

void stele_log_memory_client_gone(stele_log *base, int owner)
{
    memory_log *log = (memory_log *)base;
    forget_producers(log, owner);
    forget_members(log, owner);
}

void stele_log_memory_client_sleep(stele_log *base, int owner, bool asleep)
{
    memory_log *log = (memory_log *)base;
    for (memory_member *it = log->members; it != NULL; it = it->next_open) {
        if (it->owner != owner) continue;
        if (asleep) fall_silent(it);
        it->asleep = asleep;
    }
}

bool stele_log_memory_has_fault(stele_log *base)
{
    const memory_log *log = (const memory_log *)base;
    return log->lost_markers != 0 || log->doubt != 0 || log->appends_to_fault != 0;
}

const char *stele_log_memory_transactional_id(const stele_log_producer *base)
{
    const memory_producer *self = (const memory_producer *)base;
    return self->transactional == NULL ? NULL : self->transactional->id;
}

bool stele_log_memory_is_queued(const stele_log_producer *base)
{
    return ((const memory_producer *)base)->waits;
}

static bool holds(const memory_producer *producer, const char *transactional_id)
{
    const memory_transactional *of = producer->transactional;
    return of != NULL && producer->epoch != 0 && producer->epoch == of->epoch &&
           strcmp(of->id, transactional_id) == 0;
}

int stele_log_memory_holders(stele_log *base, const char *transactional_id, int owner)
{
    int count = 0;
    const memory_log *log = (const memory_log *)base;
    for (const memory_producer *it = log->producers; it != NULL; it = it->next)
        if (owner == STELE_LOG_MEMORY_ANYONE || it->owner == owner)
            count += holds(it, transactional_id);
    return count;
}

void stele_log_memory_ends(stele_log *base, stele_partition partition, int64_t *stable,
                           int64_t *end)
{
    const memory_partition *at = stele_memory_find_partition((const memory_log *)base, partition);
    *stable = at == NULL ? 0 : stele_memory_end(at, STELE_READ_COMMITTED);
    *end = at == NULL ? 0 : stele_memory_end(at, STELE_READ_UNCOMMITTED);
}

bool stele_log_memory_is_visible(stele_log *base, stele_partition partition, int64_t offset)
{
    const memory_partition *at = stele_memory_find_partition((const memory_log *)base, partition);
    if (at == NULL || offset >= stele_memory_end(at, STELE_READ_COMMITTED)) return false;
    size_t index = stele_memory_find_record(at, offset);
    return index < at->count && at->records[index].offset == offset &&
           stele_memory_is_visible(&at->records[index], STELE_READ_COMMITTED);
}
