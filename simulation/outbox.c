/* SPDX-License-Identifier: MIT
 * A publisher with a list of ids, as a database keeps one beside its rows (docs/library.md, "An
 * outbox"): what it means to publish is in the list before, what is confirmed is ticked off. It is
 * killed and started again with its list, asks which of its events are in the log, and publishes
 * the others. Each of them has to be there once. */
#include "simulation/world.h"

#include <stele/publisher.h>

#include "closed.h"
#include "moved.h"
#include "core/bug.h"
#include "core/uuid.h"
#include "registry/client.h"

enum {
    ROWS_MAX = 256,
    WAIT_MS = SIM_UNDER_WAY_MS + 1000, /* until nothing of the life before is on its way */
    CLOSE_MS = 1000
};

typedef struct row {
    int64_t number; /* of the event in the world */
    char aggregate[SIM_ID_SIZE];
    char id[STELE_UUID_TEXT_SIZE + 1];
    int64_t time_ms; /* by the database's clock */
    bool closes;
    bool confirmed;
} row;

/* The database: it outlives the process. */
static struct {
    row rows[ROWS_MAX];
    size_t count;
    int life; /* all its lives are one: the order of the list is the order in the log */
} list;

typedef struct outbox {
    stele_client *client;
    stele_publisher *publisher;
    stele_stream *random;
} outbox;

static _Noreturn void stop(const stele_error *err)
{
    sim_fail("stopped", "the outbox: %s", err->text);
}

static void on_delivered(void *context, const stele_delivery *delivery)
{
    (void)context;
    row *of = &list.rows[(intptr_t)delivery->opaque];
    if (delivery->failure != NULL) return; /* it stays in the list */
    sim_event *event = &world.events[of->number];
    if (event->acknowledged || event->found)
        sim_fail("duplicate", "event %d is acknowledged twice", (int)of->number);
    of->confirmed = event->acknowledged = true;
    event->partition = delivery->partition;
    event->offset = delivery->offset;
}

static void add_row(stele_stream *random)
{
    stele_uuid id;
    if (list.count == ROWS_MAX) sim_fail("harness", "the outbox is full");
    if (list.life == 0) list.life = ++world.lives;
    row *added = &list.rows[list.count++];
    *added = (row){.number = world.event_count++,
                   .time_ms = stele_clock_now_ms(stele_fibers_world_clock(world.fibers))};
    sim_draw_aggregate(random, SIM_OUTBOX, added->aggregate, &added->closes);
    for (size_t i = 0; i < sizeof id.bytes; i++)
        id.bytes[i] = (uint8_t)stele_stream_next(random);
    stele_uuid_format(&id, added->id);
    world.events[added->number] = (sim_event){.life = list.life, .closes = added->closes};
    world.published[SIM_OUTBOX]++;
}

/* ---- what is there already ---- */

/* @return how many ids are not confirmed */
static size_t list_unconfirmed(const char **ids, size_t *rows, int64_t *oldest_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (list.rows[i].confirmed) continue;
        if (count == 0 || list.rows[i].time_ms < *oldest_ms) *oldest_ms = list.rows[i].time_ms;
        rows[count] = i;
        ids[count++] = list.rows[i].id;
    }
    return count;
}

static void ask(outbox *self)
{
    const char *ids[ROWS_MAX];
    size_t rows[ROWS_MAX];
    bool found[ROWS_MAX];
    int64_t oldest_ms = 0;
    stele_error err;
    size_t count = list_unconfirmed(ids, rows, &oldest_ms);
    if (count == 0 || STELE_BUG("outbox does not ask")) return;
    if (!STELE_BUG("outbox asks too early")) sim_sleep_ms(WAIT_MS);
    bool knows_time = stele_stream_below(self->random, 2) == 0;
    stele_find_options options = {
        .aggregate = "account", .ids = ids, .count = count, .since_ms = knows_time ? oldest_ms : 0};
    while (stele_events_find(self->client, &options, found, &err) < 0)
        if (err.next != STELE_NEXT_RETRY) stop(&err);
    for (size_t i = 0; i < count; i++) {
        row *of = &list.rows[rows[i]];
        of->confirmed = world.events[of->number].found = found[i];
        sim_say("the outbox: event %d is %s", (int)of->number, found[i] ? "there" : "not there");
    }
}

/* ---- the others ---- */

static void publish(outbox *self, size_t index)
{
    const row *of = &list.rows[index];
    sim_moved moved = {.number = of->number};
    sim_closed closed = {.number = of->number};
    stele_publish_options options = {
        .opaque = (void *)(intptr_t)index, .event_id = of->id, .time_ms = of->time_ms};
    stele_error err;
    while (stele_publisher_publish(self->publisher, stele_text(of->aggregate),
                                   of->closes ? &sim_closed_type : &sim_moved_type,
                                   of->closes ? (const void *)&closed : &moved, &options,
                                   &err) < 0) {
        if (err.next != STELE_NEXT_RETRY) stop(&err);
        stele_publisher_poll(self->publisher, 10, NULL);
    }
}

static void publish_list(outbox *self)
{
    stele_error err;
    for (size_t i = 0; i < list.count; i++)
        if (!list.rows[i].confirmed) publish(self, i);
    while (world.published[SIM_OUTBOX] < world.to_publish) {
        add_row(self->random);
        publish(self, list.count - 1);
        int pause_ms = (int)stele_stream_below(self->random, 2 * world.gap_ms + 1);
        if (stele_publisher_poll(self->publisher, pause_ms, &err) < 0) stop(&err);
    }
    while (stele_publisher_flush(self->publisher, CLOSE_MS, &err) < 0)
        if (err.next != STELE_NEXT_RETRY) stop(&err);
}

void sim_publish_outbox(stele_stream *random)
{
    outbox self = {.random = random};
    stele_publisher_options options = {.aggregate = "account", .delivered = on_delivered};
    stele_error err;
    if (stele_client_open_on(world.log, NULL, "outbox", &self.client, &err) < 0) stop(&err);
    ask(&self);
    if (stele_publisher_open(self.client, &options, &self.publisher, &err) < 0) stop(&err);
    publish_list(&self);
    stele_publisher_close(self.publisher, CLOSE_MS, NULL);
    stele_client_close(self.client);
}
