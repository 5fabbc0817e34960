/* SPDX-License-Identifier: MIT
 * The sink contract on Kafka snapshots, over the log in memory. */
#include "sink_cases.h"

#include "kafka/bounded_read.h"
#include "core/alloc.h"
#include "kafka/memory_log.h"
#include "registry/wire.h"
#include "snapshots/restore.h"
#include "stores/kafka_sink.h"
#include "tests/support/shelf.h"

#define EVENTS    "account.events"
#define SNAPSHOTS "balances.v1.snapshots"
#define GROUP     "balances.v1"
#define GENESIS   "8d4f3c52-0000-7000-8000-000000000001"
enum { WAIT_MS = 20000, ASK_MS = 1000 };

typedef struct shelf {
    stele_log *log;
    stele_registry *registry;
    int32_t state_schema;
    int32_t checkpoint_schema;
    stele_log_member *member;
    bool is_assigned;
    stele_fenced *fenced;
    stele_sink *sink;
    const char *wanted; /* while reading back */
    stored found;
    bool is_found;
    int64_t aggregates;
    int64_t finished;
} shelf;

static void make_topic(stele_log *log, const char *name)
{
    stele_log_topic_options options = {.name = name, .partitions = 1};
    assert_int_equal(stele_log_topic_create(log, &options, ASK_MS, NULL), STELE_OK);
}

static int32_t register_type(stele_registry *registry, const stele_type *type)
{
    int32_t id;
    assert_int_equal(stele_registry_register(registry, type->name, stele_text(type->schema), NULL,
                                             0, ASK_MS, &id, NULL),
                     STELE_OK);
    return id;
}

static void on_assigned(void *context, const stele_partition *partitions, size_t count)
{
    (void)partitions, (void)count;
    ((shelf *)context)->is_assigned = true;
}

static void on_revoked(void *context, const stele_partition *partitions, size_t count, bool lost)
{
    (void)context, (void)partitions, (void)count, (void)lost;
}

static stele_log_group *take_group(void *context)
{
    return stele_log_member_group(((shelf *)context)->member);
}

static stele_status keep(void *context, const stele_snapshot *snapshot, stele_error *err)
{
    shelf *of = context;
    bool is_removed = snapshot->value.data == NULL;
    if (!stele_bytes_equal(snapshot->id, stele_text(of->wanted))) return STELE_OK;
    of->is_found = !is_removed;
    of->found = (stored){.beside = sink_beside_of(snapshot->companion)};
    if (is_removed) return STELE_OK;
    int32_t id;
    stele_bytes payload;
    assert_true(stele_wire_split(snapshot->value, &id, &payload));
    test_account account;
    stele_arena *arena = stele_arena_new();
    assert_int_equal(test_account_type.decode(payload, &account, arena, err), STELE_OK);
    stele_arena_free(arena);
    of->found = (stored){account.balance, snapshot->version, snapshot->offset, snapshot->finished,
                         of->found.beside};
    return STELE_OK;
}

static int take(void *restore, const stele_batch *batch, stele_error *err)
{
    return stele_restore_take(restore, batch, err);
}

/* Read the topic as a restore does. @return the position of the last checkpoint */
static int64_t read_back(shelf *of, const char *wanted)
{
    stele_restore *restore;
    of->wanted = wanted;
    of->is_found = false;
    stele_restore_new(&(stele_restore_options){.registry = of->registry,
                                               .snapshots = {SNAPSHOTS, 0},
                                               .source = {EVENTS, 0},
                                               .companion = sink_companion.header,
                                               .each = keep,
                                               .context = of},
                      &restore);
    stele_bounded_read_start start = {{SNAPSHOTS, 0}, STELE_OFFSET_NONE};
    stele_bounded_read_options read = {.starts = &start,
                                       .count = 1,
                                       .deadline =
                                           stele_deadline_after(stele_clock_system(), WAIT_MS),
                                       .take = take,
                                       .context = restore};
    stele_error err;
    if (stele_bounded_read(of->log, &read, &err) < 0) fail_msg("%s", err.text);
    const stele_checkpoint *checkpoint = stele_restore_checkpoint(restore);
    int64_t position = checkpoint == NULL ? 0 : checkpoint->next_offset;
    of->aggregates = checkpoint == NULL ? 0 : checkpoint->aggregates;
    of->finished = checkpoint == NULL ? 0 : checkpoint->finished;
    stele_restore_free(restore);
    return position;
}

