/* SPDX-License-Identifier: MIT
 * A member's side of a group in memory: it learns in its polls what the coordinator has decided.
 * It calls its owner without the monitor. */
#include "kafka/memory_broker.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "kafka/memory_ops.h"

enum { SESSION_MS = 6000 };

/* ---- opening ---- */

static stele_status member_open(stele_log *base, const stele_log_member_options *options,
                                stele_log_member **out, stele_error *err)
{
    memory_log *log = (memory_log *)base;
    size_t count = 0;
    while (options->topics[count] != NULL)
        count++;
    if (count == 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "group %s: no topics",
                          options->group);

    memory_member *self = stele_alloc(sizeof *self);
    self->base.ops = base->ops->member;
    self->log = log;
    self->topics = stele_alloc_array(count, sizeof *self->topics);
    self->topic_count = count;
    for (size_t i = 0; i < count; i++)
        self->topics[i] = stele_strdup(options->topics[i]);
    self->eager = options->eager;
    self->client = stele_strdup(options->client == NULL ? "stele" : options->client);
    self->session_timeout_ms =
        options->session_timeout_ms == 0 ? SESSION_MS : options->session_timeout_ms;
    self->events = options->events;
    self->generation = -1;
    self->owner = stele_memory_owner(log);
    stele_memory_enter(log);
    self->group = stele_memory_group(log, options->group);
    self->next_open = log->members;
    log->members = self;
    stele_memory_exit(log);
    *out = &self->base;
    return STELE_OK;
}

/* ---- what it learns ---- */

/* Tell the owner, without the monitor; `what` is emptied. */
static void tell_assigned(memory_member *self, memory_partitions *what)
{
    stele_memory_exit(self->log);
    if (what->count > 0 && self->events.assigned != NULL)
        self->events.assigned(self->events.context, what->items, what->count);
    stele_memory_partitions_clear(what);
    stele_memory_enter(self->log);
}

/* The same; only afterwards it owns them no more. */
static void tell_revoked(memory_member *self, memory_partitions *what, bool lost)
{
    stele_memory_exit(self->log);
    if (what->count > 0 && self->events.revoked != NULL)
        self->events.revoked(self->events.context, what->items, what->count, lost);
    stele_memory_enter(self->log);
    for (size_t i = 0; i < what->count; i++)
        stele_memory_partitions_remove(&self->owned, what->items[i]);
    stele_memory_partitions_clear(what);
}

/* What is in `a` and not in `b`. */
static memory_partitions difference(const memory_partitions *a, const memory_partitions *b)
{
    memory_partitions result = {0};
    for (size_t i = 0; i < a->count; i++)
        if (!stele_memory_partitions_has(b, a->items[i]))
            stele_memory_partitions_add(&result, a->items[i]);
    return result;
}

static void revoke_all(memory_member *self, bool lost)
{
    static const memory_partitions none = {0};
    memory_partitions all = difference(&self->owned, &none);
    tell_revoked(self, &all, lost);
}

/* The group has a new generation: take what is new, give back what is not ours any more, and then
 * join again, so that it can be given away. */
static void take_generation(memory_member *self)
{
    self->generation = self->group->generation;
    memory_partitions added = difference(&self->target, &self->owned);
    memory_partitions removed = difference(&self->owned, &self->target);
    for (size_t i = 0; i < added.count; i++)
        stele_memory_partitions_add(&self->owned, added.items[i]);
    bool gives_back = removed.count > 0;
    if (gives_back) tell_revoked(self, &removed, false);
    if (added.count > 0) tell_assigned(self, &added);
    if (gives_back && !self->lost) stele_memory_join(self);
}

/* One step of the protocol. @return false: there is nothing to do */
static bool step(memory_member *self)
{
    if (self->lost) {
        self->lost = false;
        self->generation = -1;
        revoke_all(self, true);
        return true;
    }
    if (self->id == 0) {
        stele_memory_join(self);
        return self->id != 0;
    }
    if (self->group->rebalancing) {
        if (self->joined) return false;
        if (self->eager) revoke_all(self, false);
        if (!self->lost) stele_memory_join(self);
        return true;
    }
    if (self->generation == self->group->generation) return false;
    take_generation(self);
    return true;
}

