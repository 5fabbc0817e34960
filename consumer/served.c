/* SPDX-License-Identifier: MIT
 * The records that say which version is served: their value, and reading and writing them. */
#include "consumer/served.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "consumer/status.h"
#include "core/alloc.h"
#include "core/bug.h"
#include "core/date.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/bounded_read.h"
#include "kafka/topic_spec.h"

enum {
    ASK_MS = 1000, /* one question to the broker, before it is asked again */
    TOPIC_MS = 5000
};

/* ---- the value ---- */

stele_status stele_served_parse(stele_bytes value, stele_served *out, int64_t *after,
                                stele_error *err)
{
    json_t *json =
        value.size > STELE_SERVED_VALUE_MAX
            ? NULL
            : json_loadb((const char *)value.data, value.size, JSON_REJECT_DUPLICATES, NULL);
    json_int_t version = json_integer_value(json_object_get(json, "version"));
    const json_t *behind = json_object_get(json, "after");
    json_int_t offset = json_integer_value(behind);
    const char *since = json_string_value(json_object_get(json, "since"));
    stele_served read = {.version = (int)version, .is_chosen = true, .offset = -1};
    bool is_valid = version >= 1 && version <= INT32_MAX && json_is_integer(behind) &&
                    offset >= -1 && since != NULL &&
                    stele_parse_timestamp(stele_text(since), STELE_TIME_MILLIS, &read.since_ms,
                                          NULL) == STELE_OK;
    json_decref(json);
    if (!is_valid)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "expected {\"version\": N, \"after\": OFFSET, \"since\": TIME}, of %d "
                          "bytes at most",
                          STELE_SERVED_VALUE_MAX);
    *out = read;
    *after = offset;
    return STELE_OK;
}

/* ---- reading ---- */

static const stele_served none = {.offset = -1};

typedef struct reading {
    const char *topic;
    stele_served last;
    stele_error failure; /* of the last record */
} reading;

/* One that is not understood is not passed over: a newer program may have written it. */
static void take_record(reading *of, stele_partition partition, const stele_record *record)
{
    stele_served read = none;
    int64_t after = of->last.offset;
    stele_error why = {0};
    if (!stele_bytes_equal(record->key, stele_text(STELE_SERVED_KEY))) return;
    stele_status status = stele_served_parse(record->value, &read, &after, &why);
    if (after != of->last.offset && !STELE_BUG("a choice is not compared")) return;
    of->last = read;
    of->last.offset = record->offset;
    of->failure = (stele_error){0};
    if (status < 0)
        stele_fail(&of->failure, why.status, why.next, "%s: %s; `switch` writes it again",
                   stele_position_format(of->topic, partition.index, record->offset).text,
                   why.text);
}

static int take(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    for (size_t i = 0; i < batch->count; i++)
        take_record(context, batch->partition, &batch->records[i]);
    return STELE_OK;
}

stele_status stele_served_read(stele_log *log, const char *projection, stele_deadline deadline,
                               stele_served *out, stele_error *err)
{
    STELE_AUTO(char) topic = stele_control_topic(projection);
    const stele_partition partition = {topic, 0};
    reading of = {.topic = topic, .last = none};
    int64_t start, end;
    stele_error own;
    if (err == NULL) err = &own;
    /* Most projections have none, and that costs one question. */
    stele_status status =
        stele_log_bounds(log, partition, STELE_READ_UNCOMMITTED,
                         stele_deadline_remaining_ms(deadline, ASK_MS), &start, &end, err);
    if (status == STELE_OK && end > start) {
        const stele_bounded_read_start begin = {partition, STELE_OFFSET_NONE};
        const stele_bounded_read_options options = {.starts = &begin,
                                                    .count = 1,
                                                    .isolation = STELE_READ_UNCOMMITTED,
                                                    .deadline = deadline,
                                                    .take = take,
                                                    .context = &of};
        status = stele_bounded_read(log, &options, err);
    }
    if (status < 0 && status != STELE_E_NOT_FOUND) return status;
    *out = of.last;
    if (of.failure.status < 0) *err = of.failure;
    return of.failure.status;
}

typedef struct lowest {
    const char *projection;
    stele_served_by by;
    int version;
} lowest;

static void take_line(void *context, const stele_status_line *line)
{
    lowest *of = context;
    stele_projection_name name;
    if (line->is_over || !stele_projection_group_parse(stele_text(line->name), &name) ||
        !stele_bytes_equal(name.projection, stele_text(of->projection)))
        return;
    if (of->by == STELE_SERVED_BY_HTTP && line->address[0] == '\0') return;
    if (of->version == 0 || name.version < of->version) of->version = name.version;
}

static stele_status find_lowest(stele_log *log, const char *projection, stele_served_by by,
                                stele_deadline deadline, int *out, stele_error *err)
{
    lowest of = {.projection = projection, .by = by};
    stele_status status = stele_status_read(log, NULL, deadline, take_line, &of, err);
    if (status == STELE_OK) *out = of.version;
    return status;
}

