/* SPDX-License-Identifier: MIT
 * The reading side of `_stele.status`. A record that is not understood spoils its own row and no
 * other: the topic is for people, and another version of Stele may write to it. */
#include "consumer/status.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "kafka/bounded_read.h"
#include "core/alloc.h"
#include "core/date.h"
#include "core/names.h"
#include "core/message.h"
#include "core/table.h"
#include "core/text.h"

/* What a key's records say, as JSON text; owned. */
typedef struct last_line {
    char *json;       /* NULL: a tombstone */
    int64_t time_ms;  /* of `json`; -1: it has none that is understood */
    int64_t taken_ms; /* when its worker was given the partition; 0: it was not */
} last_line;

static int64_t time_at(const json_t *line, const char *name, int64_t otherwise)
{
    int64_t time_ms = otherwise;
    const char *time = json_string_value(json_object_get(line, name));
    if (time != NULL) stele_parse_timestamp(stele_text(time), STELE_TIME_MILLIS, &time_ms, NULL);
    return time_ms;
}

static void read_times(last_line *of)
{
    json_t *line = json_loads(of->json, 0, NULL);
    of->time_ms = time_at(line, "time", -1);
    of->taken_ms = time_at(line, "taken", 0);
    json_decref(line);
}

/* A worker that was frozen sends what it had to say when it wakes up, after the word of the one
 * that took its place, and may repeat itself until it hears of that. So an older word does not
 * replace a newer one, and the word of an earlier owner none that is fresh; but a word from the
 * future, of a clock that is wrong, is in no one's way. */
static bool is_outdated(const last_line *last, const last_line *next, int64_t now_ms)
{
    if (last->json == NULL || last->time_ms > now_ms || next->time_ms < 0) return false;
    bool is_older = next->time_ms < last->time_ms;
    bool is_fresh = next->time_ms - last->time_ms <= STELE_STATUS_AGE_MS;
    return is_older || (is_fresh && next->taken_ms < last->taken_ms);
}

typedef struct reading {
    stele_table *lines;
    int64_t now_ms;
} reading;

static int keep_last(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    reading *r = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (record->key.data == NULL) continue;
        last_line *line = stele_table_insert(r->lines, record->key, NULL);
        if (line == NULL) continue;
        char *json = record->value.data == NULL
                         ? NULL
                         : stele_strndup((const char *)record->value.data, record->value.size);
        last_line next = {.json = json, .time_ms = -1};
        if (json != NULL) read_times(&next);
        if (json != NULL && is_outdated(line, &next, r->now_ms)) {
            free(json);
            continue;
        }
        free(line->json);
        *line = next;
    }
    return STELE_OK;
}

/* "customers.v1/customer.events/3" in three. */
static bool split_key(char *key, stele_status_line *line)
{
    stele_status_row row;
    if (!stele_status_key_parse(key, &row)) return false;
    line->name = row.group;
    line->topic = row.topic;
    line->partition = row.partition;
    return true;
}

static bool parse_state(const char *name, stele_partition_state *state)
{
    for (int i = 0; i < STELE_STATE_UNKNOWN; i++) {
        if (strcmp(stele_partition_state_name((stele_partition_state)i), name) != 0) continue;
        *state = (stele_partition_state)i;
        return true;
    }
    return false;
}

static bool parse_line(json_t *json, stele_status_line *line)
{
    const char *state;
    const char *since;
    const char *time;
    json_int_t position;
    if (json_unpack(json, "{s:s, s:s, s:s, s:I, s:F, s:s, s:s}", "instance", &line->instance,
                    "state", &state, "reason", &line->reason, "position", &position, "rate",
                    &line->rate, "since", &since, "time", &time) != 0)
        return false;
    line->position = position;
    line->is_over = json_is_true(json_object_get(json, "ended"));
    json_t *parked = json_object_get(json, "parked");
    line->parked_aggregates = json_integer_value(json_object_get(parked, "aggregates"));
    line->parked_events = json_integer_value(json_object_get(parked, "events"));
    const char *address = json_string_value(json_object_get(json, "address"));
    line->address = address == NULL ? "" : address;
    json_int_t sources = json_integer_value(json_object_get(json, "sources"));
    line->sources = sources > 0 && sources <= INT16_MAX ? (int)sources : 0;
    line->reset_ms = json_integer_value(json_object_get(json, "reset"));
    return isfinite(line->rate) && line->rate < 1e12 && parse_state(state, &line->state) &&
           stele_parse_timestamp(stele_text(since), STELE_TIME_MILLIS, &line->since_ms, NULL) ==
               STELE_OK &&
           stele_parse_timestamp(stele_text(time), STELE_TIME_MILLIS, &line->time_ms, NULL) ==
               STELE_OK;
}

