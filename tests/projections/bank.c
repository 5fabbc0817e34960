/* SPDX-License-Identifier: MIT
 * The bank of the projections' tests. */
#include "bank.h"

#include <inttypes.h>

#include <stele/codec.h>

#include "kafka/bounded_read.h"
#include "core/text.h"
#include "kafka/log_port.h"
#include "projections/states.h"
#include "registry/wire.h"
#include "tests/support/shelf.h"

enum { TURN_MS = 5, WAIT_MS = 30000, ASK_MS = 10000 };

/* ---- the projection ---- */

static stele_status apply_deposited(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    test_account *account = state;
    const test_deposited *deposited = data;
    assert_ptr_equal(event->type, &test_deposited_type);
    account->balance += deposited->amount;
    if (stele_bytes_equal(deposited->memo, stele_text("bad")))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_RETRY, "a bad deposit");
    test_account_memos_add(&account->memos, deposited->memo)->value++;
    return STELE_OK;
}

static stele_status apply_named(void *state, const void *data, const stele_event *event,
                                stele_error *err)
{
    (void)event, (void)err;
    stele_text_set(&((test_account *)state)->owner, ((const test_named *)data)->owner);
    return STELE_OK;
}

static stele_status apply_closed(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    (void)state, (void)data, (void)event, (void)err;
    return STELE_FINISHED;
}

const stele_aggregate bank_account = {
    .name = "account",
    .events = (const stele_type *const[]){&test_deposited_type, &test_named_type, &test_closed_type,
                                          &test_noted_type, NULL},
};

const stele_handler bank_handlers[] = {
    {&test_deposited_type, apply_deposited},
    {&test_named_type, apply_named},
    {&test_closed_type, apply_closed},
    {&test_noted_type, NULL},
    {NULL, NULL},
};

const stele_projection bank_balances = {
    .name = "balances",
    .version = 1,
    .source = &bank_account,
    .state = &test_account_type,
    .handlers = bank_handlers,
};

/* ---- the bank ---- */

stele_clock bank_clock(bank *self)
{
    return stele_clock_manual(&self->time);
}

int32_t bank_register(bank *self, const char *text)
{
    stele_schema *schema;
    stele_error err;
    if (stele_schema_parse(stele_text(text), NULL, &schema, &err) < 0) fail_msg("%s", err.text);
    char *subject = stele_registry_subject(BANK_EVENTS, stele_schema_name(schema));
    stele_schema_free(schema);
    int32_t id;
    if (stele_registry_register(self->registry, subject, stele_text(text), NULL, 0, WAIT_MS, &id,
                                &err) < 0)
        fail_msg("%s", err.text);
    free(subject);
    return id;
}

static bank *open_bank(bank *self, int32_t partitions)
{
    stele_error err;
    stele_log_topic_options topic = {.name = BANK_EVENTS, .partitions = partitions};
    assert_int_equal(stele_log_topic_create(self->log, &topic, ASK_MS, &err), STELE_OK);
    stele_log_producer_options producer = {0};
    assert_int_equal(stele_log_producer_open(self->log, &producer, &self->producer, &err),
                     STELE_OK);
    self->deposited = bank_register(self, test_deposited_type.schema);
    self->named = bank_register(self, test_named_type.schema);
    self->closed = bank_register(self, test_closed_type.schema);
    self->noted = bank_register(self, test_noted_type.schema);
    return self;
}

bank *bank_new(int32_t partitions)
{
    bank *self = stele_alloc(sizeof *self);
    stele_manual_clock_set(&self->time, INT64_C(1700000000000));
    stele_log_memory_options log = {.runtime = stele_runtime_manual(&self->time)};
    assert_int_equal(stele_log_memory_new(&log, &self->log, NULL), STELE_OK);
    self->registry = shelf_new("8d4f3c52-0000-7000-8000-000000000001", log.runtime);
    return open_bank(self, partitions);
}

