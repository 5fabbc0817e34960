/* SPDX-License-Identifier: MIT
 * `topics create` and `topics describe`: the events topic of an aggregate with the settings that an
 * event store needs, and where a topic differs from them. */
#include "cli/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "cli/sql.h"
#include "cli/status_rows.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/topic_spec.h"
#include "registry/client.h"
#include "snapshots/format.h"

/* Events are kept forever: neither time nor size nor compaction may remove one. */
static const stele_topic_setting events_settings[] = {
    {.name = "cleanup.policy", .value = "delete"},
    {.name = "retention.ms", .value = "-1"},
    {.name = "retention.bytes", .value = "-1"},
    {.name = "message.timestamp.type", .value = "CreateTime"},
};
#define EVENTS_SETTINGS (sizeof events_settings / sizeof events_settings[0])

stele_exit stele_cmd_topics_create(stele_cli *cli, const stele_arguments *arguments)
{
    stele_error err = {0};
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    STELE_AUTO(char) topic = stele_events_topic(stele_arguments_operand(arguments, 0));
    stele_topic_spec spec = {
        .name = topic,
        .partitions = (int32_t)stele_arguments_int(arguments, "partitions", 4),
        .replication = (int16_t)stele_arguments_int(arguments, "replication", 0),
        .settings = events_settings,
        .setting_count = EVENTS_SETTINGS,
    };
    stele_status status =
        stele_topic_create(stele_client_log(client), &spec, cli->timeout_ms, &err);
    if (status == STELE_E_EXISTS)
        return stele_cli_fail(cli, STELE_EXIT_FAILED,
                              "%s exists already: %s topics describe %s shows it", topic,
                              cli->app->name, stele_arguments_operand(arguments, 0));
    if (status < 0) return stele_cli_fail_error(cli, &err);
    stele_cli_print(cli->err, "created %s with %d partitions; their number is forever", topic,
                    (int)spec.partitions);
    return STELE_EXIT_DONE;
}

/* @param may_be_gone  then it is no failure that it is not there */
static stele_status delete_topic(stele_cli *cli, const char *topic, bool may_be_gone,
                                 stele_error *err)
{
    stele_status status =
        stele_log_topic_delete(stele_client_log(cli->client), topic, cli->timeout_ms, err);
    if (status == STELE_OK) stele_cli_print(cli->err, "deleted %s", topic);
    return status == STELE_E_NOT_FOUND && may_be_gone ? STELE_OK : status;
}

/* What the aggregate's writer keeps, in all its versions. */
static stele_status delete_writers(stele_cli *cli, const char *aggregate, stele_error *err)
{
    STELE_AUTO(char) writer = stele_writer_name(aggregate);
    char **topics = NULL;
    stele_status status =
        stele_log_topics(stele_client_log(cli->client), writer, cli->timeout_ms, &topics, err);
    for (char **topic = topics; status == STELE_OK && *topic != NULL; topic++) {
        stele_projection_name name;
        if (stele_snapshots_topic_parse(*topic, &name).data != NULL &&
            stele_bytes_equal(name.projection, stele_text(writer)))
            status = delete_topic(cli, *topic, true, err);
    }
    free(topics);
    return status;
}

/* Orders about single events, if there were any. */
static stele_status delete_control(stele_cli *cli, const char *group, stele_error *err)
{
    STELE_AUTO(char) control = stele_control_topic(group);
    return delete_topic(cli, control, true, err);
}

/* Of the application's projections of these events, and of those that are known from the status. */
static stele_status delete_snapshots(stele_cli *cli, const char *topic, const char *aggregate,
                                     const stele_status_rows *rows, stele_error *err)
{
    const stele_projection *const *projection = cli->app->projections;
    stele_status status = delete_writers(cli, aggregate, err);
    STELE_AUTO(char) commands = stele_commands_topic(aggregate);
    STELE_AUTO(char) dead = stele_commands_dead_topic(aggregate);
    if (status == STELE_OK) status = delete_topic(cli, commands, true, err);
    if (status == STELE_OK) status = delete_topic(cli, dead, true, err);
    for (; projection != NULL && *projection != NULL && status == STELE_OK; projection++) {
        if (strcmp((*projection)->source->name, aggregate) != 0) continue;
        STELE_AUTO(char)
        snapshots = stele_snapshots_topic((*projection)->name, (*projection)->version);
        status = delete_topic(cli, snapshots, true, err);
        STELE_AUTO(char)
        group = stele_projection_group((*projection)->name, (*projection)->version);
        if (status == STELE_OK) status = delete_control(cli, group, err);
        if (status == STELE_OK) status = delete_control(cli, (*projection)->name, err);
    }
    for (size_t i = 0; i < rows->count && status == STELE_OK; i++) {
        const char *group = rows->over[i].group;
        stele_projection_name name;
        if (strcmp(rows->over[i].topic, topic) != 0) continue;
        if (i > 0 && strcmp(rows->over[i - 1].group, group) == 0) continue;
        if (!stele_projection_group_parse(stele_text(group), &name)) continue;
        STELE_AUTO(char)
        plain = stele_strndup((const char *)name.projection.data, name.projection.size);
        STELE_AUTO(char) snapshots = stele_snapshots_topic(plain, name.version);
        status = delete_topic(cli, snapshots, true, err);
        if (status == STELE_OK) status = delete_control(cli, group, err);
        if (status == STELE_OK) status = delete_control(cli, plain, err);
    }
    return status;
}

