/* SPDX-License-Identifier: MIT
 * A partition of a snapshots topic, whatever is in it: a restore takes it or refuses it, alike
 * however its records are cut into batches; what it takes is the last record of each key; and no
 * checkpoint leads past what there is.
 *
 * The input is a list of records of a few bytes each, so that mutations meet the interesting ones:
 *   1  bits 0-1 the key: an account, the checkpoint's, raw, reserved · bits 2-3 the value: null,
 * sound, of the schema but raw, raw · 4 stele_version · 5 stele_offset · 6 those as raw text · 7
 * finished 1  which account, or the length of a raw key, which follows 2  version and offset, or
 * aggregates and next_offset 1  balance, or the length of a raw value, which follows */
#include <account.h>

#include <stdio.h>
#include <stdlib.h>

#include <stele/codec.h>
#include <stele/projection.h>

#include "core/alloc.h"
#include "core/names.h"
#include "kafka/log_port.h"
#include "projections/states.h"
#include "registry/wire.h"
#include "snapshots/restore.h"
#include "tests/support/shelf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EVENTS    "account.events"
#define SNAPSHOTS "balances.v1.snapshots"
#define GENESIS   "8d4f3c52-0000-7000-8000-000000000001"
#define OTHER     "8d4f3c52-0000-7000-8000-000000000002"

enum { RECORDS_MAX = 64, LOG_END = 100 };

typedef struct cell {
    stele_buffer key, value;
    bool has_value;
    stele_header headers[3];
    size_t header_count;
    char version[8], offset[8];
} cell;

/* ---- what is restored into ---- */

static const stele_handler handlers[] = {{NULL, NULL}};
static const stele_aggregate account = {.name = "account"};
static const stele_projection balances = {.name = "balances",
                                          .version = 1,
                                          .source = &account,
                                          .state = &test_account_type,
                                          .handlers = handlers};

static size_t headers_of(const stele_batch *batch, const stele_record *record, stele_header *out,
                         size_t max)
{
    (void)batch;
    const cell *of = record->headers;
    for (size_t i = 0; i < of->header_count && i < max; i++)
        out[i] = of->headers[i];
    return of->header_count;
}

static stele_log_reader fake_reader = {
    .ops = &(const stele_reader_ops){.batch_headers = headers_of},
};

/* ---- from bytes to records ---- */

typedef struct input {
    const uint8_t *at, *end;
} input;

