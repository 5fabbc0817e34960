/* SPDX-License-Identifier: MIT
 * Events as JSON lines: what is around the value, and the value by its own schema. */
#include "consumer/event_line.h"

#include <stele/json.h>

#include <inttypes.h>
#include <stdlib.h>

#include "core/text.h"
#include "consumer/value_reader.h"
#include "core/alloc.h"
#include "core/date.h"

struct stele_event_lines {
    stele_value_reader *reader;
};

stele_event_lines *stele_event_lines_new(stele_registry *registry, int timeout_ms)
{
    stele_event_lines *lines = stele_alloc(sizeof *lines);
    lines->reader = stele_value_reader_new(registry, timeout_ms);
    return lines;
}

void stele_event_lines_free(stele_event_lines *lines)
{
    if (lines == NULL) return;
    stele_value_reader_free(lines->reader);
    free(lines);
}

static void append_header(const stele_batch *batch, const stele_record *record, const char *name,
                          bool number, stele_buffer *out)
{
    stele_bytes value;
    if (!stele_log_batch_header(batch, record, name, &value) || value.data == NULL) {
        stele_buffer_append(out, stele_text("null"));
        return;
    }
    bool digits = value.size > 0 && value.size < 20;
    for (size_t i = 0; i < value.size; i++)
        digits = digits && value.data[i] >= '0' && value.data[i] <= '9';
    if (number && digits)
        stele_buffer_append(out, value);
    else
        stele_show_json(out, value);
}

static void append_time(int64_t time_ms, stele_buffer *out)
{
    stele_buffer_append(out, stele_text(",\"time\":"));
    if (time_ms < 0) {
        stele_buffer_append(out, stele_text("null"));
        return;
    }
    char text[STELE_DATE_TEXT_MAX + 1];
    stele_format_timestamp(time_ms, STELE_TIME_MILLIS, text);
    stele_buffer_format(out, "\"%s\"", text);
}

static void append_head(const stele_batch *batch, const stele_record *record, const char *type,
                        int64_t version, stele_buffer *out)
{
    stele_buffer_format(out, "{\"type\":\"%s\",\"event_id\":", type);
    append_header(batch, record, "ce_id", false, out);
    stele_buffer_append(out, stele_text(",\"id\":"));
    stele_show_json(out, record->key);
    stele_buffer_append(out, stele_text(",\"version\":"));
    if (version > 0)
        stele_buffer_format(out, "%" PRId64, version);
    else
        append_header(batch, record, "ce_aggregateversion", true, out);
    append_time(record->timestamp_ms, out);
    stele_buffer_format(out, ",\"position\":\"%s/%" PRId32 "/%" PRId64 "\",\"data\":",
                        batch->partition.topic, batch->partition.index, record->offset);
}

stele_status stele_event_lines_write(stele_event_lines *lines, const stele_batch *batch,
                                     const stele_record *record, int64_t version, stele_buffer *out,
                                     stele_error *err)
{
    const stele_type *type = NULL;
    const void *value = NULL;
    stele_error cause = {0};
    stele_status status;
    if (record->key.data == NULL)
        status = stele_fail(&cause, STELE_E_INVALID, STELE_NEXT_REJECT, "the record has no key");
    else if (record->value.data == NULL)
        status = stele_fail(&cause, STELE_E_INVALID, STELE_NEXT_REJECT, "the record has no value");
    else
        status = stele_value_reader_read(lines->reader, record->value, &type, &value, &cause);
    if (status < 0)
        return stele_fail(err, status, cause.next, "%s/%" PRId32 "/%" PRId64 ": not an event: %s",
                          batch->partition.topic, batch->partition.index, record->offset,
                          cause.text);
    append_head(batch, record, type->name, version, out);
    status = stele_json_write(type, value, STELE_JSON_PLAIN, out, err);
    stele_buffer_push(out, '}');
    return status;
}