/* The tables of the application's folds of these events. */
static stele_status dismiss_tables(stele_cli *cli, const char *aggregate, stele_error *err)
{
    const stele_config *config = stele_client_config(cli->client);
    const stele_projection *const *at = cli->app->projections;
    stele_status status = STELE_OK;
    for (; at != NULL && *at != NULL && status == STELE_OK; at++) {
        if (strcmp((*at)->source->name, aggregate) != 0 ||
            !stele_sql_names_store(config, (*at)->name) ||
            !stele_sql_has_store(config, (*at)->name))
            continue;
        status = stele_sql_dismiss_table(cli->client, *at, err);
        if (status == STELE_OK)
            stele_cli_print(cli->err, "took %s out of its database", (*at)->name);
    }
    return status;
}

/* What SQL projections of the configuration have made of it: tables and positions.
 * @param only_look  at their files, before anything is deleted */
static stele_status dismiss_sql(stele_cli *cli, const char *topic, bool only_look, stele_error *err)
{
    const stele_config *config = stele_client_config(cli->client);
    stele_status status = STELE_OK;
    const char *name;
    for (size_t i = 0; status == STELE_OK && (name = stele_sql_next(config, &i)) != NULL;) {
        STELE_AUTO(stele_sql_program) program = NULL;
        if ((status = stele_sql_read(config, name, &program, err)) < 0) return status;
        char **source = stele_sql_program_file(program)->topics;
        while (*source != NULL && strcmp(*source, topic) != 0)
            source++;
        if (*source == NULL || only_look || !stele_sql_has_store(config, name)) continue;
        status = stele_sql_dismiss(cli->client, name, err);
        if (status == STELE_OK) stele_cli_print(cli->err, "took %s out of its database", name);
    }
    return status;
}

