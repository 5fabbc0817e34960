/* SPDX-License-Identifier: MIT
 * Workers that keep tables: a SQL projection, over a database in memory that is the world's. It is
 * away, locked or full, and connections are lost, between any two calls. In the end each event is a
 * row, once, in the order of its partition. */
#include "simulation/tables.h"

#include "simulation/control.h"

#include <inttypes.h>
#include <string.h>

#include "core/alloc.h"
#include "kafka/bounded_read.h"
#include "moved.h"
#include "projections/sql_projection.h"
#include "registry/wire.h"
#include "simulation/poison.h"
#include "stores/memory_sql.h"

enum { READ_MS = 30000, LOOK_MS = 100, ASK_MS = 1000, POSITION_SIZE = 64 };

static struct {
    stele_memory_database *database; /* of the world: it outlives its processes */
    uint32_t latency_us;
    uint32_t fail_one_in; /* calls; 0: none */
    uint32_t away_one_in;
    int64_t away_until_ns;
} tables;

void sim_draw_tables(bool fails)
{
    stele_stream *swarm = &world.swarm;
    world.has_tables = true;
    world.has_state_table = stele_stream_below(swarm, 2) == 0;
    tables.database = stele_memory_database_new((stele_runtime){0});
    tables.latency_us = 1U << stele_stream_below(swarm, 17);
    if (!fails) return;
    tables.fail_one_in = stele_stream_below(swarm, 2) == 0 ? 0 : 4 + stele_stream_below(swarm, 60);
    tables.away_one_in =
        stele_stream_below(swarm, 2) == 0 ? 0 : 20 + stele_stream_below(swarm, 200);
}

/* ---- between a process and the database ---- */

typedef struct sim_store {
    stele_sql_store base;
    stele_sql_store *inner;
} sim_store;

static void take_time(void)
{
    int64_t us = stele_stream_below(&world.faults, tables.latency_us);
    world.runtime.ops->sleep_ns(world.runtime.self, us * 1000);
}

static void break_call(const char *call)
{
    if (world.resting) return;
    int64_t now_ns = stele_fibers_now_ns(world.fibers);
    if (stele_stream_once_in(&world.faults, tables.away_one_in)) {
        tables.away_until_ns = now_ns + (int64_t)stele_stream_below(&world.faults, 5000) * 1000000;
        sim_say("the database is away");
    }
    stele_memory_fault fault = STELE_MEMORY_SQL_REFUSED;
    bool is_away = now_ns < tables.away_until_ns;
    if (!is_away && !stele_stream_once_in(&world.faults, tables.fail_one_in)) return;
    if (!is_away) fault = (stele_memory_fault)(1 + stele_stream_below(&world.faults, 3));
    sim_say("%s: the database fails in %s, %d", sim_domain_name(stele_fibers_domain(world.fibers)),
            call, (int)fault);
    stele_memory_database_fail(tables.database, 1, fault);
}

static void before(const char *call)
{
    take_time();
    sim_look_for_ambush(call);
    break_call(call);
}

static stele_status after(const char *call, stele_status status)
{
    sim_look_for_ambush(call);
    take_time();
    return status;
}

#define INNER(store) (((sim_store *)(store))->inner)
#define AROUND(name, ...)                                                                          \
    before(name);                                                                                  \
    return after(name, __VA_ARGS__)

static stele_status open_store(stele_sql_store *self, stele_error *err)
{
    AROUND("sql open", stele_sql_store_open(INNER(self), err));
}

static stele_status set_up(stele_sql_store *self, const stele_sql_setup *setup, size_t *at,
                           stele_error *err)
{
    AROUND("sql setup", stele_sql_store_setup(INNER(self), setup, at, err));
}

static stele_status tear_down(stele_sql_store *self, const stele_sql_setup *teardown, size_t *at,
                              stele_error *err)
{
    AROUND("sql teardown", stele_sql_store_teardown(INNER(self), teardown, at, err));
}

static stele_status reset(stele_sql_store *self, const stele_sql_reset *of, size_t *at,
                          stele_error *err)
{
    AROUND("sql reset", stele_sql_store_reset(INNER(self), of, at, err));
}

