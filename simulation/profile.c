/* SPDX-License-Identifier: MIT
 * What a seed is like. Each is about something: seeds that do a little of everything find little.
 */
#include "simulation/bank.h"
#include "simulation/control.h"
#include "simulation/poison.h"
#include "simulation/tables.h"
#include "simulation/versions.h"

#define KIND(name) (1U << SIM_##name)

/* What all have, before each is about something. */
static void draw_common(void)
{
    stele_stream *swarm = &world.swarm;
    world.events_topic = SIM_EVENTS;
    world.snapshots_topic = SIM_SNAPSHOTS;
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
    world.has_outbox = stele_stream_below(swarm, 3) == 0;
    world.restarts_at_rest = stele_stream_below(swarm, 2) == 0;
    do {
        world.kinds = (uint32_t)stele_stream_next(swarm) & ((1U << SIM_KINDS) - 1);
    } while (world.kinds == 0);
}

/* ---- each by itself ---- */

static void draw_busy(void)
{
    world.gap_ms = 50 + stele_stream_below(&world.swarm, 200);
    world.keys = 10 + stele_stream_below(&world.swarm, 40);
    world.to_publish = 60 + (int)stele_stream_below(&world.swarm, 120);
}

static void draw_ends(void)
{
    world.kinds = KIND(KILL) | KIND(AMBUSH) | KIND(MARKERS);
    world.calm_ms = 500;
    draw_busy();
}

static void draw_zombies(void)
{
    world.kinds = KIND(FREEZE);
    world.calm_ms = 1000;
    world.latency_us = 1U << (10 + stele_stream_below(&world.swarm, 6));
    world.fence_us = stele_stream_below(&world.swarm, 2) == 0 ? 0 : 4000000;
    draw_busy();
}

static void draw_broker(void)
{
    world.kinds = KIND(AWAY) | KIND(MOVE) | KIND(LOSE) | KIND(APPEND) | KIND(DOUBT) | KIND(CHURN) |
                  KIND(REPEAT) | KIND(EXPEL);
}

static void draw_cuts(void)
{
    world.kinds = KIND(CUT) | (stele_stream_below(&world.swarm, 2) == 0 ? 0 : KIND(KILL));
    world.calm_ms = 1000;
    world.latency_us = 1U << (10 + stele_stream_below(&world.swarm, 6));
    draw_busy();
}

static void draw_disks(void)
{
    world.kinds = KIND(FULL) | KIND(AMBUSH) | KIND(KILL) | KIND(COMPACT);
    world.calm_ms = 500U << stele_stream_below(&world.swarm, 4);
    draw_busy();
}

static void draw_anew(void)
{
    world.kinds =
        KIND(ANEW) | KIND(KILL) | (stele_stream_below(&world.swarm, 2) == 0 ? 0 : KIND(CHURN));
    world.calm_ms = 500U << stele_stream_below(&world.swarm, 3);
    draw_busy();
}

static void draw_outbox(void)
{
    world.has_outbox = world.publishers_die = true;
    world.kinds = KIND(AMBUSH) | (world.kinds & (KIND(JUMP) | KIND(APPEND) | KIND(CUT)));
    world.calm_ms = 300;
    draw_busy();
}

static void draw_holes(void)
{
    world.to_publish = 20 + (int)stele_stream_below(&world.swarm, 30);
    world.gap_ms = 20 + stele_stream_below(&world.swarm, 100);
    world.publishers_die = world.has_outbox = false;
    if (stele_stream_below(&world.swarm, 2) == 0) sim_draw_tables(false);
}

/* What befalls the workers; what befalls the database is drawn beside it. */
static void draw_tables(void)
{
    static const uint32_t mixes[] = {
        KIND(KILL) | KIND(AMBUSH), KIND(FREEZE) | KIND(CHURN) | KIND(EXPEL), KIND(CUT) | KIND(KILL),
        KIND(AWAY) | KIND(MOVE) | KIND(LOSE) | KIND(CHURN) | KIND(REPEAT) | KIND(APPEND),
        KIND(FREEZE) | KIND(AMBUSH) | KIND(CHURN) | KIND(JUMP)};
    world.kinds = mixes[stele_stream_below(&world.swarm, sizeof mixes / sizeof mixes[0])];
    world.calm_ms = 200U << stele_stream_below(&world.swarm, 4);
    draw_busy();
    sim_draw_tables(true);
    stele_stream also = stele_stream_of(world.seed, 11);
    if (stele_stream_below(&also, 2) == 0) sim_draw_poison();
}

