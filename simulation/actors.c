/* SPDX-License-Identifier: MIT
 * The processes of the simulation: publishers of facts, and workers that fold them. */
#include "simulation/control.h"
#include "simulation/poison.h"
#include "simulation/tables.h"
#include "simulation/versions.h"

#include <stele/publisher.h>

#include "account.h"
#include "closed.h"
#include "moved.h"
#include "core/alloc.h"
#include "registry/client.h"

/* ---- the application ---- */

static void fold_number(sim_account *account, int64_t number)
{
    account->value = (int64_t)((uint64_t)account->value * 31 + (uint64_t)number);
    account->events++;
}

static stele_status apply_moved(void *state, const void *data, const stele_event *event,
                                stele_error *err)
{
    sim_see_applied(event->partition);
    sim_see_applied_by_version(event);
    if (sim_refuses(((const sim_moved *)data)->number, err)) return err->status;
    fold_number(state, ((const sim_moved *)data)->number);
    return STELE_OK;
}

static stele_status apply_closed(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    sim_see_applied(event->partition);
    sim_see_applied_by_version(event);
    if (sim_refuses(((const sim_closed *)data)->number, err)) return err->status;
    fold_number(state, ((const sim_closed *)data)->number);
    return STELE_FINISHED;
}

static const stele_aggregate account = {
    .name = "account",
    .events = (const stele_type *const[]){&sim_moved_type, &sim_closed_type, NULL}};

static const stele_handler handlers[] = {
    {&sim_moved_type, apply_moved}, {&sim_closed_type, apply_closed}, {NULL, NULL}};

const stele_projection sim_accounts = {.name = "accounts",
                                       .version = 1,
                                       .source = &account,
                                       .state = &sim_account_type,
                                       .handlers = handlers};

/* ---- publishers ---- */

/* One life of a publisher; another one follows if it is killed. */
typedef struct life {
    int which;
    int number;
    stele_stream random;
    stele_client *client;
    stele_publisher *publisher;
} life;

/* By publisher: how often each of its keys was closed, in all its lives. */
static int closed_times[SIM_PUBLISHERS][SIM_KEYS_MAX];

void sim_draw_aggregate(stele_stream *random, int which, char id[SIM_ID_SIZE], bool *closes)
{
    uint32_t key = stele_stream_below(random, world.keys);
    *closes = stele_stream_once_in(random, world.closes_one_in);
    snprintf(id, SIM_ID_SIZE, "p%d-%u-%d", which, key, closed_times[which][key]);
    closed_times[which][key] += *closes;
}

static void on_delivered(void *context, const stele_delivery *delivery)
{
    (void)context;
    sim_event *event = &world.events[(intptr_t)delivery->opaque];
    if (event->acknowledged)
        sim_fail("duplicate", "event %d is acknowledged twice", (int)(intptr_t)delivery->opaque);
    if (delivery->failure == NULL) {
        event->acknowledged = true;
        event->partition = delivery->partition;
        event->offset = delivery->offset;
    } else {
        event->refused = delivery->failure->next == STELE_NEXT_REJECT;
    }
}

static void publish_one(life *self)
{
    int64_t number = world.event_count++;
    bool closes;
    char id[SIM_ID_SIZE];
    sim_draw_aggregate(&self->random, self->which, id, &closes);
    world.events[number] = (sim_event){.life = self->number, .closes = closes};

    sim_moved moved = {.number = number};
    sim_closed closed = {.number = number};
    stele_publish_options options = {.opaque = (void *)(intptr_t)number};
    stele_error err;
    while (stele_publisher_publish(self->publisher, stele_text(id),
                                   closes ? &sim_closed_type : &sim_moved_type,
                                   closes ? (const void *)&closed : &moved, &options, &err) < 0) {
        if (err.next != STELE_NEXT_RETRY) {
            if (world.hole) return; /* it was told of it */
            sim_fail("stopped", "a publisher: %s", err.text);
        }
        stele_publisher_poll(self->publisher, 10, NULL);
    }
}

