/* SPDX-License-Identifier: MIT
 * `execute`: a command to an aggregate, sent to the instance that owns it, over HTTP; or put into
 * the topic of its commands. */
#include "cli/cmd.h"

#include <stele/json.h>
#include <stele/sender.h>

#include <inttypes.h>
#include <string.h>

#include "aggregates/aggregate.h"
#include "aggregates/dispatch.h"
#include "aggregates/forward_answer.h"
#include "aggregates/remembered.h"
#include "aggregates/standstill.h"
#include "core/alloc.h"
#include "core/monitor.h"
#include "core/names.h"
#include "core/text.h"
#include "core/uuid.h"
#include "http/url.h"
#include "kafka/partitioner.h"
#include "producer/event_headers.h"
#include "registry/client.h"

enum {
    BODY_MAX = 2 << 20, /* bytes, as the server takes */
    LOOK_MS = 100       /* at the stop flag */
};

typedef struct execution {
    stele_cli *cli;
    const char *aggregate;
    const char *id;
    const char *command;
    stele_buffer body;
    char *expectation; /* a header field; NULL: any version */
    int64_t expected;  /* the same, as a call has it */
    char *command_id;
    bool is_named; /* by the caller */
    char *topic;
    int32_t partition;
    stele_deadline deadline;

    stele_monitor monitor;
    bool is_done;
    stele_errand_end end;
    bool may_be_done;
    char text[STELE_STANDSTILL_TEXT_MAX + 1];
    stele_buffer answer;
    stele_result result;
    stele_error failure; /* of the command */
} execution;

static void execution_clear(execution *x)
{
    stele_buffer_clear(&x->body);
    stele_buffer_clear(&x->answer);
    free(x->expectation);
    free(x->command_id);
    free(x->topic);
}
STELE_VALUE_SCOPE(execution, execution_clear);

/* ---- what is asked ---- */

static stele_status read_expectation(const stele_arguments *arguments, execution *x,
                                     stele_error *err)
{
    const char *text = stele_arguments_text(arguments, "expect", NULL);
    int64_t version;
    if (text == NULL) return STELE_OK;
    x->expected = STELE_EXPECT_NEW;
    if (strcmp(text, "new") == 0) {
        x->expectation = stele_strdup("If-None-Match: *");
        return STELE_OK;
    }
    if (stele_parse_int64(stele_text(text), 0, INT64_MAX, &version, NULL) < 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "--expect %s: expected a version, or new",
                          stele_quote(stele_text(text)).text);
    if (version > 0) x->expected = version;
    x->expectation = stele_strdup_format("If-Match: \"%" PRId64 "\"", version);
    return STELE_OK;
}

static stele_status read_command_id(const stele_arguments *arguments, execution *x,
                                    stele_error *err)
{
    const char *text = stele_arguments_text(arguments, "command-id", NULL);
    if (text != NULL) {
        x->is_named = true;
        x->command_id = stele_strdup(text);
        return stele_command_id_check(stele_text(text), err);
    }
    stele_uuid_source ids;
    stele_uuid_source_init(&ids, stele_runtime_system());
    stele_uuid id = stele_uuid_source_next(&ids);
    x->command_id = stele_alloc(STELE_UUID_TEXT_SIZE + 1);
    stele_uuid_format(&id, x->command_id);
    return STELE_OK;
}

/* @param out   its struct, in the arena
 * @param type  NULL: the application does not have the aggregate's table */
static stele_status read_command(const execution *x, stele_arena *arena, const stele_type **type,
                                 void **out, stele_error *err)
{
    *type = NULL;
    const stele_aggregate *aggregate = stele_cli_aggregate(x->cli, x->aggregate);
    size_t index;
    if (aggregate == NULL) return STELE_OK;
    if (!stele_aggregate_decides(aggregate))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s takes no commands: it does not decide; `publish` adds to its events",
                          x->aggregate);
    stele_status status =
        stele_aggregate_name_command(aggregate, stele_text(x->command), &index, err);
    if (status < 0) return status;
    *type = aggregate->commands[index].type;
    *out = stele_arena_take(arena, (*type)->layout->size);
    memset(*out, 0, (*type)->layout->size);
    stele_error why;
    status = stele_json_read(*type, stele_buffer_view(&x->body), STELE_JSON_PLAIN, NULL, *out,
                             arena, &why);
    if (status == STELE_OK) return STELE_OK;
    return stele_fail(err, why.status, why.next, "%s: %s", stele_type_short_name(*type), why.text);
}

/* Who has the application's tables need not ask anyone whether the JSON is right. */
static stele_status check_command(const execution *x, stele_error *err)
{
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    const stele_type *type;
    void *value;
    return read_command(x, arena, &type, &value, err);
}

