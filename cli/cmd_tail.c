/* SPDX-License-Identifier: MIT
 * `tail`: the last events of an aggregate's topic, or all from a place on, and with --follow those
 * to come. Within a partition in order; partitions as they arrive. */
#include "cli/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "consumer/event_line.h"
#include "kafka/bounded_read.h"
#include "core/alloc.h"
#include "core/date.h"
#include "core/names.h"
#include "core/text.h"
#include "registry/client.h"

enum { FOLLOW_WAIT_MS = 200, STRAYS_MAX = 20 };

/* What --from says. */
typedef struct place {
    bool is_given;
    int64_t offset;
    int64_t time_ms; /* -1: the offset counts */
} place;

typedef struct tail {
    stele_cli *cli;
    stele_log *log;
    stele_event_lines *lines;
    const char *topic;
    int32_t partitions;
    stele_bounded_read_start *starts; /* one per partition; moves on with what was taken */
    place from;
    bool keep_last; /* hold back all but the last `keep_max` lines */
    size_t keep_max;
    struct kept {
        int64_t time_ms;
        char *line;
    } * kept; /* the last lines by time, oldest first */
    size_t kept_count;
    size_t strays; /* events in partitions where their key does not belong */
    stele_buffer line;
} tail;

static void tail_clear(tail *t)
{
    for (size_t i = 0; i < t->kept_count; i++)
        free(t->kept[i].line);
    free(t->kept);
    free(t->starts);
    stele_event_lines_free(t->lines);
    stele_buffer_clear(&t->line);
}
STELE_VALUE_SCOPE(tail, tail_clear);

/* Keep a line among the last ones by time; lines of equal time stay in the order they came. */
static void keep_line(tail *t, int64_t time_ms, const char *line)
{
    bool full = t->kept_count == t->keep_max;
    if (full && time_ms < t->kept[0].time_ms) return;
    if (full) {
        free(t->kept[0].line);
        memmove(t->kept, t->kept + 1, (t->kept_count - 1) * sizeof *t->kept);
        t->kept_count--;
    }
    size_t at = t->kept_count;
    while (at > 0 && t->kept[at - 1].time_ms > time_ms)
        at--;
    memmove(t->kept + at + 1, t->kept + at, (t->kept_count - at) * sizeof *t->kept);
    t->kept[at] = (struct kept){time_ms, stele_strdup(line)};
    t->kept_count++;
}

/* The event is printed all the same. */
static void look_for_stray(tail *t, stele_partition partition, const stele_record *record)
{
    bool say = t->strays < STRAYS_MAX;
    if (!stele_cli_is_stray(t->cli, partition, record, t->partitions, say)) return;
    t->strays++;
    if (t->strays == STRAYS_MAX)
        stele_cli_fail(t->cli, STELE_EXIT_FOUND, "more such events are not named");
}

static int take_batch(void *context, const stele_batch *batch, stele_error *err)
{
    tail *t = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        stele_buffer_reset(&t->line);
        stele_status status = stele_event_lines_write(t->lines, batch, record, 0, &t->line, err);
        if (status < 0 && err->next != STELE_NEXT_REJECT) return status;
        look_for_stray(t, batch->partition, record);
        if (status < 0)
            stele_cli_fail(t->cli, STELE_EXIT_FAILED, "%s", err->text);
        else if (t->keep_last)
            keep_line(t, record->timestamp_ms, stele_buffer_text(&t->line));
        else
            stele_cli_print_json(t->cli->out, stele_buffer_view(&t->line));
    }
    t->starts[batch->partition.index].offset = batch->next_offset;
    return STELE_OK;
}

/* "beginning" is offset 0: what is before the first event begins with it. */
static stele_status parse_from(const char *from, place *out, stele_error *err)
{
    *out = (place){.is_given = from != NULL, .time_ms = -1};
    if (from == NULL || strcmp(from, "beginning") == 0) return STELE_OK;
    if (stele_parse_int64(stele_text(from), 0, INT64_MAX, &out->offset, NULL) == STELE_OK)
        return STELE_OK;
    if (stele_parse_timestamp(stele_text(from), STELE_TIME_MILLIS, &out->time_ms, NULL) == STELE_OK)
        return STELE_OK;
    return stele_fail(
        err, STELE_E_INVALID, STELE_NEXT_STOP,
        "--from %s: expected beginning, an offset, or a time like 2026-01-31T12:00:00Z", from);
}

