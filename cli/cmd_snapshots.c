/* SPDX-License-Identifier: MIT
 * `snapshots list` and `snapshots verify`: what stands in a snapshots topic, and whether it is what
 * a replay of the log makes. */
#include "cli/cmd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "cli/stored_states.h"
#include "cli/value_reader.h"
#include "consumer/read.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/table.h"
#include "projections/verify.h"
#include "registry/client.h"
#include "snapshots/restore.h"

typedef struct listing {
    stele_cli *cli;
    stele_log *log;
    stele_value_reader *reader;
    char *topic; /* "<projection>.v<n>.snapshots" */
    char *group;
    bool records; /* print each record as it stands */

    /* Of one partition. */
    stele_table *ids; /* id -> does a state stand there? */
    char *source;     /* the events' topic, by the checkpoint */
    int64_t checkpoint;
} listing;

static void listing_clear(listing *l)
{
    stele_table_free(l->ids);
    stele_value_reader_free(l->reader);
    free(l->topic);
    free(l->group);
    free(l->source);
}
STELE_VALUE_SCOPE(listing, listing_clear);

static void append_hex(stele_buffer *line, stele_bytes bytes)
{
    if (bytes.data == NULL) {
        stele_buffer_append(line, stele_text("null"));
        return;
    }
    stele_buffer_push(line, '"');
    for (size_t i = 0; i < bytes.size; i++)
        stele_buffer_format(line, "%02x", bytes.data[i]);
    stele_buffer_push(line, '"');
}

static void print_record(listing *l, stele_partition partition, const stele_record *record)
{
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_header headers[8];
    size_t count = stele_log_record_headers(l->log, record, headers, 8);
    stele_buffer_format(&line, "{\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"key\":",
                        partition.index, record->offset);
    stele_show_json(&line, record->key);
    stele_buffer_append(&line, stele_text(",\"headers\":{"));
    for (size_t i = 0; i < count && i < 8; i++) {
        if (i > 0) stele_buffer_push(&line, ',');
        stele_show_json(&line, stele_text(headers[i].name));
        stele_buffer_push(&line, ':');
        stele_show_json(&line, headers[i].value);
    }
    stele_buffer_append(&line, stele_text("},\"value\":"));
    append_hex(&line, record->value);
    fprintf(l->cli->out, "%s}\n", stele_buffer_text(&line));
}

static const void *find_value(const stele_type *type, const void *value, const char *name,
                              stele_kind kind)
{
    for (uint32_t i = 0; i < type->layout->count; i++) {
        const stele_member *member = &type->layout->members[i];
        if (strcmp(member->name, name) == 0 && member->layout->kind == kind)
            return (const char *)value + member->offset;
    }
    return NULL;
}

/* By the schema it was written with: a later Stele may have added to it. */
static stele_status take_checkpoint(listing *l, const stele_record *record, stele_error *err)
{
    const stele_type *type;
    const void *value;
    stele_status status = stele_value_reader_read(l->reader, record->value, &type, &value, err);
    if (status < 0) return status;
    const int64_t *next_offset = find_value(type, value, "next_offset", STELE_KIND_LONG);
    const stele_bytes *topic = find_value(type, value, "topic", STELE_KIND_STRING);
    if (next_offset == NULL || topic == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s: the checkpoint is a %s",
                          l->topic, type->name);
    l->checkpoint = *next_offset;
    free(l->source);
    l->source = stele_strndup((const char *)topic->data, topic->size);
    return STELE_OK;
}

static int take_batch(void *context, const stele_batch *batch, stele_error *err)
{
    listing *l = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (l->records) print_record(l, batch->partition, record);
        if (record->key.data == NULL) continue;
        if (stele_id_is_reserved(record->key)) {
            stele_status status = take_checkpoint(l, record, err);
            if (status < 0) return status;
            continue;
        }
        bool *stands = stele_table_insert(l->ids, record->key, NULL);
        if (stands != NULL) *stands = record->value.data != NULL;
    }
    return STELE_OK;
}

typedef struct partition_row {
    int32_t partition;
    int64_t aggregates, finished;
    int64_t checkpoint;   /* -1: none */
    int64_t group_offset; /* -1: none */
    int64_t log_start, log_end;
} partition_row;

static void print_row(listing *l, const partition_row *row)
{
    FILE *out = l->cli->out;
    if (l->cli->json) {
        fprintf(out,
                "{\"topic\":\"%s\",\"partition\":%" PRId32 ",\"aggregates\":%" PRId64
                ",\"finished\":%" PRId64 ",\"checkpoint\":%" PRId64 ",\"group_offset\":%" PRId64
                ",\"log_start\":%" PRId64 ",\"log_end\":%" PRId64 "}\n",
                l->topic, row->partition, row->aggregates, row->finished, row->checkpoint,
                row->group_offset, row->log_start, row->log_end);
        return;
    }
    if (row->partition == 0) {
        stele_cli_print(out, "%s of %s", l->topic,
                        l->source != NULL ? l->source : "(no checkpoint yet)");
        fprintf(out, "%4s  %10s  %8s  %10s  %10s  %10s\n", "PART", "AGGREGATES", "FINISHED",
                "CHECKPOINT", "GROUP", "LOG END");
    }
    fprintf(out,
            "%4" PRId32 "  %10" PRId64 "  %8" PRId64 "  %10" PRId64 "  %10" PRId64 "  %10" PRId64
            "\n",
            row->partition, row->aggregates, row->finished, row->checkpoint, row->group_offset,
            row->log_end);
}

