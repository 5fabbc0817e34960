/* SPDX-License-Identifier: MIT
 * Reading the letters of a projection, and how far its partitions are. A letter whose event the
 * state of its aggregate has is none: its worker has applied it, and not removed it yet. */
#include "cli/dlq_office.h"

#include <stdlib.h>
#include <string.h>

#include "cli/sql.h"
#include "cli/stored_states.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/partitioner.h"
#include "registry/client.h"
#include "snapshots/format.h"

static void clear_part(stele_office_part *part)
{
    stele_parked_free(part->letters);
    stele_table_free(part->firsts);
}

void stele_office_clear(stele_office *o)
{
    for (size_t i = 0; i < o->count; i++)
        clear_part(&o->parts[i]);
    for (size_t i = 0; o->topics != NULL && i < o->count; i++)
        free(o->topics[i]);
    free(o->topics);
    stele_sql_store_free(o->store);
    free(o->parts);
    free(o->starts);
    free(o->snapshots);
    free(o->group);
    free(o->source);
    stele_value_reader_free(o->reader);
    stele_buffer_clear(&o->line);
}

/* ---- letters ---- */

size_t stele_office_letter_count(const stele_office_part *part)
{
    return part->letters->changed_count;
}

const stele_dead_event *stele_office_letter(const stele_office_part *part, size_t index)
{
    return part->letters->changed[index];
}

const stele_dead_event *stele_office_find(const stele_office_part *part, int64_t offset)
{
    size_t from = 0, to = stele_office_letter_count(part);
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (stele_office_letter(part, middle)->offset < offset)
            from = middle + 1;
        else
            to = middle;
    }
    bool is_there =
        from < stele_office_letter_count(part) && stele_office_letter(part, from)->offset == offset;
    return is_there ? stele_office_letter(part, from) : NULL;
}

bool stele_office_is_first(const stele_office_part *part, const stele_dead_event *letter)
{
    const int64_t *first = stele_table_find(part->firsts, stele_parked_id(letter->key));
    return first != NULL && *first == letter->offset;
}

static void find_firsts(stele_office_part *part)
{
    stele_table_free(part->firsts);
    part->firsts = stele_table_new(sizeof(int64_t), 0);
    for (size_t i = stele_office_letter_count(part); i-- > 0;) {
        const stele_dead_event *letter = stele_office_letter(part, i);
        if (letter->state == STELE_DEAD_STATE_DISCARDED) continue;
        int64_t *first = stele_table_insert(part->firsts, stele_parked_id(letter->key), NULL);
        *first = letter->offset;
    }
}

/* ---- the snapshots topic ---- */

static stele_status take_letter(stele_office *o, stele_office_part *part,
                                const stele_record *record, stele_error *err)
{
    stele_bytes topic;
    int32_t index;
    int64_t offset;
    stele_dead_event *letter = NULL;
    if (!stele_dead_key_parse(record->key, &topic, &index, &offset)) return STELE_OK;
    if (o->source == NULL) o->source = stele_strndup((const char *)topic.data, topic.size);
    stele_status status = record->value.data == NULL
                              ? STELE_OK
                              : stele_dead_event_read(offset, record->value, &letter, err);
    if (status < 0) return status;
    if (letter != NULL) stele_table_insert(part->firsts, stele_parked_id(letter->key), NULL);
    stele_parked_restore(part->letters, offset, letter);
    return STELE_OK;
}

/* A state is stored before the letters that are in it are removed. */
static void drop_applied(stele_office_part *part, const stele_snapshot *snapshot)
{
    if (stele_table_find(part->firsts, snapshot->id) == NULL) return;
    for (size_t i = stele_office_letter_count(part); i-- > 0;) {
        const stele_dead_event *letter = stele_office_letter(part, i);
        if (letter->state != STELE_DEAD_STATE_DISCARDED && letter->offset < snapshot->offset &&
            stele_bytes_equal(letter->key, snapshot->id))
            stele_parked_restore(part->letters, letter->offset, NULL);
    }
}

