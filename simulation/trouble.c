/* SPDX-License-Identifier: MIT
 * The kinds of trouble, one function each, in a table; a seed is about some of them (profile.c). */
#include "simulation/bank.h"

#include <string.h>

#include "snapshots/topic.h"

static int some_worker(void)
{
    if (world.has_versions && stele_stream_below(&world.faults, 4) == 0) return SIM_OPERATOR;
    if (bank.takes_commands && stele_stream_below(&world.faults, 6) == 0)
        return SIM_FIRST_SENDER + (int)stele_stream_below(&world.faults, SIM_SENDERS);
    if (world.profile == SIM_AGGREGATES)
        return SIM_FIRST_INSTANCE + (int)stele_stream_below(&world.faults, SIM_INSTANCES);
    return SIM_FIRST_WORKER + (int)stele_stream_below(&world.faults, SIM_WORKERS);
}

static int some_publisher(void)
{
    return SIM_FIRST_PUBLISHER + (int)stele_stream_below(&world.faults, SIM_PUBLISHERS);
}

static int some_process(void)
{
    if (world.profile == SIM_OUTBOXES && stele_stream_below(&world.faults, 2) == 0)
        return SIM_FIRST_PUBLISHER + SIM_OUTBOX;
    bool is_publisher = world.publishers_die && stele_stream_below(&world.faults, 3) == 0;
    return is_publisher ? some_publisher() : some_worker();
}

/* ---- kinds of trouble ---- */

static void kill_one(void)
{
    int domain = some_process();
    if (stele_fibers_is_running(world.fibers, domain)) stele_fibers_kill(world.fibers, domain);
}

static void ambush_one(void)
{
    int domain = some_process();
    if (stele_fibers_is_running(world.fibers, domain)) sim_lay_ambush(world.crash, domain);
}

static void freeze_one(void)
{
    int domain = some_worker();
    if (!stele_fibers_is_running(world.fibers, domain)) return;
    if (stele_stream_below(&world.faults, 4) != 0) {
        sim_lay_ambush(world.freeze, domain);
        return;
    }
    sim_freeze(domain, "what it does");
}

/* A publisher, too: nothing is lost of what one that lives on has to say. */
static void cut_one(void)
{
    int domain = stele_stream_below(&world.faults, 4) == 0 ? some_publisher() : some_worker();
    if (!stele_fibers_is_running(world.fibers, domain)) return;
    if (stele_stream_below(&world.faults, 4) == 0)
        sim_cut(domain, "what it does");
    else
        sim_lay_ambush(world.cut, domain);
}

/* Of everything, of the events or of the snapshots. */
static void fill_disk(void)
{
    const char *const topics[] = {NULL, world.events_topic, world.snapshots_topic,
                                  bank.takes_commands ? SIM_BANK_DEAD : world.snapshots_topic};
    const char *topic = topics[stele_stream_below(&world.faults, sizeof topics / sizeof topics[0])];
    world.is_full = !world.is_full;
    sim_say("the disk of %s is %s", topic == NULL || !world.is_full ? "all topics" : topic,
            world.is_full ? "full" : "free");
    stele_log_memory_fill_disk(world.log, topic, world.is_full);
}

static void repeat_requests(void)
{
    world.repeat_one_in = world.repeat_one_in == 0 ? 2 + stele_stream_below(&world.faults, 10) : 0;
    sim_say("requests arrive twice: %s", world.repeat_one_in == 0 ? "no more" : "some");
}

void sim_break_append(void)
{
    stele_log_memory_fault fault =
        (stele_log_memory_fault)(1 + stele_stream_below(&world.faults, 4));
    world.refuses = world.refuses || fault == STELE_LOG_MEMORY_REFUSED;
    stele_log_memory_fail_append(world.log, 1 + stele_stream_below(&world.faults, 10), fault);
}

static void doubt_commit(void)
{
    stele_log_memory_doubt_commit(
        world.log, (stele_log_memory_doubt)(1 + stele_stream_below(&world.faults, 2)));
}

/* A broker that crashes leaves out those partitions that have no leader at that moment. */
void sim_lose_markers(void)
{
    bool of_all = world.profile != SIM_AGGREGATES || stele_stream_below(&world.faults, 4) == 0;
    uint64_t which = stele_stream_below(&world.faults, 2) == 0
                         ? UINT64_C(1) << stele_stream_below(&world.faults, 3)
                         : 1 + stele_stream_below(&world.faults, 15);
    if (stele_stream_below(&world.faults, 2) == 0) which |= STELE_LOG_MEMORY_GROUP;
    stele_log_memory_lose_some_markers(world.log, of_all ? UINT64_MAX : which);
}

