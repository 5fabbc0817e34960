/* SPDX-License-Identifier: MIT
 * A fold that owns what it reads, with a task around it, as an aggregate's writer has them: what
 * that task sees, what is kept beside the states, and what earlier owners have left behind. */
#include "bank.h"

#include <inttypes.h>

#include <stele/codec.h>

#include "core/text.h"
#include "projections/verify.h"
#include "registry/wire.h"

#define WRITER    "account.writer"
#define SNAPSHOTS "account.writer.v1.snapshots"
#define ID        "account.events-0"
#define OWNERS    "test.owners"
enum { EVENT_LANE = 0, SNAPSHOT_LANE = 1, WAIT_MS = 10000 };

/* ---- what is kept beside the states: a count of events, and the last offset ---- */

typedef struct beside {
    int64_t count;
    int64_t last;
    char *text; /* owned: it has to be released */
} beside;

static stele_status see(const void *context, void *companion, const stele_event *event,
                        stele_error *err)
{
    beside *self = companion;
    if (event->offset == *(const int64_t *)context)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "not this one");
    self->count++;
    self->last = event->offset;
    assert_int_equal(event->version, self->count);
    free(self->text);
    self->text = stele_strdup_format("%.*s", (int)event->aggregate_id.size,
                                     (const char *)event->aggregate_id.data);
    return STELE_OK;
}

static void write_beside(const void *context, const void *companion, stele_buffer *out)
{
    (void)context;
    const beside *self = companion;
    stele_buffer_format(out, "%" PRId64 " %" PRId64, self->count, self->last);
}

static void clear_beside(const void *context, void *companion)
{
    (void)context;
    free(((beside *)companion)->text);
    *(beside *)companion = (beside){0};
}

static stele_status read_beside(const void *context, void *companion, stele_bytes bytes,
                                stele_error *err)
{
    (void)context;
    beside *self = companion;
    char text[64] = {0};
    if (bytes.size > 0 && bytes.size < sizeof text) memcpy(text, bytes.data, bytes.size);
    if (bytes.size == 0) return STELE_OK;
    if (sscanf(text, "%" SCNd64 " %" SCNd64, &self->count, &self->last) == 2) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "what is beside it is damaged");
}

static int64_t refused = -1; /* the offset of an event that `see` refuses */

static const stele_companion companion = {.header = "stele_beside",
                                          .size = sizeof(beside),
                                          .align = _Alignof(beside),
                                          .context = &refused,
                                          .see = see,
                                          .write = write_beside,
                                          .read = read_beside,
                                          .clear = clear_beside};

/* ---- the task around the fold's ---- */

typedef struct desk {
    teller teller;
    bank *of;
    stele_task *inner; /* of partition 0; NULL: it is not owned */
    int wanted;        /* events to be written */
    int in_flight;
    int64_t position_when_prepared;
    bool was_current_when_prepared;
} desk;

typedef struct desk_task {
    stele_task base;
    stele_task *inner;
    desk *of;
} desk_task;

static const stele_task_ops desk_tasks;

static stele_task *inner_of(const stele_task *task)
{
    return ((const desk_task *)task)->inner;
}

static stele_status desk_open(void *self, stele_worker *worker, stele_partition source,
                              stele_task **out, stele_error *err)
{
    desk *of = self;
    desk_task *task = stele_alloc(sizeof *task);
    stele_status status = stele_fold_tasks.open(of->teller.fold, worker, source, &task->inner, err);
    if (status < 0) {
        free(task);
        return status;
    }
    task->base.ops = &desk_tasks;
    task->of = of;
    of->inner = task->inner;
    of->position_when_prepared = -1;
    assert_null(stele_fold_fenced(task->inner));
    assert_int_equal(stele_fold_position(task->inner), -1);
    assert_false(stele_fold_is_current(task->inner));
    *out = &task->base;
    return STELE_OK;
}

static stele_status desk_prepare(stele_task *task, int64_t *start, stele_error *err)
{
    desk *of = ((desk_task *)task)->of;
    stele_status status = stele_fold_tasks.prepare(inner_of(task), start, err);
    if (status == STELE_OK && of->position_when_prepared < 0) {
        of->position_when_prepared = stele_fold_position(inner_of(task));
        of->was_current_when_prepared = stele_fold_is_current(inner_of(task));
        assert_non_null(stele_fold_fenced(inner_of(task)));
    }
    return status;
}

static stele_status desk_take(stele_task *task, const stele_batch *batch, stele_error *err)
{
    return stele_fold_tasks.take(inner_of(task), batch, err);
}

