/* SPDX-License-Identifier: MIT
 * `export`: events of a topic into a file. The topic is read twice, to the ends that it has at the
 * beginning: the schemas and the count are in the head of the file, before the first event. */
#include "cli/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/meter.h"
#include "cli/topic_name.h"
#include "cli/topic_walk.h"
#include "core/alloc.h"
#include "core/date.h"
#include "core/names.h"
#include "core/new_file.h"
#include "core/text.h"
#include "registry/client.h"
#include "registry/wire.h"
#include "snapshots/format.h"
#include "snapshots/last_event.h"

typedef struct export
{
    stele_cli *cli;
    stele_log *log;
    stele_registry *registry;
    stele_cli_topic topic;
    stele_event_range *ranges; /* one per partition */
    int64_t *starts;           /* where each begins */
    stele_bytes key;           /* null: all */
    stele_event_schemas schemas;
    stele_meter meter;
    int64_t counted, written, raw;
    int32_t first_raw_partition;
    int64_t first_raw_offset;
    stele_new_file file;
    stele_event_file_writer *writer;
}
export;

static void export_clear(export *e)
{
    stele_event_file_writer_free(e->writer);
    stele_new_file_clear(&e->file);
    stele_event_schemas_clear(&e->schemas);
    free(e->ranges);
    free(e->starts);
    stele_cli_topic_clear(&e->topic);
}
STELE_VALUE_SCOPE(export, export_clear);

/* ---- from where, up to where ---- */

/* What --from and --until say of one partition: a position in it, or a time. */
static stele_status place_in(const export *e, const char *option, const char *text,
                             int32_t partition, int64_t *out, stele_error *err)
{
    int32_t index;
    int64_t offset;
    int64_t time_ms;
    stele_bytes topic;
    if (stele_position_parse(stele_text(text), &topic, &index, &offset) &&
        stele_bytes_equal(topic, stele_text(e->topic.name))) {
        if (index >= e->topic.partitions)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "--%s %s: the topic has %d partitions", option, text,
                              (int)e->topic.partitions);
        if (index == partition) *out = offset;
        return STELE_OK;
    }
    if (stele_parse_timestamp(stele_text(text), STELE_TIME_MILLIS, &time_ms, NULL) < 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "--%s %s: expected a position like %s/0/1042, or a time like "
                          "2026-01-31T12:00:00Z",
                          option, text, e->topic.name);
    int64_t found;
    stele_status status = stele_log_offset_at(e->log, (stele_partition){e->topic.name, partition},
                                              time_ms, e->cli->timeout_ms, &found, err);
    if (status == STELE_OK) *out = found == STELE_OFFSET_NONE ? INT64_MAX : found;
    return status;
}

static stele_status find_places(const export *e, const stele_arguments *arguments,
                                const char *option, int32_t partition, int64_t *out,
                                stele_error *err)
{
    const char **texts = stele_arguments_list(arguments, option);
    stele_status status = STELE_OK;
    for (const char **text = texts; status == STELE_OK && *text != NULL; text++)
        status = place_in(e, option, *text, partition, out, err);
    free(texts);
    return status;
}

/* Is the topic the one that the file was made of, and does it have all that comes after it?
 * @param here  the partition's part that is to be exported; NULL: there is no such partition */
static stele_status check_part(const export *e, const char *path, const stele_event_range *part,
                               const stele_event_range *here, int64_t start, stele_error *err)
{
    const char *topic = e->topic.name;
    if (here == NULL || part->until > here->until)
        return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                          "--after %s: it has %s/%d up to %" PRId64
                          ", which the topic does not have: it was made again; export all of it",
                          path, topic, (int)part->partition, part->until);
    if (part->until < start)
        return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                          "--after %s: it has %s/%d up to %" PRId64
                          ", and the topic begins at %" PRId64
                          ": what was between has been deleted, and no file has it; export what "
                          "there is",
                          path, topic, (int)part->partition, part->until, start);
    stele_last_event last = {.source = {topic, part->partition},
                             .offset = part->last,
                             .hash = part->last_hash,
                             .group = topic};
    stele_deadline until = stele_deadline_after(stele_clock_system(), e->cli->timeout_ms);
    stele_status status = stele_last_event_read(e->log, &last, until, e->cli->stop, err);
    if (status != STELE_E_HOLE) return status;
    return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                      "--after %s: %s is another event than when the file was made: the "
                      "topic was made again; export all of it",
                      path, stele_position_format(topic, part->partition, part->last).text);
}

