/* SPDX-License-Identifier: MIT
 * What stands between a process and the log: time that a call takes, answers that are lost or come
 * twice, coordinators that have moved. */
#include "simulation/bank.h"

#include <string.h>

/* ---- time and answers ---- */

/* Before the request is there, and before its answer is. */
static void take_time(void)
{
    if (stele_fibers_domain(world.fibers) == STELE_WORLD) return;
    int64_t us = stele_stream_below(&world.faults, world.latency_us);
    world.runtime.ops->sleep_ns(world.runtime.self, us * 1000);
}

static void lose_again(void)
{
    if ((world.kinds >> SIM_MARKERS & 1) != 0 && !world.resting) sim_lose_markers();
}

/* Faults do not come singly: who met one of the broker's dies of it, or soon. */
static void come_together(const char *call)
{
    int domain = stele_fibers_domain(world.fibers);
    sim_say("%s meets a fault in %s", sim_domain_name(domain), call);
    bool ends = strcmp(call, "commit") == 0 || strcmp(call, "abort") == 0;
    if (ends && (bank.takes_commands || bank.has_jars) && bank.losing == 0 &&
        domain >= SIM_FIRST_INSTANCE && stele_stream_below(&world.faults, 2) == 0)
        stele_fibers_die(world.fibers); /* before it goes on, and ends it with the next one */
    if (ends && world.profile == SIM_AGGREGATES && stele_stream_below(&world.faults, 3) == 0) {
        lose_again(); /* whoever ends what hangs may be no luckier */
        return;
    }
    if (strcmp(call, "commit") == 0 && stele_stream_below(&world.faults, 2) == 0) {
        world.refuses = true; /* and its next transaction has to be aborted */
        stele_log_memory_fail_append(world.log, 1 + stele_stream_below(&world.faults, 2),
                                     STELE_LOG_MEMORY_REFUSED);
        return;
    }
    if (domain < SIM_FIRST_WORKER || stele_stream_below(&world.faults, 2) == 0) return;
    if (stele_stream_below(&world.faults, 2) == 0) stele_fibers_die(world.fibers);
    world.crash[domain] = (sim_ambush){NULL, 1 + stele_stream_below(&world.faults, 10)};
}

static void before(const char *call)
{
    take_time();
    sim_look_for_ambush(call);
}

static stele_status after(const char *call, stele_status status)
{
    if (status < 0 && status != STELE_E_TIMED_OUT && stele_fibers_domain(world.fibers) != 0)
        sim_say("%s: %s says %s", sim_domain_name(stele_fibers_domain(world.fibers)), call,
                stele_status_name(status));
    sim_look_for_ambush(call);
    take_time();
    return status;
}

/* A question whose answer can be lost: before it was heard, or after. */
static bool loses(stele_error *err)
{
    bool lost = stele_fibers_domain(world.fibers) != STELE_WORLD &&
                (stele_stream_once_in(&world.faults, world.lose_one_in) ||
                 stele_fibers_now_ns(world.fibers) < world.moved_until_ns);
    if (lost)
        stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                   "the simulation has lost a request or its answer");
    return lost;
}

#define AROUND(name, operation, ...)                                                               \
    before(name);                                                                                  \
    bool armed = stele_log_memory_has_fault(world.log);                                            \
    stele_status status = world.inner->operation(__VA_ARGS__);                                     \
    if (armed && !stele_log_memory_has_fault(world.log)) come_together(name);                      \
    return after(name, status)

/* A request arrives twice, where an answer was lost on its way to the client's library. */
static bool repeats(stele_status status)
{
    if (status != STELE_OK || stele_fibers_domain(world.fibers) == STELE_WORLD ||
        !stele_stream_once_in(&world.faults, world.repeat_one_in))
        return false;
    take_time();
    return true;
}

#define QUESTION(name, operation, ...)                                                             \
    before(name);                                                                                  \
    if (loses(err)) return after(name, STELE_E_TIMED_OUT);                                         \
    stele_status status = world.inner->operation(__VA_ARGS__);                                     \
    if (repeats(status)) status = world.inner->operation(__VA_ARGS__);                             \
    if (status == STELE_OK && loses(err)) status = STELE_E_TIMED_OUT;                              \
    return after(name, status)

/* Is nothing wrong if a record of a dead publisher comes behind those of its next life? An outbox
 * waits for it; of the others none may close an aggregate meanwhile. */
