/* SPDX-License-Identifier: MIT
 * Snapshots against a replay. Takes the snapshots of a partition first, then the events one by one,
 * and compares where a snapshot says that it is. */
#include "projections/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stele/json.h>

#include "kafka/bounded_read.h"
#include "core/alloc.h"
#include "core/message.h"
#include "core/names.h"
#include "projections/states.h"
#include "registry/wire.h"
#include "schemas/json_diff.h"
#include "snapshots/restore.h"

/* A snapshot as it is, until the replay has come to it. */
typedef struct expectation {
    int64_t version;
    int64_t offset;
    uint8_t *value; /* owned; NULL: a tombstone */
    size_t value_size;
    bool finished;
    bool compared;
    bool reported; /* that it is missing, or too old */
} expectation;

typedef struct verification {
    const stele_verify_options *options;
    stele_verify_counts *counts;
    stele_partition source;
    stele_states *states;   /* of the replay */
    stele_parked *parked;   /* what is set aside */
    stele_states *restored; /* of the snapshots, for those that an older schema wrote */
    stele_table *expected;
    stele_past *past;
    stele_past_partition here;
    int64_t position;
    stele_buffer bytes, others;
    stele_buffer from, to, changes; /* JSON */
} verification;

static void partition_clear(verification *v)
{
    stele_table_cursor cursor = {0};
    expectation *one;
    while (v->expected != NULL && (one = stele_table_next(v->expected, &cursor)) != NULL)
        free(one->value);
    stele_table_free(v->expected);
    stele_states_free(v->states);
    stele_states_free(v->restored);
    stele_parked_free(v->parked);
    v->parked = NULL;
    v->expected = NULL;
    v->states = v->restored = NULL;
}

static void verification_clear(verification *v)
{
    partition_clear(v);
    stele_past_close(v->past);
    stele_buffer_clear(&v->bytes);
    stele_buffer_clear(&v->others);
    stele_buffer_clear(&v->from);
    stele_buffer_clear(&v->to);
    stele_buffer_clear(&v->changes);
}
STELE_VALUE_SCOPE(verification, verification_clear);

static void report_change(verification *v, stele_bytes id, const char *text, stele_bytes changes)
{
    v->counts->findings++;
    stele_verify_finding finding = {v->source.index, id, text, changes};
    if (v->options->each != NULL) v->options->each(v->options->context, &finding);
}

static void report(verification *v, stele_bytes id, const char *text)
{
    report_change(v, id, text, (stele_bytes){NULL, 0});
}

/* Another draw in each run, for the table's hash has a seed by chance. */
static bool is_drawn(const verification *v, stele_bytes id)
{
    return v->options->one_in <= 1 || stele_table_hash(v->expected, id) % v->options->one_in == 0;
}

static stele_status expect_one(void *context, const stele_snapshot *snapshot, stele_error *err)
{
    verification *v = context;
    if (!is_drawn(v, snapshot->id)) return STELE_OK;
    stele_status status = stele_states_restore(v->restored, snapshot, err);
    if (status < 0) return status;
    expectation *one = stele_table_insert(v->expected, snapshot->id, NULL);
    free(one->value); /* the id is not too long: the states have taken it */
    *one = (expectation){
        .version = snapshot->version, .offset = snapshot->offset, .finished = snapshot->finished};
    if (snapshot->value.data == NULL) return STELE_OK;
    one->value_size = snapshot->value.size;
    one->value = stele_alloc(one->value_size);
    memcpy(one->value, snapshot->value.data, one->value_size);
    return STELE_OK;
}

static stele_status expect_letter(void *context, int64_t offset, stele_bytes stored,
                                  stele_error *err)
{
    verification *v = context;
    stele_dead_event *letter = NULL;
    stele_status status =
        stored.data == NULL ? STELE_OK : stele_dead_event_read(offset, stored, &letter, err);
    if (status == STELE_OK) stele_parked_restore(v->parked, offset, letter);
    return status;
}

/* The payload as it is, or, where an older schema wrote it, what it means today. */
static stele_status same_bytes(verification *v, stele_bytes id, stele_entry *entry,
                               const expectation *one, bool *same, stele_error *err)
{
    const stele_type *type = v->options->projection->state;
    stele_buffer_reset(&v->bytes);
    stele_status status = stele_encode(type, stele_entry_state(entry), &v->bytes, err);
    if (status < 0) return status;
    int32_t schema_id;
    stele_bytes payload;
    *same = stele_wire_split(stele_bytes_of(one->value, one->value_size), &schema_id, &payload) &&
            stele_bytes_equal(payload, stele_buffer_view(&v->bytes));
    if (*same) return STELE_OK;
    stele_buffer_reset(&v->others);
    stele_entry *restored = stele_table_find(stele_states_table(v->restored), id);
    status = stele_encode(type, stele_entry_state(restored), &v->others, err);
    *same = status == STELE_OK &&
            stele_bytes_equal(stele_buffer_view(&v->others), stele_buffer_view(&v->bytes));
    return status;
}

