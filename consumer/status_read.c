/* SPDX-License-Identifier: MIT
 * The reading side of `_stele.status`. What is not understood is left out: the topic is for people,
 * and another version of Stele may write to it. */
#include "consumer/status.h"

#include <jansson.h>

#include "consumer/read.h"
#include "core/alloc.h"
#include "core/date.h"
#include "core/names.h"
#include "core/message.h"
#include "core/table.h"
#include "core/text.h"

/* The last value of a key, as JSON text; owned. */
typedef struct last_line {
    char *json; /* NULL: a tombstone */
} last_line;

static int keep_last(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    stele_table *lines = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (record->key.data == NULL) continue;
        last_line *line = stele_table_insert(lines, record->key, NULL);
        if (line == NULL) continue;
        free(line->json);
        line->json = record->value.data == NULL
                         ? NULL
                         : stele_strndup((const char *)record->value.data, record->value.size);
    }
    return STELE_OK;
}

static bool split_key(char *key, stele_status_line *line)
{
    stele_status_row name;
    if (!stele_status_key_parse(key, &name)) return false;
    line->name = name.group;
    line->topic = name.topic;
    line->partition = name.partition;
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
    return parse_state(state, &line->state) &&
           stele_parse_timestamp(stele_text(since), STELE_TIME_MILLIS, &line->since_ms, NULL) ==
               STELE_OK &&
           stele_parse_timestamp(stele_text(time), STELE_TIME_MILLIS, &line->time_ms, NULL) ==
               STELE_OK;
}

/* What nobody has repeated may be over, but why it was so is still worth to know. */
static void make_unknown(stele_status_line *line, char *text, size_t size)
{
    text[0] = '\0';
    if (line->reason[0] != '\0')
        stele_message_format(text, size, "last said: %s: %s",
                             stele_partition_state_name(line->state), line->reason);
    line->reason = text;
    line->state = STELE_STATE_UNKNOWN;
}

static void hand_out(const stele_table *lines, const char *name, int64_t now_ms,
                     stele_status_each *each, void *context)
{
    stele_table_cursor cursor = {0};
    last_line *last;
    while ((last = stele_table_next(lines, &cursor)) != NULL) {
        if (last->json == NULL) continue;
        stele_bytes key = stele_table_key(lines, last);
        STELE_AUTO(char) text = stele_strndup((const char *)key.data, key.size);
        stele_status_line line = {0};
        json_t *json = json_loads(last->json, 0, NULL);
        if (split_key(text, &line) && (name == NULL || strcmp(name, line.name) == 0) &&
            json != NULL && parse_line(json, &line)) {
            char last_said[2 * STELE_ERROR_TEXT_MAX];
            if (now_ms - line.time_ms > STELE_STATUS_AGE_MS)
                make_unknown(&line, last_said, sizeof last_said);
            each(context, &line);
        }
        json_decref(json);
    }
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
    stele_read_start start = {{STELE_STATUS_TOPIC, 0}, STELE_OFFSET_NONE};
    stele_read_options options = {
        .starts = &start, .count = 1, .deadline = deadline, .take = keep_last, .context = lines};
    stele_error own;
    if (err == NULL) err = &own;
    stele_status status = stele_bounded_read(log, &options, err);
    if (status == STELE_E_NOT_FOUND) status = STELE_OK;
    if (status == STELE_OK)
        hand_out(lines, name, stele_clock_now_ms(stele_log_clock(log)), each, context);
    free_lines(lines);
    return status;
}