static stele_status prepare(stele_sql_store *self, const stele_sql_query *query, size_t *statement,
                            size_t *at, stele_error *err)
{
    AROUND("sql prepare", stele_sql_store_prepare(INNER(self), query, statement, at, err));
}

static stele_status claim(stele_sql_store *self, const stele_sql_place *place, int32_t partitions,
                          const char *genesis, stele_sql_claim *out, stele_error *err)
{
    AROUND("sql claim", stele_sql_store_claim(INNER(self), place, partitions, genesis, out, err));
}

static stele_status begin(stele_sql_store *self, const stele_sql_place *place, int64_t term,
                          int64_t from, const stele_mark *to, stele_error *err)
{
    if (!world.has_state_table) sim_see_applied(place->source.index);
    AROUND("sql begin", stele_sql_store_begin(INNER(self), place, term, from, to, err));
}

enum { POSITION = 0, ID = 1, DATA = 5 }; /* columns of the table of events */

/* The database refuses the row of an event that is sick, as by a constraint. */
static bool refuses(stele_sql_store *self, const stele_sql_value *values, size_t count,
                    stele_error *err)
{
    char data[POSITION_SIZE];
    int64_t number;
    if (world.has_state_table || count <= DATA) return false;
    snprintf(data, sizeof data, "%.*s", (int)values[DATA].as.bytes.size,
             (const char *)values[DATA].as.bytes.data);
    if (sscanf(data, "{\"number\":%" SCNd64 "}", &number) != 1 || !sim_refuses(number, err))
        return false;
    self->failed = self->executed - 1;
    if (err != NULL) err->next = STELE_NEXT_STOP;
    return true;
}

static stele_status execute(stele_sql_store *self, size_t statement, const stele_sql_value *values,
                            size_t count, stele_error *err)
{
    if (refuses(self, values, count, err)) return STELE_E_INVALID;
    AROUND("sql execute", stele_sql_store_execute(INNER(self), statement, values, count, err));
}

static stele_status commit(stele_sql_store *self, stele_error *err)
{
    AROUND("sql commit", stele_sql_store_commit(INNER(self), err));
}

static stele_status read_rows(stele_sql_store *self, size_t statement,
                              const stele_sql_value *values, size_t count, stele_sql_each *each,
                              void *context, stele_error *err)
{
    AROUND("sql read",
           stele_sql_store_read(INNER(self), statement, values, count, each, context, err));
}

static stele_status keep(stele_sql_store *self, const stele_sql_place *place,
                         const stele_sql_letter *letter, stele_error *err)
{
    AROUND("sql keep", stele_sql_store_keep(INNER(self), place, letter, err));
}

static stele_status read_letters(stele_sql_store *self, const stele_sql_place *place,
                                 stele_sql_each_letter *each, void *context, stele_error *err)
{
    AROUND("sql letters", stele_sql_store_letters(INNER(self), place, each, context, err));
}

static void roll_back(stele_sql_store *self)
{
    stele_sql_store_rollback(INNER(self));
}

static void close_store(stele_sql_store *self)
{
    stele_sql_store_close(INNER(self));
}

static void free_store(stele_sql_store *self)
{
    stele_sql_store_free(INNER(self));
    free(self);
}

static stele_sql_store *connect_store(void)
{
    static const stele_sql_store_ops ops = {.open = open_store,
                                            .setup = set_up,
                                            .teardown = tear_down,
                                            .reset = reset,
                                            .prepare = prepare,
                                            .claim = claim,
                                            .begin = begin,
                                            .execute = execute,
                                            .commit = commit,
                                            .read = read_rows,
                                            .keep = keep,
                                            .letters = read_letters,
                                            .rollback = roll_back,
                                            .close = close_store,
                                            .free = free_store};
    sim_store *made = stele_alloc(sizeof *made);
    made->base.ops = &ops;
    made->inner = stele_memory_sql_new(tables.database);
    return &made->base;
}

/* ---- a fold's table ---- */