static stele_status member_poll(stele_log_member *base, int timeout_ms, stele_error *err)
{
    (void)err;
    memory_member *self = (memory_member *)base;
    memory_log *log = self->log;
    stele_deadline deadline = stele_memory_deadline(log, timeout_ms);
    bool stepped = false;
    stele_monitor_lock(&log->monitor);
    if (log->up) stele_memory_expire_members(log); /* first: this poll may come too late */
    self->polled = true;
    do {
        while (stele_memory_is_reached(log, self->owner) && step(self))
            stepped = true;
    } while (!stepped && stele_memory_wait(log, deadline));
    self->polled = false;
    if (stele_memory_is_reached(log, self->owner)) self->seen_ns = stele_memory_now_ns(log);
    stele_memory_exit(log);
    return STELE_OK;
}

static void member_close(stele_log_member *base, int timeout_ms)
{
    (void)timeout_ms; /* there is nothing to wait for */
    memory_member *self = (memory_member *)base;
    memory_log *log = self->log;
    stele_memory_enter(log);
    self->wakes = NULL;
    revoke_all(self, self->lost);
    bool is_heard = !log->up || stele_memory_is_reached(log, self->owner);
    self->left_behind = self->id != 0 && !is_heard;
    bool is_over = !self->left_behind;
    if (is_over) stele_memory_leave(self);
    memory_member **at = &log->members;
    while (*at != self)
        at = &(*at)->next_open;
    *at = self->next_open;
    stele_memory_exit(log);
    if (is_over) stele_memory_member_free(self);
}

/* ---- what its owner asks ---- */

static void member_wakes(stele_log_member *base, stele_log_reader *reader)
{
    memory_member *self = (memory_member *)base;
    stele_memory_enter(self->log);
    self->wakes = reader == NULL ? NULL : stele_memory_reader_woken(reader);
    stele_memory_exit(self->log);
}

static stele_status member_problem(stele_log_member *base, stele_error *err)
{
    memory_member *self = (memory_member *)base;
    stele_memory_enter(self->log);
    const memory_group *group = self->group;
    bool is_refused =
        self->id == 0 && group->members != NULL && group->members->eager != self->eager;
    stele_memory_exit(self->log);
    return is_refused ? stele_log_fail_assignors(err, group->name) : STELE_OK;
}

static stele_log_group *member_group(stele_log_member *base)
{
    memory_member *self = (memory_member *)base;
    memory_captured *captured = NULL;
    stele_memory_enter(self->log);
    if (self->generation >= 0) {
        captured = stele_alloc(sizeof *captured);
        captured->base.ops = base->ops;
        captured->group = stele_strdup(self->group->name);
        captured->member = self->id;
        captured->generation = self->generation;
    }
    stele_memory_exit(self->log);
    return captured == NULL ? NULL : &captured->base;
}

static void captured_free(stele_log_group *base)
{
    memory_captured *captured = (memory_captured *)base;
    free(captured->group);
    free(captured);
}

/* ---- offsets ---- */

static stele_status member_commit(stele_log_member *base, stele_partition partition, int64_t offset,
                                  stele_error *err)
{
    memory_member *self = (memory_member *)base;
    stele_memory_enter(self->log);
    bool is_owner = stele_memory_partitions_has(&self->owned, partition);
    /* What the coordinator would not take is lost, and not told. */
    bool is_heard =
        stele_memory_is_reached(self->log, self->owner) && !self->log->disk_is_full && !self->lost;
    if (is_owner && is_heard && self->generation == self->group->generation)
        stele_memory_set_offset(self->group, partition, offset);
    stele_memory_exit(self->log);
    return is_owner ? STELE_OK : stele_log_fail_not_owner(err, partition);
}

const stele_member_ops stele_memory_member_ops = {
    .open = member_open,
    .close = member_close,
    .poll = member_poll,
    .wakes = member_wakes,
    .problem = member_problem,
    .commit = member_commit,
    .group = member_group,
    .group_free = captured_free,
};