static void draw_poison(void)
{
    static const uint32_t mixes[] = {KIND(KILL) | KIND(AMBUSH),
                                     KIND(KILL) | KIND(AMBUSH) | KIND(MARKERS),
                                     KIND(FREEZE) | KIND(CHURN) | KIND(EXPEL),
                                     KIND(CUT) | KIND(KILL),
                                     KIND(AWAY) | KIND(MOVE) | KIND(LOSE) | KIND(CHURN) |
                                         KIND(REPEAT) | KIND(APPEND),
                                     KIND(FULL) | KIND(AMBUSH) | KIND(KILL) | KIND(COMPACT),
                                     KIND(ANEW) | KIND(KILL)};
    world.kinds = mixes[stele_stream_below(&world.swarm, sizeof mixes / sizeof mixes[0])];
    world.calm_ms = 200U << stele_stream_below(&world.swarm, 4);
    draw_busy();
    world.keys = 3 + stele_stream_below(&world.swarm, 20);
    sim_draw_poison();
}

/* What makes partitions change hands. */
static void draw_control(void)
{
    static const uint32_t mixes[] = {KIND(KILL) | KIND(AMBUSH),
                                     KIND(KILL) | KIND(AMBUSH) | KIND(MARKERS) | KIND(CHURN),
                                     KIND(FREEZE) | KIND(CHURN) | KIND(EXPEL),
                                     KIND(CUT) | KIND(KILL),
                                     KIND(AWAY) | KIND(MOVE) | KIND(LOSE) | KIND(CHURN) |
                                         KIND(REPEAT) | KIND(APPEND),
                                     KIND(ANEW) | KIND(KILL)};
    world.kinds = mixes[stele_stream_below(&world.swarm, sizeof mixes / sizeof mixes[0])];
    world.calm_ms = 200U << stele_stream_below(&world.swarm, 5);
    draw_busy();
    sim_draw_control();
    uint32_t what = stele_stream_below(&world.swarm, 4);
    if (what == 2) sim_draw_poison();
    bool keeps_snapshots = (world.kinds & KIND(ANEW)) != 0;
    if (what <= 1 && !keeps_snapshots) sim_draw_tables(true);
    if (world.has_tables || keeps_snapshots) sim_draw_resets();
}

/* What befalls workers of two versions, and whoever lets readers have another one. */
static void draw_versions(void)
{
    static const uint32_t mixes[] = {
        KIND(KILL) | KIND(AMBUSH), KIND(FREEZE) | KIND(CHURN), KIND(CUT) | KIND(KILL) | KIND(CHURN),
        KIND(AWAY) | KIND(MOVE) | KIND(LOSE) | KIND(CHURN) | KIND(REPEAT) | KIND(APPEND),
        KIND(FREEZE) | KIND(AMBUSH) | KIND(KILL)};
    world.kinds = mixes[stele_stream_below(&world.swarm, sizeof mixes / sizeof mixes[0])];
    world.calm_ms = 500U << stele_stream_below(&world.swarm, 4);
    world.has_versions = true;
    draw_busy();
    world.publishers_die = world.has_outbox = false;
}

/* What befalls owners: the kinds of the other profiles, a few of them at a time. */
static void draw_trouble_of_owners(void)
{
    static const uint32_t mixes[] = {KIND(KILL) | KIND(AMBUSH) | KIND(MARKERS),
                                     KIND(FREEZE) | KIND(AMBUSH),
                                     KIND(FREEZE) | KIND(MARKERS),
                                     KIND(AWAY) | KIND(MOVE) | KIND(LOSE) | KIND(APPEND) |
                                         KIND(DOUBT) | KIND(CHURN) | KIND(REPEAT) | KIND(EXPEL),
                                     KIND(CUT) | KIND(KILL),
                                     KIND(APPEND) | KIND(AMBUSH) | KIND(CHURN),
                                     KIND(ANEW) | KIND(KILL) | KIND(CHURN),
                                     KIND(FULL) | KIND(AMBUSH) | KIND(KILL) | KIND(COMPACT)};
    uint32_t count = sizeof mixes / sizeof mixes[0];
    uint32_t drawn = stele_stream_below(&world.swarm, count + 2);
    if (drawn < count) world.kinds = mixes[drawn];
}