stele_status stele_served_find(stele_log *log, const char *projection, stele_served_by by,
                               stele_deadline deadline, stele_served *out, stele_error *err)
{
    stele_served chosen;
    int lowest_alive = 0;
    stele_status status = stele_served_read(log, projection, deadline, &chosen, err);
    if (status < 0 || chosen.is_chosen) {
        if (status == STELE_OK) *out = chosen;
        return status;
    }
    /* Whoever is seen to run may have begun after the first one was written down: look again. */
    status = find_lowest(log, projection, by, deadline, &lowest_alive, err);
    if (status == STELE_OK) status = stele_served_read(log, projection, deadline, &chosen, err);
    if (status < 0) return status;
    if (!chosen.is_chosen) chosen.version = lowest_alive;
    *out = chosen;
    return STELE_OK;
}

/* ---- writing ---- */

/* What was chosen stays for as long as the topic does. */
static stele_status ensure(stele_log *log, const char *topic, int16_t replication,
                           stele_deadline deadline, stele_error *err)
{
#define LOST "which version readers have would be lost"
    static const stele_topic_setting settings[] = {
        {.name = "cleanup.policy", .value = "delete", .danger = LOST},
        {.name = "retention.ms", .value = "-1", .danger = LOST},
        {.name = "retention.bytes", .value = "-1", .danger = LOST}};
#undef LOST
    const stele_topic_spec spec = {.name = topic,
                                   .partitions = 1,
                                   .replication = replication,
                                   .settings = settings,
                                   .setting_count = sizeof settings / sizeof settings[0]};
    stele_log_topic found;
    stele_status status;
    do {
        int ask_ms = stele_deadline_remaining_ms(deadline, TOPIC_MS);
        status = stele_topic_ensure(log, &spec, ask_ms, &found, err);
    } while (status < 0 && stele_bounded_read_wait_to_retry(deadline, NULL, err));
    return status;
}

static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    (void)opaque, (void)position;
    if (failure != NULL) *(stele_error *)context = *failure;
}

static stele_status put(stele_log *log, const char *topic, const stele_served_choice *choice,
                        stele_deadline deadline, stele_error *err)
{
    char since[STELE_DATE_TEXT_MAX + 1];
    stele_format_timestamp(choice->since_ms, STELE_TIME_MILLIS, since);
    STELE_AUTO(char)
    value = stele_strdup_format("{\"version\":%d,\"after\":%" PRId64 ",\"since\":\"%s\"}",
                                choice->version, choice->after, since);
    stele_error failure = {0};
    const stele_log_producer_options options = {
        .compression = "none", .delivered = on_delivered, .context = &failure};
    const stele_log_entry entry = {
        .partition = {topic, 0}, .key = stele_text(STELE_SERVED_KEY), .value = stele_text(value)};
    STELE_AUTO(stele_log_producer) producer = NULL;
    stele_status status = stele_log_producer_open(log, &options, &producer, err);
    if (status == STELE_OK) status = stele_log_producer_put(producer, &entry, err);
    if (status == STELE_OK)
        status = stele_log_producer_flush(producer,
                                          stele_deadline_remaining_ms(deadline, INT32_MAX), err);
    if (status == STELE_OK && failure.status < 0) *err = failure;
    return status < 0 ? status : failure.status;
}

stele_status stele_served_choose(stele_log *log, const stele_served_choice *choice,
                                 stele_deadline deadline, stele_served *out, stele_error *err)
{
    STELE_AUTO(char) topic = stele_control_topic(choice->projection);
    stele_error own;
    if (err == NULL) err = &own;
    stele_served chosen;
    stele_status status = ensure(log, topic, choice->replication, deadline, err);
    const stele_fact fact = {
        .what = "chooses", .subject = choice->projection, .topic = topic, .value = choice->version};
    stele_probe(stele_log_runtime(log), &fact);
    if (status == STELE_OK) status = put(log, topic, choice, deadline, err);
    if (status == STELE_OK)
        status = stele_served_read(log, choice->projection, deadline, &chosen, err);
    if (status < 0) return status;
    *out = chosen;
    if (chosen.version == choice->version) return STELE_OK;
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "someone else has let readers of %s have version %d meanwhile",
                      choice->projection, chosen.version);
}

stele_status stele_served_settle(stele_log *log, const char *projection, int version,
                                 const char *events, stele_deadline deadline, stele_error *err)
{
    stele_served served;
    stele_log_topic source;
    stele_error own;
    if (err == NULL) err = &own;
    stele_status status =
        stele_served_find(log, projection, STELE_SERVED_BY_HTTP, deadline, &served, err);
    if (status < 0 || served.is_chosen) return status;
    status = stele_log_topic_describe(log, events, stele_deadline_remaining_ms(deadline, ASK_MS),
                                      &source, err);
    if (status < 0) return status;
    bool is_first = served.version == 0 || served.version > version;
    const stele_served_choice choice = {.projection = projection,
                                        .version = is_first ? version : served.version,
                                        .after = served.offset,
                                        .since_ms = stele_clock_now_ms(stele_log_clock(log)),
                                        .replication = source.replication};
    status = stele_served_choose(log, &choice, deadline, &served, err);
    return status == STELE_E_CONFLICT ? STELE_OK : status; /* then it is settled, too */
}
