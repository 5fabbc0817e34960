/* SPDX-License-Identifier: MIT
 * Two versions of a projection at once. No instance answers from a version that no one has chosen;
 * what is chosen is never behind what the other version had come to; and once a person was told
 * that readers have it, they do, until the next choice. */
#include "simulation/versions.h"

#include "consumer/served_switch.h"
#include "consumer/served_versions.h"
#include "core/alloc.h"
#include "core/bug.h"

#define PROJECTION "accounts"

enum {
    VERSIONS = 2,
    FIRST = 1, /* the version that is there first */
    ASK_MS = 5000,
    SWITCH_MS = 30000,
    LOOK_MS = 200,
    REST_MS = 120000,
    HEARD_MS = 5000, /* by then each instance that is well has heard of a choice */
    AWAY_MS = 20000, /* longer than a row of the status counts */
    AFTERMATH = 12   /* troubles after the last event was published */
};

static const char *const sources[] = {SIM_EVENTS};
static const char *const groups[VERSIONS + 1] = {NULL, "accounts.v1", "accounts.v2"};

static struct {
    int64_t applied[VERSIONS + 1][SIM_PARTITIONS]; /* by each: behind the last event */
    int64_t wanted[SIM_PARTITIONS]; /* what the other version had, when the command was given */
    int asked_for;                  /* by the command that runs; 0: none does */
    bool is_first_known;            /* it is written down that the first version is there */
    bool may_be[VERSIONS + 1];      /* readers may have it: someone has written that, or tried to */
    int told;                       /* what a person was told that readers have; 0: it is open */
    int64_t away_until_ns;          /* no worker of the first version runs until then */
    int64_t asleep_until_ns;        /* the one that was to write down what is there first */
    uint32_t slow_ms;               /* that the second version takes for an event */
    int at_rest;                    /* the version that a person lets readers have then */
    stele_stream random;            /* of the person */
} versions;

/* ---- what workers do ---- */

/* The one between belongs to either, so both groups change. */
int sim_version_of(int which)
{
    if (!world.has_versions) return FIRST;
    if (which == 0 || !versions.is_first_known) return FIRST;
    if (which == 2) return 2;
    return 1 + (int)stele_stream_below(&world.load, VERSIONS);
}

void sim_see_applied_by_version(const stele_event *event)
{
    int which = stele_fibers_domain(world.fibers) - SIM_FIRST_WORKER;
    if (!world.has_versions || which < 0 || which >= SIM_WORKERS) return;
    int version = world.workers[which].version;
    int64_t *behind = &versions.applied[version][event->partition];
    if (event->offset >= *behind) *behind = event->offset + 1;
    if (version != FIRST && !world.resting) sim_sleep_ms(versions.slow_ms);
}

struct sim_reader {
    sim_worker *worker;
    stele_served_versions *served;
    stele_thread thread;
    atomic_bool stop;
};

static void ask(sim_reader *reader)
{
    int which = (int)(reader->worker - world.workers);
    int version = stele_served_versions_find(reader->served, PROJECTION);
    if (version < 0 || version > VERSIONS)
        sim_fail("wrong-version", "worker %d says that readers have version %d", which, version);
    if (version != 0 && !versions.may_be[version])
        sim_fail("wrong-version",
                 "worker %d says that readers have version %d, which is not chosen", which,
                 version);
    if (version != reader->worker->served)
        sim_say("worker %d says that readers have version %d", which, version);
    reader->worker->served = version;
}

static void reader_main(void *context)
{
    sim_reader *reader = context;
    while (!atomic_load(&reader->stop)) {
        ask(reader);
        stele_sleep_ms(world.runtime, 1 + stele_stream_below(&reader->worker->random, 1000));
    }
}

sim_reader *sim_start_reader(sim_worker *worker)
{
    if (!world.has_versions) return NULL;
    const stele_own_version own = {PROJECTION, worker->version, SIM_EVENTS};
    sim_reader *reader = stele_alloc(sizeof *reader);
    reader->worker = worker;
    atomic_init(&reader->stop, false);
    reader->served = stele_served_versions_new(world.log, &own, 1);
    if (stele_thread_start(world.runtime, &reader->thread, "reader", reader_main, reader) != 0)
        sim_fail("harness", "no thread");
    return reader;
}

void sim_end_reader(sim_reader *reader)
{
    if (reader == NULL) return;
    atomic_store(&reader->stop, true);
    stele_thread_join(reader->thread);
    stele_served_versions_free(reader->served);
    free(reader);
}