static stele_status read_body(const stele_arguments *arguments, execution *x, stele_error *err)
{
    const char *json = stele_arguments_operand(arguments, 3);
    if (json != NULL && strcmp(json, "-") == 0)
        return stele_cli_read_file(x->cli, "-", BODY_MAX, &x->body, err);
    stele_buffer_append(&x->body, stele_text(json == NULL ? "{}" : json));
    return STELE_OK;
}

static stele_status read_request(const stele_arguments *arguments, execution *x, stele_error *err)
{
    x->aggregate = stele_arguments_operand(arguments, 0);
    x->id = stele_arguments_operand(arguments, 1);
    x->command = stele_arguments_operand(arguments, 2);
    stele_status status = stele_aggregate_id_check(stele_text(x->id), err);
    if (status == STELE_OK) status = read_expectation(arguments, x, err);
    if (status == STELE_OK) status = read_command_id(arguments, x, err);
    if (status == STELE_OK) status = read_body(arguments, x, err);
    if (status == STELE_OK) status = check_command(x, err);
    return status;
}

/* ---- the owner ---- */

static stele_exit fail_stopped(const execution *x)
{
    return stele_cli_fail(x->cli, STELE_EXIT_FAILED, "%s/%d is stopped, nothing was appended: %s",
                          x->topic, (int)x->partition, x->text);
}

static stele_exit fail_without_owner(execution *x, stele_log *log)
{
    const stele_partition partition = {x->topic, x->partition};
    if (stele_standstill_read(log, partition, x->deadline, x->text)) return fail_stopped(x);
    const char *program = x->cli->app->aggregates == NULL ? "PROGRAM" : x->cli->app->name;
    return stele_cli_fail(
        x->cli, STELE_EXIT_FAILED,
        "no instance of the program that has %s runs with http.listen: start one, "
        "such as: %s run -o http.listen=127.0.0.1:8080",
        x->aggregate, program);
}

static bool has_owner(const execution *x, stele_owner_table *table)
{
    stele_owner owner;
    return stele_owner_table_find(table, x->topic, x->partition, &owner) &&
           owner.address[0] != '\0';
}

/* @locality the courier's thread */
static void on_done(void *context, const stele_errand_outcome *outcome)
{
    execution *x = context;
    stele_monitor_lock(&x->monitor);
    x->end = outcome->end;
    x->may_be_done = outcome->may_be_done;
    snprintf(x->text, sizeof x->text, "%s", outcome->text);
    if (outcome->answer != NULL) {
        stele_forward_result(outcome->answer, &x->result, &x->failure);
        stele_buffer_append(&x->answer, outcome->answer->body);
    }
    x->is_done = true;
    stele_monitor_wake(&x->monitor);
    stele_monitor_unlock(&x->monitor);
}

static void send(execution *x, stele_courier *courier)
{
    STELE_AUTO(char) aggregate = stele_url_segment(stele_text(x->aggregate));
    STELE_AUTO(char) id = stele_url_segment(stele_text(x->id));
    STELE_AUTO(char) command = stele_url_segment(stele_text(x->command));
    STELE_AUTO(char)
    path = stele_strdup_format("/aggregates/%s/%s/commands/%s", aggregate, id, command);
    STELE_AUTO(char) key = stele_strdup_format("Idempotency-Key: \"%s\"", x->command_id);
    const char *const fields[] = {"Content-Type: application/json", key, x->expectation, NULL};
    stele_courier_send(courier, &(stele_errand){.partition = {x->topic, x->partition},
                                                .method = "POST",
                                                .path = path,
                                                .fields = fields,
                                                .body = stele_buffer_view(&x->body),
                                                .deadline = x->deadline,
                                                .done = on_done,
                                                .context = x});
}

/* @return false: it was stopped */
static bool await_done(execution *x)
{
    bool is_done;
    do {
        stele_deadline until = stele_deadline_after(stele_clock_system(), LOOK_MS);
        stele_monitor_lock(&x->monitor);
        while (!x->is_done && stele_monitor_wait(&x->monitor, until)) {
        }
        is_done = x->is_done;
        stele_monitor_unlock(&x->monitor);
    } while (!is_done && !atomic_load(x->cli->stop));
    return is_done;
}

/* ---- what came of it ---- */

static stele_exit fail_command(const execution *x)
{
    const char *text = x->failure.text;
    switch (x->failure.status) {
    case STELE_E_REJECTED:
        return stele_cli_fail(x->cli, STELE_EXIT_FAILED, "rejected: %s: %s", x->result.code, text);
    case STELE_E_CONFLICT:
        return stele_cli_fail(x->cli, STELE_EXIT_FAILED,
                              "conflict: %s is at version %" PRId64 ": %s", x->id,
                              x->result.version, text);
    default:
        return stele_cli_fail(x->cli, STELE_EXIT_FAILED, "%s", text);
    }
}