static void take_broker_away(void)
{
    uint32_t ms = 1 + stele_stream_below(&world.faults, 3000);
    sim_say("the broker is away for %u ms", ms);
    stele_log_memory_set_up(world.log, false);
    sim_sleep_ms(ms);
    stele_log_memory_set_up(world.log, true);
}

static void compact(void)
{
    for (int32_t i = 0; i < SIM_PARTITIONS; i++) {
        int64_t stable;
        stele_log_memory_ends(world.log, (stele_partition){world.snapshots_topic, i}, &stable,
                              &world.compacted[i]);
    }
    sim_say("snapshots are compacted");
    stele_log_memory_compact(world.log, world.snapshots_topic, NULL);
}

static void move_coordinators(void)
{
    uint32_t ms = 1 + stele_stream_below(&world.faults, 2000);
    sim_say("coordinators move, for %u ms", ms);
    world.moved_until_ns = stele_fibers_now_ns(world.fibers) + (int64_t)ms * 1000000;
}

void sim_lose_answers(void)
{
    world.lose_one_in = world.lose_one_in == 0 ? 3 + stele_stream_below(&world.faults, 30) : 0;
    sim_say("answers are lost: %s", world.lose_one_in == 0 ? "no more" : "some");
}

static void jump_clock(void)
{
    /* A topic takes no record that is more than an hour ahead of the broker's. */
    bool is_brokers = stele_stream_below(&world.faults, 4) == 0;
    int domain = is_brokers ? STELE_WORLD : some_process();
    uint32_t most_ms = is_brokers ? 500000 : 3000000;
    int64_t ms = (int64_t)stele_stream_below(&world.faults, 2 * most_ms) - most_ms;
    sim_say("%s: its wall clock jumps, to %d ms ahead", sim_domain_name(domain), (int)ms);
    stele_fibers_jump(world.fibers, domain, ms);
}

/* The group has to find itself again, though no one came or went. */
static void churn(void)
{
    sim_say("the group rebalances");
    stele_log_memory_rebalance(world.log, world.events_topic);
}

/* By another program, at once or after a while; or by whoever misses it. */
static void make_snapshots_anew(void)
{
    enum { ASK_MS = 1000 };
    if (stele_log_topic_delete(world.log, world.snapshots_topic, ASK_MS, NULL) < 0) return;
    uint32_t ms =
        stele_stream_below(&world.faults, 2) == 0 ? 0 : 1 + stele_stream_below(&world.faults, 1000);
    world.made_anew = true;
    memset(world.compacted, 0, sizeof world.compacted);
    sim_say("the topic of snapshots is deleted, and made again after %u ms", ms);
    if (ms > 0) sim_sleep_ms(ms);
    stele_snapshots_ensure(world.log, world.snapshots_topic, world.events_topic, SIM_PARTITIONS,
                           ASK_MS, NULL);
}

/* Its process lives on, and has to join again. */
static void expel_member(void)
{
    world.dying_members++;
    sim_say("a member of the group is about to die");
}

static void (*const kinds[SIM_KINDS])(void) = {
    [SIM_KILL] = kill_one,
    [SIM_AMBUSH] = ambush_one,
    [SIM_FREEZE] = freeze_one,
    [SIM_APPEND] = sim_break_append,
    [SIM_DOUBT] = doubt_commit,
    [SIM_MARKERS] = sim_lose_markers,
    [SIM_AWAY] = take_broker_away,
    [SIM_COMPACT] = compact,
    [SIM_MOVE] = move_coordinators,
    [SIM_LOSE] = sim_lose_answers,
    [SIM_JUMP] = jump_clock,
    [SIM_CHURN] = churn,
    [SIM_CUT] = cut_one,
    [SIM_FULL] = fill_disk,
    [SIM_REPEAT] = repeat_requests,
    [SIM_ANEW] = make_snapshots_anew,
    [SIM_EXPEL] = expel_member,
};

void sim_make_trouble(void)
{
    uint32_t kind;
    do {
        kind = stele_stream_below(&world.faults, SIM_KINDS);
    } while ((world.kinds >> kind & 1) == 0);
    world.faulted++;
    kinds[kind]();
}

void sim_end_trouble(void)
{
    world.lose_one_in = world.repeat_one_in = world.dying_members = 0;
    world.moved_until_ns = 0;
    world.registry_lag_ms = 0;
    world.is_full = false;
    stele_log_memory_fill_disk(world.log, NULL, false);
    stele_log_memory_forget_faults(world.log);
    for (int i = 0; i < STELE_DOMAINS; i++) {
        sim_clear_ambushes(i);
        stele_fibers_jump(world.fibers, i, 0);
        world.cut_until_ns[i] = 0;
    }
}
