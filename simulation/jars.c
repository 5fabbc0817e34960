/* SPDX-License-Identifier: MIT
 * Jars, the rule that fills them, and what is promised: each booking leaves its drops, each once,
 * and those of one partition of wallets in one of jars in the order of the bookings. A jar
 * remembers few commands, one at the least: that is enough, for its owner lets none be forgotten
 * that may be taken again, and for what is sent again there are the numbers of the sender. */
#include "simulation/jars.h"

#include <string.h>

#include "aggregates/reactor.h"
#include "booked.h"
#include "core/alloc.h"
#include "core/names.h"
#include "drop.h"
#include "dropped.h"
#include "jar.h"
#include "kafka/bounded_read.h"
#include "registry/client.h"
#include "registry/wire.h"
#include "simulation/bank.h"

#define JAR_EVENTS "jar.events"
#define JAR_DEAD   "jar.commands.dead"

enum { JARS = 3, DROPS_MAX = 2, ID_SIZE = 40, READ_MS = 30000, LOOK_MS = 1000, EVENTS_MAX = 4000 };

struct sim_jars {
    stele_writer *writer;
    stele_reactor *reactor;
    stele_worker *worker;
    const atomic_bool *stop;
    stele_thread thread;
};

/* ---- the aggregate ---- */

static stele_status apply_dropped(void *state, const void *data, const stele_event *event,
                                  stele_error *err)
{
    (void)data, (void)event, (void)err;
    ((sim_jar *)state)->drops++;
    return STELE_OK;
}

static stele_status drop(const void *state, const void *command, stele_decision *decision,
                         stele_error *err)
{
    (void)state, (void)err;
    return stele_yield(decision, &sim_dropped_type,
                       &(sim_dropped){.number = ((const sim_drop *)command)->number});
}

static stele_aggregate jars_table = {
    .name = "jar",
    .events = (const stele_type *const[]){&sim_dropped_type, NULL},
    .version = 1,
    .state = &sim_jar_type,
    .handlers = (const stele_handler[]){{&sim_dropped_type, apply_dropped}, {NULL, NULL}},
    .commands = (const stele_command[]){{&sim_drop_type, drop}, {NULL, NULL}}};

/* ---- the rule ---- */

/* How many drops a booking leaves. */
static int drops_of(int64_t number)
{
    return number % 3 == 0 ? 0 : number % 5 == 0 ? DROPS_MAX : 1;
}

static stele_status on_booked(const void *data, stele_reaction *reaction, stele_error *err)
{
    char id[ID_SIZE];
    stele_status status = STELE_OK;
    const sim_booked *booked = data;
    for (int i = 0; i < drops_of(booked->number) && status == STELE_OK; i++) {
        snprintf(id, sizeof id, "jar-%d", (int)((booked->number + i) % JARS));
        status = stele_react_send(reaction, &jars_table, stele_text(id), &sim_drop_type,
                                  &(sim_drop){.number = booked->number}, err);
    }
    return status;
}

static const stele_reactions drops = {
    .name = "drops",
    .sources = (const stele_aggregate *const[]){&sim_wallets, NULL},
    .targets = (const stele_aggregate *const[]){&jars_table, NULL},
    .rules = (const stele_rule[]){{&sim_booked_type, on_booked}, {NULL, NULL}}};

/* ---- in an instance ---- */

void sim_make_jars(void)
{
    stele_error err;
    jars_table.remembered = bank.jar_remembers;
    const stele_log_topic_options topic = {.name = JAR_EVENTS, .partitions = SIM_PARTITIONS};
    if (bank.has_jars && stele_log_topic_create(world.log, &topic, 1000, &err) < 0)
        sim_fail("harness", "%s", err.text);
}

static void worker_main(void *context)
{
    sim_jars *self = context;
    stele_error err;
    if (stele_worker_run(self->worker, self->stop, &err) < 0)
        sim_fail("stopped", "reactions: %s", err.text);
}

sim_jars *sim_open_jars(stele_client *client, const atomic_bool *stop)
{
    stele_error err;
    if (!bank.has_jars) return NULL;
    sim_jars *self = stele_alloc(sizeof *self);
    self->stop = stop;
    const stele_writer_options writer = {.aggregate = &jars_table, .takes_commands = true};
    const stele_reactor_options reactor = {.reactions = &drops,
                                           .registry = stele_client_registry(client),
                                           .transaction_timeout_ms = world.transaction_ms};
    if (stele_writer_open(client, &writer, &self->writer, &err) < 0 ||
        stele_reactor_open(&reactor, &self->reactor, &err) < 0)
        sim_fail("harness", "%s", err.text);
    const stele_worker_options worker = {.name = stele_reactor_group(self->reactor),
                                         .topic = stele_reactor_topic(self->reactor),
                                         .instance = stele_client_instance(client),
                                         .session_timeout_ms = world.session_ms,
                                         .ops = &stele_reactor_tasks,
                                         .self = self->reactor};
    if (stele_worker_open(world.log, &worker, &self->worker, &err) < 0)
        sim_fail("harness", "%s", err.text);
    stele_thread_start(world.runtime, &self->thread, "reactions", worker_main, self);
    return self;
}

void sim_close_jars(sim_jars *jars)
{
    if (jars == NULL) return;
    stele_thread_join(jars->thread);
    stele_worker_close(jars->worker);
    stele_reactor_close(jars->reactor);
    stele_writer_close(jars->writer);
    free(jars);
}

/* ---- the promise ---- */