static void put_deposit(bank *of, stele_transaction *transaction)
{
    STELE_AUTO_VALUE(stele_buffer) value = {0};
    test_deposited event = {.amount = 1, .memo = stele_text("own")};
    stele_wire_begin(&value, of->deposited);
    assert_int_equal(stele_encode(&test_deposited_type, &event, &value, NULL), STELE_OK);
    stele_transaction_put(transaction, (stele_partition){BANK_EVENTS, 0}, stele_text("a"),
                          stele_buffer_view(&value), NULL, 0);
}

/* An event after the other; each is answered when it is visible. */
static void write_events(desk *of)
{
    stele_error err;
    stele_outcome outcome;
    stele_fenced *fenced = stele_fold_fenced(of->inner);
    if (!stele_fold_is_current(of->inner)) return;
    if (of->in_flight > 0 && stele_fenced_outcome(fenced, EVENT_LANE, 0, &outcome)) {
        stele_transaction_free(outcome.transaction);
        of->in_flight--;
        if (outcome.status == STELE_OK) of->wanted--;
    }
    if (of->in_flight > 0 || of->wanted == 0) return;
    stele_transaction *transaction = stele_transaction_new();
    put_deposit(of->of, transaction);
    if (stele_fenced_submit(fenced, EVENT_LANE, transaction, &err) < 0)
        stele_transaction_free(transaction);
    else
        of->in_flight++;
}

static stele_status desk_tick(stele_task *task, stele_error *err)
{
    write_events(((desk_task *)task)->of);
    return stele_fold_tasks.tick(inner_of(task), err);
}

static stele_status desk_drain(stele_task *task, stele_error *err)
{
    return stele_fold_tasks.drain(inner_of(task), err);
}

static void desk_end(stele_task *task, bool lost)
{
    ((desk_task *)task)->of->inner = NULL;
    ((desk_task *)task)->of->in_flight = 0;
    stele_fold_tasks.end(inner_of(task), lost);
}

static void desk_close(stele_task *task, stele_deadline by)
{
    stele_fold_tasks.close(inner_of(task), by);
    free(task);
}

static stele_progress desk_progress(const stele_task *task)
{
    return stele_fold_tasks.progress(inner_of(task));
}

static const stele_task_ops desk_tasks = {.open = desk_open,
                                          .prepare = desk_prepare,
                                          .take = desk_take,
                                          .tick = desk_tick,
                                          .drain = desk_drain,
                                          .end = desk_end,
                                          .close = desk_close,
                                          .progress = desk_progress};

/* ---- the stage ---- */

static stele_status ensure_owners(void *context, stele_log *log, int timeout_ms, stele_error *err)
{
    (void)context;
    stele_log_topic_options options = {.name = OWNERS, .partitions = 1};
    stele_log_topic found;
    if (stele_log_topic_describe(log, OWNERS, timeout_ms, &found, NULL) == STELE_OK)
        return STELE_OK;
    return stele_log_topic_create(log, &options, timeout_ms, err);
}

static stele_projection writer_projection(void)
{
    static stele_aggregate decides;
    decides = bank_account;
    decides.state = bank_balances.state;
    decides.handlers = bank_handlers;
    stele_projection of_writer = bank_balances;
    of_writer.name = WRITER;
    of_writer.source = &decides;
    return of_writer;
}

static const char *const shared[] = {OWNERS, NULL};
static const stele_fold_owner owner = {.shared = shared,
                                       .lanes = 2,
                                       .lane = SNAPSHOT_LANE,
                                       .companion = &companion,
                                       .ensure = ensure_owners};

static stele_projection projection;

static void desk_begin(desk *self, bank *of)
{
    *self = (desk){.of = of, .position_when_prepared = -1};
    projection = writer_projection();
    self->teller = teller_open(
        of, (teller_options){
                .projection = &projection, .owner = &owner, .ops = &desk_tasks, .self = self});
}

static bool is_current(const desk *self)
{
    return self->inner != NULL && stele_fold_is_current(self->inner);
}

static void until_current(desk *self)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (!is_current(self)) {
        if (stele_deadline_passed(until)) fail_msg("stuck: %s", teller_reason(&self->teller, 0));
        teller_turn(&self->teller);
    }
}

/* What is beside the state of an aggregate. */
static char *beside_of(desk *self, const char *id)
{
    stele_states *states = stele_fold_states(self->inner);
    stele_entry *entry = stele_table_find(stele_states_table(states), stele_text(id));
    if (entry == NULL) return stele_strdup("none");
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    write_beside(NULL, stele_states_companion(states, entry), &text);
    return stele_strdup(stele_buffer_text(&text));
}

