/* SPDX-License-Identifier: MIT
 * What a seed is like, and the trouble that it makes. Each seed is about something: seeds that do a
 * little of everything find little. */
#include "simulation/world.h"

enum {
    REST_MS = 120000, /* after the last fault everything has come to rest by then */
    LOOK_MS = 200,
    AFTERMATH = 12, /* troubles after the last event was published */
    OTHERS = 600    /* events of a topic that was made again: more than any seed of holes has */
};

static int some_worker(void)
{
    return SIM_FIRST_WORKER + (int)stele_stream_below(&world.faults, SIM_WORKERS);
}

static int some_process(void)
{
    if (world.publishers_die && stele_stream_below(&world.faults, 3) == 0)
        return SIM_FIRST_PUBLISHER + (int)stele_stream_below(&world.faults, SIM_PUBLISHERS);
    return some_worker();
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
    if (stele_fibers_is_running(world.fibers, domain)) sim_lay_ambush(&world.crash[domain]);
}

static void freeze_one(void)
{
    int domain = some_worker();
    if (!stele_fibers_is_running(world.fibers, domain)) return;
    if (stele_stream_below(&world.faults, 4) != 0) {
        sim_lay_ambush(&world.freeze[domain]);
        return;
    }
    int64_t ns = sim_freeze_ns();
    sim_say("%s sleeps for %d ms", sim_domain_name(domain), (int)(ns / 1000000));
    stele_fibers_freeze(world.fibers, domain, stele_fibers_now_ns(world.fibers) + ns);
}

static void break_append(void)
{
    stele_log_memory_fault fault =
        (stele_log_memory_fault)(1 + stele_stream_below(&world.faults, 3));
    world.refuses = world.refuses || fault == STELE_LOG_MEMORY_REFUSED;
    stele_log_memory_fail_append(world.log, 1 + stele_stream_below(&world.faults, 10), fault);
}

static void doubt_commit(void)
{
    stele_log_memory_doubt_commit(
        world.log, (stele_log_memory_doubt)(1 + stele_stream_below(&world.faults, 2)));
}

static void lose_markers(void)
{
    stele_log_memory_lose_markers(world.log);
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
        stele_log_memory_ends(world.log, (stele_partition){SIM_SNAPSHOTS, i}, &stable,
                              &world.compacted[i]);
    }
    sim_say("snapshots are compacted");
    stele_log_memory_compact(world.log, SIM_SNAPSHOTS, NULL);
}

static void move_coordinators(void)
{
    uint32_t ms = 1 + stele_stream_below(&world.faults, 2000);
    sim_say("coordinators move, for %u ms", ms);
    world.moved_until_ns = stele_fibers_now_ns(world.fibers) + (int64_t)ms * 1000000;
}

static void lose_answers(void)
{
    world.lose_one_in = world.lose_one_in == 0 ? 3 + stele_stream_below(&world.faults, 30) : 0;
    sim_say("answers are lost: %s", world.lose_one_in == 0 ? "no more" : "some");
}

static void jump_clock(void)
{
    int domain = some_process();
    /* A topic takes no record that is more than an hour ahead. */
    int64_t ms = (int64_t)stele_stream_below(&world.faults, 6000000) - 3000000;
    sim_say("%s: its wall clock jumps, to %d ms ahead", sim_domain_name(domain), (int)ms);
    stele_fibers_jump(world.fibers, domain, ms);
}

/* The group has to find itself again, though no one came or went. */
static void churn(void)
{
    sim_say("the group rebalances");
    stele_log_memory_rebalance(world.log, SIM_EVENTS);
}

static void (*const kinds[SIM_KINDS])(void) = {
    [SIM_KILL] = kill_one,         [SIM_AMBUSH] = ambush_one,  [SIM_FREEZE] = freeze_one,
    [SIM_APPEND] = break_append,   [SIM_DOUBT] = doubt_commit, [SIM_MARKERS] = lose_markers,
    [SIM_AWAY] = take_broker_away, [SIM_COMPACT] = compact,    [SIM_MOVE] = move_coordinators,
    [SIM_LOSE] = lose_answers,     [SIM_JUMP] = jump_clock,    [SIM_CHURN] = churn,
};

static void make_trouble(void)
{
    uint32_t kind;
    do {
        kind = stele_stream_below(&world.faults, SIM_KINDS);
    } while ((world.kinds >> kind & 1) == 0);
    world.faulted++;
    kinds[kind]();
}

static void start_what_died(void)
{
    if (stele_stream_below(&world.faults, 2) == 0)
        for (int i = 0; i < SIM_WORKERS; i++)
            if (!stele_fibers_is_running(world.fibers, SIM_FIRST_WORKER + i)) sim_start_worker(i);
    for (int i = 0; i < SIM_PUBLISHERS; i++)
        if (!world.done[i] && !stele_fibers_is_running(world.fibers, SIM_FIRST_PUBLISHER + i))
            sim_start_publisher(i);
}

/* ---- what a seed is like ---- */

#define KIND(name) (1U << SIM_##name)