static stele_status check_key(const export *e, const char *path, stele_bytes key, stele_error *err)
{
    if (stele_bytes_equal(key, e->key)) return STELE_OK;
    STELE_AUTO(char)
    of = key.data == NULL ? stele_strdup("of all keys")
                          : stele_strdup_format("of the key %s alone", stele_quote(key).text);
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "--after %s: it has the events %s: export what comes after it with the same "
                      "--key, or all of the topic",
                      path, of);
}

/* Where another file has ended. */
static stele_status begin_after(export *e, const char *path, stele_error *err)
{
    STELE_AUTO(stele_event_file_reader) reader = NULL;
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, errno, "--after %s: %s",
                                path, strerror(errno));
    stele_status status = stele_event_file_reader_new(file, path, &reader, err);
    fclose(file);
    if (status < 0) return status;
    if (strcmp(stele_event_file_topic(reader), e->topic.name) != 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "--after %s: it is of %s, not of %s", path,
                          stele_event_file_topic(reader), e->topic.name);
    if ((status = check_key(e, path, stele_event_file_key(reader), err)) < 0) return status;
    size_t count;
    const stele_event_range *ranges = stele_event_file_ranges(reader, &count);
    for (size_t i = 0; i < count; i++) {
        int32_t partition = ranges[i].partition;
        bool is_there = partition < e->topic.partitions;
        stele_event_range *here = is_there ? &e->ranges[partition] : NULL;
        status = check_part(e, path, &ranges[i], here, is_there ? e->starts[partition] : 0, err);
        if (status < 0) return status;
        if (ranges[i].until > here->from) here->from = ranges[i].until;
        here->last = ranges[i].last; /* until there is a later one */
        here->last_hash = ranges[i].last_hash;
    }
    return STELE_OK;
}

static stele_status find_ranges(export *e, const stele_arguments *arguments, stele_error *err)
{
    e->ranges = stele_alloc_array((size_t)e->topic.partitions, sizeof *e->ranges);
    e->starts = stele_alloc_array((size_t)e->topic.partitions, sizeof *e->starts);
    stele_status status = STELE_OK;
    for (int32_t i = 0; status == STELE_OK && i < e->topic.partitions; i++) {
        stele_event_range *range = &e->ranges[i];
        int64_t start;
        int64_t end;
        range->partition = i;
        range->last = -1;
        status = stele_log_bounds(e->log, (stele_partition){e->topic.name, i}, STELE_READ_COMMITTED,
                                  e->cli->timeout_ms, &start, &end, err);
        range->from = e->starts[i] = start;
        range->until = end;
        if (status == STELE_OK) status = find_places(e, arguments, "from", i, &range->from, err);
        if (status == STELE_OK) status = find_places(e, arguments, "until", i, &range->until, err);
        if (range->from < start) range->from = start;
        if (range->until > end) range->until = end;
        if (range->from > range->until) range->from = range->until;
    }
    const char *before = stele_arguments_text(arguments, "after", NULL);
    return status < 0 || before == NULL ? status : begin_after(e, before, err);
}

/* ---- the two walks ---- */

static bool is_wanted(const export *e, const stele_moved_event *event)
{
    return e->key.data == NULL || stele_bytes_equal(e->key, event->key);
}

static stele_status count_event(void *context, const stele_moved_event *event, stele_error *err)
{
    export *e = context;
    int32_t id;
    stele_bytes payload;
    stele_event_range *range = &e->ranges[event->partition];
    const stele_record record = {
        .timestamp_ms = event->time_ms, .key = event->key, .value = event->value};
    range->last = event->offset;
    range->last_hash = stele_event_hash(&record);
    if (!is_wanted(e, event)) return STELE_OK;
    stele_meter_show(&e->meter, stele_clock_system(), ++e->counted);
    if (event->value.data == NULL || !stele_wire_split(event->value, &id, &payload))
        return STELE_OK;
    stele_event_schema *schema;
    stele_deadline until = stele_deadline_after(stele_clock_system(), e->cli->timeout_ms);
    return stele_event_schemas_ask(&e->schemas, e->registry, id, until, e->cli->stop, &schema, NULL,
                                   err);
}

static stele_status write_event(void *context, const stele_moved_event *event, stele_error *err)
{
    export *e = context;
    bool is_raw;
    if (!is_wanted(e, event)) return STELE_OK;
    stele_status status = stele_event_file_put(e->writer, event, &is_raw, err);
    if (status < 0) return status;
    if (is_raw && e->raw++ == 0) {
        e->first_raw_partition = event->partition;
        e->first_raw_offset = event->offset;
    }
    stele_meter_show(&e->meter, stele_clock_system(), ++e->written);
    return STELE_OK;
}

