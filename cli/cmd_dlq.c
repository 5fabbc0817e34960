/* SPDX-License-Identifier: MIT
 * `dlq list` and `dlq redrive`: the commands of an aggregate that were not carried out, by way of
 * their topic, and why; and how one of them is sent again. For what is a projection's see
 * cmd_dlq_projection.c. */
#include "cli/cmd_dlq.h"

#include <stele/json.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "aggregates/commands_topic.h"
#include "consumer/value_reader.h"
#include "core/alloc.h"
#include "core/date.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/bounded_read.h"
#include "kafka/partitioner.h"
#include "registry/client.h"

typedef struct letters {
    stele_cli *cli;
    stele_log *log;
    char *commands;
    char *dead;
    int32_t partitions;
    const char *code; /* only of those with this one; NULL: of all */
    stele_value_reader *reader;
    stele_buffer line;

    stele_log_producer *producer; /* of redrive */
    int32_t to_partitions;        /* of the commands */
    bool any_version;
    int64_t only; /* the offset of the only one; -1: all */
    bool is_refused;
    int64_t sent;
    stele_error failure; /* of a delivery */
} letters;

static void letters_clear(letters *l)
{
    stele_log_producer_close(l->producer);
    stele_value_reader_free(l->reader);
    stele_buffer_clear(&l->line);
    free(l->commands);
    free(l->dead);
}
STELE_VALUE_SCOPE(letters, letters_clear);

static stele_bytes header(const stele_batch *batch, const stele_record *record, const char *name)
{
    stele_bytes value = {0};
    stele_log_batch_header(batch, record, name, &value);
    return value;
}

static bool is_wanted(const letters *l, const stele_batch *batch, const stele_record *record)
{
    return l->code == NULL ||
           stele_bytes_equal(header(batch, record, STELE_DEAD_CODE), stele_text(l->code));
}

/* ---- list ---- */

static void append(stele_buffer *line, const char *name, stele_bytes value)
{
    stele_buffer_format(line, ",\"%s\":", name);
    if (value.data == NULL)
        stele_buffer_append(line, stele_text("null"));
    else
        stele_show_json(line, value);
}

/* By the schema that it was written with; what is no command is null. */
static stele_status append_command(letters *l, stele_bytes command, stele_error *err)
{
    const stele_type *type = NULL;
    const void *value = NULL;
    stele_status status = STELE_E_INVALID;
    err->next = STELE_NEXT_REJECT;
    if (command.data != NULL)
        status = stele_value_reader_read(l->reader, command, &type, &value, err);
    if (status < 0) {
        stele_buffer_append(&l->line, stele_text(",\"type\":null,\"data\":null}"));
        bool is_away = err->next == STELE_NEXT_RETRY && status != STELE_E_NOT_FOUND;
        return is_away ? status : STELE_OK;
    }
    stele_buffer_format(&l->line, ",\"type\":\"%s\",\"data\":", type->name);
    status = stele_json_write(type, value, STELE_JSON_PLAIN, &l->line, err);
    stele_buffer_push(&l->line, '}');
    return status;
}

static stele_status list_one(letters *l, const stele_batch *batch, const stele_record *record,
                             stele_error *err)
{
    stele_buffer_reset(&l->line);
    stele_buffer_format(&l->line, "{\"position\":\"%s/%" PRId32 "/%" PRId64 "\"",
                        batch->partition.topic, batch->partition.index, record->offset);
    append(&l->line, "id", record->key);
    append(&l->line, "command_id", header(batch, record, STELE_COMMAND_ID));
    append(&l->line, "code", header(batch, record, STELE_DEAD_CODE));
    append(&l->line, "reason", header(batch, record, STELE_DEAD_REASON));
    append(&l->line, "time", header(batch, record, STELE_DEAD_TIME));
    append(&l->line, "command", header(batch, record, STELE_DEAD_POSITION));
    stele_status status = append_command(l, record->value, err);
    if (status == STELE_OK) stele_cli_print_json(l->cli->out, stele_buffer_view(&l->line));
    return status;
}

static int list_batch(void *context, const stele_batch *batch, stele_error *err)
{
    letters *l = context;
    stele_status status = STELE_OK;
    for (size_t i = 0; i < batch->count && status == STELE_OK; i++)
        if (is_wanted(l, batch, &batch->records[i]))
            status = list_one(l, batch, &batch->records[i], err);
    return status;
}

/* ---- redrive ---- */

static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    (void)opaque;
    letters *l = context;
    if (failure != NULL) {
        l->failure = *failure;
        return;
    }
    l->sent++;
    stele_buffer_reset(&l->line);
    stele_buffer_format(&l->line, "{\"sent\":\"%s/%" PRId32 "/%" PRId64 "\"}",
                        position.partition.topic, position.partition.index, position.offset);
    stele_cli_print_json(l->cli->out, stele_buffer_view(&l->line));
}