static bool may_be_late(int domain)
{
    bool is_outbox = world.has_outbox && domain == SIM_FIRST_PUBLISHER + SIM_OUTBOX;
    if (domain == SIM_OPERATOR) return true; /* a record that came late is passed over */
    return domain >= SIM_FIRST_PUBLISHER && domain < SIM_FIRST_WORKER &&
           (is_outbox || world.closes_one_in == 0);
}

/* What a process has sent when it dies may be in the log later. */
static void die_with_record_under_way(const stele_log_producer *producer,
                                      const stele_log_entry *entry)
{
    int domain = stele_fibers_domain(world.fibers);
    const sim_ambush *crash = &world.crash[domain];
    if (!may_be_late(domain) || stele_log_memory_is_queued(producer) || crash->count != 1 ||
        crash->call == NULL || strcmp(crash->call, "put") != 0 ||
        stele_stream_below(&world.faults, 2) == 0)
        return;
    stele_log_memory_append_late(world.log, entry,
                                 1 + (int64_t)stele_stream_below(&world.faults, SIM_UNDER_WAY_MS));
    stele_fibers_die(world.fibers);
}

static stele_status put(stele_log_producer *producer, const stele_log_entry *entry,
                        stele_error *err)
{
    die_with_record_under_way(producer, entry);
    AROUND("put", producer->put, producer, entry, err);
}

static stele_status producer_poll(stele_log_producer *producer, int timeout_ms, stele_error *err)
{
    AROUND("producer_poll", producer->poll, producer, timeout_ms, err);
}

static stele_status flush(stele_log_producer *producer, int timeout_ms, stele_error *err)
{
    AROUND("flush", producer->flush, producer, timeout_ms, err);
}

static void remember_fence(const stele_log_producer *producer)
{
    const char **of = world.fenced[stele_fibers_domain(world.fibers)];
    const char *id = stele_log_memory_transactional_id(producer);
    size_t at = 0;
    while (at < SIM_FENCED_MAX - 1 && of[at] != NULL && of[at] != id)
        at++;
    of[at] = id;
}

static stele_status init(stele_log_producer *producer, const char *topic, int timeout_ms,
                         stele_error *err)
{
    remember_fence(producer);
    int64_t us = stele_stream_below(&world.faults, world.fence_us);
    world.runtime.ops->sleep_ns(world.runtime.self, us * 1000);
    QUESTION("init", transaction->init, producer, topic, timeout_ms, err);
}

static stele_status begin(stele_log_producer *producer, stele_error *err)
{
    AROUND("begin", transaction->begin, producer, err);
}

static stele_status send_offset(stele_log_producer *producer, const stele_log_group *group,
                                stele_partition partition, int64_t offset, int timeout_ms,
                                stele_error *err)
{
    QUESTION("send_offset", transaction->send_offset, producer, group, partition, offset,
             timeout_ms, err);
}

/* Of a transaction of a jar's owner, the second partition is that of the record of how far the
 * commands are: only that one does not hear of the end. One that has no leader has none for a
 * while, so that it does not hear of the next ones either. */
static void lose_record(const stele_log_producer *producer)
{
    const char *id = stele_log_memory_transactional_id(producer);
    if (!bank.has_jars || bank.lose_record_one_in == 0 || world.resting || id == NULL ||
        (world.kinds >> SIM_MARKERS & 1) == 0 || strncmp(id, "jar.events-", 11) != 0)
        return;
    if (bank.losing > 0)
        bank.losing--;
    else if (stele_stream_below(&world.faults, bank.lose_record_one_in) == 0)
        bank.losing = stele_stream_below(&world.faults, 4);
    else
        return;
    sim_say("the end of the record of a jar is lost");
    stele_log_memory_lose_some_markers(world.log, UINT64_C(1) << 1 | STELE_LOG_MEMORY_GROUP);
}

static stele_status commit(stele_log_producer *producer, int timeout_ms, stele_error *err)
{
    lose_record(producer);
    AROUND("commit", transaction->commit, producer, timeout_ms, err);
}

static stele_status abort_transaction(stele_log_producer *producer, int timeout_ms,
                                      stele_error *err)
{
    AROUND("abort", transaction->abort, producer, timeout_ms, err);
}

static stele_status reader_next(stele_log_reader *reader, int timeout_ms, stele_batch *out,
                                stele_error *err)
{
    sim_look_for_ambush("next");
    stele_status status = world.inner->reader->next(reader, timeout_ms, out, err);
    if (status == STELE_OK && world.registry_lag_ms > 0 &&
        strcmp(out->partition.topic, STELE_REGISTRY_TOPIC) == 0)
        sim_sleep_ms(stele_stream_below(&world.faults, world.registry_lag_ms));
    return status;
}

