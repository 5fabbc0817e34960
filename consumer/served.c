/* SPDX-License-Identifier: MIT
 * The record that says which version is served: its value, and reading and writing it. */
#include "consumer/served.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "consumer/status.h"
#include "core/alloc.h"
#include "core/date.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/bounded_read.h"

enum { ASK_MS = 1000 /* one question to the broker, before it is asked again */ };

/* ---- the value ---- */

stele_status stele_served_parse(stele_bytes value, stele_served *out, stele_error *err)
{
    json_t *json =
        value.size > STELE_SERVED_VALUE_MAX
            ? NULL
            : json_loadb((const char *)value.data, value.size, JSON_REJECT_DUPLICATES, NULL);
    json_int_t version = json_integer_value(json_object_get(json, "version"));
    const char *since = json_string_value(json_object_get(json, "since"));
    stele_served read = {.version = (int)version, .is_chosen = true};
    bool is_valid = version >= 1 && version <= INT32_MAX && since != NULL &&
                    stele_parse_timestamp(stele_text(since), STELE_TIME_MILLIS, &read.since_ms,
                                          NULL) == STELE_OK;
    json_decref(json);
    if (!is_valid)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "expected {\"version\": N, \"since\": TIME}, of %d bytes at most",
                          STELE_SERVED_VALUE_MAX);
    *out = read;
    return STELE_OK;
}

/* ---- reading ---- */

typedef struct reading {
    const char *topic;
    stele_served last;
    stele_error failure; /* of the last record */
} reading;

static int take(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    reading *of = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (!stele_bytes_equal(record->key, stele_text(STELE_SERVED_KEY))) continue;
        of->last = (stele_served){0};
        of->failure = (stele_error){0};
        stele_error why = {0};
        if (record->value.data != NULL && stele_served_parse(record->value, &of->last, &why) < 0)
            stele_fail(&of->failure, why.status, why.next,
                       "%s/%d/%" PRId64 ": %s; `switch` writes it again", of->topic,
                       (int)batch->partition.index, record->offset, why.text);
    }
    return STELE_OK;
}

stele_status stele_served_read(stele_log *log, const char *projection, stele_deadline deadline,
                               stele_served *out, stele_error *err)
{
    STELE_AUTO(char) topic = stele_control_topic(projection);
    const stele_partition partition = {topic, 0};
    reading of = {.topic = topic};
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
    if (of.failure.status < 0) {
        *err = of.failure;
        return of.failure.status;
    }
    *out = of.last;
    return STELE_OK;
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

stele_status stele_served_find(stele_log *log, const char *projection, stele_served_by by,
                               stele_deadline deadline, stele_served *out, stele_error *err)
{
    stele_served chosen;
    stele_status status = stele_served_read(log, projection, deadline, &chosen, err);
    if (status < 0) return status;
    if (!chosen.is_chosen) {
        lowest of = {.projection = projection, .by = by};
        status = stele_status_read(log, NULL, deadline, take_line, &of, err);
        if (status < 0) return status;
        chosen.version = of.version;
    }
    *out = chosen;
    return STELE_OK;
}

/* ---- writing ---- */

static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    (void)opaque, (void)position;
    if (failure != NULL) *(stele_error *)context = *failure;
}

stele_status stele_served_write(stele_log *log, const char *projection, int version,
                                int64_t since_ms, int timeout_ms, stele_error *err)
{
    char since[STELE_DATE_TEXT_MAX + 1];
    stele_format_timestamp(since_ms, STELE_TIME_MILLIS, since);
    STELE_AUTO(char) topic = stele_control_topic(projection);
    STELE_AUTO(char)
    value = stele_strdup_format("{\"version\":%d,\"since\":\"%s\"}", version, since);
    stele_error failure = {0};
    const stele_log_producer_options options = {
        .compression = "none", .delivered = on_delivered, .context = &failure};
    const stele_log_entry entry = {
        .partition = {topic, 0}, .key = stele_text(STELE_SERVED_KEY), .value = stele_text(value)};
    STELE_AUTO(stele_log_producer) producer = NULL;
    stele_status status = stele_log_producer_open(log, &options, &producer, err);
    if (status == STELE_OK) status = stele_log_producer_put(producer, &entry, err);
    if (status == STELE_OK) status = stele_log_producer_flush(producer, timeout_ms, err);
    if (status == STELE_OK && failure.status < 0) *err = failure;
    return status < 0 ? status : failure.status;
}