static void publish(life *self)
{
    stele_error err;
    while (world.published[self->which] < world.to_publish) {
        world.published[self->which]++;
        publish_one(self);
        int pause_ms = (int)stele_stream_below(&self->random, 2 * world.gap_ms + 1);
        if (stele_publisher_poll(self->publisher, pause_ms, &err) < 0 &&
            err.next != STELE_NEXT_RETRY && !world.hole)
            sim_fail("stopped", "a publisher: %s", err.text);
        if (world.hole) return;
    }
    while (stele_publisher_flush(self->publisher, 1000, &err) < 0) {
        if (world.hole) return;
        if (err.next != STELE_NEXT_RETRY) sim_fail("stopped", "a publisher: %s", err.text);
    }
}

static void publisher_main(void *context)
{
    life *self = context;
    stele_error err;
    if (stele_client_open_on(world.log, NULL, "simulation", &self->client, &err) < 0)
        sim_fail("stopped", "%s", err.text);
    stele_publisher_options options = {.aggregate = "account", .delivered = on_delivered};
    if (stele_publisher_open(self->client, &options, &self->publisher, &err) < 0)
        sim_fail("stopped", "%s", err.text);
    publish(self);
    stele_publisher_close(self->publisher, 1000, NULL);
    stele_client_close(self->client);
    world.done[self->which] = true;
    sim_say("publisher %d has published %d events", self->which, world.published[self->which]);
}

/* The one that has a list of ids. */
static void outbox_main(void *context)
{
    life *self = context;
    sim_publish_outbox(&self->random);
    world.done[self->which] = true;
    sim_say("the outbox has published %d events", world.published[self->which]);
}

void sim_start_publisher(int which)
{
    life *self = stele_alloc(sizeof *self);
    *self =
        (life){.which = which, .number = ++world.lives, .random = {stele_stream_next(&world.load)}};
    int domain = SIM_FIRST_PUBLISHER + which;
    sim_clear_ambushes(domain);
    bool is_outbox = world.has_outbox && which == SIM_OUTBOX;
    stele_fibers_start(world.fibers, domain, "publisher", is_outbox ? outbox_main : publisher_main,
                       self);
}

bool sim_publishing(void)
{
    for (int i = 0; i < SIM_PUBLISHERS; i++)
        if (!world.done[i]) return true;
    return false;
}

void sim_publish_others(int count)
{
    stele_client *client;
    stele_publisher *publisher;
    stele_error err;
    stele_publisher_options options = {.aggregate = "account"};
    if (stele_client_open_on(world.log, NULL, "simulation", &client, &err) < 0 ||
        stele_publisher_open(client, &options, &publisher, &err) < 0)
        sim_fail("harness", "%s", err.text);
    for (int i = 0; i < count; i++) {
        char id[32];
        snprintf(id, sizeof id, "other-%d", i);
        sim_moved event = {.number = 1000000 + i};
        while (stele_publisher_publish(publisher, stele_text(id), &sim_moved_type, &event, NULL,
                                       &err) < 0)
            stele_publisher_poll(publisher, 10, NULL);
    }
    stele_publisher_close(publisher, 10000, NULL);
    stele_client_close(client);
}

/* ---- workers ---- */

/* A partition that stops says that it needs a person: here no one has made a hole, so none does. */
static void look_at_partitions(sim_worker *self, const stele_worker *worker, int64_t before_ns)
{
    for (int32_t i = 0; i <= SIM_PARTITIONS; i++) {
        stele_partition_state state;
        const char *reason;
        self->owned[i] = stele_worker_state(worker, i, &state, &reason);
        self->stopped[i] = self->owned[i] && state == STELE_STATE_STOPPED;
        sim_see_partition(self, i, self->owned[i], before_ns);
        if (!self->owned[i]) continue;
        if (state == STELE_STATE_PAUSED) sim_see_paused(self, i, reason);
        snprintf(self->reason, sizeof self->reason, "%d is %s: %s", (int)i,
                 stele_partition_state_name(state), reason);
        if (self->stopped[i] && !world.hole)
            sim_fail("stopped", "partition %d stopped: %s", (int)i, reason);
    }
}

