/* SPDX-License-Identifier: MIT
 * Some events are refused: some until a time, some for ever. Whoever publishes knows nothing of it;
 * a person, who is no process, gives orders now and then: to try again, to discard, to set aside
 * what is well. In the end each event is in its state, in order, or was discarded by order. */
#include "simulation/poison.h"

#include "simulation/control.h"

#include <inttypes.h>
#include <string.h>

#include <stele/arena.h>

#include "core/names.h"
#include "kafka/bounded_read.h"
#include "moved.h"
#include "projections/orders.h"
#include "registry/wire.h"
#include "simulation/tables.h"
#include "snapshots/dead_letter.h"

enum { READ_MS = 30000, TRIES = 20, SICK_MAX_MS = 6000 };

typedef enum health { WELL = 0, SICK_FOR_A_WHILE, SICK_FOR_EVER } health;

static struct {
    uint32_t one_in; /* of events; 0: none is refused */
    uint32_t order_one_in;
    int64_t sick_until_ns[SIM_EVENTS_MAX]; /* 0: it was not asked for yet */
    bool may_discard[SIM_EVENTS_MAX];      /* someone has ordered it */
    /* In the snapshots, by partition and offset of the event. */
    uint8_t letters[SIM_PARTITIONS][SIM_EVENTS_MAX]; /* 1 + their state; 0: none */
    int64_t numbers[SIM_PARTITIONS][SIM_EVENTS_MAX]; /* of those events */
    bool discarded[SIM_PARTITIONS][SIM_EVENTS_MAX];
} poison;

void sim_draw_poison(void)
{
    world.has_poison = true;
    poison.one_in = 2 + stele_stream_below(&world.swarm, 20);
    poison.order_one_in = 1 + stele_stream_below(&world.swarm, 6);
    stele_stream limits = stele_stream_of(world.seed, 10);
    if (stele_stream_below(&limits, 3) == 0) world.parked_max = 2 + stele_stream_below(&limits, 12);
}

/* ---- the events ---- */

static uint64_t draw_of(int64_t number)
{
    stele_stream stream = stele_stream_of(world.seed ^ (uint64_t)(number + 1) * 0x9e3779b9U, 9);
    return stele_stream_next(&stream);
}

static health health_of(int64_t number)
{
    uint64_t draw = draw_of(number);
    if (poison.one_in == 0 || draw % poison.one_in != 0) return WELL;
    return draw >> 32 & 1 ? SICK_FOR_A_WHILE : SICK_FOR_EVER;
}

bool sim_refuses(int64_t number, stele_error *err)
{
    if (!world.has_poison || number < 0 || number >= SIM_EVENTS_MAX) return false;
    health of = health_of(number);
    if (of == WELL) return false;
    int64_t now_ns = stele_fibers_now_ns(world.fibers);
    int64_t *until_ns = &poison.sick_until_ns[number];
    if (*until_ns == 0)
        *until_ns = now_ns + (int64_t)(draw_of(number) >> 40) % SICK_MAX_MS * 1000000;
    if (of == SICK_FOR_A_WHILE && now_ns >= *until_ns) return false;
    stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "event %d is sick %s", (int)number,
               of == SICK_FOR_EVER ? "for ever" : "for a while");
    return true;
}

/* ---- orders ---- */

/* It may be lost: then another one follows. */
static void order(int32_t partition, int64_t offset, stele_order_kind kind)
{
    char key[64];
    snprintf(key, sizeof key, SIM_EVENTS "/%d/%" PRId64, (int)partition, offset);
    sim_put_order(partition, key, stele_order_kind_name(kind), NULL);
}

static void order_discard(int64_t number, int32_t partition, int64_t offset)
{
    poison.may_discard[number] = true;
    order(partition, offset, STELE_ORDER_DISCARD);
}

/* About an event whose place its publisher knows. */
void sim_give_order(void)
{
    if (!stele_stream_once_in(&world.faults, poison.order_one_in) || world.event_count == 0) return;
    bool any = stele_stream_below(&world.faults, 8) == 0;
    for (int i = 0; i < TRIES; i++) {
        int64_t number = stele_stream_below(&world.faults, (uint32_t)world.event_count);
        const sim_event *event = &world.events[number];
        if (!event->acknowledged || (!any && health_of(number) == WELL)) continue;
        uint32_t what = stele_stream_below(&world.faults, 8);
        if (what == 0)
            order_discard(number, event->partition, event->offset);
        else
            order(event->partition, event->offset,
                  what < 3 ? STELE_ORDER_PARK : STELE_ORDER_REDRIVE);
        return;
    }
}