/* What differs, by path. */
static stele_status report_values(verification *v, stele_bytes id, stele_entry *entry,
                                  const expectation *one, stele_error *err)
{
    const stele_type *type = v->options->projection->state;
    stele_entry *restored = stele_table_find(stele_states_table(v->restored), id);
    stele_buffer_reset(&v->from);
    stele_buffer_reset(&v->to);
    stele_buffer_reset(&v->changes);
    stele_status status =
        stele_json_write(type, stele_entry_state(restored), STELE_JSON_PLAIN, &v->from, err);
    if (status == STELE_OK)
        status = stele_json_write(type, stele_entry_state(entry), STELE_JSON_PLAIN, &v->to, err);
    if (status < 0) return status;
    stele_json_diff(stele_buffer_view(&v->from), stele_buffer_view(&v->to), &v->changes);
    char text[160];
    stele_message_format(text, sizeof text,
                         "the snapshot of version %" PRId64 " has other bytes than a replay makes",
                         one->version);
    report_change(v, id, text, stele_buffer_view(&v->changes));
    return STELE_OK;
}

static void write_companion(const verification *v, stele_states *states, stele_bytes id,
                            stele_buffer *out)
{
    const stele_companion *companion = v->options->companion;
    stele_entry *entry = stele_table_find(stele_states_table(states), id);
    stele_buffer_reset(out);
    companion->write(companion->context, stele_states_companion(states, entry), out);
}

/* Both are written as today's program does, so that what it keeps less of is no difference. */
static bool has_same_companion(verification *v, stele_bytes id)
{
    if (v->options->companion == NULL) return true;
    write_companion(v, v->states, id, &v->bytes);
    write_companion(v, v->restored, id, &v->others);
    return stele_bytes_equal(stele_buffer_view(&v->bytes), stele_buffer_view(&v->others));
}

static stele_status compare(verification *v, stele_bytes id, stele_entry *entry, expectation *one,
                            stele_error *err)
{
    char text[160];
    one->compared = true;
    v->counts->snapshots++;
    bool finished = (entry->flags & STELE_ENTRY_FINISHED) != 0;
    if (one->version != entry->version) {
        snprintf(text, sizeof text,
                 "version %" PRId64 " at offset %" PRId64 ", a replay makes %" PRId64, one->version,
                 one->offset, entry->version);
        report(v, id, text);
        return STELE_OK;
    }
    if (one->finished != finished) {
        report(v, id,
               finished ? "not marked as finished, a replay finishes it"
                        : "marked as finished, a replay does not finish it");
        return STELE_OK;
    }
    if (!has_same_companion(v, id)) {
        snprintf(text, sizeof text,
                 "the header %s of the snapshot of version %" PRId64
                 " is another one than a replay makes",
                 v->options->companion->header, one->version);
        report(v, id, text);
    }
    if (one->value == NULL) return STELE_OK;
    bool same;
    stele_status status = same_bytes(v, id, entry, one, &same, err);
    if (status < 0 || same) return status;
    return report_values(v, id, entry, one, err);
}

/* After one event: is there a snapshot of just this moment, or should there be one of a later one?
 */
static stele_status look_at(verification *v, const stele_record *record, stele_error *err)
{
    const stele_parked_key *aside = stele_parked_find(v->parked, record->key);
    if (aside != NULL && aside->first->offset <= record->offset) {
        v->counts->set_aside++;
        return STELE_OK;
    }
    stele_entry *entry = stele_table_find(stele_states_table(v->states), record->key);
    if (entry != NULL && record->offset >= entry->offset) return STELE_OK; /* late, passed over */
    expectation *one = stele_table_find(v->expected, record->key);
    if (one != NULL && one->offset == record->offset + 1)
        return compare(v, record->key, entry, one, err);
    bool covered = v->here.has_checkpoint && record->offset < v->here.next_offset;
    if (!covered || (one != NULL && (one->reported || one->offset > record->offset)))
        return STELE_OK;
    if (one == NULL) one = stele_table_insert(v->expected, record->key, NULL);
    one->reported = true;
    char text[160];
    snprintf(text, sizeof text,
             "no snapshot behind its event at offset %" PRId64
             ", although the checkpoint is at %" PRId64,
             record->offset, v->here.next_offset);
    report(v, record->key, text);
    return STELE_OK;
}