bank *bank_new_on(stele_log *log, int32_t partitions)
{
    bank *self = stele_alloc(sizeof *self);
    self->log = log;
    log->runtime = stele_runtime_manual(&self->time);
    stele_registry_options registry = {.log = log};
    stele_error err;
    if (stele_registry_open(&registry, &self->registry, &err) < 0) fail_msg("%s", err.text);
    return open_bank(self, partitions);
}

void bank_free(bank *self)
{
    stele_log_producer_close(self->producer);
    stele_registry_close(self->registry);
    stele_log_free(self->log);
    free(self);
}

void bank_append(bank *self, const char *topic, int32_t partition, stele_bytes key,
                 stele_bytes value, const stele_header *headers, size_t header_count)
{
    stele_error err;
    stele_log_entry entry = {.partition = {topic, partition},
                             .key = key,
                             .value = value,
                             .headers = headers,
                             .header_count = header_count};
    if (stele_log_producer_put(self->producer, &entry, &err) < 0 ||
        stele_log_producer_flush(self->producer, ASK_MS, &err) < 0)
        fail_msg("%s", err.text);
}

static void append_event(bank *self, int32_t partition, const char *id, int32_t schema,
                         const stele_type *type, const void *event)
{
    stele_error err;
    stele_buffer value = {0};
    stele_wire_begin(&value, schema);
    if (stele_encode(type, event, &value, &err) < 0) fail_msg("%s", err.text);
    bank_append(self, BANK_EVENTS, partition, stele_text(id), stele_buffer_view(&value), NULL, 0);
    stele_buffer_clear(&value);
}

void bank_deposit(bank *self, int32_t partition, const char *id, int64_t amount, const char *memo)
{
    test_deposited event = {.amount = amount, .memo = stele_text(memo)};
    append_event(self, partition, id, self->deposited, &test_deposited_type, &event);
}

void bank_name(bank *self, int32_t partition, const char *id, const char *owner)
{
    test_named event = {.owner = stele_text(owner)};
    append_event(self, partition, id, self->named, &test_named_type, &event);
}

void bank_close(bank *self, int32_t partition, const char *id)
{
    test_closed event = {0};
    append_event(self, partition, id, self->closed, &test_closed_type, &event);
}

void bank_note(bank *self, int32_t partition, const char *id)
{
    test_noted event = {.text = stele_text("x")};
    append_event(self, partition, id, self->noted, &test_noted_type, &event);
}

/* ---- workers ---- */

teller teller_open(bank *of, teller_options options)
{
    teller self = {.of = of};
    stele_error err;
    stele_fold_options fold = {
        .projection = options.projection == NULL ? &bank_balances : options.projection,
        .registry = of->registry,
        .snapshot_events = options.snapshot_events == 0 ? 10 : options.snapshot_events,
        .snapshot_interval_ms = options.snapshot_interval_ms,
        .transaction_snapshots = options.transaction_snapshots,
        .parks = options.parks,
        .parked_max = options.parked_max,
        .parked_size_max = options.parked_size_max,
        .owner = options.owner,
        .table = options.table};
    if (stele_fold_open(&fold, &self.fold, &err) < 0) fail_msg("%s", err.text);
    stele_worker_options worker = {.name = stele_fold_group(self.fold),
                                   .topic = stele_fold_topic(self.fold),
                                   .instance = "test",
                                   .eager = options.eager,
                                   .no_status = !options.status,
                                   .drain_timeout_ms = options.abrupt ? -1 : 2000,
                                   .logger = options.logger,
                                   .ops = options.ops == NULL ? &stele_fold_tasks : options.ops,
                                   .self = options.ops == NULL ? self.fold : options.self};
    if (stele_worker_open(of->log, &worker, &self.worker, &err) < 0) fail_msg("%s", err.text);
    return self;
}

void teller_close(teller *self)
{
    stele_worker_close(self->worker);
    stele_fold_close(self->fold);
    *self = (teller){0};
}