static void assert_beside(desk *self, const char *id, const char *expected)
{
    STELE_AUTO(char) found = beside_of(self, id);
    assert_string_equal(found, expected);
}

static stele_fenced *fenced_of_id(bank *of, const char *id, const char *topic)
{
    stele_fenced *fenced;
    stele_error err;
    const char *others[] = {BANK_EVENTS, NULL};
    stele_fenced_options options = {.transactional_id = id, .topic = topic, .others = others};
    assert_int_equal(stele_fenced_open(of->log, &options, &fenced, &err), STELE_OK);
    assert_int_equal(stele_fenced_await(fenced, WAIT_MS, &err), STELE_FENCED_READY);
    return fenced;
}

/* An earlier owner committed an event and whatever else is in the transaction, heard so, and no
 * partition was told. */
static void hang(bank *of, const char *id, const char *topic, stele_transaction *transaction)
{
    stele_error err;
    stele_outcome outcome;
    stele_fenced *fenced = fenced_of_id(of, id, topic);
    stele_log_memory_lose_markers(of->log);
    assert_int_equal(stele_fenced_submit(fenced, 0, transaction, &err), STELE_OK);
    assert_true(stele_fenced_outcome(fenced, 0, WAIT_MS, &outcome));
    assert_int_equal(outcome.status, STELE_OK);
    stele_transaction_free(outcome.transaction);
    stele_fenced_close(fenced, WAIT_MS);
}

static bool holds_back(bank *of, stele_partition partition)
{
    int64_t start;
    int64_t stable;
    int64_t end;
    assert_int_equal(
        stele_log_bounds(of->log, partition, STELE_READ_COMMITTED, WAIT_MS, &start, &stable, NULL),
        STELE_OK);
    assert_int_equal(
        stele_log_bounds(of->log, partition, STELE_READ_UNCOMMITTED, WAIT_MS, &start, &end, NULL),
        STELE_OK);
    return stable < end;
}

/* ---- what is its own ---- */

static void its_names_are_those_of_an_aggregates_writer(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    desk owner_desk;
    desk_begin(&owner_desk, of);
    assert_string_equal(stele_fold_group(owner_desk.teller.fold), WRITER);
    until_current(&owner_desk);

    stele_fenced *successor = fenced_of_id(of, ID, SNAPSHOTS);
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    owner_desk.wanted = 1;
    while (owner_desk.inner != NULL) { /* it hears that it is fenced */
        assert_false(stele_deadline_passed(until));
        teller_turn(&owner_desk.teller);
    }

    stele_fenced_close(successor, WAIT_MS);
    teller_close(&owner_desk.teller);
    bank_free(of);
}

