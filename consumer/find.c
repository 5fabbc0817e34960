/* SPDX-License-Identifier: MIT
 * Which of a list of event ids are in the log: one bounded read of the topic. */
#include <stele/publisher.h>

#include <stdlib.h>

#include "kafka/bounded_read.h"
#include "core/alloc.h"
#include "core/bug.h"
#include "core/names.h"
#include "core/table.h"
#include "core/text.h"
#include "core/uuid.h"
#include "registry/client.h"

enum { TIMEOUT_MS = 30000, IDS_MAX = 1000000 };

typedef struct finder {
    stele_log *log;
    stele_table *ids; /* stele_uuid: has it been seen? bool */
    size_t missing;
    stele_deadline deadline;
    char *topic;
    stele_bounded_read_start *starts;
    size_t count;
} finder;

static void finder_clear(finder *f)
{
    stele_table_free(f->ids);
    free(f->topic);
    free(f->starts);
}
STELE_VALUE_SCOPE(finder, finder_clear);

static stele_status list_ids(finder *f, const stele_find_options *options, stele_error *err)
{
    if (options->count > IDS_MAX)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                          "%zu ids, the limit is %d: ask for them in parts", options->count,
                          IDS_MAX);
    f->ids = stele_table_new(sizeof(bool), 0);
    for (size_t i = 0; i < options->count; i++) {
        stele_uuid id;
        if (options->ids[i] == NULL || stele_uuid_parse(stele_text(options->ids[i]), &id, NULL) < 0)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                              "id %zu is %s: not a UUID, 8-4-4-4-12 hexadecimal digits", i,
                              stele_quote(stele_text(options->ids[i])).text);
        bool is_new;
        stele_table_insert(f->ids, stele_bytes_of(&id, sizeof id), &is_new);
        f->missing += is_new;
    }
    return STELE_OK;
}

static int time_left(const finder *f)
{
    return stele_deadline_remaining_ms(f->deadline, TIMEOUT_MS);
}

/* A partition without a record of that time or later is not read. */
static stele_status find_starts(finder *f, int64_t since_ms, stele_error *err)
{
    stele_log_topic described;
    stele_status status = stele_log_topic_describe(f->log, f->topic, time_left(f), &described, err);
    if (status < 0) return status;
    f->starts = stele_alloc_array((size_t)described.partitions, sizeof *f->starts);
    for (int32_t i = 0; i < described.partitions; i++) {
        stele_bounded_read_start start = {{f->topic, i}, STELE_OFFSET_NONE};
        if (since_ms > 0) {
            status = stele_log_offset_at(f->log, start.partition, since_ms, time_left(f),
                                         &start.offset, err);
            if (status < 0) return status;
            if (start.offset == STELE_OFFSET_NONE) continue;
            if (STELE_BUG("search begins one record late")) start.offset++;
        }
        f->starts[f->count++] = start;
    }
    return STELE_OK;
}

static int take(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    finder *f = context;
    for (size_t i = 0; i < batch->count && f->missing > 0; i++) {
        stele_bytes text;
        stele_uuid id;
        if (!stele_log_batch_header(batch, &batch->records[i], "ce_id", &text)) continue;
        if (stele_uuid_parse(text, &id, NULL) < 0) continue;
        bool *seen = stele_table_find(f->ids, stele_bytes_of(&id, sizeof id));
        if (seen == NULL || *seen) continue;
        *seen = true;
        f->missing--;
    }
    return f->missing == 0 ? STELE_BOUNDED_READ_ENOUGH : STELE_OK;
}

stele_status stele_events_find(stele_client *client, const stele_find_options *options, bool *found,
                               stele_error *err)
{
    stele_log *log = stele_client_log(client);
    int timeout_ms = options->timeout_ms == 0 ? TIMEOUT_MS : options->timeout_ms;
    STELE_AUTO_VALUE(finder)
    f = {.log = log,
         .deadline = stele_deadline_after(stele_log_clock(log), timeout_ms),
         .topic = stele_events_topic(options->aggregate)};
    stele_status status;
    if ((status = list_ids(&f, options, err)) < 0) return status;
    if ((status = find_starts(&f, options->since_ms, err)) < 0) return status;
    const stele_bounded_read_options read = {
        .starts = f.starts,
        .count = f.count,
        .deadline = f.deadline,
        .take = take,
        .context = &f,
    };
    if (f.count > 0 && (status = stele_bounded_read(log, &read, err)) < 0) return status;
    for (size_t i = 0; i < options->count; i++) {
        stele_uuid id;
        stele_uuid_parse(stele_text(options->ids[i]), &id, NULL);
        found[i] = *(bool *)stele_table_find(f.ids, stele_bytes_of(&id, sizeof id));
    }
    return STELE_OK;
}