const stele_fold_table *sim_open_table(void)
{
    stele_error err;
    stele_state_table *table;
    if (!world.has_state_table) return NULL;
    if (stele_state_table_new(&sim_accounts, NULL, STELE_SQL_SQLITE, &table, &err) < 0)
        sim_fail("stopped", "%s", err.text);
    stele_fold_table *made = stele_alloc(sizeof *made);
    *made = (stele_fold_table){table, stele_sql_desk_open(world.runtime, connect_store())};
    return made;
}

void sim_close_table(const stele_fold_table *table)
{
    if (table == NULL) return;
    stele_sql_desk_close(table->desk);
    stele_state_table_free((stele_state_table *)table->table);
    free((void *)table);
}

bool sim_table_state(size_t index, int32_t *partition, stele_snapshot *out)
{
    if (index >= stele_memory_database_count(tables.database)) return false;
    stele_memory_row row = stele_memory_database_row(tables.database, index);
    stele_sql_value values[5] = {row.values[0], row.values[2], row.values[3], row.values[4],
                                 row.values[5]};
    *partition = (int32_t)row.values[1].as.integer;
    if (!stele_state_table_snapshot(values, 5, out))
        sim_fail("wrong-state", "row %d cannot be read", (int)index);
    return true;
}

/* ---- letters ---- */

typedef struct letters_of {
    int32_t partition;
    sim_table_letter *each;
} letters_of;

static void take_letter(void *context, int64_t offset, stele_bytes value)
{
    const letters_of *of = context;
    of->each(of->partition, offset, value);
}

/* By a connection of its own, which nothing befalls. */
void sim_each_table_letter(sim_table_letter *each)
{
    stele_sql_store *store = stele_memory_sql_new(tables.database);
    stele_error err;
    for (int32_t p = 0; p < SIM_PARTITIONS; p++) {
        letters_of of = {p, each};
        stele_sql_place place = {"accounts.v1", {SIM_EVENTS, p}};
        if (stele_sql_store_letters(store, &place, take_letter, &of, &err) < 0)
            sim_fail("harness", "letters cannot be read: %s", err.text);
    }
    stele_sql_store_free(store);
}

/* ---- a reset ---- */

static bool reset_file(const stele_sql_file *file)
{
    stele_sql_return returns[SIM_PARTITIONS];
    for (int32_t i = 0; i < SIM_PARTITIONS; i++)
        returns[i] = (stele_sql_return){{SIM_EVENTS, i}, 0};
    stele_sql_desk *desk =
        stele_sql_desk_open(world.runtime, stele_memory_sql_new(tables.database));
    bool is_done =
        stele_sql_desk_reset(desk, file, false, returns, SIM_PARTITIONS, NULL) == STELE_OK;
    stele_sql_desk_close(desk);
    return is_done;
}

bool sim_reset_tables(void)
{
    stele_error err;
    stele_state_table *table;
    stele_sql_file *journal;
    if (world.has_state_table) {
        if (stele_state_table_new(&sim_accounts, NULL, STELE_SQL_SQLITE, &table, &err) < 0)
            sim_fail("harness", "%s", err.text);
        bool is_done = reset_file(stele_state_table_file(table));
        stele_state_table_free(table);
        return is_done;
    }
    STELE_AUTO(char) text = stele_sql_journal(SIM_EVENTS, STELE_SQL_SQLITE);
    if (stele_sql_file_parse("journal", stele_text(text), STELE_SQL_SQLITE, &journal, &err) < 0)
        sim_fail("harness", "%s", err.text);
    if (journal->name == NULL) journal->name = stele_strdup("accounts");
    bool is_done = reset_file(journal);
    stele_sql_file_free(journal);
    return is_done;
}

/* ---- a worker of a table of events ---- */

/* As `run` does it. @return false: it was asked to end before */
static bool load(sim_worker *self, stele_sql_program *program)
{
    stele_error err;
    while (stele_sql_program_load(program, ASK_MS, &err) < 0) {
        if (err.next != STELE_NEXT_RETRY && err.next != STELE_NEXT_ABORT)
            sim_fail("stopped", "a SQL projection: %s", err.text);
        if (atomic_load(&self->stop)) return false;
        sim_sleep_ms(LOOK_MS);
    }
    return true;
}