/* What it was sent with; and its id, so that sent twice it has one effect. */
static size_t make_headers(const letters *l, const stele_batch *batch, const stele_record *record,
                           stele_header *out)
{
    size_t all = stele_log_batch_headers(batch, record, NULL, 0);
    stele_header *from = stele_alloc_array(all + 1, sizeof *from);
    stele_log_batch_headers(batch, record, from, all);
    size_t count = 0;
    bool has_id = false;
    for (size_t i = 0; i < all; i++) {
        const char *name = from[i].name;
        bool is_left_out = strncmp(name, STELE_DEAD_PREFIX, strlen(STELE_DEAD_PREFIX)) == 0 ||
                           (l->any_version && strcmp(name, STELE_COMMAND_EXPECTED_VERSION) == 0);
        has_id = has_id || strcmp(name, STELE_COMMAND_ID) == 0;
        if (!is_left_out) out[count++] = from[i];
    }
    if (!has_id)
        out[count++] = (stele_header){STELE_COMMAND_ID, header(batch, record, STELE_DEAD_POSITION)};
    free(from);
    return count;
}

/* @return why it cannot be one; NULL: it can */
static const char *find_hindrance(const stele_batch *batch, const stele_record *record)
{
    if (record->key.data == NULL)
        return "it has no key, so no aggregate: put it into the commands topic with one";
    if (header(batch, record, STELE_DEAD_LEFT_OUT).data != NULL)
        return "its value was left out, as it was too large: whoever sent it has to send it again";
    if (record->value.data == NULL) return "it has no value, so it is no command";
    return NULL;
}

static stele_status put(letters *l, const stele_log_entry *entry, stele_error *err)
{
    stele_status status;
    while ((status = stele_log_producer_put(l->producer, entry, err)) < 0 &&
           err->next == STELE_NEXT_RETRY && !atomic_load(l->cli->stop))
        stele_log_producer_poll(l->producer, 100, NULL);
    return status;
}

static stele_status redrive_one(letters *l, const stele_batch *batch, const stele_record *record,
                                stele_error *err)
{
    const char *hindrance = find_hindrance(batch, record);
    if (hindrance != NULL) {
        l->is_refused = true;
        stele_cli_fail(l->cli, STELE_EXIT_FAILED, "%s/%" PRId32 "/%" PRId64 ": %s",
                       batch->partition.topic, batch->partition.index, record->offset, hindrance);
        return STELE_OK;
    }
    size_t all = stele_log_batch_headers(batch, record, NULL, 0);
    stele_header *headers = stele_alloc_array(all + 1, sizeof *headers);
    const stele_log_entry entry = {
        .partition = {l->commands, stele_log_partition_of(record->key, l->to_partitions)},
        .key = record->key,
        .value = record->value,
        .headers = headers,
        .header_count = make_headers(l, batch, record, headers)};
    stele_status status = put(l, &entry, err);
    free(headers);
    return status;
}

static int redrive_batch(void *context, const stele_batch *batch, stele_error *err)
{
    letters *l = context;
    stele_status status = STELE_OK;
    for (size_t i = 0; i < batch->count && status == STELE_OK; i++) {
        const stele_record *record = &batch->records[i];
        if (l->only >= 0 && record->offset != l->only) return STELE_BOUNDED_READ_ENOUGH;
        if (!is_wanted(l, batch, record)) continue;
        status = redrive_one(l, batch, record, err);
        if (l->only >= 0) return status < 0 ? status : STELE_BOUNDED_READ_ENOUGH;
    }
    return status;
}

/* ---- both ---- */

static stele_status begin(letters *l, const char *aggregate, stele_error *err)
{
    stele_log_topic topic;
    stele_client *client = l->cli->client;
    l->log = stele_client_log(client);
    l->commands = stele_commands_topic(aggregate);
    l->dead = stele_commands_dead_topic(aggregate);
    l->only = -1;
    stele_status status =
        stele_log_topic_describe(l->log, l->dead, l->cli->timeout_ms, &topic, err);
    if (status == STELE_E_NOT_FOUND)
        return stele_fail(err, status, STELE_NEXT_STOP,
                          "there is no topic %s: no writer of %s has taken commands from a topic "
                          "(commands = topic in [aggregate %s])",
                          l->dead, aggregate, aggregate);
    l->partitions = topic.partitions;
    l->reader = stele_value_reader_new(stele_client_registry(client), l->cli->timeout_ms);
    return status;
}

