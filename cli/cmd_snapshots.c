/* SPDX-License-Identifier: MIT
 * `snapshots list` and `snapshots verify`: what is in a snapshots topic, and whether it is what
 * a replay of the log makes. */
#include "cli/cmd.h"

#include <inttypes.h>

#include "core/text.h"
#include "cli/changes.h"
#include "cli/sql.h"
#include "cli/stored_states.h"
#include "consumer/value_reader.h"
#include "kafka/bounded_read.h"
#include "core/alloc.h"
#include "core/names.h"
#include "projections/configured.h"
#include "projections/verify.h"
#include "registry/client.h"

typedef struct listing {
    stele_cli *cli;
    stele_log *log;
    stele_value_reader *reader;
    stele_stored_past stored;
    size_t left_out; /* partitions */
} listing;

static void listing_clear(listing *l)
{
    stele_value_reader_free(l->reader);
    stele_stored_past_clear(&l->stored);
}
STELE_VALUE_SCOPE(listing, listing_clear);

/* ---- records as they are ---- */

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

static void print_record(const listing *l, const stele_batch *batch, const stele_record *record)
{
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_header headers[8];
    size_t count = stele_log_batch_headers(batch, record, headers, 8);
    stele_buffer_format(&line, "{\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"key\":",
                        batch->partition.index, record->offset);
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

static int print_batch(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    for (size_t i = 0; i < batch->count; i++)
        print_record(context, batch, &batch->records[i]);
    return STELE_OK;
}

/* Where there are no snapshots, but a store is configured, the states are there. */
static stele_exit fail_missing(stele_cli *cli, const char *projection, const stele_error *err)
{
    const stele_config *config = stele_client_config(cli->client);
    STELE_AUTO(char) name = stele_sql_section_of(projection);
    if (err->status != STELE_E_NOT_FOUND || !stele_sql_names_store(config, name))
        return stele_cli_fail_error(cli, err);
    STELE_AUTO(char) store = stele_sql_store_shown(config, name);
    return stele_cli_fail(cli, STELE_EXIT_FAILED,
                          "%s has no snapshots: what it makes of its events is in %s (store). "
                          "reset %s --to beginning makes it again from the events",
                          name, store, name);
}

/* Snapshots of the time before a store was named may be there still. */
static void warn_of_store(stele_cli *cli, const char *projection)
{
    const stele_config *config = stele_client_config(cli->client);
    STELE_AUTO(char) name = stele_sql_section_of(projection);
    if (!stele_sql_names_store(config, name)) return;
    STELE_AUTO(char) store = stele_sql_store_shown(config, name);
    fprintf(cli->err,
            "these are the snapshots in Kafka: the states in %s (store) are not looked at\n",
            store);
}

static stele_exit list_records(listing *l, const char *projection)
{
    stele_cli *cli = l->cli;
    stele_error err;
    stele_log_topic topic;
    if (stele_stored_topic(l->log, projection, cli->timeout_ms, &l->stored.topic, &err) < 0 ||
        stele_log_topic_describe(l->log, l->stored.topic, cli->timeout_ms, &topic, &err) < 0)
        return fail_missing(cli, projection, &err);
    for (int32_t i = 0; i < topic.partitions; i++) {
        stele_bounded_read_start start = {{l->stored.topic, i}, STELE_OFFSET_NONE};
        stele_bounded_read_options options = {
            .starts = &start,
            .count = 1,
            .deadline = stele_deadline_after(stele_clock_system(), -1),
            .patience_ms = cli->timeout_ms,
            .stop = cli->stop,
            .take = print_batch,
            .context = l,
        };
        if (stele_bounded_read(l->log, &options, &err) < 0) return stele_cli_fail_error(cli, &err);
    }
    return STELE_EXIT_DONE;
}

/* ---- what they come to ---- */

static void print_row(const listing *l, int32_t partition, const stele_past_partition *row,
                      int64_t group_offset)
{
    FILE *out = l->cli->out;
    int64_t checkpoint = row->has_checkpoint ? row->next_offset : STELE_OFFSET_NONE;
    if (l->cli->json) {
        fprintf(out,
                "{\"topic\":\"%s\",\"partition\":%" PRId32 ",\"aggregates\":%" PRId64
                ",\"finished\":%" PRId64 ",\"checkpoint\":%" PRId64 ",\"group_offset\":%" PRId64
                ",\"log_start\":%" PRId64 ",\"log_end\":%" PRId64 "}\n",
                l->stored.topic, partition, row->aggregates, row->finished, checkpoint,
                group_offset, row->log_start, row->log_end);
        return;
    }
    fprintf(out,
            "%4" PRId32 "  %10" PRId64 "  %8" PRId64 "  %10" PRId64 "  %10" PRId64 "  %10" PRId64
            "\n",
            partition, row->aggregates, row->finished, checkpoint, group_offset, row->log_end);
}

/* Can the state be read by the schema that it was written with? */
static stele_status check_state(void *context, const stele_snapshot *snapshot, stele_error *err)
{
    listing *l = context;
    const stele_type *type;
    const void *value;
    if (snapshot->value.data == NULL) return STELE_OK;
    return stele_value_reader_read(l->reader, snapshot->value, &type, &value, err);
}

static stele_status ask_group(const listing *l, int32_t index, int64_t *offset, stele_error *err)
{
    *offset = STELE_OFFSET_NONE;
    if (l->stored.source == NULL) return STELE_OK;
    stele_projection_name name;
    stele_snapshots_topic_parse(l->stored.topic, &name);
    STELE_AUTO(char) group = stele_projection_group(l->stored.projection, name.version);
    return stele_log_group_offset(l->log, group, (stele_partition){l->stored.source, index},
                                  l->cli->timeout_ms, offset, err);
}

/* The row is printed also where the check fails: it shows why. */
static stele_status list_partition(void *context, int32_t index, stele_error *err)
{
    listing *l = context;
    stele_past_partition row;
    int64_t group_offset = STELE_OFFSET_NONE;
    stele_error failure;
    stele_status status = stele_past_read(l->stored.past, index, check_state, l, &row, &failure);
    if (status == STELE_OK)
        status = ask_group(l, index, &group_offset, &failure);
    else if (row.is_read)
        (void)ask_group(l, index, &group_offset, NULL); /* the first failure is the one to tell */
    if (status == STELE_OK || row.is_read) print_row(l, index, &row, group_offset);
    if (status < 0) *err = failure;
    return status;
}

static void leave_out(void *context, stele_partition partition, const stele_error *why)
{
    listing *l = context;
    l->left_out++;
    stele_cli_say_left_out(l->cli, partition, why);
}

static stele_exit list_partitions(listing *l, const char *projection)
{
    stele_cli *cli = l->cli;
    stele_past_options how = {.log = l->log,
                              .registry = stele_client_registry(cli->client),
                              .deadline = stele_deadline_after(stele_clock_system(), -1),
                              .patience_ms = cli->timeout_ms,
                              .stop = cli->stop};
    stele_error err;
    if (stele_stored_past_open(&how, projection, &l->stored, &err) < 0)
        return fail_missing(cli, projection, &err);
    if (!cli->json) {
        stele_cli_print(cli->out, "%s of %s", l->stored.topic,
                        l->stored.source != NULL ? l->stored.source : "(no checkpoint yet)");
        fprintf(cli->out, "%4s  %10s  %8s  %10s  %10s  %10s\n", "PART", "AGGREGATES", "FINISHED",
                "CHECKPOINT", "GROUP", "LOG END");
    }
    if (stele_past_walk(l->stored.past, list_partition, leave_out, l, l, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    warn_of_store(cli, projection);
    return l->left_out > 0 ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}

stele_exit stele_cmd_snapshots_list(stele_cli *cli, const stele_arguments *arguments)
{
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    STELE_AUTO_VALUE(listing) l = {.cli = cli, .log = stele_client_log(client)};
    l.reader = stele_value_reader_new(stele_client_registry(client), cli->timeout_ms);
    const char *projection = stele_arguments_operand(arguments, 0);
    return stele_arguments_flag(arguments, "records") ? list_records(&l, projection)
                                                      : list_partitions(&l, projection);
}

/* ---- verify ---- */

typedef struct verifying {
    stele_cli *cli;
    size_t left_out; /* partitions */
} verifying;

static void leave_unverified(void *context, stele_partition partition, const stele_error *why)
{
    verifying *v = context;
    v->left_out++;
    stele_cli_say_left_out(v->cli, partition, why);
}

/* The first one, and how many more there are. */
static bool print_first_change(void *context, const char *text, size_t left)
{
    const stele_cli *cli = context;
    STELE_AUTO_VALUE(stele_buffer) more = {0};
    if (left > 0) stele_buffer_format(&more, "; %zu more differ, --json has them", left);
    stele_cli_print(cli->out, "     %s%s", text, stele_buffer_text(&more));
    return false;
}

static void print_finding(void *context, const stele_verify_finding *finding)
{
    stele_cli *cli = ((verifying *)context)->cli;
    if (!cli->json) {
        stele_cli_print(cli->out, "%" PRId32 "  %s: %s", finding->partition,
                        stele_quote(finding->id).text, finding->text);
        stele_changes_show(finding->changes, ", a replay makes ", print_first_change, cli);
        return;
    }
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_buffer_format(&line, "{\"partition\":%" PRId32 ",\"id\":", finding->partition);
    stele_show_json(&line, finding->id);
    stele_buffer_append(&line, stele_text(",\"text\":"));
    stele_show_json(&line, stele_text(finding->text));
    if (finding->changes.size > 0) {
        stele_buffer_append(&line, stele_text(",\"changes\":"));
        stele_buffer_append(&line, finding->changes);
    }
    fprintf(cli->out, "%s}\n", stele_buffer_text(&line));
}

stele_exit stele_cmd_snapshots_verify(stele_cli *cli, const stele_arguments *arguments)
{
    const char *name = stele_arguments_operand(arguments, 0);
    STELE_AUTO_VALUE(stele_cli_fold) fold = {0};
    stele_cli_find_fold(cli, name, &fold);
    const stele_projection *projection = fold.projection;
    stele_quoted near = stele_cli_near_projection(cli, name);
    if (projection == NULL)
        return stele_cli_fail(
            cli, STELE_EXIT_FAILED, "%s has no projection %s%s", cli->app->name, name,
            near.text[0] != '\0'
                ? near.text
                : ", and a replay needs its fold: use the application's own program");
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    stele_projection configured = stele_cli_configured(cli, projection);
    verifying verified = {.cli = cli};
    stele_verify_options options = {
        .projection = &configured,
        .log = stele_client_log(client),
        .registry = stele_client_registry(client),
        .parks =
            fold.writers == NULL && stele_projection_parks(projection, stele_client_config(client)),
        .companion = fold.writers == NULL ? NULL : &fold.companion,
        .deadline = stele_deadline_after(stele_clock_system(), -1), /* as long as the log is */
        .patience_ms = cli->timeout_ms,
        .stop = cli->stop,
        .one_in = (uint32_t)stele_arguments_int(arguments, "sample", 1),
        .each = print_finding,
        .left_out = leave_unverified,
        .context = &verified,
    };
    stele_verify_counts counts;
    stele_error err = {0};
    if (stele_verify(&options, &counts, &err) < 0) return fail_missing(cli, name, &err);
    fprintf(cli->err,
            "%" PRId64 " snapshots compared with a replay of %" PRId64 " events: %" PRId64
            " differences\n",
            counts.snapshots, counts.events, counts.findings);
    warn_of_store(cli, name);
    if (counts.set_aside > 0)
        fprintf(cli->err, "%" PRId64 " of the events are set aside, in no state: dlq list %s\n",
                counts.set_aside, name);
    return counts.findings > 0 || verified.left_out > 0 ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}