stele_exit stele_cmd_topics_delete(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO(char) topic = stele_events_topic(stele_arguments_operand(arguments, 0));
    if (!stele_arguments_flag(arguments, "yes"))
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "topics delete: %s and all its events would be gone forever; confirm "
                              "with --yes",
                              topic);
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    STELE_AUTO_VALUE(stele_status_rows) rows = {0};
    stele_error err = {0};
    if (stele_status_rows_find(cli, NULL, topic, &rows, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    if (rows.living_count > 0 && !stele_arguments_flag(arguments, "force"))
        return stele_cli_fail(cli, STELE_EXIT_FAILED,
                              "%s: stop the workers that read %s, and wait 15 s if they were "
                              "killed; or use --force",
                              rows.living, topic);
    if (dismiss_sql(cli, topic, true, &err) < 0 ||
        delete_topic(cli, topic, rows.count > 0, &err) < 0 ||
        delete_snapshots(cli, topic, stele_arguments_operand(arguments, 0), &rows, &err) < 0 ||
        dismiss_sql(cli, topic, false, &err) < 0 ||
        dismiss_tables(cli, stele_arguments_operand(arguments, 0), &err) < 0)
        return stele_cli_fail_error(cli, &err);
    return stele_status_rows_drop(cli, &rows);
}

/* One setting of a topic; prints it where it differs. @return 1 if it differs, 0 if not, -1 failed
 */
static int compare_setting(stele_cli *cli, stele_log *log, const char *topic,
                           const stele_topic_setting *wanted, stele_buffer *json, stele_error *err)
{
    STELE_AUTO(char) value = NULL;
    if (stele_topic_compare(log, topic, wanted, cli->timeout_ms, &value, err) < 0) return -1;
    if (value == NULL) return 0;
    if (!cli->json) {
        stele_cli_print(cli->out, "  %s = %s, wanted %s", wanted->name, value, wanted->value);
        return 1;
    }
    if (json->size > 0) stele_buffer_push(json, ',');
    stele_show_json(json, stele_text(wanted->name));
    stele_buffer_format(json, ":{\"is\":");
    stele_show_json(json, stele_text(value));
    stele_buffer_format(json, ",\"wanted\":\"%s\"}", wanted->value);
    return 1;
}

/* The events decide how many partitions there are. @param wanted  0: any */
static int compare_partitions(stele_cli *cli, int32_t is, int32_t wanted, stele_buffer *json)
{
    if (wanted == 0 || is == wanted) return 0;
    if (cli->json)
        stele_buffer_format(json, "\"partitions\":{\"is\":%d,\"wanted\":%d}", (int)is, (int)wanted);
    else
        stele_cli_print(cli->out,
                        "  %d partitions, wanted %d, as the events have: no writer takes "
                        "commands; delete the topic when what is in it is done",
                        (int)is, (int)wanted);
    return 1;
}

/* @param found  what it is
 * @return differences found, or -1 after saying what failed */
static int show_topic(stele_cli *cli, stele_log *log, const char *topic,
                      const stele_log_topic *found, const stele_topic_setting *settings,
                      size_t setting_count, int32_t partitions)
{
    stele_error err = {0};
    if (!cli->json)
        stele_cli_print(cli->out, "%s: %d partitions, replication %d", topic,
                        (int)found->partitions, (int)found->replication);
    STELE_AUTO_VALUE(stele_buffer) differences = {0};
    int count = compare_partitions(cli, found->partitions, partitions, &differences);
    for (size_t i = 0; i < setting_count; i++) {
        int differs = compare_setting(cli, log, topic, &settings[i], &differences, &err);
        if (differs < 0) {
            stele_cli_fail_error(cli, &err);
            return -1;
        }
        count += differs;
    }
    if (cli->json) {
        STELE_AUTO_VALUE(stele_buffer) line = {0};
        stele_buffer_append(&line, stele_text("{\"topic\":"));
        stele_show_json(&line, stele_text(topic));
        stele_buffer_format(&line, ",\"partitions\":%d,\"replication\":%d,\"differences\":{%s}}",
                            (int)found->partitions, (int)found->replication,
                            stele_buffer_text(&differences));
        stele_cli_print_json(cli->out, stele_buffer_view(&line));
    }
    return count;
}

/* One of those that are there only where commands come by way of a topic. */
static int describe_commands(stele_cli *cli, stele_log *log, const char *topic, int32_t partitions)
{
    stele_error err = {0};
    stele_log_topic found;
    stele_status status = stele_log_topic_describe(log, topic, cli->timeout_ms, &found, &err);
    if (status == STELE_E_NOT_FOUND) return 0;
    if (status < 0) {
        stele_cli_fail_error(cli, &err);
        return -1;
    }
    /* Time may delete what is done. */
    return show_topic(cli, log, topic, &found, events_settings, 1, partitions);
}

/* The topic of its events, and those of its commands. */
static int describe_topics(stele_cli *cli, stele_log *log, const char *aggregate)
{
    stele_error err = {0};
    stele_log_topic found;
    STELE_AUTO(char) events = stele_events_topic(aggregate);
    STELE_AUTO(char) commands = stele_commands_topic(aggregate);
    STELE_AUTO(char) dead = stele_commands_dead_topic(aggregate);
    if (stele_log_topic_describe(log, events, cli->timeout_ms, &found, &err) < 0) {
        stele_cli_fail_topic(cli, aggregate, &err);
        return -1;
    }
    int of_events = show_topic(cli, log, events, &found, events_settings, EVENTS_SETTINGS, 0);
    if (of_events < 0) return -1;
    int of_commands = describe_commands(cli, log, commands, found.partitions);
    if (of_commands < 0) return -1;
    int of_dead = describe_commands(cli, log, dead, found.partitions);
    return of_dead < 0 ? -1 : of_events + of_commands + of_dead;
}

stele_exit stele_cmd_topics_describe(stele_cli *cli, const stele_arguments *arguments)
{
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    stele_log *log = stele_client_log(client);
    const char *aggregate = stele_arguments_operand(arguments, 0);
    int differences = 0;
    if (aggregate != NULL) {
        differences = describe_topics(cli, log, aggregate);
    } else {
        stele_error err = {0};
        char **topics = NULL;
        if (stele_log_topics(log, "", cli->timeout_ms, &topics, &err) < 0)
            return stele_cli_fail_error(cli, &err);
        for (char **topic = topics; *topic != NULL && differences >= 0; topic++) {
            stele_bytes name;
            if (!stele_events_topic_parse(*topic, &name)) continue;
            STELE_AUTO(char) plain = stele_strndup((const char *)name.data, name.size);
            int found = describe_topics(cli, log, plain);
            differences = found < 0 ? -1 : differences + found;
        }
        free(topics);
    }
    if (differences < 0) return STELE_EXIT_FAILED;
    return differences > 0 ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}