static stele_status find_start(tail *t, int32_t index, stele_error *err)
{
    stele_bounded_read_start *start = &t->starts[index];
    start->partition = (stele_partition){t->topic, index};
    int64_t first, end;
    stele_status status = stele_log_bounds(t->log, start->partition, STELE_READ_COMMITTED,
                                           t->cli->timeout_ms, &first, &end, err);
    if (status < 0) return status;
    if (!t->from.is_given) {
        /* The last ones of all are among the last ones of each; markers take offsets too. */
        start->offset = end - 2 * (int64_t)t->keep_max - 16;
    } else if (t->from.time_ms < 0) {
        start->offset = t->from.offset;
    } else {
        status = stele_log_offset_at(t->log, start->partition, t->from.time_ms, t->cli->timeout_ms,
                                     &start->offset, err);
        if (status < 0) return status;
        if (start->offset == STELE_OFFSET_NONE) start->offset = end;
    }
    if (start->offset < first) start->offset = first;
    if (start->offset > end) start->offset = end;
    return STELE_OK;
}

static stele_status find_starts(tail *t, stele_error *err)
{
    stele_log_topic found;
    stele_status status =
        stele_log_topic_describe(t->log, t->topic, t->cli->timeout_ms, &found, err);
    if (status < 0) return status;
    t->partitions = found.partitions;
    t->starts = stele_alloc_array((size_t)found.partitions, sizeof *t->starts);
    for (int32_t i = 0; i < found.partitions; i++)
        if ((status = find_start(t, i, err)) < 0) return status;
    return STELE_OK;
}

/* Ids that are known already may have come to mean something else. */
static stele_status await_registry(tail *t, stele_error *err)
{
    stele_registry *registry = stele_client_registry(t->cli->client);
    stele_status status;
    while ((status = stele_registry_check(registry, err)) < 0 && err->next == STELE_NEXT_RETRY &&
           !atomic_load(t->cli->stop))
        stele_sleep_ms(stele_log_runtime(t->log), FOLLOW_WAIT_MS);
    return status;
}

static stele_status follow(tail *t, stele_error *err)
{
    STELE_AUTO(stele_log_reader) reader = NULL;
    stele_status status = stele_log_reader_open(t->log, NULL, &reader, err);
    for (int32_t i = 0; i < t->partitions && status == STELE_OK; i++)
        status = stele_log_reader_start(reader, t->starts[i].partition, t->starts[i].offset, err);
    while (status == STELE_OK && !atomic_load(t->cli->stop)) {
        STELE_AUTO_VALUE(stele_batch) batch = {0};
        status = stele_log_reader_next(reader, FOLLOW_WAIT_MS, &batch, err);
        if (status == STELE_E_TIMED_OUT) {
            status = STELE_OK;
            continue;
        }
        if (status < 0) break;
        if (batch.status < 0) {
            *err = batch.error;
            return batch.status;
        }
        if ((status = await_registry(t, err)) < 0) break;
        status = (stele_status)take_batch(t, &batch, err);
        if (fflush(t->cli->out) != 0) break; /* whoever read it has gone */
    }
    return status;
}

stele_exit stele_cmd_tail(stele_cli *cli, const stele_arguments *arguments)
{
    place from;
    stele_error err = {0};
    if (parse_from(stele_arguments_text(arguments, "from", NULL), &from, &err) < 0)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "tail: %s", err.text);
    if (from.is_given && stele_arguments_int(arguments, "lines", 0) > 0)
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "tail: --lines goes without --from: it counts from the end");
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    STELE_AUTO(char)
    topic = stele_events_topic(stele_arguments_operand(arguments, 0));
    STELE_AUTO_VALUE(tail)
    t = {
        .cli = cli,
        .log = stele_client_log(client),
        .topic = topic,
        .from = from,
        .keep_last = !from.is_given,
        .keep_max = (size_t)stele_arguments_int(arguments, "lines", 10),
    };
    t.kept = stele_alloc_array(t.keep_max + 1, sizeof *t.kept);
    t.lines = stele_event_lines_new(stele_client_registry(client), cli->timeout_ms);
    if (find_starts(&t, &err) < 0)
        return stele_cli_fail_topic(cli, stele_arguments_operand(arguments, 0), &err);

    stele_bounded_read_options options = {
        .starts = t.starts,
        .count = (size_t)t.partitions,
        .deadline = stele_deadline_after(stele_clock_system(), cli->timeout_ms),
        .stop = cli->stop,
        .take = take_batch,
        .context = &t,
    };
    stele_status status = stele_bounded_read(t.log, &options, &err);
    for (size_t i = 0; i < t.kept_count; i++)
        stele_cli_print_json(cli->out, stele_text(t.kept[i].line));
    fflush(cli->out);
    t.keep_last = false;
    if (status == STELE_OK && stele_arguments_flag(arguments, "follow")) status = follow(&t, &err);
    if (status < 0 && status != STELE_E_INTERRUPTED) return stele_cli_fail_error(cli, &err);
    return STELE_EXIT_DONE;
}