static void work(sim_worker *self, stele_sql_program *program)
{
    stele_worker *worker;
    stele_error err;
    stele_sql_projection *sql = stele_sql_projection_open(&(stele_sql_projection_options){
        .program = program,
        .commit_rows = 1 + stele_stream_below(&self->random, 20),
        .commit_interval_ms = 1 + (int)stele_stream_below(&self->random, 1000),
        .parks = world.has_poison,
        .parked_max = world.parked_max});
    char instance[32];
    snprintf(instance, sizeof instance, "worker-%d", (int)(self - world.workers));
    stele_worker_options options = {.name = stele_sql_projection_group(sql),
                                    .topic = stele_sql_projection_topic(sql),
                                    .instance = instance,
                                    .eager = world.seed % 2 == 0,
                                    .session_timeout_ms = world.session_ms,
                                    .registry = stele_sql_program_options_of(program)->registry,
                                    .ops = &stele_sql_tasks,
                                    .self = sql};
    if (stele_worker_open(world.log, &options, &worker, &err) < 0)
        sim_fail("stopped", "%s", err.text);
    sim_run_worker(self, worker);
    stele_worker_close(worker);
    stele_sql_projection_close(sql);
}

void sim_table_worker_main(void *context)
{
    sim_worker *self = context;
    stele_error err;
    stele_registry *registry;
    stele_sql_program *program;
    stele_registry_options where = {.log = world.log};
    if (stele_registry_open(&where, &registry, &err) < 0) sim_fail("stopped", "%s", err.text);
    stele_sql_desk *desk = stele_sql_desk_open(world.runtime, connect_store());
    stele_sql_program_options options = {
        .name = "accounts", .file = "journal:" SIM_EVENTS, .registry = registry, .desk = desk};
    if (stele_sql_program_open(&options, &program, &err) < 0) sim_fail("stopped", "%s", err.text);
    if (load(self, program)) work(self, program);
    stele_sql_desk_close(desk);
    stele_sql_program_free(program);
    stele_registry_close(registry);
    sim_say("worker %d has ended", (int)(self - world.workers));
}

/* ---- what is in the table ---- */

/* Events of the log, by partition and offset: their numbers. */
static struct {
    int64_t numbers[SIM_PARTITIONS][SIM_EVENTS_MAX];
    int64_t count[SIM_PARTITIONS];
    bool in_table[SIM_PARTITIONS][SIM_EVENTS_MAX];
    int64_t letters;
} there;

static stele_status take_events(void *context, const stele_batch *batch, stele_error *err)
{
    (void)context;
    for (size_t i = 0; i < batch->count; i++) {
        int32_t id;
        stele_bytes payload;
        sim_moved event; /* both types begin with their number */
        stele_arena *arena = stele_arena_new();
        const stele_record *record = &batch->records[i];
        if (!stele_wire_split(record->value, &id, &payload) ||
            sim_moved_type.decode(payload, &event, arena, err) < 0 ||
            record->offset >= SIM_EVENTS_MAX)
            sim_fail("harness", "an event cannot be read");
        stele_arena_free(arena);
        there.numbers[batch->partition.index][record->offset] = event.number;
        there.count[batch->partition.index] = record->offset + 1;
    }
    return STELE_OK;
}

static void read_events(void)
{
    stele_error err;
    stele_bounded_read_start starts[SIM_PARTITIONS];
    for (int32_t i = 0; i < SIM_PARTITIONS; i++)
        starts[i] = (stele_bounded_read_start){{SIM_EVENTS, i}, STELE_OFFSET_NONE};
    stele_bounded_read_options options = {.starts = starts,
                                          .count = SIM_PARTITIONS,
                                          .deadline = stele_deadline_after(sim_clock(), READ_MS),
                                          .take = take_events};
    memset(&there, 0, sizeof there);
    if (stele_bounded_read(world.log, &options, &err) < 0) sim_fail("stuck", "%s", err.text);
}

/* A text that a row has, as a C string. */
static const char *text_of(const stele_memory_row *row, size_t index, char out[POSITION_SIZE])
{
    const stele_sql_value *value = &row->values[index];
    snprintf(out, POSITION_SIZE, "%.*s", (int)value->as.bytes.size,
             (const char *)value->as.bytes.data);
    return out;
}

