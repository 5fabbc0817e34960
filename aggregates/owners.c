/* SPDX-License-Identifier: MIT
 * Owners' records, written and read. */
#include "aggregates/owners.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "core/alloc.h"
#include "core/date.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/bounded_read.h"
#include "kafka/topic_spec.h"

void stele_owner_write(const stele_owner *owner, stele_buffer *out)
{
    char time[48];
    stele_format_timestamp(owner->time_ms, STELE_TIME_MILLIS, time);
    stele_buffer_format(out, "{\"term\":%" PRId64 ",\"instance\":", owner->term);
    stele_show_json(out, stele_text(owner->instance));
    stele_buffer_format(out, ",\"address\":");
    stele_show_json(out, stele_text(owner->address));
    stele_buffer_format(out, ",\"time\":\"%s\"}", time);
}

static bool read_text(const json_t *of, const char *name, char out[STELE_OWNER_TEXT_MAX + 1])
{
    const json_t *value = json_object_get(of, name);
    size_t size = json_string_length(value);
    if (!json_is_string(value) || size > STELE_OWNER_TEXT_MAX) return false;
    memcpy(out, json_string_value(value), size + 1);
    return true;
}

static bool read_time(const json_t *of, int64_t *out)
{
    const char *text = json_string_value(json_object_get(of, "time"));
    return text != NULL &&
           stele_parse_timestamp(stele_text(text), STELE_TIME_MILLIS, out, NULL) == STELE_OK;
}

bool stele_owner_read(stele_bytes json, stele_owner *out)
{
    json_t *of = json_loadb((const char *)json.data, json.size, 0, NULL);
    stele_owner found = {.term = json_integer_value(json_object_get(of, "term"))};
    bool is_fine = found.term > 0 && read_text(of, "instance", found.instance) &&
                   read_text(of, "address", found.address) && read_time(of, &found.time_ms);
    json_decref(of);
    if (is_fine) *out = found;
    return is_fine;
}

static const stele_topic_setting settings[] = {
    {.name = "cleanup.policy",
     .value = "compact",
     .danger = "the records of owners would be deleted while they own"},
};

stele_status stele_owners_ensure(stele_log *log, const char *events, int timeout_ms,
                                 stele_error *err)
{
    stele_log_topic of_events;
    stele_status status = stele_log_topic_describe(log, events, timeout_ms, &of_events, err);
    if (status < 0) return status;
    stele_topic_spec spec = {.name = STELE_OWNERS_TOPIC,
                             .partitions = 1,
                             .replication = of_events.replication,
                             .settings = settings,
                             .setting_count = sizeof settings / sizeof settings[0]};
    stele_log_topic found;
    return stele_topic_ensure(log, &spec, timeout_ms, &found, err);
}

typedef struct reading {
    const char *topic;
    int64_t *terms;
    int32_t count;
} reading;

static int take(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    const reading *self = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        stele_bytes topic;
        int32_t partition;
        stele_owner owner;
        if (!stele_owner_key_parse(record->key, &topic, &partition) ||
            !stele_bytes_equal(topic, stele_text(self->topic)) || partition >= self->count ||
            record->value.data == NULL || !stele_owner_read(record->value, &owner))
            continue;
        if (owner.term > self->terms[partition]) self->terms[partition] = owner.term;
    }
    return STELE_OK;
}

stele_status stele_owners_read_terms(stele_log *log, const char *topic, stele_deadline by,
                                     int64_t *terms, int32_t count, stele_error *err)
{
    memset(terms, 0, (size_t)count * sizeof *terms);
    reading self = {topic, terms, count};
    stele_bounded_read_start start = {{STELE_OWNERS_TOPIC, 0}, STELE_OFFSET_NONE};
    return stele_bounded_read(log,
                              &(stele_bounded_read_options){.starts = &start,
                                                            .count = 1,
                                                            .isolation = STELE_READ_UNCOMMITTED,
                                                            .deadline = by,
                                                            .take = take,
                                                            .context = &self},
                              err);
}