/* ---- a person who lets readers have the other one ---- */

void sim_see_choice(int domain, int version)
{
    versions.may_be[version] = true;
    if (domain != SIM_OPERATOR) return;
    for (int32_t i = 0; i < SIM_PARTITIONS; i++)
        if (versions.applied[version][i] < versions.wanted[i])
            sim_fail("gap", "readers get version %d, which has applied %d of %d, behind %d",
                     version, (int)versions.applied[version][i], (int)i, (int)versions.wanted[i]);
}

/* Whoever gives the command has what the other version says of each partition. */
static void begin_switch(int version)
{
    versions.asked_for = version;
    versions.told = 0; /* until it has ended */
    for (int32_t i = 0; i < SIM_PARTITIONS; i++)
        versions.wanted[i] = versions.applied[VERSIONS + FIRST - version][i];
}

static stele_status switch_to(int version, stele_error *err)
{
    const stele_switch_options options = {.projection = PROJECTION,
                                          .version = version,
                                          .of = {.log = world.log,
                                                 .group = groups[version],
                                                 .sources = sources,
                                                 .source_count = 1,
                                                 .timeout_ms = ASK_MS},
                                          .timeout_ms = SWITCH_MS};
    stele_switch_outcome outcome;
    begin_switch(version);
    sim_say("readers are to have version %d", version);
    stele_status status = stele_served_switch(&options, &outcome, err);
    if (status == STELE_OK) versions.told = version;
    sim_say("version %d: %s", version, status == STELE_OK ? "readers have it" : err->text);
    return status;
}

/* Does whoever was to write down what is there first sleep still? */
static bool is_asleep(void)
{
    return stele_fibers_now_ns(world.fibers) < versions.asleep_until_ns;
}

static void operator_main(void *context)
{
    (void)context;
    stele_error err = {0};
    bool is_open = versions.at_rest == 0;
    int version = !is_open      ? versions.at_rest
                  : is_asleep() ? VERSIONS
                                : 1 + (int)stele_stream_below(&versions.random, VERSIONS);
    if (switch_to(version, &err) < 0 && !is_open) sim_fail("stuck", "at rest: %s", err.text);
}

static void start_operator(void)
{
    bool is_content = is_asleep() && versions.told == VERSIONS;
    if (is_content || stele_fibers_is_running(world.fibers, SIM_OPERATOR)) return;
    sim_clear_ambushes(SIM_OPERATOR);
    stele_fibers_start(world.fibers, SIM_OPERATOR, "operator", operator_main, NULL);
    if (world.resting) return;
    if ((world.kinds >> SIM_KILL & 1) == 0 && (world.kinds >> SIM_FREEZE & 1) == 0) return;
    if (stele_stream_below(&world.faults, 4) == 0)
        world.crash[SIM_OPERATOR] = (sim_ambush){"put", 1};
}

/* ---- how it goes ---- */

/* Nothing happens before someone has written down what is there first. One that writes may sleep
 * meanwhile, and comes back when others have chosen for long. */
static void start_first(void)
{
    stele_served served = {0};
    bool sleeps = stele_stream_below(&world.faults, 2) == 0;
    stele_deadline until = stele_deadline_after(sim_clock(), REST_MS);
    versions.may_be[FIRST] = true;
    sim_start_worker(0);
    if (sleeps) world.freeze[SIM_FIRST_WORKER] = (sim_ambush){"put", 1};
    do {
        sim_sleep_ms(LOOK_MS);
        if (stele_deadline_passed(until)) sim_fail("stuck", "no one writes down what is there");
        stele_served_read(world.log, PROJECTION, stele_deadline_after(sim_clock(), ASK_MS), &served,
                          NULL);
        if (sleeps && !stele_fibers_is_running(world.fibers, SIM_FIRST_WORKER + 1))
            sim_start_worker(1);
    } while (!served.is_chosen && !STELE_BUG("the first version is not written down"));
    versions.is_first_known = true;
    if (!sleeps) return;
    int64_t ms = AWAY_MS + (int64_t)stele_stream_below(&world.faults, 2 * AWAY_MS);
    sim_say("worker 0 sleeps on, for %d ms", (int)ms);
    world.freeze[SIM_FIRST_WORKER] = (sim_ambush){0};
    versions.asleep_until_ns = stele_fibers_now_ns(world.fibers) + ms * 1000000;
    stele_fibers_freeze(world.fibers, SIM_FIRST_WORKER, versions.asleep_until_ns);
}

