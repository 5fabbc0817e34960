/* SPDX-License-Identifier: MIT
 * The reading of post.h. */
#include "post.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/names.h"
#include "core/table.h"
#include "kafka/bounded_read.h"

typedef struct reading {
    post found;
    stele_table *seen; /* ids of commands -> how often */
    bool is_dead;
} reading;

static void copy_header(const stele_batch *batch, const stele_record *record, const char *name,
                        char *to, size_t size)
{
    stele_bytes value = {0};
    stele_log_batch_header(batch, record, name, &value);
    if (value.size >= size) value.size = size - 1;
    if (value.size > 0) memcpy(to, value.data, value.size);
    to[value.size] = '\0';
}

static int take(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    reading *self = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        stele_bytes id;
        bool has_id =
            stele_log_batch_header(batch, record, self->is_dead ? "ce_id" : "ce_causationid", &id);
        int *times = has_id ? stele_table_insert(self->seen, id, NULL) : NULL;
        if (times != NULL && ++*times == 2) self->found.twice++;
        if (self->is_dead) {
            self->found.dead++;
            copy_header(batch, record, "stele_dead_code", self->found.code,
                        sizeof self->found.code);
            copy_header(batch, record, "stele_dead_reason", self->found.reason,
                        sizeof self->found.reason);
            copy_header(batch, record, "stele_dead_position", self->found.position,
                        sizeof self->found.position);
        } else {
            self->found.done++;
        }
    }
    return STELE_OK;
}

static stele_status read_topic(reading *self, stele_log *log, const char *topic, int32_t partitions,
                               stele_deadline by, stele_error *err)
{
    stele_status status = STELE_OK;
    for (int32_t i = 0; i < partitions && status == STELE_OK; i++) {
        stele_bounded_read_start start = {{topic, i}, STELE_OFFSET_NONE};
        stele_bounded_read_options options = {
            .starts = &start, .count = 1, .deadline = by, .take = take, .context = self};
        status = stele_bounded_read(log, &options, err);
    }
    return status;
}

stele_status post_read(stele_log *log, const char *aggregate, int32_t partitions, int64_t count,
                       stele_deadline by, post *out, stele_error *err)
{
    STELE_AUTO(char) events = stele_events_topic(aggregate);
    STELE_AUTO(char) dead = stele_commands_dead_topic(aggregate);
    reading self = {.seen = stele_table_new(sizeof(int), 0)};
    stele_status status = read_topic(&self, log, events, partitions, by, err);
    self.is_dead = true;
    if (status == STELE_OK) status = read_topic(&self, log, dead, partitions, by, err);
    for (int64_t i = 0; i < count; i++) {
        STELE_AUTO(char) id = stele_strdup_format("c-%" PRId64, i);
        if (stele_table_find(self.seen, stele_text(id)) == NULL) self.found.missing++;
    }
    stele_table_free(self.seen);
    if (status == STELE_OK) *out = self.found;
    return status;
}