static void draw_aggregates(void)
{
    static const int remembered[] = {1, 1, 2, 8};
    stele_stream *swarm = &world.swarm;
    world.events_topic = SIM_BANK_EVENTS;
    world.snapshots_topic = SIM_BANK_SNAPSHOTS;
    bool takes_commands = stele_stream_below(swarm, 4) != 0;
    draw_trouble_of_owners();
    bool has_jars = stele_stream_below(swarm, 3) == 0;
    /* What parts the position of the commands from what came of them. */
    if ((takes_commands || has_jars) && stele_stream_below(swarm, 2) == 0)
        world.kinds = KIND(AMBUSH) | KIND(MARKERS) | KIND(KILL);
    world.calm_ms = 200U << stele_stream_below(swarm, 4);
    world.gap_ms = 1U << stele_stream_below(swarm, 8);
    world.latency_us = 1U << stele_stream_below(swarm, 16);
    bank = (sim_bank){
        .wallets = 1 + (int)stele_stream_below(swarm, SIM_WALLETS_MAX),
        .to_call = 10 + (int)stele_stream_below(swarm, 40),
        .answers_committed = stele_stream_below(swarm, 6) == 0,
        .queue_max = stele_stream_below(swarm, 4) == 0 ? 2 : 0,
        .lose_one_in = stele_stream_below(swarm, 2) == 0 ? 0 : 10 + stele_stream_below(swarm, 50),
        .twice_one_in = stele_stream_below(swarm, 2) == 0 ? 0 : 3 + stele_stream_below(swarm, 30),
        .way_ms = 1U << stele_stream_below(swarm, 9),
        .takes_commands = takes_commands,
        .to_send = 20 + (int)stele_stream_below(swarm, 60),
        .has_jars = has_jars,
        .jar_remembers = remembered[stele_stream_below(swarm, 4)],
        .lose_record_one_in = 2 + stele_stream_below(swarm, 10)};
    /* Its risk: what was acknowledged then can be aborted. */
    if (bank.answers_committed) world.kinds &= ~KIND(MARKERS);
    /* How far commands of the topic are is known from the snapshots only: docs/operating.md. */
    if (takes_commands) world.kinds &= ~KIND(ANEW);
    if (world.kinds == 0) world.kinds = KIND(KILL);
}

/* ---- all of them ---- */

typedef struct profile {
    const char *name;
    uint32_t weight;
    void (*draw)(void); /* NULL: all is as it is drawn for all */
    void (*play)(void);
} profile;

static const profile profiles[SIM_PROFILES] = {
    [SIM_GENERAL] = {"general", 3, NULL, sim_play_folds},
    [SIM_ENDS] = {"ends", 2, draw_ends, sim_play_folds},
    [SIM_ZOMBIES] = {"zombies", 2, draw_zombies, sim_play_folds},
    [SIM_BROKER] = {"broker", 1, draw_broker, sim_play_folds},
    [SIM_CUTS] = {"cuts", 1, draw_cuts, sim_play_folds},
    [SIM_DISKS] = {"disks", 1, draw_disks, sim_play_folds},
    [SIM_ANEWS] = {"anew", 1, draw_anew, sim_play_folds},
    [SIM_OUTBOXES] = {"outbox", 1, draw_outbox, sim_play_folds},
    [SIM_HOLES] = {"holes", 1, draw_holes, sim_play_holes},
    [SIM_REGISTRY] = {"registry", 1, NULL, sim_play_registry},
    [SIM_AGGREGATES] = {"aggregates", 6, draw_aggregates, sim_play_bank},
    [SIM_TABLES] = {"tables", 2, draw_tables, sim_play_folds},
    [SIM_CONTROLS] = {"control", 2, draw_control, sim_play_folds},
    [SIM_POISON] = {"poison", 2, draw_poison, sim_play_folds},
    [SIM_VERSIONS] = {"versions", 2, draw_versions, sim_play_versions},
};

void sim_draw(void)
{
    uint32_t all = 0;
    for (int i = 0; i < SIM_PROFILES; i++)
        all += profiles[i].weight;
    uint32_t left = stele_stream_below(&world.swarm, all);
    int drawn = 0;
    for (; left >= profiles[drawn].weight; drawn++)
        left -= profiles[drawn].weight;
    world.profile = (sim_profile)drawn;
    draw_common();
    if (profiles[drawn].draw != NULL) profiles[drawn].draw();
}

void sim_play_profile(void)
{
    profiles[world.profile].play();
}

const char *sim_profile_name(sim_profile of)
{
    return profiles[of].name;
}

stele_fibers *sim_make_fibers(void)
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