void teller_turn(teller *self)
{
    stele_error err;
    if (stele_worker_step(self->worker, 1, &err) < 0) fail_msg("%s", err.text);
    stele_manual_clock_advance(&self->of->time, TURN_MS);
}

stele_partition_state teller_state(const teller *self, int32_t partition)
{
    stele_partition_state state;
    if (!stele_worker_state(self->worker, partition, &state, NULL)) return STELE_STATE_UNKNOWN;
    return state;
}

const char *teller_reason(const teller *self, int32_t partition)
{
    stele_partition_state state;
    const char *reason = "not owned";
    stele_worker_state(self->worker, partition, &state, &reason);
    return reason;
}

void teller_until(teller *self, int32_t partition, stele_partition_state state)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (teller_state(self, partition) != state) {
        if (stele_deadline_passed(until))
            fail_msg("partition %d is %s (%s), not %s", (int)partition,
                     stele_partition_state_name(teller_state(self, partition)),
                     teller_reason(self, partition), stele_partition_state_name(state));
        teller_turn(self);
    }
}

static bool has_caught_up(teller *self)
{
    stele_log_topic topic;
    assert_int_equal(stele_log_topic_describe(self->of->log, BANK_EVENTS, ASK_MS, &topic, NULL),
                     STELE_OK);
    bool owns = false;
    for (int32_t i = 0; i < topic.partitions; i++) {
        if (teller_state(self, i) == STELE_STATE_UNKNOWN) continue;
        int64_t start;
        int64_t end;
        assert_int_equal(stele_log_bounds(self->of->log, (stele_partition){BANK_EVENTS, i},
                                          STELE_READ_COMMITTED, ASK_MS, &start, &end, NULL),
                         STELE_OK);
        if (stele_worker_progress(self->worker, i).position < end) return false;
        owns = true;
    }
    return owns;
}

void teller_catch_up(teller *self)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (!has_caught_up(self)) {
        if (stele_deadline_passed(until))
            fail_msg("stuck: 0: %s, 1: %s, at %d and %d", teller_reason(self, 0),
                     teller_reason(self, 1), (int)stele_worker_progress(self->worker, 0).position,
                     (int)stele_worker_progress(self->worker, 1).position);
        teller_turn(self);
    }
}

void bank_run(bank *self, teller_options options)
{
    teller worker = teller_open(self, options);
    teller_catch_up(&worker);
    teller_close(&worker);
}

char *bank_run_to_stop(bank *self, teller_options options, int32_t partition)
{
    teller worker = teller_open(self, options);
    teller_until(&worker, partition, STELE_STATE_STOPPED);
    char *reason = stele_strdup(teller_reason(&worker, partition));
    teller_close(&worker);
    return reason;
}

/* ---- what is in the log ---- */

typedef struct line {
    char *text; /* NULL: none */
} line;