static stele_status take_one(stele_office *o, stele_office_part *part, const stele_batch *batch,
                             const stele_record *record, stele_error *err)
{
    stele_snapshot snapshot;
    if (record->key.data == NULL) return STELE_OK;
    if (stele_id_is_reserved(record->key)) return take_letter(o, part, record, err);
    if (stele_snapshot_read(batch, record, NULL, &snapshot, NULL) == STELE_OK)
        drop_applied(part, &snapshot);
    return STELE_OK;
}

static int take(void *context, const stele_batch *batch, stele_error *err)
{
    stele_office *o = context;
    stele_status status = STELE_OK;
    stele_office_part *part = &o->parts[batch->partition.index];
    for (size_t i = 0; i < batch->count && status == STELE_OK; i++)
        status = take_one(o, part, batch, &batch->records[i], err);
    o->starts[batch->partition.index].offset = batch->next_offset;
    return status;
}

/* Before the letters: an event below the position that has no letter then has had its turn. */
static void find_positions(stele_office *o)
{
    for (size_t i = 0; i < o->count && o->source != NULL; i++) {
        stele_office_part *part = &o->parts[i];
        int64_t offset;
        part->source.topic = o->source;
        if (stele_log_group_offset(o->log, o->group, part->source, o->cli->timeout_ms, &offset,
                                   NULL) == STELE_OK &&
            offset != STELE_OFFSET_NONE)
            part->position = offset;
    }
}

static stele_status look_into_snapshots(stele_office *o, stele_error *err)
{
    find_positions(o);
    return stele_bounded_read(
        o->log,
        &(stele_bounded_read_options){.starts = o->starts,
                                      .count = o->count,
                                      .stable = true,
                                      .deadline = stele_deadline_after(stele_clock_system(), -1),
                                      .patience_ms = o->cli->timeout_ms,
                                      .stop = o->cli->stop,
                                      .take = take,
                                      .context = o},
        err);
}

stele_status stele_office_look_again(stele_office *o, stele_error *err)
{
    stele_status status =
        o->store != NULL ? stele_office_look_into_database(o, err) : look_into_snapshots(o, err);
    for (size_t i = 0; status == STELE_OK && i < o->count; i++)
        find_firsts(&o->parts[i]);
    return status;
}

typedef struct fetched {
    stele_dead_event *letter;
    bool is_there;
} fetched;

static int take_value(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    fetched *f = context;
    if (batch->count == 0) return STELE_OK;
    f->is_there = batch->records[0].offset == f->letter->offset;
    if (f->is_there) stele_dead_event_fill(f->letter, batch->records[0].value);
    return STELE_BOUNDED_READ_ENOUGH;
}

stele_status stele_office_fetch(stele_office *o, stele_office_part *part, int64_t offset,
                                stele_error *err)
{
    fetched f = {.letter = (stele_dead_event *)stele_office_find(part, offset)};
    stele_bounded_read_start start = {part->source, offset};
    stele_status status = stele_bounded_read(
        o->log,
        &(stele_bounded_read_options){.starts = &start,
                                      .count = 1,
                                      .stable = true,
                                      .deadline = stele_deadline_after(stele_clock_system(), -1),
                                      .patience_ms = o->cli->timeout_ms,
                                      .stop = o->cli->stop,
                                      .take = take_value,
                                      .context = &f},
        err);
    if (status < 0 || f.is_there) return status;
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                      "%s: the event is not in the log any more",
                      stele_position_format(part->source.topic, part->source.index, offset).text);
}

/* ---- opening ---- */

static stele_status find_source(stele_office *o, stele_error *err)
{
    const stele_projection *projection = stele_cli_projection(o->cli, o->name);
    if (projection != NULL) {
        o->source = stele_events_topic(projection->source->name);
        return STELE_OK;
    }
    return stele_past_source(o->log, o->snapshots, (int32_t)o->count,
                             stele_deadline_after(stele_clock_system(), o->cli->timeout_ms),
                             o->cli->stop, &o->source, err);
}