static stele_exit fail_late(const execution *x)
{
    if (x->may_be_done)
        return stele_cli_fail(x->cli, STELE_EXIT_FAILED,
                              "whether it was carried out is not known: %s; the same again with "
                              "--command-id %s says it",
                              x->text, x->command_id);
    if (x->end == STELE_ERRAND_STOPPED) return fail_stopped(x);
    return stele_cli_fail(x->cli, STELE_EXIT_FAILED,
                          "not in time, and nothing was appended; of %s/%d: %s", x->topic,
                          (int)x->partition, x->text);
}

static stele_exit say(const execution *x)
{
    if (x->end != STELE_ERRAND_ANSWERED) return fail_late(x);
    if (x->failure.status < 0) return fail_command(x);
    stele_cli_print_json(x->cli->out, stele_buffer_view(&x->answer));
    return STELE_EXIT_DONE;
}

static stele_exit call_owner(execution *x, stele_log *log)
{
    stele_dispatch *dispatch;
    stele_error err;
    if (stele_dispatch_open(log, "", &dispatch, &err) < 0)
        return stele_cli_fail_error(x->cli, &err);
    stele_exit code;
    if (stele_owner_table_await(stele_dispatch_table(dispatch), x->deadline, &err) < 0) {
        code = stele_cli_fail_error(x->cli, &err);
    } else if (!has_owner(x, stele_dispatch_table(dispatch))) {
        code = fail_without_owner(x, log);
    } else {
        send(x, stele_dispatch_courier(dispatch));
        await_done(x);
        stele_dispatch_stop(dispatch); /* it is done now, if it was not */
        code = say(x);
    }
    stele_dispatch_close(dispatch);
    return code;
}

/* ---- the topic ---- */

static stele_status send_to_topic(const execution *x, stele_client *client, stele_sent *sent,
                                  stele_error *err)
{
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    const stele_type *type;
    void *value;
    stele_sender *sender;
    stele_status status = read_command(x, arena, &type, &value, err);
    if (status < 0) return status;
    if (type == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "--queue: only the program that has the aggregate %s can encode its "
                          "commands: use that one's execute",
                          x->aggregate);
    const stele_aggregate *aggregate = stele_cli_aggregate(x->cli, x->aggregate);
    if ((status = stele_sender_open(client, aggregate, &sender, err)) < 0) return status;
    const stele_call call = {.aggregate_id = stele_text(x->id),
                             .type = type,
                             .command = value,
                             .expected_version = x->expected,
                             .command_id = x->command_id,
                             .timeout_ms = x->cli->timeout_ms};
    status = stele_send(sender, &call, sent, err);
    stele_sender_close(sender);
    return status;
}

static stele_exit put_into_topic(const execution *x, stele_client *client)
{
    stele_sent sent;
    stele_error err;
    if (send_to_topic(x, client, &sent, &err) < 0) {
        if (err.next == STELE_NEXT_RETRY)
            return stele_cli_fail(x->cli, STELE_EXIT_FAILED,
                                  "%s; the same again with --command-id %s has one effect",
                                  err.text, x->command_id);
        return stele_cli_fail_error(x->cli, &err);
    }
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_buffer_append(&line, stele_text("{\"command_id\":"));
    stele_show_json(&line, stele_text(sent.command_id));
    stele_buffer_append(&line, stele_text(",\"topic\":"));
    stele_show_json(&line, stele_text(sent.topic));
    stele_buffer_format(&line, ",\"partition\":%d,\"offset\":%" PRId64 "}", (int)sent.partition,
                        sent.offset);
    stele_cli_print_json(x->cli->out, stele_buffer_view(&line));
    return STELE_EXIT_DONE;
}

stele_exit stele_cmd_execute(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(execution) x = {.cli = cli};
    stele_error err;
    stele_log_topic topic;
    if (read_request(arguments, &x, &err) < 0) return stele_cli_fail_error(cli, &err);
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    if (stele_arguments_flag(arguments, "queue")) return put_into_topic(&x, client);
    stele_log *log = stele_client_log(client);
    x.topic = stele_events_topic(x.aggregate);
    x.deadline = stele_deadline_after(stele_log_clock(log), cli->timeout_ms);
    if (stele_log_topic_describe(log, x.topic, cli->timeout_ms, &topic, &err) < 0)
        return stele_cli_fail_topic(cli, x.aggregate, &err);
    x.partition = stele_log_partition_of(stele_text(x.id), topic.partitions);
    stele_monitor_init(&x.monitor, stele_log_runtime(log));
    stele_exit code = call_owner(&x, log);
    stele_monitor_clear(&x.monitor);
    return code;
}