static uint8_t take(input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static void take_raw(input *in, size_t size, stele_buffer *out)
{
    size_t left = (size_t)(in->end - in->at);
    if (size > left) size = left;
    stele_buffer_append(out, stele_bytes_of(in->at, size));
    in->at += size;
}

static void put_key(cell *of, input *in, unsigned kind)
{
    uint8_t which = take(in);
    if (kind == 0) stele_buffer_push(&of->key, (uint8_t)('a' + which % 4));
    if (kind == 1) stele_buffer_append(&of->key, stele_text("stele:checkpoint:" EVENTS "/0"));
    if (kind == 2) take_raw(in, which, &of->key);
    if (kind == 3) stele_buffer_format(&of->key, "stele:%d", which);
}

static void put_sound(cell *of, bool is_checkpoint, const int32_t schemas[2], uint8_t first,
                      uint8_t second, uint8_t third)
{
    test_account state = {.balance = third};
    stele_checkpoint checkpoint = {.topic = stele_text(EVENTS),
                                   .partitions = 1 + (third & 1),
                                   .version = 1,
                                   .next_offset = second,
                                   .last_offset = (int64_t)second - 1,
                                   .genesis = stele_text((third & 2) != 0 ? OTHER : GENESIS),
                                   .aggregates = first & 15,
                                   .finished = first >> 4};
    stele_wire_begin(&of->value, schemas[is_checkpoint]);
    if (is_checkpoint)
        stele_encode(&stele_checkpoint_type, &checkpoint, &of->value, NULL);
    else
        stele_encode(&test_account_type, &state, &of->value, NULL);
}

static void put_number(char out[8], bool is_raw, uint8_t number)
{
    if (is_raw)
        snprintf(out, 8, "%c", number);
    else
        snprintf(out, 8, "%d", number);
}

static void put_headers(cell *of, uint8_t flags, uint8_t version, uint8_t offset)
{
    bool is_raw = (flags & 64) != 0;
    if ((flags & 16) != 0) {
        put_number(of->version, is_raw, version);
        of->headers[of->header_count++] = (stele_header){"stele_version", stele_text(of->version)};
    }
    if ((flags & 32) != 0) {
        put_number(of->offset, is_raw, offset);
        of->headers[of->header_count++] = (stele_header){"stele_offset", stele_text(of->offset)};
    }
    if ((flags & 128) != 0)
        of->headers[of->header_count++] = (stele_header){"stele_finished", stele_text("1")};
}

static void read_cell(input *in, const int32_t schemas[2], cell *of)
{
    uint8_t flags = take(in);
    unsigned key = flags & 3, value = flags >> 2 & 3;
    put_key(of, in, key);
    uint8_t first = take(in), second = take(in), third = take(in);
    put_headers(of, flags, first, second);
    of->has_value = value != 0;
    if (value == 1) put_sound(of, key == 1, schemas, first, second, third);
    if (value == 2) stele_wire_begin(&of->value, schemas[key == 1]);
    if (value >= 2) take_raw(in, third, &of->value);
}

/* ---- restoring ---- */

typedef struct outcome {
    stele_status status;
    stele_states *states;
    stele_restore *restore;
} outcome;

static stele_status restore_one(void *context, const stele_snapshot *snapshot, stele_error *err)
{
    return stele_states_restore(context, snapshot, err);
}

static outcome restore_all(stele_registry *registry, const stele_record *records, size_t count,
                           size_t piece)
{
    outcome out = {0};
    stele_error err;
    stele_states_options states = {.projection = &balances, .registry = registry};
    if (stele_states_new(&states, &out.states, &err) < 0) abort();
    stele_restore_new(&(stele_restore_options){.registry = registry,
                                               .snapshots = {SNAPSHOTS, 0},
                                               .source = {EVENTS, 0},
                                               .genesis = GENESIS,
                                               .each = restore_one,
                                               .context = out.states},
                      &out.restore);
    for (size_t at = 0; at < count && out.status == STELE_OK; at += piece) {
        size_t size = count - at < piece ? count - at : piece;
        stele_batch batch = {.partition = {SNAPSHOTS, 0},
                             .records = records + at,
                             .count = size,
                             .self = &fake_reader};
        out.status = stele_restore_take(out.restore, &batch, &err);
    }
    if (out.status == STELE_OK) out.status = stele_restore_finish(out.restore, &err);
    return out;
}

static void release(outcome *of)
{
    stele_restore_free(of->restore);
    stele_states_free(of->states);
}

/* ---- what must hold ---- */

static const cell *last_of(const cell *cells, size_t count, stele_bytes key)
{
    while (count > 0)
        if (stele_bytes_equal(stele_buffer_view(&cells[--count].key), key)) return &cells[count];
    return NULL;
}

static void check_entries(const outcome *of, const cell *cells, size_t count)
{
    const stele_table *table = stele_states_table(of->states);
    stele_table_cursor cursor = {0};
    const stele_entry *entry;
    while ((entry = stele_table_next(table, &cursor)) != NULL) {
        const cell *last = last_of(cells, count, stele_table_key(table, entry));
        if (last == NULL || last->header_count < 2) abort();
        if (entry->version != strtoll(last->version, NULL, 10) ||
            entry->offset != strtoll(last->offset, NULL, 10))
            abort();
        bool is_stored = (entry->flags & STELE_ENTRY_STORED) != 0;
        if (is_stored != last->has_value) abort();
    }
}

static void check_resume(const outcome *of)
{
    stele_states_stored stored = stele_states_count_stored(of->states);
    stele_restore_facts facts = {.projection = "balances",
                                 .version = 1,
                                 .source = {EVENTS, 0},
                                 .partitions = 1,
                                 .genesis = GENESIS,
                                 .log_end = LOG_END,
                                 .group_offset = STELE_OFFSET_NONE,
                                 .aggregates = stored.aggregates,
                                 .finished = stored.finished,
                                 .furthest = stored.furthest,
                                 .furthest_id = stored.furthest_id};
    stele_resume resume;
    const stele_checkpoint *checkpoint = stele_restore_checkpoint(of->restore);
    if (stele_restore_validate(checkpoint, &facts, &resume, NULL) < 0) return;
    if (resume.position < 0 || resume.position > LOG_END || resume.read_from > resume.position)
        abort();
    if (stored.furthest > LOG_END) abort();
    if (checkpoint == NULL && stored.aggregates + stored.finished > 0) abort();
}

static void check(stele_registry *registry, const cell *cells, const stele_record *records,
                  size_t count)
{
    outcome whole = restore_all(registry, records, count, RECORDS_MAX);
    outcome single = restore_all(registry, records, count, 1);
    if (whole.status != single.status) abort();
    if (whole.status == STELE_OK) {
        if (stele_table_count(stele_states_table(whole.states)) !=
            stele_table_count(stele_states_table(single.states)))
            abort();
        check_entries(&whole, cells, count);
        check_entries(&single, cells, count);
        check_resume(&whole);
    }
    release(&whole);
    release(&single);
}

/* One for all inputs: it does not change after this. */
static stele_registry *open_registry(int32_t schemas[2])
{
    static stele_registry *registry;
    static int32_t ids[2];
    if (registry == NULL) {
        registry = shelf_new(GENESIS, stele_runtime_system());
        if (stele_registry_register(registry, "s", stele_text(test_account_type.schema), NULL, 0, 0,
                                    &ids[0], NULL) < 0 ||
            stele_registry_register(registry, "c", stele_text(stele_checkpoint_type.schema), NULL,
                                    0, 0, &ids[1], NULL) < 0)
            abort();
    }
    memcpy(schemas, ids, sizeof ids);
    return registry;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int32_t schemas[2];
    stele_registry *registry = open_registry(schemas);
    cell *cells = stele_alloc_array(RECORDS_MAX, sizeof *cells);
    stele_record records[RECORDS_MAX];
    input in = {data, data + size};
    size_t count = 0;
    for (; in.at < in.end && count < RECORDS_MAX; count++) {
        cell *of = &cells[count];
        read_cell(&in, schemas, of);
        records[count] = (stele_record){
            .offset = (int64_t)count,
            .key = stele_buffer_view(&of->key),
            .value = of->has_value ? stele_bytes_of(stele_buffer_text(&of->value), of->value.size)
                                   : (stele_bytes){0},
            .headers = of};
        if (of->key.size == 0) records[count].key = stele_bytes_of("", 0);
    }
    check(registry, cells, records, count);
    for (size_t i = 0; i < count; i++) {
        stele_buffer_clear(&cells[i].key);
        stele_buffer_clear(&cells[i].value);
    }
    free(cells);
    return 0;
}