void sim_run_worker(sim_worker *self, stele_worker *worker)
{
    stele_error err;
    while (!atomic_load(&self->stop)) {
        int64_t before_ns = stele_fibers_now_ns(world.fibers);
        if (stele_worker_step(worker, 2000, &err) < 0) {
            if (world.hole) break;
            sim_fail("stopped", "a worker: %s", err.text);
        }
        look_at_partitions(self, worker, before_ns);
    }
}

static void worker_main(void *context)
{
    sim_worker *self = context;
    stele_error err;
    stele_registry *registry;
    stele_fold *fold;
    stele_worker *worker;
    stele_registry_options where = {.log = world.log};
    if (stele_registry_open(&where, &registry, &err) < 0) sim_fail("stopped", "%s", err.text);
    stele_projection projection = sim_accounts;
    projection.version = self->version;
    stele_fold_options options = {.projection = &projection,
                                  .registry = registry,
                                  .transaction_timeout_ms = world.transaction_ms,
                                  .snapshot_events = 1 + stele_stream_below(&self->random, 40),
                                  .snapshot_interval_ms =
                                      1 + (int)stele_stream_below(&self->random, 3000),
                                  .transaction_snapshots = 1 + stele_stream_below(&self->random, 4),
                                  .parks = world.has_poison,
                                  .parked_max = world.parked_max,
                                  .table = sim_open_table()};
    if (stele_fold_open(&options, &fold, &err) < 0) sim_fail("stopped", "%s", err.text);
    char instance[32];
    snprintf(instance, sizeof instance, "worker-%d", (int)(self - world.workers));
    stele_worker_options work = {.name = stele_fold_group(fold),
                                 .topic = stele_fold_topic(fold),
                                 .instance = instance,
                                 .address = world.has_versions ? instance : NULL,
                                 .eager = world.seed % 2 == 0,
                                 .session_timeout_ms = world.session_ms,
                                 .registry = registry,
                                 .ops = &stele_fold_tasks,
                                 .self = fold};
    if (stele_worker_open(world.log, &work, &worker, &err) < 0) sim_fail("stopped", "%s", err.text);
    sim_reader *reader = sim_start_reader(self);
    sim_run_worker(self, worker);
    sim_end_reader(reader);
    stele_worker_close(worker);
    stele_fold_close(fold);
    sim_close_table(options.table);
    stele_registry_close(registry);
    sim_say("worker %d has ended", (int)(self - world.workers));
}

void sim_start_worker(int which)
{
    sim_worker *self = &world.workers[which];
    *self =
        (sim_worker){.version = sim_version_of(which), .random = {stele_stream_next(&world.load)}};
    int domain = SIM_FIRST_WORKER + which;
    sim_clear_ambushes(domain);
    sim_say("worker %d starts", which);
    stele_fibers_start(
        world.fibers, domain, "worker",
        world.has_tables && !world.has_state_table ? sim_table_worker_main : worker_main, self);
}

void sim_stop_workers(void)
{
    enum { PATIENCE_MS = 60000, LOOK_MS = 10 };
    for (int i = 0; i < SIM_WORKERS; i++)
        atomic_store(&world.workers[i].stop, true);
    stele_deadline until = stele_deadline_after(sim_clock(), PATIENCE_MS);
    for (int i = 0; i < SIM_WORKERS; i++) {
        while (stele_fibers_is_running(world.fibers, SIM_FIRST_WORKER + i)) {
            if (stele_deadline_passed(until))
                sim_fail("stuck", "worker %d does not end: %s", i, world.workers[i].reason);
            sim_sleep_ms(LOOK_MS);
        }
    }
}