static stele_status walk(export *e, const char *verb, stele_moved_each *each, stele_error *err)
{
    stele_meter_clear(&e->meter);
    e->meter = (stele_meter){.out = e->cli->err,
                             .verb = verb,
                             .unit = "events",
                             .total = e->counted,
                             .terminal = e->cli->terminal};
    stele_meter_begin(&e->meter, stele_clock_system());
    stele_topic_walk how = {.log = e->log,
                            .topic = e->topic.name,
                            .ranges = e->ranges,
                            .count = (size_t)e->topic.partitions,
                            .patience_ms = e->cli->timeout_ms,
                            .stop = e->cli->stop};
    stele_status status = stele_walk_topic(&how, each, e, err);
    stele_meter_clear(&e->meter);
    return status;
}

static stele_status write_file(export *e, const stele_arguments *arguments, stele_error *err)
{
    const char *path = stele_arguments_text(arguments, "to", NULL);
    const char *codec = stele_arguments_text(arguments, "codec", "deflate");
    stele_status status = stele_new_file_open(path, &e->file, err);
    if (status == STELE_OK) status = walk(e, "counted", count_event, err);
    if (status < 0) return status;
    stele_event_file_options options = {.file = e->file.file,
                                        .name = path,
                                        .runtime = stele_runtime_system(),
                                        .codec = strcmp(codec, "null") == 0 ? STELE_CONTAINER_NULL
                                                 : strcmp(codec, "zstandard") == 0
                                                     ? STELE_CONTAINER_ZSTANDARD
                                                     : STELE_CONTAINER_DEFLATE,
                                        .topic = e->topic.name,
                                        .ranges = e->ranges,
                                        .range_count = (size_t)e->topic.partitions,
                                        .key = e->key,
                                        .events = e->counted,
                                        .schemas = &e->schemas};
    if ((status = stele_event_file_writer_new(&options, &e->writer, err)) < 0 ||
        (status = walk(e, "written", write_event, err)) < 0 ||
        (status = stele_event_file_finish(e->writer, err)) < 0)
        return status;
    return stele_new_file_keep(&e->file, err);
}

/* ---- the command ---- */

static void print_summary(const export *e, const char *path)
{
    if (e->cli->json) {
        STELE_AUTO_VALUE(stele_buffer) line = {0};
        stele_buffer_append(&line, stele_text("{\"topic\":"));
        stele_show_json(&line, stele_text(e->topic.name));
        stele_buffer_format(&line, ",\"events\":%" PRId64 ",\"raw\":%" PRId64 ",\"until\":[",
                            e->written, e->raw);
        for (int32_t i = 0; i < e->topic.partitions; i++)
            stele_buffer_format(&line, "%s\"%s\"", i == 0 ? "" : ",",
                                stele_position_format(e->topic.name, i, e->ranges[i].until).text);
        stele_buffer_append(&line, stele_text("]}"));
        stele_cli_print_json(e->cli->out, stele_buffer_view(&line));
    } else {
        stele_cli_print(e->cli->err, "%s: %" PRId64 " event%s of %s", path, e->written,
                        e->written == 1 ? "" : "s", e->topic.name);
    }
    if (e->raw > 0)
        stele_cli_print(
            e->cli->err,
            "%" PRId64 " of them are not what their schema says, or have none that is "
            "known, and are there as bytes; the first is %s",
            e->raw,
            stele_position_format(e->topic.name, e->first_raw_partition, e->first_raw_offset).text);
}

stele_exit stele_cmd_export(stele_cli *cli, const stele_arguments *arguments)
{
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    STELE_AUTO_VALUE(export)
    e = {.cli = cli,
         .log = stele_client_log(client),
         .registry = stele_client_registry(client),
         .key = stele_text(stele_arguments_text(arguments, "key", NULL))};
    stele_error err = {0};
    stele_status status =
        stele_cli_find_topic(cli, stele_arguments_operand(arguments, 0), &e.topic, &err);
    if (status == STELE_OK) status = find_ranges(&e, arguments, &err);
    if (status == STELE_OK) status = write_file(&e, arguments, &err);
    if (status < 0) return stele_cli_fail_error(cli, &err);
    print_summary(&e, stele_arguments_text(arguments, "to", NULL));
    return e.raw > 0 ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}
