/* SPDX-License-Identifier: MIT
 * Orders about a whole projection. A worker that takes a partition over after it was paused applies
 * no event of it, and nor does one that has said that it is paused, until it is to go on. */
#include "simulation/control.h"

#include "core/names.h"
#include "projections/orders.h"
#include "simulation/poison.h"
#include "simulation/tables.h"

#include <string.h>

enum { ASK_MS = 1000, LATE_MS = 200 };

static struct {
    uint32_t reset_one_in; /* of what it does; 0: none */
    int64_t resets;
    uint32_t one_in; /* of the moments at which it may do something */
    bool has_topic;
    bool wants_pause;
    int64_t number; /* of the last pause, which its reason says */
    int64_t
        paused_ns[SIM_PARTITIONS + 1]; /* since when the order is there for sure; 0: it is not */
} control;

void sim_draw_control(void)
{
    world.has_control = true;
    control.one_in = 1 + stele_stream_below(&world.swarm, 4);
}

void sim_draw_resets(void)
{
    control.reset_one_in = 2 + stele_stream_below(&world.swarm, 4);
}

/* ---- orders ---- */

static void make_topic(void)
{
    if (control.has_topic) return;
    stele_log_topic_options topic = {.name = SIM_CONTROL, .partitions = SIM_PARTITIONS};
    stele_status status = stele_log_topic_create(world.log, &topic, ASK_MS, NULL);
    control.has_topic = status == STELE_OK || status == STELE_E_EXISTS;
}

static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    (void)opaque, (void)position;
    *(bool *)context = failure == NULL;
}

bool sim_put_order(int32_t partition, const char *key, const char *value, const char *reason)
{
    bool is_there = false;
    make_topic();
    stele_log_producer *producer;
    const stele_log_producer_options options = {.delivered = on_delivered, .context = &is_there};
    if (stele_log_producer_open(world.log, &options, &producer, NULL) < 0) return false;
    const stele_header headers[] = {{STELE_ORDER_REASON, stele_text(reason == NULL ? "" : reason)},
                                    {STELE_ORDER_SINCE, stele_text(reason == NULL ? "" : reason)}};
    const stele_log_entry entry = {.partition = {SIM_CONTROL, partition},
                                   .key = stele_text(key),
                                   .value = value == NULL ? (stele_bytes){0} : stele_text(value),
                                   .headers = headers,
                                   .header_count = 2};
    sim_say("ordered: %s %s", value == NULL ? "no more" : value, key);
    if (stele_log_producer_put(producer, &entry, NULL) == STELE_OK)
        stele_log_producer_flush(producer, ASK_MS, NULL);
    stele_log_producer_close(producer);
    return is_there;
}

static bool pause_all(bool pauses)
{
    bool all = true;
    char reason[24];
    control.number += pauses;
    control.wants_pause = pauses;
    snprintf(reason, sizeof reason, "%d", (int)control.number);
    for (int32_t i = 0; i < SIM_PARTITIONS; i++) {
        if (!pauses) control.paused_ns[i] = 0;
        bool is_there =
            sim_put_order(i, STELE_PAUSE_KEY, pauses ? STELE_ORDER_PAUSE : NULL, reason);
        if (pauses && is_there && control.paused_ns[i] == 0)
            control.paused_ns[i] = stele_fibers_now_ns(world.fibers);
        /* One that was lost may come yet, and is not to come behind the next one. */
        if (!is_there) sim_sleep_ms(LATE_MS);
        all = all && is_there;
    }
    return all;
}

/* Whoever has something of what was stored lets go. @return is it there in all partitions? */
static bool order_reset(void)
{
    bool all = true;
    char since[24];
    snprintf(since, sizeof since, "%d", (int)++control.resets);
    for (int32_t i = 0; i < SIM_PARTITIONS; i++)
        all = sim_put_order(i, STELE_RESET_KEY, STELE_ORDER_RESET, since) && all;
    return all;
}

/* As the command does it: what is stored first, then the order. It may be interrupted between, and
 * is given again, sometime. */
static void reset(void)
{
    if (world.has_tables) {
        if (!sim_reset_tables()) return;
    } else {
        if (stele_log_topic_delete(world.log, SIM_SNAPSHOTS, ASK_MS, NULL) < 0) return;
        memset(world.compacted, 0, sizeof world.compacted);
    }
    world.made_anew = true;
    sim_say("the projection is reset");
    if (stele_stream_below(&world.faults, 8) != 0) order_reset();
}

void sim_control_now_and_then(void)
{
    if (!stele_stream_once_in(&world.faults, control.one_in)) return;
    if (stele_stream_once_in(&world.faults, control.reset_one_in))
        reset();
    else
        pause_all(!control.wants_pause);
}

/* Once what is on its way from a producer that has died is there. */
void sim_control_rests(void)
{
    sim_sleep_ms(ASK_MS);
    while (!pause_all(false))
        sim_sleep_ms(ASK_MS);
    while (world.made_anew && control.reset_one_in > 0 && !order_reset())
        sim_sleep_ms(ASK_MS);
}

/* ---- what is held against it ---- */

void sim_see_partition(sim_worker *self, int32_t partition, bool is_owned, int64_t before_ns)
{
    if (is_owned && self->taken_ns[partition] == 0) self->taken_ns[partition] = before_ns;
    if (is_owned) return;
    self->taken_ns[partition] = 0;
    self->said_pause[partition] = 0;
}

void sim_see_paused(sim_worker *self, int32_t partition, const char *reason)
{
    self->said_pause[partition] = atoll(reason);
}

void sim_see_applied(int32_t partition)
{
    int which = stele_fibers_domain(world.fibers) - SIM_FIRST_WORKER;
    if (!world.has_control || which < 0 || which >= SIM_WORKERS) return;
    const sim_worker *worker = &world.workers[which];
    int64_t paused_ns = control.paused_ns[partition];
    if (paused_ns == 0) return;
    if (worker->said_pause[partition] == control.number)
        sim_fail("not-paused", "worker %d applies an event of %d, which it has said is paused",
                 which, (int)partition);
    if (worker->taken_ns[partition] > paused_ns)
        sim_fail("not-paused", "worker %d has taken %d, which is paused, and applies an event",
                 which, (int)partition);
}