static stele_table *lines_new(void)
{
    return stele_table_new(sizeof(line), 0);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *lines_end(stele_table *lines)
{
    size_t count = 0;
    char **texts = stele_alloc_array(stele_table_count(lines) + 1, sizeof(char *));
    stele_table_cursor cursor = {0};
    line *each;
    while ((each = stele_table_next(lines, &cursor)) != NULL)
        if (each->text != NULL) texts[count++] = each->text;
    qsort(texts, count, sizeof(char *), compare_lines);
    stele_buffer all = {0};
    for (size_t i = 0; i < count; i++) {
        stele_buffer_format(&all, "%s\n", texts[i]);
        free(texts[i]);
    }
    free(texts);
    stele_table_free(lines);
    char *text = stele_strdup(stele_buffer_text(&all));
    stele_buffer_clear(&all);
    return text;
}

static void set_line(stele_table *lines, int32_t partition, stele_bytes key, const char *format,
                     ...) STELE_PRINTF(4, 5);

static void set_line(stele_table *lines, int32_t partition, stele_bytes key, const char *format,
                     ...)
{
    stele_buffer name = {0};
    stele_buffer_format(&name, "%d/%.*s", (int)partition, (int)key.size, (const char *)key.data);
    line *of = stele_table_insert(lines, stele_buffer_view(&name), NULL);
    char rest[4000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(rest, sizeof rest, format, arguments);
    va_end(arguments);
    free(of->text);
    of->text = stele_strdup_format("%s %s", stele_buffer_text(&name), rest);
    stele_buffer_clear(&name);
}

static void hex(stele_bytes bytes, stele_buffer *out)
{
    for (size_t i = 0; i < bytes.size; i++)
        stele_buffer_format(out, "%02x", bytes.data[i]);
}

typedef struct dump {
    bank *of;
    stele_table *lines;
    bool checkpoints;
    stele_states *states;
} dump;

static stele_bytes payload_of(stele_bytes value)
{
    int32_t id;
    stele_bytes payload;
    assert_true(stele_wire_split(value, &id, &payload));
    return payload;
}

static void decode_checkpoint(const stele_record *record, stele_arena *arena, stele_checkpoint *out)
{
    assert_int_equal(stele_checkpoint_type.decode(payload_of(record->value), out, arena, NULL),
                     STELE_OK);
}

static void dump_checkpoint(const dump *to, int32_t partition, const stele_record *record)
{
    stele_checkpoint checkpoint;
    stele_arena *arena = stele_arena_new();
    decode_checkpoint(record, arena, &checkpoint);
    set_line(to->lines, partition, record->key,
             "next=%" PRId64 " last=%" PRId64 " hash=%016" PRIx64
             " partitions=%d aggregates=%" PRId64 " finished=%" PRId64,
             checkpoint.next_offset, checkpoint.last_offset, (uint64_t)checkpoint.last_hash,
             (int)checkpoint.partitions, checkpoint.aggregates, checkpoint.finished);
    stele_arena_free(arena);
}

static int dump_batch(void *context, const stele_batch *batch, stele_error *err)
{
    const dump *to = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (stele_id_is_reserved(record->key)) {
            if (to->checkpoints) dump_checkpoint(to, batch->partition.index, record);
            continue;
        }
        stele_snapshot snapshot;
        stele_status status = stele_snapshot_read(batch, record, NULL, &snapshot, err);
        if (status < 0) return status;
        stele_buffer state = {0};
        if (snapshot.value.data == NULL)
            stele_buffer_format(&state, "tombstone");
        else
            hex(payload_of(snapshot.value), &state);
        set_line(to->lines, batch->partition.index, snapshot.id, "v%" PRId64 " o%" PRId64 " %s",
                 snapshot.version, snapshot.offset, stele_buffer_text(&state));
        stele_buffer_clear(&state);
    }
    return STELE_OK;
}

static void read_all(bank *self, const char *topic, stele_isolation isolation,
                     stele_bounded_read_take *take, void *context)
{
    stele_log_topic described;
    stele_error err;
    if (stele_log_topic_describe(self->log, topic, ASK_MS, &described, &err) < 0) return;
    stele_bounded_read_start starts[16];
    assert_true(described.partitions <= 16);
    for (int32_t i = 0; i < described.partitions; i++)
        starts[i] = (stele_bounded_read_start){{topic, i}, STELE_OFFSET_NONE};
    stele_bounded_read_options options = {.starts = starts,
                                          .count = (size_t)described.partitions,
                                          .isolation = isolation,
                                          .deadline =
                                              stele_deadline_after(stele_clock_system(), WAIT_MS),
                                          .take = take,
                                          .context = context};
    if (stele_bounded_read(self->log, &options, &err) < 0) fail_msg("%s", err.text);
}

void bank_read(bank *self, const char *topic, stele_bounded_read_take *take, void *context)
{
    read_all(self, topic, STELE_READ_COMMITTED, take, context);
}

char *bank_snapshots(bank *self, const char *topic)
{
    dump to = {.of = self, .lines = lines_new(), .checkpoints = true};
    read_all(self, topic, STELE_READ_COMMITTED, dump_batch, &to);
    return lines_end(to.lines);
}

char *bank_states(bank *self, const char *topic)
{
    dump to = {.of = self, .lines = lines_new()};
    read_all(self, topic, STELE_READ_COMMITTED, dump_batch, &to);
    return lines_end(to.lines);
}

static int find_checkpoint(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    int64_t *first = context;
    stele_arena *arena = stele_arena_new();
    for (size_t i = 0; i < batch->count && *first == STELE_OFFSET_NONE; i++) {
        stele_checkpoint checkpoint;
        if (!stele_id_is_reserved(batch->records[i].key)) continue;
        decode_checkpoint(&batch->records[i], arena, &checkpoint);
        *first = checkpoint.next_offset;
    }
    stele_arena_free(arena);
    return STELE_OK;
}

int64_t bank_first_checkpoint(bank *self)
{
    int64_t first = STELE_OFFSET_NONE;
    read_all(self, BANK_SNAPSHOTS, STELE_READ_COMMITTED, find_checkpoint, &first);
    return first;
}

typedef struct replay {
    bank *of;
    const stele_projection *projection;
    stele_states *states[16];
} replay;

static int replay_batch(void *context, const stele_batch *batch, stele_error *err)
{
    replay *to = context;
    stele_states **states = &to->states[batch->partition.index];
    if (*states == NULL) {
        stele_states_options options = {.projection = to->projection, .registry = to->of->registry};
        assert_int_equal(stele_states_new(&options, states, err), STELE_OK);
    }
    int64_t position = batch->records[0].offset;
    const stele_record *last = NULL;
    return stele_states_take(*states, batch, &position, &last, err);
}

char *bank_replay(bank *self, const stele_projection *projection)
{
    replay to = {.of = self, .projection = projection};
    read_all(self, BANK_EVENTS, STELE_READ_COMMITTED, replay_batch, &to);
    stele_table *lines = lines_new();
    for (int32_t i = 0; i < 16; i++) {
        if (to.states[i] == NULL) continue;
        stele_table *table = stele_states_table(to.states[i]);
        stele_table_cursor cursor = {0};
        stele_entry *entry;
        while ((entry = stele_table_next(table, &cursor)) != NULL) {
            stele_buffer bytes = {0};
            stele_buffer text = {0};
            assert_int_equal(
                stele_encode(projection->state, stele_entry_state(entry), &bytes, NULL), STELE_OK);
            hex(stele_buffer_view(&bytes), &text);
            bool finished = (entry->flags & STELE_ENTRY_FINISHED) != 0;
            set_line(lines, i, stele_table_key(table, entry), "v%" PRId64 " o%" PRId64 " %s",
                     entry->version, entry->offset,
                     finished ? "tombstone" : stele_buffer_text(&text));
            stele_buffer_clear(&bytes);
            stele_buffer_clear(&text);
        }
        stele_states_free(to.states[i]);
    }
    return lines_end(lines);
}

int64_t bank_group_offset(bank *self, int32_t partition)
{
    return bank_offset_of(self, BANK_GROUP, partition);
}

int64_t bank_offset_of(bank *self, const char *group, int32_t partition)
{
    int64_t offset;
    assert_int_equal(stele_log_group_offset(self->log, group,
                                            (stele_partition){BANK_EVENTS, partition}, ASK_MS,
                                            &offset, NULL),
                     STELE_OK);
    return offset;
}

typedef struct counting {
    stele_partition partition;
    int64_t count;
} counting;

static int count_batch(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    counting *to = context;
    if (batch->partition.index == to->partition.index) to->count += (int64_t)batch->count;
    return STELE_OK;
}

int64_t bank_count(bank *self, stele_partition partition, stele_isolation isolation)
{
    counting to = {.partition = partition};
    read_all(self, partition.topic, isolation, count_batch, &to);
    return to.count;
}