static stele_status topic_create(stele_log *log, const stele_log_topic_options *options,
                                 int timeout_ms, stele_error *err)
{
    QUESTION("topic_create", topic->create, log, options, timeout_ms, err);
}

static stele_status topic_describe(stele_log *log, const char *name, int timeout_ms,
                                   stele_log_topic *out, stele_error *err)
{
    QUESTION("topic_describe", topic->describe, log, name, timeout_ms, out, err);
}

static stele_status bounds(stele_log *log, stele_isolation isolation,
                           stele_asked_partition *partitions, size_t count, bool with_start,
                           int timeout_ms, stele_error *err)
{
    QUESTION("bounds", topic->bounds, log, isolation, partitions, count, with_start, timeout_ms,
             err);
}

static stele_status group_offsets(stele_log *log, const char *group,
                                  stele_asked_partition *partitions, size_t count, int timeout_ms,
                                  stele_error *err)
{
    QUESTION("group_offset", group->offsets, log, group, partitions, count, timeout_ms, err);
}

static stele_status member_open(stele_log *log, const stele_log_member_options *options,
                                stele_log_member **out, stele_error *err)
{
    sim_look_for_ambush("member_open");
    return world.inner->member->open(log, options, out, err);
}

static stele_status member_poll(stele_log_member *member, int timeout_ms, stele_error *err)
{
    sim_look_for_ambush("member_poll");
    if (world.dying_members > 0 && stele_fibers_domain(world.fibers) != STELE_WORLD) {
        world.dying_members--;
        sim_say("%s: its member is dead", sim_domain_name(stele_fibers_domain(world.fibers)));
        return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_STOP,
                          "the simulation's member is dead");
    }
    return world.inner->member->poll(member, timeout_ms, err);
}

static void member_close(stele_log_member *member, int timeout_ms)
{
    sim_look_for_ambush("member_close");
    /* As of a client whose broker does not answer: the group may not wait for it any more. */
    bool is_slow = (world.kinds >> SIM_EXPEL & 1) != 0 && !world.resting;
    if (is_slow) sim_sleep_ms(stele_stream_below(&world.faults, 2 * (uint32_t)world.session_ms));
    world.inner->member->close(member, timeout_ms);
}

static stele_status producer_open(stele_log *log, const stele_log_producer_options *options,
                                  stele_log_producer **out, stele_error *err)
{
    sim_look_for_ambush("producer_open");
    return world.inner->producer->open(log, options, out, err);
}

static void producer_close(stele_log_producer *producer)
{
    sim_look_for_ambush("producer_close");
    world.inner->producer->close(producer);
}

static void producer_abandon(stele_log_producer *producer)
{
    sim_look_for_ambush("producer_abandon");
    world.inner->producer->abandon(producer);
}

static void stand_between_producers(void)
{
    stele_producer_ops *producers = &world.producer_ops;
    *producers = *world.inner->producer;
    producers->open = producer_open;
    producers->put = put;
    producers->poll = producer_poll;
    producers->flush = flush;
    producers->close = producer_close;
    producers->abandon = producer_abandon;

    stele_transaction_ops *transactions = &world.transaction_ops;
    *transactions = *world.inner->transaction;
    transactions->init = init;
    transactions->begin = begin;
    transactions->send_offset = send_offset;
    transactions->commit = commit;
    transactions->abort = abort_transaction;
}

void sim_stand_between(void)
{
    world.inner = world.log->ops;
    world.reader_ops = *world.inner->reader;
    world.reader_ops.next = reader_next;

    world.member_ops = *world.inner->member;
    world.member_ops.open = member_open;
    world.member_ops.poll = member_poll;
    world.member_ops.close = member_close;

    stand_between_producers();

    world.group_ops = *world.inner->group;
    world.group_ops.offsets = group_offsets;

    world.topic_ops = *world.inner->topic;
    world.topic_ops.create = topic_create;
    world.topic_ops.describe = topic_describe;
    world.topic_ops.bounds = bounds;

    world.ops = *world.inner;
    world.ops.reader = &world.reader_ops;
    world.ops.member = &world.member_ops;
    world.ops.producer = &world.producer_ops;
    world.ops.transaction = &world.transaction_ops;
    world.ops.group = &world.group_ops;
    world.ops.topic = &world.topic_ops;
    world.log->ops = &world.ops;
}