static stele_status describe_log(listing *l, partition_row *row, stele_error *err)
{
    if (l->source == NULL) return STELE_OK;
    stele_partition source = {l->source, row->partition};
    stele_status status = stele_log_bounds(l->log, source, STELE_READ_COMMITTED, l->cli->timeout_ms,
                                           &row->log_start, &row->log_end, err);
    if (status < 0) return status;
    return stele_log_group_offset(l->log, l->group, source, l->cli->timeout_ms, &row->group_offset,
                                  err);
}

static stele_status list_partition(listing *l, int32_t index, stele_error *err)
{
    stele_table_free(l->ids);
    l->ids = stele_table_new(sizeof(bool), 0);
    l->checkpoint = STELE_OFFSET_NONE;
    stele_read_start start = {{l->topic, index}, STELE_OFFSET_NONE};
    stele_read_options options = {
        .starts = &start,
        .count = 1,
        .deadline = stele_deadline_after(stele_clock_system(), l->cli->timeout_ms),
        .stop = l->cli->stop,
        .take = take_batch,
        .context = l,
    };
    stele_status status = stele_bounded_read(l->log, &options, err);
    if (status < 0) return status;
    partition_row row = {
        .partition = index, .checkpoint = l->checkpoint, .group_offset = STELE_OFFSET_NONE};
    stele_table_cursor cursor = {0};
    const bool *stands;
    while ((stands = stele_table_next(l->ids, &cursor)) != NULL) {
        row.aggregates += *stands;
        row.finished += !*stands;
    }
    status = describe_log(l, &row, err);
    if (status == STELE_OK && !l->records) print_row(l, &row);
    return status;
}

stele_exit stele_cmd_snapshots_list(stele_cli *cli, const stele_arguments *arguments)
{
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    STELE_AUTO_VALUE(listing)
    l = {.cli = cli,
         .log = stele_client_log(client),
         .records = stele_arguments_flag(arguments, "records")};
    l.reader = stele_value_reader_new(stele_client_registry(client), cli->timeout_ms);
    stele_error err = {0};
    stele_log_topic topic;
    if (stele_stored_topic(l.log, stele_arguments_operand(arguments, 0), cli->timeout_ms, &l.topic,
                           &err) < 0 ||
        stele_log_topic_describe(l.log, l.topic, cli->timeout_ms, &topic, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    stele_bytes group = stele_snapshots_topic_parse(l.topic, NULL);
    l.group = stele_strndup((const char *)group.data, group.size);
    for (int32_t i = 0; i < topic.partitions; i++)
        if (list_partition(&l, i, &err) < 0) return stele_cli_fail_error(cli, &err);
    return STELE_EXIT_DONE;
}

static void print_finding(void *context, const stele_verify_finding *finding)
{
    stele_cli *cli = context;
    if (!cli->json) {
        stele_cli_print(cli->out, "%" PRId32 "  %s: %s", finding->partition,
                        stele_quote(finding->id).text, finding->text);
        return;
    }
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_buffer_format(&line, "{\"partition\":%" PRId32 ",\"id\":", finding->partition);
    stele_show_json(&line, finding->id);
    stele_buffer_append(&line, stele_text(",\"text\":"));
    stele_show_json(&line, stele_text(finding->text));
    fprintf(cli->out, "%s}\n", stele_buffer_text(&line));
}

stele_exit stele_cmd_snapshots_verify(stele_cli *cli, const stele_arguments *arguments)
{
    const char *name = stele_arguments_operand(arguments, 0);
    const stele_projection *projection = stele_cli_projection(cli, name);
    stele_quoted near = stele_cli_near_projection(cli, name);
    if (projection == NULL)
        return stele_cli_fail(
            cli, STELE_EXIT_FAILED, "%s has no projection %s%s", cli->app->name, name,
            near.text[0] != '\0'
                ? near.text
                : ", and a replay wants its fold: use the application's own program");
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    stele_projection configured = stele_cli_configured(cli, projection);
    stele_verify_options options = {
        .projection = &configured,
        .log = stele_client_log(client),
        .registry = stele_client_registry(client),
        .deadline = stele_deadline_after(stele_clock_system(), -1), /* as long as the log is */
        .patience_ms = cli->timeout_ms,
        .stop = cli->stop,
        .each = print_finding,
        .context = cli,
    };
    stele_verify_counts counts;
    stele_error err = {0};
    if (stele_verify(&options, &counts, &err) < 0) return stele_cli_fail_error(cli, &err);
    fprintf(cli->err,
            "%" PRId64 " snapshots compared with a replay of %" PRId64 " events: %" PRId64
            " differences\n",
            counts.snapshots, counts.events, counts.findings);
    return counts.findings > 0 ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}