/* ---- letters in the snapshots ---- */

/* Both types of events begin with their number. */
static int64_t number_of(stele_bytes value)
{
    int32_t id;
    stele_bytes payload;
    sim_moved event;
    stele_arena *arena = stele_arena_new();
    if (!stele_wire_split(value, &id, &payload) ||
        sim_moved_type.decode(payload, &event, arena, NULL) < 0)
        sim_fail("wrong-state", "the event of a letter cannot be read");
    stele_arena_free(arena);
    return event.number;
}

static void take_letter(int32_t partition, int64_t offset, stele_bytes value)
{
    stele_dead_event *letter;
    stele_error err;
    uint8_t *there = &poison.letters[partition][offset];
    *there = 0;
    if (value.data == NULL) return;
    if (stele_dead_event_read(offset, value, &letter, &err) < 0)
        sim_fail("wrong-state", "a letter cannot be read: %s", err.text);
    *there = (uint8_t)(1 + letter->state);
    poison.numbers[partition][offset] = number_of(letter->value);
    stele_dead_event_free(letter);
}

void sim_take_letter_record(const stele_batch *batch, const stele_record *record)
{
    stele_bytes topic;
    int32_t partition;
    int64_t offset;
    if (!stele_dead_key_parse(record->key, &topic, &partition, &offset) ||
        partition != batch->partition.index || offset >= SIM_EVENTS_MAX)
        sim_fail("wrong-state", "a letter with another partition's key");
    take_letter(partition, offset, record->value);
}

bool sim_has_letter(int32_t partition, int64_t offset)
{
    return poison.letters[partition][offset] != 0;
}

bool sim_is_discarded(int32_t partition, int64_t offset)
{
    return poison.discarded[partition][offset];
}

static stele_status take_letters(void *context, const stele_batch *batch, stele_error *err)
{
    (void)context, (void)err;
    for (size_t i = 0; i < batch->count; i++)
        if (stele_dead_key_is(batch->records[i].key))
            sim_take_letter_record(batch, &batch->records[i]);
    return STELE_OK;
}

static bool read_letters(void)
{
    stele_bounded_read_start starts[SIM_PARTITIONS];
    for (int32_t i = 0; i < SIM_PARTITIONS; i++)
        starts[i] = (stele_bounded_read_start){{SIM_SNAPSHOTS, i}, STELE_OFFSET_NONE};
    stele_bounded_read_options options = {.starts = starts,
                                          .count = SIM_PARTITIONS,
                                          .stable = true,
                                          .deadline = stele_deadline_after(sim_clock(), READ_MS),
                                          .take = take_letters};
    memset(poison.letters, 0, sizeof poison.letters);
    if (world.has_tables) {
        sim_each_table_letter(take_letter);
        return true;
    }
    return stele_bounded_read(world.log, &options, NULL) == STELE_OK;
}

int sim_clear_letters(void)
{
    int left = 0;
    if (!read_letters()) return SIM_LETTERS_UNKNOWN;
    for (int32_t p = 0; p < SIM_PARTITIONS; p++) {
        for (int64_t at = 0; at < SIM_EVENTS_MAX; at++) {
            uint8_t there = poison.letters[p][at];
            if (there == 0 || there == 1 + STELE_DEAD_STATE_DISCARDED) continue;
            left++;
            if (there == 1 + STELE_DEAD_STATE_BEHIND) continue;
            int64_t number = poison.numbers[p][at];
            if (health_of(number) == SICK_FOR_EVER)
                order_discard(number, p, at);
            else
                order(p, at, STELE_ORDER_REDRIVE);
        }
    }
    return left;
}

void sim_read_discarded(void)
{
    if (!read_letters()) sim_fail("stuck", "the letters cannot be read");
    for (int32_t p = 0; p < SIM_PARTITIONS; p++)
        for (int64_t at = 0; at < SIM_EVENTS_MAX; at++) {
            uint8_t there = poison.letters[p][at];
            poison.discarded[p][at] = there == 1 + STELE_DEAD_STATE_DISCARDED;
            if (there != 0 && !poison.discarded[p][at])
                sim_fail("stuck", "%d/%d is set aside still", (int)p, (int)at);
            int64_t number = poison.numbers[p][at];
            if (there != 0 && !poison.may_discard[number])
                sim_fail("lost-write", "event %d, at %d/%d, is discarded, which no one has ordered",
                         (int)number, (int)p, (int)at);
        }
    memset(poison.letters, 0, sizeof poison.letters);
}
