/* SPDX-License-Identifier: MIT
 * How a seed goes: everything starts, there is trouble, everything comes to rest, and is checked.
 */
#include "simulation/control.h"
#include "simulation/poison.h"
#include "simulation/tables.h"

enum {
    REST_MS = 120000, /* after the last fault everything has come to rest by then */
    LOOK_MS = 200,
    ORDER_MS = 2000, /* between two rounds of orders */
    NOTICED_MS =
        100000,     /* a topic that is gone is missed by then, also by those who write nothing */
    AFTERMATH = 12, /* troubles after the last event was published */
    OTHERS = 600    /* events of a topic that was made again: more than any seed of holes has */
};

static void start_what_died(void)
{
    if (stele_stream_below(&world.faults, 2) == 0)
        for (int i = 0; i < SIM_WORKERS; i++)
            if (!stele_fibers_is_running(world.fibers, SIM_FIRST_WORKER + i)) sim_start_worker(i);
    for (int i = 0; i < SIM_PUBLISHERS; i++)
        if (!world.done[i] && !stele_fibers_is_running(world.fibers, SIM_FIRST_PUBLISHER + i))
            sim_start_publisher(i);
}

static void create_events(int32_t partitions)
{
    stele_error err;
    stele_log_topic_options topic = {.name = world.events_topic, .partitions = partitions};
    if (stele_log_topic_create(world.log, &topic, 1000, &err) < 0)
        sim_fail("harness", "%s", err.text);
}

static void build(void)
{
    stele_error err;
    world.swarm = stele_stream_of(world.seed, 3);
    world.faults = stele_stream_of(world.seed, 4);
    world.load = stele_stream_of(world.seed, 5);
    world.fibers = sim_make_fibers();
    world.runtime = stele_fibers_runtime(world.fibers);
    sim_draw();
    stele_log_memory_options options = {.runtime = world.runtime,
                                        .clock = stele_fibers_world_clock(world.fibers),
                                        .owner = sim_owner,
                                        .reaches = sim_reaches};
    if (stele_log_memory_new(&options, &world.log, &err) < 0) sim_fail("harness", "%s", err.text);
    sim_stand_between();
    create_events(SIM_PARTITIONS);
}

/* ---- coming to rest ---- */

static void begin_rest(void)
{
    world.resting = true;
    sim_end_trouble();
    for (int i = 0; i < SIM_WORKERS; i++)
        if (!stele_fibers_is_running(world.fibers, SIM_FIRST_WORKER + i)) sim_start_worker(i);
    if (world.has_control) sim_control_rests();
    sim_say("rest");
}

/* Of the group, in all partitions together. */
static int64_t positions(void)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < SIM_PARTITIONS; i++) {
        int64_t offset;
        if (stele_log_group_offset(world.log, SIM_GROUP, (stele_partition){SIM_EVENTS, i}, LOOK_MS,
                                   &offset, NULL) == STELE_OK)
            sum += offset;
    }
    return sum;
}

/* With few letters in a transaction it takes a while until there are none. */
typedef struct rest {
    stele_deadline until;
    int64_t position;
    int letters; /* fewer than ever at that position */
} rest;

/* Whoever goes on is not stuck. */
static bool is_stuck(rest *of, int64_t position, int letters)
{
    bool goes_on = position > of->position || (position == of->position && letters < of->letters);
    if (goes_on) *of = (rest){stele_deadline_after(sim_clock(), REST_MS), position, letters};
    return stele_deadline_passed(of->until);
}

static void await_rest(void)
{
    if (world.made_anew) sim_sleep_ms(NOTICED_MS);
    rest of = {stele_deadline_after(sim_clock(), REST_MS), 0, SIM_LETTERS_UNKNOWN};
    int letters = SIM_LETTERS_UNKNOWN;
    for (int looks = 1; !sim_caught_up(); looks++) {
        /* A partition with as many letters as it may have waits for room, and what has ended is not
         * removed before its letters. */
        if (world.parked_max > 0 && looks % (ORDER_MS / LOOK_MS) == 0)
            letters = sim_clear_letters();
        if (is_stuck(&of, positions(), letters))
            sim_fail("stuck", "not caught up after %d s of rest: %s; %s; %s", REST_MS / 1000,
                     world.workers[0].reason, world.workers[1].reason, world.workers[2].reason);
        sim_sleep_ms(LOOK_MS);
    }
}

/* What is sick for a while is well by now. */
static void clear_letters(void)
{
    rest of = {stele_deadline_after(sim_clock(), REST_MS), 0, SIM_LETTERS_UNKNOWN};
    int letters;
    while ((letters = sim_clear_letters()) > 0) {
        if (is_stuck(&of, 0, letters))
            sim_fail("stuck", "%d events are set aside still after %d s of orders: %s; %s; %s",
                     letters, REST_MS / 1000, world.workers[0].reason, world.workers[1].reason,
                     world.workers[2].reason);
        sim_sleep_ms(ORDER_MS);
    }
}

void sim_play_folds(void)
{
    for (int i = 0; i < SIM_WORKERS; i++)
        sim_start_worker(i);
    sim_sleep_ms(world.publish_after_ms);
    for (int i = 0; i < SIM_PUBLISHERS; i++)
        sim_start_publisher(i);
    int left = AFTERMATH;
    while (sim_publishing() || left-- > 0) {
        sim_sleep_ms(1 + stele_stream_below(&world.faults, 2 * world.calm_ms));
        sim_make_trouble();
        if (world.has_poison) sim_give_order();
        if (world.has_control) sim_control_now_and_then();
        start_what_died();
    }
    begin_rest();
    if (world.restarts_at_rest) {
        sim_stop_workers();
        for (int i = 0; i < SIM_WORKERS; i++)
            sim_start_worker(i);
    }
    await_rest();
    if (world.has_poison) {
        clear_letters();
        await_rest(); /* what one of them has ended is to be removed */
    }
    sim_stop_workers();
    if (!world.has_tables || world.has_state_table) {
        sim_check();
        return;
    }
    sim_check_events();
    sim_check_tables();
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
void sim_play_holes(void)
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

void sim_play_registry(void)
{
    for (int i = 0; i < SIM_REGISTRARS; i++)
        sim_start_registrar(i);
    while (sim_registering()) {
        sim_sleep_ms(1 + stele_stream_below(&world.faults, 2 * world.calm_ms));
        if (stele_stream_below(&world.faults, 3) == 0) sim_lose_answers();
        if (stele_stream_below(&world.faults, 3) == 0) sim_break_append();
        for (int i = 0; i < SIM_REGISTRARS; i++) {
            int domain = SIM_FIRST_REGISTRAR + i;
            if (!stele_fibers_is_running(world.fibers, domain)) continue;
            if (stele_stream_below(&world.faults, 20) == 0) sim_lay_ambush(world.crash, domain);
            if (stele_stream_below(&world.faults, 20) == 0) sim_lay_ambush(world.cut, domain);
        }
    }
    sim_end_trouble();
    sim_check_registry();
}

void sim_play(void)
{
    build();
    sim_play_profile();
}