static int take_events(void *context, const stele_batch *batch, stele_error *err)
{
    verification *v = context;
    for (size_t i = 0; i < batch->count; i++) {
        if (!is_drawn(v, batch->records[i].key)) continue;
        stele_batch single = *batch;
        single.records = &batch->records[i];
        single.count = 1;
        single.next_offset = batch->records[i].offset + 1;
        const stele_record *last = NULL;
        stele_deadline until = stele_past_deadline(v->past);
        stele_status status;
        do {
            status = stele_states_take(v->states, &single, &v->position, &last, err);
        } while (status < 0 && stele_bounded_read_wait_to_retry(until, v->options->stop, err));
        if (status == STELE_OK) status = look_at(v, &batch->records[i], err);
        if (status < 0) return status;
        v->counts->events++;
    }
    return STELE_OK;
}

static void report_unreached(verification *v)
{
    stele_table_cursor cursor = {0};
    expectation *one;
    while ((one = stele_table_next(v->expected, &cursor)) != NULL) {
        if (one->compared || one->reported) continue;
        char text[160];
        snprintf(text, sizeof text,
                 "a snapshot of version %" PRId64 " behind offset %" PRId64
                 ", where the log has no event of it",
                 one->version, one->offset);
        report(v, stele_table_key(v->expected, one), text);
    }
}

static stele_status read_events(verification *v, stele_error *err)
{
    stele_bounded_read_start start = {v->source, 0};
    return stele_bounded_read(v->options->log,
                              &(stele_bounded_read_options){.starts = &start,
                                                            .count = 1,
                                                            .deadline = v->options->deadline,
                                                            .patience_ms = v->options->patience_ms,
                                                            .stop = v->options->stop,
                                                            .take = take_events,
                                                            .context = v},
                              err);
}

/* A letter whose event a snapshot has already: its worker has applied it, and ended, or has not
 * come to removing it yet. */
static void drop_applied(verification *v)
{
    for (size_t i = v->parked->changed_count; i-- > 0;) {
        const stele_dead_event *letter = v->parked->changed[i];
        if (stele_states_have(v->restored, letter))
            stele_parked_restore(v->parked, letter->offset, NULL);
    }
}

static stele_status verify_partition(verification *v, stele_error *err)
{
    stele_states_options states = {.projection = v->options->projection,
                                   .registry = v->options->registry,
                                   .partition = v->source.index,
                                   .partitions = stele_past_partitions(v->past),
                                   .companion = v->options->companion};
    uint64_t seed;
    stele_random_bytes(stele_log_runtime(v->options->log), &seed, sizeof seed);
    v->parked = stele_parked_new(NULL, seed);
    stele_status status = stele_states_new(&states, &v->restored, err);
    if (status < 0) return status;
    states.parked = v->parked;
    states.parks = states.refuses = v->options->parks;
    if ((status = stele_states_new(&states, &v->states, err)) < 0) return status;
    v->expected = stele_table_new(sizeof(expectation), seed);
    v->position = 0;
    /* Snapshots first: what they stand behind is in the log by then. */
    status = stele_past_read(v->past, v->source.index, expect_one, v, &v->here, err);
    if (status < 0) return status;
    if (v->here.log_start > 0)
        return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                          "%s/%d begins at offset %" PRId64
                          ": without the events before it there is nothing to compare with",
                          v->source.topic, (int)v->source.index, v->here.log_start);
    drop_applied(v);
    stele_parked_restored(v->parked);
    status = read_events(v, err);
    if (status == STELE_OK) report_unreached(v);
    return status;
}

static stele_status verify_each(void *context, int32_t index, stele_error *err)
{
    verification *v = context;
    v->source.index = index;
    stele_status status = verify_partition(v, err);
    partition_clear(v);
    return status;
}

stele_status stele_verify(const stele_verify_options *options, stele_verify_counts *out,
                          stele_error *err)
{
    *out = (stele_verify_counts){0};
    const stele_projection *projection = options->projection;
    STELE_AUTO(char) events = stele_events_topic(projection->source->name);
    STELE_AUTO_VALUE(verification)
    v = {.options = options, .counts = out, .source = {.topic = events}};
    stele_past_options past = {.log = options->log,
                               .registry = options->registry,
                               .projection = projection->name,
                               .version = projection->version,
                               .events = events,
                               .companion =
                                   options->companion == NULL ? NULL : options->companion->header,
                               .letter = expect_letter,
                               .deadline = options->deadline,
                               .patience_ms = options->patience_ms,
                               .stop = options->stop};
    STELE_AUTO(char) snapshots = stele_snapshots_topic(projection->name, projection->version);
    stele_log_topic found;
    stele_status status = stele_log_topic_describe(
        options->log, snapshots, stele_deadline_remaining_ms(stele_past_piece(&past), 60000),
        &found, err);
    if (status == STELE_OK) status = stele_past_open(&past, &v.past, err);
    if (status == STELE_OK)
        status = stele_past_walk(v.past, verify_each, options->left_out, &v, options->context, err);
    return status;
}