static void only_an_owner_has_a_writers_name(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    stele_projection of_writer = writer_projection();
    const struct {
        const stele_projection *projection;
        const stele_fold_owner *owner;
        const char *text;
    } cases[] = {{&of_writer, NULL, "run that"}, {&bank_balances, &owner, "has to end in .writer"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stele_fold *fold;
        stele_error err;
        stele_fold_options options = {
            .projection = cases[i].projection, .registry = of->registry, .owner = cases[i].owner};
        assert_int_equal(stele_fold_open(&options, &fold, &err), STELE_E_INVALID);
        assert_non_null(strstr(err.text, cases[i].text));
    }
    bank_free(of);
}

static void what_it_writes_itself_is_applied_once_it_is_visible(void **state)
{
    (void)state;
    enum { EVENTS = 30 };
    bank *of = bank_new(1);
    desk owner_desk;
    desk_begin(&owner_desk, of);
    owner_desk.wanted = EVENTS;
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (owner_desk.wanted > 0) {
        assert_false(stele_deadline_passed(until));
        teller_turn(&owner_desk.teller);
    }
    teller_catch_up(&owner_desk.teller);
    teller_close(&owner_desk.teller);

    assert_int_equal(bank_count(of, (stele_partition){BANK_EVENTS, 0}, STELE_READ_COMMITTED),
                     EVENTS);
    STELE_AUTO(char) states = bank_states(of, SNAPSHOTS);
    STELE_AUTO(char) replayed = bank_replay(of, &bank_balances);
    assert_string_equal(states, replayed);
    bank_free(of);
}

static void it_is_current_only_when_all_that_was_written_before_is_applied(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    for (int i = 0; i < 50; i++)
        bank_deposit(of, 0, "a", 1, "x");
    desk owner_desk;
    desk_begin(&owner_desk, of);
    until_current(&owner_desk);

    assert_int_equal(owner_desk.position_when_prepared, 0);
    assert_false(owner_desk.was_current_when_prepared);
    assert_true(stele_fold_position(owner_desk.inner) >= 50);
    teller_close(&owner_desk.teller);
    bank_free(of);
}

static void nobodys_reset_of_its_groups_offset_stops_it(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    desk owner_desk;
    desk_begin(&owner_desk, of);
    until_current(&owner_desk);
    teller_close(&owner_desk.teller);
    assert_int_equal(bank_offset_of(of, WRITER, 0), 1);
    assert_int_equal(stele_log_group_offset_set(of->log, WRITER, (stele_partition){BANK_EVENTS, 0},
                                                0, WAIT_MS, NULL),
                     STELE_OK);

    desk_begin(&owner_desk, of);
    until_current(&owner_desk);
    bank_deposit(of, 0, "a", 5, "x");
    teller_catch_up(&owner_desk.teller);
    teller_close(&owner_desk.teller);

    assert_int_equal(bank_offset_of(of, WRITER, 0), 2);
    bank_free(of);
}

/* ---- beside the states ---- */

static void what_is_beside_a_state_sees_each_event_and_comes_back(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    bank_note(of, 0, "a"); /* ignored by the fold; an event all the same */
    bank_deposit(of, 0, "b", 5, "x");
    desk owner_desk;
    desk_begin(&owner_desk, of);
    until_current(&owner_desk);
    assert_beside(&owner_desk, "a", "2 1");
    teller_close(&owner_desk.teller);

    desk_begin(&owner_desk, of);
    until_current(&owner_desk);
    assert_int_equal(owner_desk.position_when_prepared, 3);
    assert_beside(&owner_desk, "a", "2 1");
    assert_beside(&owner_desk, "b", "1 2");
    bank_name(of, 0, "a", "Ann");
    teller_catch_up(&owner_desk.teller);
    assert_beside(&owner_desk, "a", "3 3");
    teller_close(&owner_desk.teller);
    bank_free(of);
}

static void what_is_beside_a_state_outlives_its_end(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    bank_close(of, 0, "a");
    desk owner_desk;
    for (int run = 0; run < 2; run++) {
        desk_begin(&owner_desk, of);
        until_current(&owner_desk);
        assert_beside(&owner_desk, "a", "2 1");
        teller_close(&owner_desk.teller);
    }
    STELE_AUTO(char) states = bank_states(of, SNAPSHOTS);
    assert_string_equal(states, "0/a v2 o2 tombstone\n");
    bank_free(of);
}

static void an_event_that_may_not_be_seen_stops_the_partition(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    bank_deposit(of, 0, "a", 5, "x");
    refused = 1;
    desk owner_desk;
    desk_begin(&owner_desk, of);
    teller_until(&owner_desk.teller, 0, STELE_STATE_STOPPED);
    refused = -1;

    assert_string_equal(teller_reason(&owner_desk.teller, 0), "account.events/0/1: not this one");
    teller_close(&owner_desk.teller);
    bank_free(of);
}

/* A snapshot of "a" at its present version, with another header. */
static void put_snapshot(bank *of, const char *beside_it)
{
    stele_snapshot_headers headers;
    STELE_AUTO_VALUE(stele_buffer) value = {0};
    test_account account = {.balance = 5};
    int32_t schema;
    assert_int_equal(stele_registry_register(of->registry, SNAPSHOTS "-test.Account",
                                             stele_text(test_account_type.schema), NULL, 0, WAIT_MS,
                                             &schema, NULL),
                     STELE_OK);
    test_account_memos_add(&account.memos, stele_text("x"))->value = 1;
    stele_wire_begin(&value, schema);
    assert_int_equal(stele_encode(&test_account_type, &account, &value, NULL), STELE_OK);
    stele_value_clear(&test_account_type, &account);
    stele_snapshot_headers_set(&headers, 1, 1, false);
    stele_snapshot_headers_add(&headers, companion.header, stele_text(beside_it));
    bank_append(of, SNAPSHOTS, 0, stele_text("a"), stele_buffer_view(&value), headers.list,
                headers.count);
}

static void keep_text(void *context, const stele_verify_finding *finding)
{
    snprintf(context, 200, "%s", finding->text);
}

static void a_damaged_header_beside_a_state_stops_a_restore(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    desk owner_desk;
    desk_begin(&owner_desk, of);
    until_current(&owner_desk);
    teller_close(&owner_desk.teller);
    put_snapshot(of, "x");

    desk_begin(&owner_desk, of);
    teller_until(&owner_desk.teller, 0, STELE_STATE_STOPPED);

    assert_non_null(strstr(teller_reason(&owner_desk.teller, 0), "what is beside it is damaged"));
    teller_close(&owner_desk.teller);
    bank_free(of);
}

static void what_is_beside_a_state_is_verified(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    desk owner_desk;
    desk_begin(&owner_desk, of);
    until_current(&owner_desk);
    teller_close(&owner_desk.teller);
    char text[200] = "";
    stele_verify_counts counts;
    stele_error err;
    stele_verify_options options = {
        .projection = &projection,
        .log = of->log,
        .registry = of->registry,
        .companion = &companion,
        .deadline = stele_deadline_after(stele_log_clock(of->log), WAIT_MS),
        .each = keep_text,
        .context = text,
    };
    if (stele_verify(&options, &counts, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(counts.snapshots, 1);
    assert_int_equal(counts.findings, 0);

    put_snapshot(of, "1 7");
    if (stele_verify(&options, &counts, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(counts.findings, 1);
    assert_string_equal(text, "the header stele_beside of the snapshot of version 1 is another one "
                              "than a replay makes");
    options.companion = NULL; /* who does not know of it does not miss it */
    if (stele_verify(&options, &counts, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(counts.findings, 0);
    bank_free(of);
}

/* ---- what earlier owners have left behind ---- */

static void events_of_an_owner_before_that_hang_are_ended_and_never_seen(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    stele_transaction *left = stele_transaction_new();
    put_deposit(of, left);
    hang(of, ID, BANK_EVENTS, left);
    assert_true(holds_back(of, (stele_partition){BANK_EVENTS, 0}));

    desk owner_desk;
    desk_begin(&owner_desk, of);
    until_current(&owner_desk);

    assert_false(holds_back(of, (stele_partition){BANK_EVENTS, 0}));
    assert_beside(&owner_desk, "a", "1 0");
    teller_close(&owner_desk.teller);
    bank_free(of);
}

static void put_owner(stele_transaction *transaction)
{
    stele_transaction_put(transaction, (stele_partition){OWNERS, 0}, stele_text("account.events/0"),
                          stele_text("{}"), NULL, 0);
}

static void what_hangs_in_a_shared_topic_is_ended_if_it_is_its_own(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    assert_int_equal(ensure_owners(NULL, of->log, WAIT_MS, NULL), STELE_OK);
    stele_transaction *left = stele_transaction_new();
    put_owner(left);
    hang(of, ID, OWNERS, left);

    desk owner_desk;
    desk_begin(&owner_desk, of);
    until_current(&owner_desk);

    assert_false(holds_back(of, (stele_partition){OWNERS, 0}));
    teller_close(&owner_desk.teller);
    bank_free(of);
}

static void what_hangs_in_a_shared_topic_of_another_keeps_nobody_from_taking(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    assert_int_equal(ensure_owners(NULL, of->log, WAIT_MS, NULL), STELE_OK);
    stele_transaction *left = stele_transaction_new();
    put_owner(left);
    hang(of, "account.events-1", OWNERS, left);
    int64_t begun_ms = stele_clock_now_ms(bank_clock(of));

    desk owner_desk;
    desk_begin(&owner_desk, of);
    until_current(&owner_desk);

    assert_true(stele_clock_now_ms(bank_clock(of)) - begun_ms < 5000);
    assert_true(holds_back(of, (stele_partition){OWNERS, 0}));
    teller_close(&owner_desk.teller);
    bank_free(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_names_are_those_of_an_aggregates_writer),
        cmocka_unit_test(only_an_owner_has_a_writers_name),
        cmocka_unit_test(what_it_writes_itself_is_applied_once_it_is_visible),
        cmocka_unit_test(it_is_current_only_when_all_that_was_written_before_is_applied),
        cmocka_unit_test(nobodys_reset_of_its_groups_offset_stops_it),
        cmocka_unit_test(what_is_beside_a_state_sees_each_event_and_comes_back),
        cmocka_unit_test(what_is_beside_a_state_outlives_its_end),
        cmocka_unit_test(an_event_that_may_not_be_seen_stops_the_partition),
        cmocka_unit_test(a_damaged_header_beside_a_state_stops_a_restore),
        cmocka_unit_test(what_is_beside_a_state_is_verified),
        cmocka_unit_test(events_of_an_owner_before_that_hang_are_ended_and_never_seen),
        cmocka_unit_test(what_hangs_in_a_shared_topic_is_ended_if_it_is_its_own),
        cmocka_unit_test(what_hangs_in_a_shared_topic_of_another_keeps_nobody_from_taking),
    };
    return cmocka_run_group_tests_name("projections/fold owner", tests, NULL, NULL);
}