static int64_t position(void *self)
{
    shelf *of = self;
    int64_t at = read_back(of, "");
    int64_t group;
    assert_int_equal(
        stele_log_group_offset(of->log, GROUP, (stele_partition){EVENTS, 0}, ASK_MS, &group, NULL),
        STELE_OK);
    if (group != STELE_OFFSET_NONE) assert_int_equal(group, at); /* they move together */
    return at;
}

static bool find(void *self, const char *id, stored *out)
{
    shelf *of = self;
    read_back(of, id);
    *out = of->found;
    return of->is_found;
}

static stele_sink *open_sink(void *self)
{
    shelf *of = self;
    stele_error err;
    stele_fenced_options options = {.transactional_id = GROUP "-" EVENTS "-0", .topic = SNAPSHOTS};
    assert_int_equal(stele_fenced_open(of->log, &options, &of->fenced, &err), STELE_OK);
    assert_int_equal(stele_fenced_await(of->fenced, WAIT_MS, &err), STELE_FENCED_READY);
    stele_mark committed = {.position = read_back(of, ""), .last_offset = -1};
    of->sink =
        stele_kafka_sink_new(&(stele_kafka_sink_options){.log = of->log,
                                                         .fenced = of->fenced,
                                                         .type = &test_account_type,
                                                         .companion = &sink_companion,
                                                         .source = {EVENTS, 0},
                                                         .snapshots = {SNAPSHOTS, 0},
                                                         .group = GROUP,
                                                         .version = 1,
                                                         .partitions = 1,
                                                         .genesis = GENESIS,
                                                         .state_schema = of->state_schema,
                                                         .checkpoint_schema = of->checkpoint_schema,
                                                         .transaction_max = SINK_QUEUE_MAX,
                                                         .committed = committed,
                                                         .aggregates = of->aggregates,
                                                         .finished = of->finished,
                                                         .take_group = take_group,
                                                         .context = of});
    return of->sink;
}

static void let_go(void *self)
{
    shelf *of = self;
    stele_fenced_close(of->fenced, ASK_MS);
    stele_sink_free(of->sink);
    of->fenced = NULL;
    of->sink = NULL;
}

static sink_stage begin(void)
{
    shelf *of = stele_alloc(sizeof *of);
    assert_int_equal(stele_log_memory_new(NULL, &of->log, NULL), STELE_OK);
    of->registry = shelf_new(GENESIS, stele_runtime_system());
    of->state_schema = register_type(of->registry, &test_account_type);
    of->checkpoint_schema = register_type(of->registry, &stele_checkpoint_type);
    make_topic(of->log, EVENTS);
    make_topic(of->log, SNAPSHOTS);
    const char *const topics[] = {EVENTS, NULL};
    stele_log_member_options options = {
        .group = GROUP,
        .topics = topics,
        .session_timeout_ms = 60000,
        .events = {.assigned = on_assigned, .revoked = on_revoked, .context = of}};
    assert_int_equal(stele_log_member_open(of->log, &options, &of->member, NULL), STELE_OK);
    while (!of->is_assigned)
        assert_int_equal(stele_log_member_poll(of->member, 10, NULL), STELE_OK);
    return (sink_stage){.self = of,
                        .open = open_sink,
                        .let_go = let_go,
                        .find = find,
                        .position = position,
                        .has_letters = true};
}

static void end(void *self)
{
    shelf *of = self;
    stele_log_member_close(of->member, ASK_MS);
    stele_registry_close(of->registry);
    stele_log_free(of->log);
    free(of);
}

int main(void)
{
    return sink_cases_run(begin, end);
}