static stele_status read_from(letters *l, stele_bounded_read_start *starts, size_t count,
                              stele_bounded_read_take *take, stele_error *err)
{
    return stele_bounded_read(
        l->log,
        &(stele_bounded_read_options){.starts = starts,
                                      .count = count,
                                      .stable = true,
                                      .deadline = stele_deadline_after(stele_clock_system(), -1),
                                      .patience_ms = l->cli->timeout_ms,
                                      .stop = l->cli->stop,
                                      .take = take,
                                      .context = l},
        err);
}

static stele_status read_all(letters *l, stele_bounded_read_take *take, stele_error *err)
{
    stele_bounded_read_start *starts = stele_alloc_array((size_t)l->partitions, sizeof *starts);
    for (int32_t i = 0; i < l->partitions; i++)
        starts[i] = (stele_bounded_read_start){{l->dead, i}, STELE_OFFSET_NONE};
    stele_status status = read_from(l, starts, (size_t)l->partitions, take, err);
    free(starts);
    return status;
}

/* An aggregate whose writers take commands from a topic has that of their dead letters. */
static bool is_projection(stele_cli *cli, const char *name)
{
    stele_log_topic topic;
    const stele_aggregate *aggregate = stele_cli_aggregate(cli, name);
    if (aggregate != NULL && stele_aggregate_decides(aggregate)) return false;
    if (stele_cli_projection(cli, name) != NULL) return true;
    STELE_AUTO(char) dead = stele_commands_dead_topic(name);
    return stele_log_topic_describe(stele_client_log(cli->client), dead, cli->timeout_ms, &topic,
                                    NULL) == STELE_E_NOT_FOUND;
}

stele_exit stele_cmd_dlq_list(stele_cli *cli, const stele_arguments *arguments)
{
    const char *name = stele_arguments_operand(arguments, 0);
    STELE_AUTO_VALUE(letters)
    l = {.cli = cli, .code = stele_arguments_text(arguments, "code", NULL)};
    stele_error err = {0};
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    if (is_projection(cli, name)) return stele_dlq_projection_list(cli, name, l.code);
    if (begin(&l, name, &err) < 0 || read_all(&l, list_batch, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    return STELE_EXIT_DONE;
}

static stele_status redrive(letters *l, const char *position, stele_error *err)
{
    const stele_log_producer_options options = {.delivered = on_delivered, .context = l};
    stele_bounded_read_start start = {{l->dead, 0}, 0};
    stele_bytes topic;
    if (position != NULL &&
        (!stele_position_parse(stele_text(position), &topic, &start.partition.index, &l->only) ||
         !stele_bytes_equal(topic, stele_text(l->dead)) || start.partition.index >= l->partitions))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s is no position of a dead letter, such as %s/0/12: `dlq list` shows "
                          "them",
                          stele_quote(stele_text(position)).text, l->dead);
    stele_log_topic commands;
    stele_status status =
        stele_log_topic_describe(l->log, l->commands, l->cli->timeout_ms, &commands, err);
    if (status < 0) return status;
    l->to_partitions = commands.partitions;
    if ((status = stele_log_producer_open(l->log, &options, &l->producer, err)) < 0) return status;
    start.offset = l->only;
    status = position == NULL ? read_all(l, redrive_batch, err)
                              : read_from(l, &start, 1, redrive_batch, err);
    if (status < 0) return status;
    status = stele_log_producer_flush(l->producer, l->cli->timeout_ms, err);
    if (status == STELE_OK && l->failure.status < 0) *err = l->failure;
    return status == STELE_OK ? l->failure.status : status;
}

stele_exit stele_cmd_dlq_redrive(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(letters)
    l = {.cli = cli,
         .code = stele_arguments_text(arguments, "code", NULL),
         .any_version = stele_arguments_flag(arguments, "any-version")};
    const char *name = stele_arguments_operand(arguments, 0);
    const char *position = stele_arguments_operand(arguments, 1);
    const char *key = stele_arguments_text(arguments, "key", NULL);
    stele_error err = {0};
    int asked = (position != NULL) + (key != NULL) + stele_arguments_flag(arguments, "all");
    if (asked != 1)
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "dlq redrive: a POSITION that `dlq list` shows, or --all, or of a "
                              "projection --key ID");
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    if (is_projection(cli, name)) return stele_dlq_projection_redrive(cli, name, position, key);
    if (key != NULL)
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "dlq redrive: --key is for a projection, and %s is an aggregate",
                              name);
    if (begin(&l, name, &err) < 0 || redrive(&l, position, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    if (l.sent == 0 && !l.is_refused)
        return stele_cli_fail(cli, STELE_EXIT_FAILED, "there is no such dead letter in %s%s%s",
                              l.dead, l.code == NULL ? "" : " with the code ",
                              l.code == NULL ? "" : l.code);
    return l.is_refused ? STELE_EXIT_FAILED : STELE_EXIT_DONE;
}