static void draw_profile(void)
{
    static const sim_profile profiles[] = {SIM_GENERAL, SIM_GENERAL, SIM_GENERAL, SIM_ENDS,
                                           SIM_ENDS,    SIM_ZOMBIES, SIM_ZOMBIES, SIM_BROKER,
                                           SIM_HOLES,   SIM_REGISTRY};
    stele_stream *swarm = &world.swarm;
    world.profile = profiles[stele_stream_below(swarm, sizeof profiles / sizeof profiles[0])];
    world.session_ms = 4000 + (int)stele_stream_below(swarm, 3000);
    world.transaction_ms = world.session_ms + 200 + (int)stele_stream_below(swarm, 3000);
    world.latency_us = 1U << stele_stream_below(swarm, 17);
    world.calm_ms = 100U << stele_stream_below(swarm, 6);
    world.gap_ms = 20U << stele_stream_below(swarm, 6);
    world.keys = 3 + stele_stream_below(swarm, SIM_KEYS_MAX - 3);
    world.to_publish = 20 + (int)stele_stream_below(swarm, 80);
    world.closes_one_in = stele_stream_below(swarm, 2) == 0 ? 0 : 4 + stele_stream_below(swarm, 30);
    world.registry_lag_ms =
        stele_stream_below(swarm, 2) == 0 ? 0 : 1U << stele_stream_below(swarm, 12);
    world.publish_after_ms =
        stele_stream_below(swarm, 2) == 0 ? 0 : stele_stream_below(swarm, 10000);
    world.publishers_die = stele_stream_below(swarm, 3) == 0;
    world.restarts_at_rest = stele_stream_below(swarm, 2) == 0;
    do {
        world.kinds = (uint32_t)stele_stream_next(swarm) & ((1U << SIM_KINDS) - 1);
    } while (world.kinds == 0);
}

static void draw_busy(void)
{
    world.gap_ms = 50 + stele_stream_below(&world.swarm, 200);
    world.keys = 10 + stele_stream_below(&world.swarm, 40);
    world.to_publish = 60 + (int)stele_stream_below(&world.swarm, 120);
}

static void draw(void)
{
    draw_profile();
    switch (world.profile) {
    case SIM_ENDS:
        world.kinds = KIND(KILL) | KIND(AMBUSH) | KIND(MARKERS);
        world.calm_ms = 500;
        draw_busy();
        break;
    case SIM_ZOMBIES:
        world.kinds = KIND(FREEZE);
        world.calm_ms = 1000;
        world.latency_us = 1U << (10 + stele_stream_below(&world.swarm, 6));
        world.fence_us = stele_stream_below(&world.swarm, 2) == 0 ? 0 : 4000000;
        draw_busy();
        break;
    case SIM_BROKER:
        world.kinds =
            KIND(AWAY) | KIND(MOVE) | KIND(LOSE) | KIND(APPEND) | KIND(DOUBT) | KIND(CHURN);
        break;
    case SIM_HOLES:
        world.to_publish = 20 + (int)stele_stream_below(&world.swarm, 30);
        world.gap_ms = 20 + stele_stream_below(&world.swarm, 100);
        world.publishers_die = false;
        break;
    default:
        break;
    }
}

static stele_fibers *make_fibers(void)
{
    static const uint32_t one_in[] = {2, 4, 8, 32, 128};
    stele_stream *swarm = &world.swarm;
    stele_fibers_options options = {
        .seed = world.seed,
        .switch_one_in = one_in[stele_stream_below(swarm, sizeof one_in / sizeof one_in[0])],
        .spurious_one_in = 50,
        .step_max_ns = 1U << (8 + stele_stream_below(swarm, 12)),
        .starve_one_in = stele_stream_below(swarm, 2) == 0 ? 0 : 200,
        .starve_max_ms = 1U << stele_stream_below(swarm, 12),
        .killed = sim_on_kill,
        .frozen = sim_on_freeze,
        .thawed = sim_on_thaw,
        .probe = sim_probe};
    return stele_fibers_new(&options);
}

static void create_events(int32_t partitions)
{
    stele_error err;
    stele_log_topic_options topic = {.name = SIM_EVENTS, .partitions = partitions};
    if (stele_log_topic_create(world.log, &topic, 1000, &err) < 0)
        sim_fail("harness", "%s", err.text);
}

static void build(void)
{
    stele_error err;
    world.swarm = stele_stream_of(world.seed, 3);
    world.faults = stele_stream_of(world.seed, 4);
    world.load = stele_stream_of(world.seed, 5);
    world.fibers = make_fibers();
    world.runtime = stele_fibers_runtime(world.fibers);
    draw();
    stele_log_memory_options options = {.runtime = world.runtime, .owner = sim_owner};
    if (stele_log_memory_new(&options, &world.log, &err) < 0) sim_fail("harness", "%s", err.text);
    sim_stand_between();
    create_events(SIM_PARTITIONS);
}

/* ---- coming to rest ---- */