typedef struct booking {
    char id[ID_SIZE]; /* of the event */
    int32_t partition;
    int64_t offset;
    int64_t number;
    bool is_there[DROPS_MAX];
} booking;

static booking bookings[EVENTS_MAX];
static size_t booking_count;
static size_t missing; /* drops */
/* Of the last drop of each partition of wallets in each of jars. */
static int64_t last_offset[SIM_PARTITIONS][SIM_PARTITIONS];

static void copy_header(const stele_batch *batch, const stele_record *record, const char *name,
                        char out[ID_SIZE + 8])
{
    stele_bytes value;
    if (!stele_log_batch_header(batch, record, name, &value) || value.size > ID_SIZE)
        sim_fail("wrong-state", "%d/%d: no header %s that can be", (int)batch->partition.index,
                 (int)record->offset, name);
    memcpy(out, value.data, value.size);
    out[value.size] = '\0';
}

static stele_status take_bookings(void *context, const stele_batch *batch, stele_error *err)
{
    (void)context;
    for (size_t i = 0; i < batch->count; i++) {
        int32_t schema;
        stele_bytes payload;
        sim_booked booked;
        char text[ID_SIZE + 8];
        const stele_record *record = &batch->records[i];
        copy_header(batch, record, "ce_causationid", text);
        if (strncmp(text, "stele:due/", 10) == 0) continue; /* no booking */
        stele_arena *arena = stele_arena_new();
        if (!stele_wire_split(record->value, &schema, &payload) ||
            sim_booked_type.decode(payload, &booked, arena, err) < 0)
            sim_fail("wrong-state", "a booking cannot be read");
        stele_arena_free(arena);
        if (booking_count == EVENTS_MAX) sim_fail("harness", "too many bookings");
        booking *added = &bookings[booking_count++];
        *added = (booking){
            .partition = batch->partition.index, .offset = record->offset, .number = booked.number};
        copy_header(batch, record, "ce_id", text);
        memcpy(added->id, text, 36);
        missing += (size_t)drops_of(booked.number);
    }
    return STELE_OK;
}

/* The cause of a drop is its command, "<event>/<number>". */
static booking *find_cause(const char *cause, int *which)
{
    for (size_t i = 0; i < booking_count; i++) {
        booking *each = &bookings[i];
        if (strncmp(each->id, cause, 36) != 0 || cause[36] != '/') continue;
        *which = cause[37] - '0';
        if (*which >= 0 && *which < drops_of(each->number)) return each;
    }
    return NULL;
}

static stele_status take_drops(void *context, const stele_batch *batch, stele_error *err)
{
    (void)context, (void)err;
    for (size_t i = 0; i < batch->count; i++) {
        int which;
        char cause[ID_SIZE + 8];
        const stele_record *record = &batch->records[i];
        copy_header(batch, record, "ce_causationid", cause);
        booking *of = find_cause(cause, &which);
        if (of == NULL)
            sim_fail("aborted-read", "%d/%d: a drop of no booking: %s", (int)batch->partition.index,
                     (int)record->offset, cause);
        if (of->is_there[which])
            sim_fail("duplicate", "%d/%d: the drop %s of booking %d/%d is there again",
                     (int)batch->partition.index, (int)record->offset, cause, (int)of->partition,
                     (int)of->offset);
        of->is_there[which] = true;
        missing--;
        int64_t *last = &last_offset[of->partition][batch->partition.index];
        if (of->offset < *last)
            sim_fail("nonmonotonic", "%d/%d: the drop of booking %d/%d comes after that of %d",
                     (int)batch->partition.index, (int)record->offset, (int)of->partition,
                     (int)of->offset, (int)*last);
        *last = of->offset;
    }
    return STELE_OK;
}

static stele_status take_dead(void *context, const stele_batch *batch, stele_error *err)
{
    stele_bytes reason = {0};
    (void)context, (void)err;
    if (batch->count == 0) return STELE_OK;
    stele_log_batch_header(batch, &batch->records[0], "stele_dead_reason", &reason);
    sim_fail("lost-write", "a drop is a dead letter: %.*s", (int)reason.size,
             (const char *)reason.data);
}

static void read_all(const char *topic, stele_bounded_read_take *take)
{
    stele_error err;
    stele_bounded_read_start starts[SIM_PARTITIONS];
    for (int32_t i = 0; i < SIM_PARTITIONS; i++)
        starts[i] = (stele_bounded_read_start){{topic, i}, STELE_OFFSET_NONE};
    const stele_bounded_read_options options = {.starts = starts,
                                                .count = SIM_PARTITIONS,
                                                .isolation = STELE_READ_COMMITTED,
                                                .deadline =
                                                    stele_deadline_after(sim_clock(), READ_MS),
                                                .take = take};
    if (stele_bounded_read(world.log, &options, &err) < 0) sim_fail("stuck", "%s", err.text);
}

static void look(void)
{
    booking_count = missing = 0;
    memset(last_offset, 0, sizeof last_offset);
    read_all(SIM_BANK_EVENTS, take_bookings);
    if (missing == 0) return; /* there may be no topic of dead letters */
    read_all(JAR_EVENTS, take_drops);
    if (missing == 0) read_all(JAR_DEAD, take_dead);
}

void sim_check_jars(int64_t until_ns)
{
    if (!bank.has_jars) return;
    look();
    while (missing > 0) {
        if (stele_fibers_now_ns(world.fibers) >= until_ns)
            sim_fail("lost-write", "%d drops of %d bookings are not there at rest", (int)missing,
                     (int)booking_count);
        sim_sleep_ms(LOOK_MS);
        look();
    }
}
