/* SPDX-License-Identifier: MIT
 * How a seed about aggregates goes: instances that come and go, callers who call whichever is
 * there; then everything comes to rest, and every call is answered. */
#include "simulation/bank.h"

#include "simulation/jars.h"

enum {
    REST_MS = 120000, /* after the last fault everyone has an answer by then */
    LOOK_MS = 200,
    AFTERMATH = 4 /* troubles after the last call */
};

sim_bank bank;

static void begin(void)
{
    sim_open_boxes();
    sim_make_jars();
    for (int i = 0; i < SIM_INSTANCES; i++)
        sim_start_instance(i);
    for (int i = 0; i < SIM_SENDERS && bank.takes_commands; i++)
        sim_start_sender(i);
    sim_start_callers();
}

static void make_trouble(void)
{
    int which = (int)stele_stream_below(&world.faults, SIM_INSTANCES);
    if (stele_stream_below(&world.faults, 8) == 0)
        sim_stop_instance(which);
    else
        sim_make_trouble();
}

static void start_what_ended(bool all)
{
    for (int i = 0; i < SIM_INSTANCES; i++)
        if (!stele_fibers_is_running(world.fibers, SIM_FIRST_INSTANCE + i) &&
            (all || stele_stream_below(&world.faults, 2) == 0))
            sim_start_instance(i);
    for (int i = 0; i < SIM_SENDERS && bank.takes_commands; i++)
        if (!sim_is_sending(i) && !sim_has_sent(i) &&
            (all || stele_stream_below(&world.faults, 2) == 0))
            sim_start_sender(i);
}

/* Have all callers and senders done what they wanted to? */
static bool have_all_done(void)
{
    bool have = bank.callers_done == SIM_CALLERS;
    for (int i = 0; i < SIM_SENDERS && bank.takes_commands; i++)
        have = have && sim_has_sent(i);
    return have;
}

/* Each partition has an owner, who has taken all commands, and nothing hangs. A topic of snapshots
 * that is gone is made again by its owners, also by those who write nothing. */
static bool is_at_rest(void)
{
    const char *const topics[] = {world.events_topic, world.snapshots_topic, SIM_BANK_DEAD};
    stele_log_topic topic;
    if (!sim_are_all_up()) return false; /* who has ended is started again */
    if (stele_log_topic_describe(world.log, world.snapshots_topic, LOOK_MS, &topic, NULL) < 0)
        return false;
    for (int32_t k = 0; k < SIM_PARTITIONS; k++) {
        int server = sim_server_of(k);
        if (server < 0) return false;
        if (bank.takes_commands && !sim_is_taken(SIM_FIRST_INSTANCE + server, k)) return false;
        for (int i = 0; i < (bank.takes_commands ? 3 : 2); i++) {
            int64_t stable, end;
            stele_log_memory_ends(world.log, (stele_partition){topics[i], k}, &stable, &end);
            if (stable != end) return false;
        }
    }
    return true;
}

static void come_to_rest(void)
{
    world.resting = true;
    bank.lose_one_in = bank.twice_one_in = 0;
    if (bank.way_ms > 10) bank.way_ms = 10;
    sim_end_trouble();
    start_what_ended(true);
    sim_say("rest");
    stele_deadline until = stele_deadline_after(sim_clock(), REST_MS);
    while (!have_all_done()) {
        if (stele_deadline_passed(until))
            sim_fail("stuck", "a caller has no answer after %d s of rest: %s", REST_MS / 1000,
                     sim_instances_say());
        start_what_ended(true); /* one may have been asked to end */
        sim_sleep_ms(LOOK_MS);
    }
    while (!is_at_rest()) {
        if (stele_deadline_passed(until))
            sim_fail("stuck",
                     "a partition has no owner, commands that were not taken, or something hangs, "
                     "after %d s of rest: %s",
                     REST_MS / 1000, sim_instances_say());
        start_what_ended(true);
        sim_sleep_ms(LOOK_MS);
    }
    if (!sim_load_all(until.end_ns))
        sim_fail("stuck", "a wallet cannot be loaded after %d s of rest: %s", REST_MS / 1000,
                 sim_instances_say());
}

void sim_play_bank(void)
{
    begin();
    int left = AFTERMATH;
    while (!have_all_done() && left > 0) {
        sim_sleep_ms(1 + stele_stream_below(&world.faults, 2 * world.calm_ms));
        make_trouble();
        start_what_ended(false);
        if (world.faulted > 60) left--; /* callers may wait for what only the rest brings */
    }
    come_to_rest();
    sim_check_jars(stele_deadline_after(sim_clock(), REST_MS).end_ns);
    sim_sleep_ms(SIM_LATE_MS + 1000); /* what timers are due fire */
    sim_stop_instances();
    sim_check_bank();
    sim_check_jars(0);
}