static void end_trouble(void)
{
    world.resting = true;
    world.lose_one_in = 0;
    world.moved_until_ns = 0;
    world.registry_lag_ms = 0;
    stele_log_memory_forget_faults(world.log);
    for (int i = 0; i < STELE_DOMAINS; i++)
        world.crash[i] = world.freeze[i] = (sim_ambush){0};
    for (int i = 0; i < SIM_WORKERS; i++)
        if (!stele_fibers_is_running(world.fibers, SIM_FIRST_WORKER + i)) sim_start_worker(i);
    sim_say("rest");
}

static void await_rest(void)
{
    stele_deadline until = stele_deadline_after(sim_clock(), REST_MS);
    while (!sim_caught_up()) {
        if (stele_deadline_passed(until))
            sim_fail("stuck", "not caught up after %d s of rest: %s; %s; %s", REST_MS / 1000,
                     world.workers[0].reason, world.workers[1].reason, world.workers[2].reason);
        sim_sleep_ms(LOOK_MS);
    }
}

static void play_facts_and_folds(void)
{
    for (int i = 0; i < SIM_WORKERS; i++)
        sim_start_worker(i);
    sim_sleep_ms(world.publish_after_ms);
    for (int i = 0; i < SIM_PUBLISHERS; i++)
        sim_start_publisher(i);
    int left = AFTERMATH;
    while (sim_publishing() || left-- > 0) {
        sim_sleep_ms(1 + stele_stream_below(&world.faults, 2 * world.calm_ms));
        make_trouble();
        start_what_died();
    }
    end_trouble();
    if (world.restarts_at_rest) {
        sim_stop_workers();
        for (int i = 0; i < SIM_WORKERS; i++)
            sim_start_worker(i);
    }
    await_rest();
    sim_stop_workers();
    sim_check();
}

/* ---- holes ---- */

static void await_published(void)
{
    while (sim_publishing())
        sim_sleep_ms(LOOK_MS);
}

/* Keys move to other partitions, so no state may go on. */
static void raise_count(void)
{
    sim_say("a third partition is added");
    world.hole = world.count_raised = true;
    stele_log_memory_partitions_raise(world.log, SIM_EVENTS, SIM_PARTITIONS + 1, NULL);
}

/* Another log of the same name and length, while no one looks. */
static void make_anew(void)
{
    sim_say("the topic of events is deleted and made again, with other events");
    world.hole = true;
    stele_log_topic_delete(world.log, SIM_EVENTS, 1000, NULL);
    create_events(SIM_PARTITIONS);
    sim_publish_others(OTHERS);
}

static bool all_stopped(void)
{
    bool found[SIM_PARTITIONS] = {false};
    for (int i = 0; i < SIM_WORKERS; i++)
        for (int32_t k = 0; k < SIM_PARTITIONS; k++)
            found[k] = found[k] || world.workers[i].stopped[k];
    for (int32_t k = 0; k < SIM_PARTITIONS; k++)
        if (!found[k]) return false;
    return true;
}

/* The partitions have to stop, each of them, by themselves. */
static void play_holes(void)
{
    bool anew = stele_stream_below(&world.faults, 2) == 0;
    for (int i = 0; i < SIM_PUBLISHERS; i++)
        sim_start_publisher(i);
    for (int i = 0; i < SIM_WORKERS; i++)
        sim_start_worker(i);
    await_published();
    await_rest();
    bool down = anew || stele_stream_below(&world.faults, 2) == 0;
    if (down) sim_stop_workers();
    if (anew)
        make_anew();
    else
        raise_count();
    if (down)
        for (int i = 0; i < SIM_WORKERS; i++)
            sim_start_worker(i);
    stele_deadline until = stele_deadline_after(sim_clock(), REST_MS);
    while (!all_stopped()) {
        if (stele_deadline_passed(until))
            sim_fail("gap", "partitions go on over a hole: %s; %s; %s", world.workers[0].reason,
                     world.workers[1].reason, world.workers[2].reason);
        sim_sleep_ms(LOOK_MS);
    }
}

/* ---- the registry ---- */

static void play_registry(void)
{
    for (int i = 0; i < SIM_REGISTRARS; i++)
        sim_start_registrar(i);
    while (sim_registering()) {
        sim_sleep_ms(1 + stele_stream_below(&world.faults, 2 * world.calm_ms));
        if (stele_stream_below(&world.faults, 3) == 0) lose_answers();
        if (stele_stream_below(&world.faults, 3) == 0) break_append();
        for (int i = 0; i < SIM_REGISTRARS; i++) {
            int domain = SIM_FIRST_REGISTRAR + i;
            if (!stele_fibers_is_running(world.fibers, domain)) continue;
            if (stele_stream_below(&world.faults, 20) == 0) sim_lay_ambush(&world.crash[domain]);
        }
    }
    world.lose_one_in = 0;
    sim_check_registry();
}

void sim_play(void)
{
    build();
    switch (world.profile) {
    case SIM_HOLES:
        play_holes();
        break;
    case SIM_REGISTRY:
        play_registry();
        break;
    default:
        play_facts_and_folds();
        break;
    }
}