static void count_letter(int32_t partition, int64_t offset, stele_bytes value)
{
    (void)partition, (void)offset, (void)value;
    there.letters++;
}

bool sim_tables_caught_up(void)
{
    int64_t events = 0;
    for (int32_t i = 0; i < SIM_PARTITIONS; i++) {
        int64_t stable, end;
        stele_log_memory_ends(world.log, (stele_partition){SIM_EVENTS, i}, &stable, &end);
        events += end;
    }
    there.letters = 0;
    if (world.has_poison) sim_each_table_letter(count_letter);
    return (int64_t)stele_memory_database_count(tables.database) + there.letters >= events;
}

/* The last event of an aggregate that is in the table; in a partition, for keys are in one each. */
static int64_t *last_of(const stele_memory_row *row)
{
    enum { KEYS = 256 };
    static struct {
        char id[POSITION_SIZE];
        int64_t offset;
    } lasts[KEYS];
    char id[POSITION_SIZE];
    text_of(row, ID, id);
    size_t at = 0;
    while (lasts[at].id[0] != '\0' && strcmp(lasts[at].id, id) != 0)
        if (++at == KEYS) sim_fail("harness", "too many keys");
    if (lasts[at].id[0] == '\0') lasts[at].offset = -1;
    memcpy(lasts[at].id, id, sizeof id);
    return &lasts[at].offset;
}

/* Where events are set aside, others of the partition go before them, but none of the same
 * aggregate. */
static void check_order(const stele_memory_row *row, int partition, int offset,
                        int64_t next[SIM_PARTITIONS])
{
    if (!world.has_poison && offset > next[partition])
        sim_fail("gap", "%d/%d is in the table before %d/%d", partition, offset, partition,
                 (int)next[partition]);
    next[partition]++;
    if (!world.has_poison) return;
    int64_t *last = last_of(row);
    if (offset < *last)
        sim_fail("order", "%d/%d is in the table behind %d of the same aggregate", partition,
                 offset, (int)*last);
    *last = offset;
}

static void check_row(const stele_memory_row *row, int64_t next[SIM_PARTITIONS])
{
    char position[POSITION_SIZE], data[POSITION_SIZE], wanted[POSITION_SIZE];
    int partition, offset;
    if (sscanf(text_of(row, POSITION, position), SIM_EVENTS "/%d/%d", &partition, &offset) != 2)
        sim_fail("wrong-state", "a row of %s", position);
    if (offset >= there.count[partition])
        sim_fail("aborted-read", "%s is in the table and not in the log", position);
    if (there.in_table[partition][offset])
        sim_fail("duplicate", "%s is in the table again", position);
    there.in_table[partition][offset] = true;
    check_order(row, partition, offset, next);
    snprintf(wanted, sizeof wanted, "{\"number\":%" PRId64 "}", there.numbers[partition][offset]);
    if (strcmp(text_of(row, DATA, data), wanted) != 0)
        sim_fail("wrong-state", "%s is %s in the table and %s in the log", position, data, wanted);
}

/* Each event is a row, or was discarded by order. */
static void check_all_there(void)
{
    for (int32_t i = 0; i < SIM_PARTITIONS; i++)
        for (int64_t at = 0; at < there.count[i]; at++) {
            bool is_discarded = world.has_poison && sim_is_discarded(i, at);
            if (there.in_table[i][at] == is_discarded)
                sim_fail("gap", "%d/%d is %s", (int)i, (int)at,
                         is_discarded ? "discarded, and in the table" : "not in the table");
        }
}

void sim_check_tables(void)
{
    int64_t next[SIM_PARTITIONS] = {0};
    if (world.has_poison) sim_read_discarded();
    read_events();
    size_t count = stele_memory_database_count(tables.database);
    for (size_t i = 0; i < count; i++) {
        stele_memory_row row = stele_memory_database_row(tables.database, i);
        check_row(&row, next);
    }
    check_all_there();
    for (int32_t i = 0; i < SIM_PARTITIONS; i++)
        stele_fibers_note(world.fibers, (uint64_t)next[i]);
}
