/* SPDX-License-Identifier: MIT
 * The log in memory itself: made and released, a broker that is away, and faults to order. */
#include "kafka/memory_broker.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "kafka/memory_ops.h"
#include "kafka/memory_producer.h"

enum {
    MESSAGE_MAX = 1000000, /* librdkafka's message.max.bytes */
    PATIENCE_MS = 30000    /* for producers to be closed */
};

static const stele_log_ops ops;

stele_status stele_log_memory_new(const stele_log_memory_options *options, stele_log **out,
                                  stele_error *err)
{
    (void)err;
    static const stele_log_memory_options defaults = {0};
    if (options == NULL) options = &defaults;

    memory_log *log = stele_alloc(sizeof *log);
    log->base.ops = &ops;
    log->base.runtime = options->runtime.ops == NULL ? stele_runtime_system() : options->runtime;
    log->message_max_bytes =
        options->message_max_bytes == 0 ? MESSAGE_MAX : options->message_max_bytes;
    log->owner = options->owner;
    log->reaches = options->reaches;
    log->context = options->context;
    log->clock = options->clock.runtime.ops == NULL ? stele_log_clock(&log->base) : options->clock;
    log->up = true;
    stele_monitor_init(&log->monitor, log->base.runtime);
    stele_rounds_init(&log->base.rounds, log->base.runtime);
    *out = &log->base;
    return STELE_OK;
}

/* A writer that was abandoned (producer/fenced.h) may have a thread within a call: that is answered
 * now, and the producer is closed. One that no one closes is a bug of the caller's. */
static void await_producers(memory_log *log)
{
    stele_error closed;
    stele_fail(&closed, STELE_E_UNAVAILABLE, STELE_NEXT_STOP, "the log in memory is released");
    stele_deadline patience = stele_memory_deadline(log, PATIENCE_MS);
    stele_monitor_lock(&log->monitor);
    log->closed = true;
    for (memory_producer *it = log->producers; it != NULL; it = it->next)
        stele_memory_kill_producer(it, &closed, NULL);
    stele_memory_changed(log);
    while (log->producers != NULL) {
        if (stele_monitor_wait(&log->monitor, patience)) continue;
        fputs("the log in memory is released, and a producer of it is still open\n", stderr);
        abort();
    }
    stele_monitor_unlock(&log->monitor);
}

static void log_free(stele_log *base)
{
    memory_log *log = (memory_log *)base;
    await_producers(log);
    while (log->topics != NULL) {
        memory_topic *topic = log->topics;
        log->topics = topic->next;
        stele_memory_topic_free(topic);
    }
    while (log->groups != NULL) {
        memory_group *group = log->groups;
        log->groups = group->next;
        stele_memory_group_free(group);
    }
    while (log->transactionals != NULL) {
        memory_transactional *transactional = log->transactionals;
        log->transactionals = transactional->next;
        stele_memory_transactional_free(transactional);
    }
    stele_memory_flights_clear(log);
    stele_rounds_clear(&log->base.rounds);
    stele_monitor_clear(&log->monitor);
    free(log->full_topic);
    free(log);
}

/* ---- the broker ---- */

static bool is_up(stele_log *base)
{
    memory_log *log = (memory_log *)base;
    stele_monitor_lock(&log->monitor);
    bool up = stele_memory_is_reached(log, stele_memory_owner(log));
    stele_monitor_unlock(&log->monitor);
    return up;
}

static stele_status last_problem(stele_log *base, stele_error *err)
{
    return is_up(base) ? STELE_OK : stele_memory_fail_away(err);
}

static void send_all(memory_log *log)
{
    for (memory_producer *it = log->producers; it != NULL; it = it->next)
        stele_memory_send_queued(it);
    stele_memory_changed(log);
}

void stele_log_memory_set_up(stele_log *base, bool up)
{
    memory_log *log = (memory_log *)base;
    stele_monitor_lock(&log->monitor);
    stele_memory_land(log);
    if (up && !log->up) stele_memory_forgive_members(log);
    log->up = up;
    stele_memory_expire(log);
    send_all(log);
    stele_monitor_unlock(&log->monitor);
}

void stele_log_memory_fill_disk(stele_log *base, const char *topic, bool full)
{
    memory_log *log = (memory_log *)base;
    char *full_topic = full && topic != NULL ? stele_strdup(topic) : NULL;
    stele_monitor_lock(&log->monitor);
    log->disk_is_full = full && topic == NULL;
    free(log->full_topic);
    log->full_topic = full_topic;
    stele_memory_write_late_markers(log);
    send_all(log);
    stele_monitor_unlock(&log->monitor);
}

void stele_log_memory_doubt_commit(stele_log *base, stele_log_memory_doubt outcome)
{
    memory_log *log = (memory_log *)base;
    stele_monitor_lock(&log->monitor);
    log->doubt = outcome;
    stele_monitor_unlock(&log->monitor);
}

void stele_log_memory_lose_some_markers(stele_log *base, uint64_t which)
{
    memory_log *log = (memory_log *)base;
    stele_monitor_lock(&log->monitor);
    log->lost_markers = which;
    stele_monitor_unlock(&log->monitor);
}

void stele_log_memory_lose_markers(stele_log *log)
{
    stele_log_memory_lose_some_markers(log, UINT64_MAX);
}

void stele_log_memory_lose_half_the_markers(stele_log *log)
{
    stele_log_memory_lose_some_markers(log, UINT64_MAX & ~STELE_LOG_MEMORY_GROUP);
}

void stele_log_memory_forget_faults(stele_log *base)
{
    memory_log *log = (memory_log *)base;
    stele_monitor_lock(&log->monitor);
    log->doubt = 0;
    log->lost_markers = 0;
    log->appends_to_fault = 0;
    stele_monitor_unlock(&log->monitor);
}

void stele_log_memory_refuse_readers(stele_log *base, bool refuse)
{
    memory_log *log = (memory_log *)base;
    stele_monitor_lock(&log->monitor);
    log->refuses_readers = refuse;
    stele_monitor_unlock(&log->monitor);
}

void stele_log_memory_refuse_appends(stele_log *base, bool refuse)
{
    memory_log *log = (memory_log *)base;
    stele_monitor_lock(&log->monitor);
    log->refuses_appends = refuse;
    stele_monitor_unlock(&log->monitor);
}

void stele_log_memory_fail_append(stele_log *base, uint64_t nth, stele_log_memory_fault fault)
{
    memory_log *log = (memory_log *)base;
    stele_monitor_lock(&log->monitor);
    log->appends_to_fault = nth;
    log->fault = fault;
    stele_monitor_unlock(&log->monitor);
}

static const stele_log_ops ops = {
    .reader = &stele_memory_reader_ops,
    .member = &stele_memory_member_ops,
    .producer = &stele_memory_producer_ops,
    .transaction = &stele_memory_transaction_ops,
    .group = &stele_memory_group_ops,
    .topic = &stele_memory_topic_ops,
    .free = log_free,
    .is_up = is_up,
    .last_problem = last_problem,
};