/* A deploy of the first version, with no one to answer for a while. */
static void take_first_away(void)
{
    if (is_asleep()) return;
    versions.away_until_ns = stele_fibers_now_ns(world.fibers) + (int64_t)AWAY_MS * 1000000;
    sim_say("the workers of the first version are away for %d ms", AWAY_MS);
    for (int i = 0; i < SIM_WORKERS; i++)
        if (world.workers[i].version == FIRST &&
            stele_fibers_is_running(world.fibers, SIM_FIRST_WORKER + i))
            stele_fibers_kill(world.fibers, SIM_FIRST_WORKER + i);
}

static void start_what_died(void)
{
    bool first_is_away = stele_fibers_now_ns(world.fibers) < versions.away_until_ns;
    for (int i = 0; i < SIM_WORKERS; i++) {
        if (stele_fibers_is_running(world.fibers, SIM_FIRST_WORKER + i)) continue;
        if (first_is_away && i != 2) continue;
        sim_start_worker(i);
    }
}

static bool caught_up(int version)
{
    for (int32_t i = 0; i < SIM_PARTITIONS; i++) {
        int64_t start, end, offset;
        const stele_partition at = {SIM_EVENTS, i};
        if (stele_log_bounds(world.log, at, STELE_READ_COMMITTED, LOOK_MS, &start, &end, NULL) <
                0 ||
            stele_log_group_offset(world.log, groups[version], at, LOOK_MS, &offset, NULL) < 0 ||
            (end > 0 && offset != end))
            return false;
    }
    return true;
}

static void await_rest(void)
{
    stele_deadline until = stele_deadline_after(sim_clock(), REST_MS);
    while (!caught_up(1) || !caught_up(2) || stele_fibers_is_running(world.fibers, SIM_OPERATOR) ||
           is_asleep()) {
        if (stele_deadline_passed(until))
            sim_fail("stuck", "two versions have not caught up after %d s of rest: %s; %s; %s",
                     REST_MS / 1000, world.workers[0].reason, world.workers[1].reason,
                     world.workers[2].reason);
        sim_sleep_ms(LOOK_MS);
    }
}

/* What a person was told last is so. */
static int check_told(void)
{
    stele_served served;
    stele_error err = {0};
    if (stele_served_read(world.log, PROJECTION, stele_deadline_after(sim_clock(), ASK_MS), &served,
                          &err) < 0)
        sim_fail("stuck", "%s", err.text);
    if (versions.told != 0 && served.version != versions.told)
        sim_fail("wrong-version", "readers have version %d, and someone was told that they have %d",
                 served.version, versions.told);
    return served.version;
}

/* And each instance has heard of it. */
static void check_served(void)
{
    sim_sleep_ms(HEARD_MS);
    int version = check_told();
    for (int i = 0; i < SIM_WORKERS; i++)
        if (world.workers[i].served != version)
            sim_fail("wrong-version", "worker %d says that readers have version %d, they have %d",
                     i, world.workers[i].served, version);
}

void sim_play_versions(void)
{
    versions.random = stele_stream_of(world.seed, 12);
    if (stele_stream_below(&versions.random, 2) == 0)
        versions.slow_ms = 100 + stele_stream_below(&versions.random, 400);
    start_first();
    for (int i = 0; i < SIM_PUBLISHERS; i++)
        sim_start_publisher(i);
    sim_sleep_ms(world.publish_after_ms);
    start_what_died();
    int left = AFTERMATH;
    while (sim_publishing() || is_asleep() || left-- > 0) {
        sim_sleep_ms(1 + stele_stream_below(&world.faults, 2 * world.calm_ms));
        sim_make_trouble();
        if (!stele_fibers_is_running(world.fibers, SIM_OPERATOR)) check_told();
        if (stele_stream_below(&world.faults, 2) == 0) start_operator();
        if (stele_stream_below(&world.faults, 12) == 0) take_first_away();
        if (stele_stream_below(&world.faults, 2) == 0) start_what_died();
    }
    world.resting = true;
    sim_end_trouble();
    versions.away_until_ns = 0;
    start_what_died();
    sim_say("rest");
    sim_sleep_ms(AWAY_MS); /* by then all are awake */
    await_rest();
    check_served();
    for (int version = 1; version <= VERSIONS; version++) {
        versions.at_rest = version;
        start_operator();
        await_rest();
        check_served();
    }
    sim_stop_workers();
    sim_check();
}