/* What no one has repeated may be over, but why it was so is still worth knowing. */
static void make_unknown(stele_status_line *line, int64_t now_ms, char *text, size_t size)
{
    if (line->time_ms > now_ms)
        stele_message_format(text, size, "its worker's clock is %" PRId64 " s ahead of this one",
                             (line->time_ms - now_ms) / 1000);
    else if (line->reason[0] != '\0')
        stele_message_format(text, size, "last said: %s: %s",
                             stele_partition_state_name(line->state), line->reason);
    else
        stele_message_format(text, size, "last said: %s", stele_partition_state_name(line->state));
    line->reason = text;
    line->state = STELE_STATE_UNKNOWN;
    line->is_over = true;
}

/* A record that is not understood is a row all the same: somebody wrote it, and it can be dropped.
 */
static void make_obscure(stele_status_line *line)
{
    line->instance = line->address = "";
    line->state = STELE_STATE_UNKNOWN;
    line->is_over = true;
    line->reason = "its record in " STELE_STATUS_TOPIC " is not understood";
    line->position = -1;
    line->rate = 0;
    line->since_ms = line->time_ms = 0;
}

static void hand_out_line(stele_bytes key, const char *json_text, const char *name, int64_t now_ms,
                          stele_status_each *each, void *context)
{
    STELE_AUTO(char) text = stele_strndup((const char *)key.data, key.size);
    stele_status_line line = {0};
    if (strlen(text) != key.size || !split_key(text, &line)) return;
    if (name != NULL && strcmp(name, line.name) != 0) return;
    json_t *json = json_loads(json_text, 0, NULL);
    char said[2 * STELE_ERROR_TEXT_MAX];
    if (json == NULL || !parse_line(json, &line))
        make_obscure(&line);
    else if (now_ms - line.time_ms > STELE_STATUS_AGE_MS ||
             line.time_ms - now_ms > STELE_STATUS_AGE_MS)
        make_unknown(&line, now_ms, said, sizeof said);
    each(context, &line);
    json_decref(json);
}

static void hand_out(const stele_table *lines, const char *name, int64_t now_ms,
                     stele_status_each *each, void *context)
{
    stele_table_cursor cursor = {0};
    last_line *last;
    while ((last = stele_table_next(lines, &cursor)) != NULL)
        if (last->json != NULL)
            hand_out_line(stele_table_key(lines, last), last->json, name, now_ms, each, context);
}

static void free_lines(stele_table *lines)
{
    stele_table_cursor cursor = {0};
    last_line *last;
    while ((last = stele_table_next(lines, &cursor)) != NULL)
        free(last->json);
    stele_table_free(lines);
}

stele_status stele_status_read(stele_log *log, const char *name, stele_deadline deadline,
                               stele_status_each *each, void *context, stele_error *err)
{
    stele_table *lines = stele_table_new(sizeof(last_line), 0);
    reading r = {lines, stele_clock_now_ms(stele_log_clock(log))};
    stele_bounded_read_start start = {{STELE_STATUS_TOPIC, 0}, STELE_OFFSET_NONE};
    /* No one writes here in transactions: one that another program leaves open holds nothing up. */
    stele_bounded_read_options options = {.starts = &start,
                                          .count = 1,
                                          .isolation = STELE_READ_UNCOMMITTED,
                                          .deadline = deadline,
                                          .take = keep_last,
                                          .context = &r};
    stele_error own;
    if (err == NULL) err = &own;
    stele_status status = stele_bounded_read(log, &options, err);
    if (status == STELE_E_NOT_FOUND) status = STELE_OK;
    if (status == STELE_OK) hand_out(lines, name, r.now_ms, each, context);
    free_lines(lines);
    return status;
}

static void on_forgotten(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    (void)opaque;
    (void)position;
    stele_error *first = context;
    if (failure != NULL && first->status == STELE_OK) *first = *failure;
}

stele_status stele_status_forget(stele_log *log, const stele_status_row *rows, size_t count,
                                 int timeout_ms, stele_error *err)
{
    if (count == 0) return STELE_OK;
    STELE_AUTO(stele_log_producer) producer = NULL;
    stele_error failure = {0};
    stele_log_producer_options options = {
        .compression = "none", .delivered = on_forgotten, .context = &failure};
    stele_status status = stele_log_producer_open(log, &options, &producer, err);
    for (size_t i = 0; i < count && status == STELE_OK; i++) {
        STELE_AUTO(char) key = stele_status_key(rows[i].group, rows[i].topic, rows[i].partition);
        stele_log_entry tombstone = {.partition = {STELE_STATUS_TOPIC, 0}, .key = stele_text(key)};
        status = stele_log_producer_put(producer, &tombstone, err);
    }
    if (status == STELE_OK) status = stele_log_producer_flush(producer, timeout_ms, err);
    if (status < 0 || failure.status == STELE_OK) return status;
    if (err != NULL) *err = failure;
    return failure.status;
}