static stele_status open_snapshots(stele_office *o, stele_error *err)
{
    stele_log_topic topic;
    stele_error why;
    int timeout_ms = o->cli->timeout_ms;
    stele_status status = stele_stored_topic(o->log, o->name, timeout_ms, &o->snapshots, &why);
    if (status == STELE_E_NOT_FOUND)
        return stele_fail(err, status, why.next,
                          "%s; if its rows are in a database, -c FILE has to name that: store = … "
                          "in [projection %s]",
                          why.text, o->name);
    if (status == STELE_OK)
        status = stele_log_topic_describe(o->log, o->snapshots, timeout_ms, &topic, &why);
    if (status < 0) {
        *err = why;
        return status;
    }
    o->count = (size_t)topic.partitions;
    stele_bytes group = stele_snapshots_topic_parse(o->snapshots, NULL);
    o->group = stele_strndup((const char *)group.data, group.size);
    o->parts = stele_alloc_array(o->count, sizeof *o->parts);
    o->starts = stele_alloc_array(o->count, sizeof *o->starts);
    for (size_t i = 0; i < o->count; i++) {
        o->parts[i] = (stele_office_part){.source = {NULL, (int32_t)i},
                                          .letters = stele_parked_new(NULL, 0),
                                          .firsts = stele_table_new(sizeof(int64_t), 0),
                                          .position = -1};
        o->starts[i] = (stele_bounded_read_start){{o->snapshots, (int32_t)i}, STELE_OFFSET_NONE};
    }
    return find_source(o, err);
}

static bool is_in_database(const stele_office *o)
{
    STELE_AUTO(char) name = stele_sql_section_of(o->name);
    return stele_sql_names_store(stele_client_config(o->cli->client), name);
}

stele_status stele_office_open(stele_office *o, stele_error *err)
{
    stele_client *client = stele_cli_client(o->cli);
    o->log = stele_client_log(client);
    o->reader = stele_value_reader_new(stele_client_registry(client), o->cli->timeout_ms);
    stele_status status =
        is_in_database(o) ? stele_office_open_database(o, err) : open_snapshots(o, err);
    return status < 0 ? status : stele_office_look_again(o, err);
}

/* ---- positions ---- */

stele_status stele_office_parse(const stele_office *o, const char *text, stele_office_part **part,
                                int64_t *offset, stele_error *err)
{
    const char *colon = strchr(text, ':');
    stele_bytes topic;
    int32_t partition = -1;
    int64_t index = -1;
    bool is_short =
        colon != NULL &&
        stele_parse_int64(stele_bytes_of(text, (size_t)(colon - text)), 0, INT32_MAX, &index,
                          NULL) == STELE_OK &&
        stele_parse_int64(stele_text(colon + 1), 0, INT64_MAX, offset, NULL) == STELE_OK;
    if (is_short) partition = (int32_t)index;
    bool is_one = is_short || stele_position_parse(stele_text(text), &topic, &partition, offset);
    for (size_t i = 0; is_one && i < o->count; i++) {
        const stele_partition *source = &o->parts[i].source;
        if (source->index != partition) continue;
        if (!is_short && source->topic != NULL &&
            !stele_bytes_equal(topic, stele_text(source->topic)))
            continue;
        *part = &o->parts[i];
        return STELE_OK;
    }
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s is no position of an event of %s, such as %s/0/12, or 0:12",
                      stele_quote(stele_text(text)).text, o->name,
                      o->source == NULL ? "account.events" : o->source);
}

void stele_office_append(stele_buffer *line, const char *name, stele_bytes value)
{
    stele_buffer_format(line, ",\"%s\":", name);
    if (value.data == NULL)
        stele_buffer_append(line, stele_text("null"));
    else
        stele_show_json(line, value);
}
