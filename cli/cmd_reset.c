/* SPDX-License-Identifier: MIT
 * `reset`: what is stored of a projection begins again, whether its workers run or not; and nothing
 * is counted twice. States and tables are dropped and made again from the first event. Only a table
 * whose statements may be executed again keeps its rows, and goes back to a time or an offset. */
#include "cli/cmd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/control.h"
#include "cli/sql.h"
#include "core/alloc.h"
#include "core/date.h"
#include "core/names.h"
#include "core/text.h"
#include "projections/orders.h"
#include "registry/client.h"

typedef struct reset {
    stele_control of;
    bool to_beginning;
    int64_t offset; /* -1: by the time */
    int64_t time_ms;
    char *name;                   /* of the projection, without its version; owned */
    const stele_projection *fold; /* of this program; NULL: it has none of that name and version */
    stele_sql_return *returns;    /* owned */
    size_t return_count;
} reset;

static void reset_clear(reset *r)
{
    stele_control_clear(&r->of);
    free(r->name);
    free(r->returns);
}
STELE_VALUE_SCOPE(reset, reset_clear);

/* ---- where to ---- */

static stele_status parse_place(reset *r, const char *to, stele_error *err)
{
    r->to_beginning = strcmp(to, "beginning") == 0;
    r->offset = -1;
    if (r->to_beginning ||
        stele_parse_int64(stele_text(to), 0, INT64_MAX, &r->offset, NULL) == STELE_OK ||
        stele_parse_timestamp(stele_text(to), STELE_TIME_MILLIS, &r->time_ms, NULL) == STELE_OK)
        return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "--to %s: expected beginning, an offset, or a time like 2026-01-31T12:00:00Z",
                      stele_quote(stele_text(to)).text);
}

static stele_status check_start(stele_partition source, int64_t start, int64_t wanted,
                                stele_error *err)
{
    if (start <= wanted) return STELE_OK;
    return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                      "%s/%d begins at offset %" PRId64 ": the events before it are deleted, and "
                      "what was made of them could not be made again",
                      source.topic, (int)source.index, start);
}

/* The partitions of one source: are the events there that it begins with? */
static stele_status find_returns(reset *r, const char *topic, stele_error *err)
{
    stele_log *log = r->of.log;
    int timeout_ms = r->of.cli->timeout_ms;
    stele_log_topic found;
    stele_status status = stele_log_topic_describe(log, topic, timeout_ms, &found, err);
    if (status < 0) return status;
    r->returns = stele_realloc_array(r->returns, r->return_count + (size_t)found.partitions,
                                     sizeof *r->returns);
    for (int32_t i = 0; i < found.partitions; i++) {
        stele_partition source = {topic, i};
        int64_t start, end, wanted = r->to_beginning ? 0 : r->offset;
        status =
            stele_log_bounds(log, source, STELE_READ_UNCOMMITTED, timeout_ms, &start, &end, err);
        if (status == STELE_OK && wanted < 0)
            status = stele_log_offset_at(log, source, r->time_ms, timeout_ms, &wanted, err);
        if (status < 0) return status;
        if (wanted == STELE_OFFSET_NONE || wanted > end) wanted = end;
        if ((status = check_start(source, start, wanted, err)) < 0) return status;
        r->returns[r->return_count++] = (stele_sql_return){source, wanted};
    }
    return STELE_OK;
}

/* ---- each kind ---- */

static stele_status fail_counts_twice(const reset *r, const char *what, const char *way_out,
                                      stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s: %s, so events that come again would count twice: %s", r->of.group, what,
                      way_out);
}

static stele_status reset_sql(const reset *r, stele_error *err)
{
    stele_client *client = r->of.cli->client;
    STELE_AUTO(stele_sql_program) program = NULL;
    stele_status status = stele_sql_read(stele_client_config(client), r->name, &program, err);
    if (status < 0) return status;
    const stele_sql_file *file = stele_sql_program_file(program);
    if (strcmp(stele_sql_program_group(program), r->of.group) != 0)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                          "%s is version %d, and %s is to be reset: name the file of that version",
                          file->path, file->version, r->of.group);
    if (r->to_beginning && file->teardown.text[0] == '\0')
        return fail_counts_twice(r, "its file has no `-- teardown` to take its tables away",
                                 "write one", err);
    if (!r->to_beginning && !file->is_repeatable)
        return fail_counts_twice(r, "its rows stay",
                                 "--to beginning, which makes its tables again; or say in the file "
                                 "that its statements may be executed again, `-- repeatable: yes`",
                                 err);
    return stele_sql_begin_again(client, r->name, !r->to_beginning, r->returns, r->return_count,
                                 err);
}

static stele_status reset_fold(const reset *r, stele_error *err)
{
    stele_cli *cli = r->of.cli;
    if (!r->to_beginning)
        return fail_counts_twice(r, "a state has all events of its aggregate",
                                 "--to beginning, which drops the states and makes them again",
                                 err);
    const stele_config *config = stele_client_config(cli->client);
    bool is_in_store = r->fold != NULL && stele_sql_names_store(config, r->name);
    if (is_in_store && !stele_sql_has_store(config, r->name))
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                          "there is no file at the path that [projection %s] names as its store: "
                          "reset it where its workers run",
                          r->name);
    if (is_in_store) return stele_sql_begin_table_again(cli->client, r->fold, err);
    STELE_AUTO(char) topic = stele_snapshots_topic_of_group(r->of.group);
    stele_status status = stele_log_topic_delete(r->of.log, topic, cli->timeout_ms, err);
    if (status != STELE_E_NOT_FOUND) return status;
    return stele_fail(
        err, status, STELE_NEXT_STOP,
        "there is no topic %s: if a database has what it made, name the configuration "
        "that says so, with -c; if not, its workers begin at the first event by themselves",
        topic);
}

static const stele_projection *find_fold(const stele_cli *cli, const char *group)
{
    const stele_projection *const *at = cli->app->projections;
    for (; at != NULL && *at != NULL; at++) {
        STELE_AUTO(char) own = stele_projection_group((*at)->name, (*at)->version);
        if (strcmp(own, group) == 0) return *at;
    }
    return NULL;
}

static stele_status find(reset *r, stele_cli *cli, const char *name, stele_error *err)
{
    stele_projection_name parsed;
    stele_status status = stele_control_find(cli, name, &r->of, err);
    if (status < 0) return status;
    stele_projection_group_parse(stele_text(r->of.group), &parsed);
    r->name = stele_strndup((const char *)parsed.projection.data, parsed.projection.size);
    r->fold = find_fold(cli, r->of.group);
    for (size_t i = 0; i < r->of.source_count && status == STELE_OK; i++)
        status = find_returns(r, r->of.sources[i], err);
    return status;
}

/* ---- the workers ---- */

static bool has_begun_again(const void *since_ms, const stele_status_line *line)
{
    return line->reset_ms == *(const int64_t *)since_ms && line->state != STELE_STATE_STOPPED;
}

static stele_exit await(reset *r)
{
    stele_cli *cli = r->of.cli;
    STELE_AUTO_VALUE(stele_control_heard) heard = {0};
    stele_error err = {0};
    const stele_control_order what = {.key = STELE_RESET_KEY,
                                      .value = STELE_ORDER_RESET,
                                      .since_ms = stele_clock_now_ms(stele_clock_system())};
    if (stele_control_give(&r->of, &what, &err) < 0 ||
        stele_control_await(&r->of, has_begun_again, &what.since_ms, &heard, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    return stele_control_say(&r->of, &heard, "reset");
}

static stele_exit confirm(const reset *r)
{
    if (stele_arguments_flag(r->of.cli->arguments, "yes")) return STELE_EXIT_DONE;
    return stele_cli_fail(r->of.cli, STELE_EXIT_USAGE, "reset: %s; confirm with --yes",
                          r->to_beginning ? "what is stored of it would be dropped, and made again "
                                            "from the first event"
                                          : "its rows would stay, and events be applied again");
}

stele_exit stele_cmd_reset(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(reset) r = {.of = {.cli = cli}};
    stele_error err = {0};
    if (parse_place(&r, stele_arguments_text(arguments, "to", ""), &err) < 0)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "%s", err.text);
    stele_exit code = confirm(&r);
    if (code != STELE_EXIT_DONE) return code;
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    if (find(&r, cli, stele_arguments_operand(arguments, 0), &err) < 0)
        return stele_cli_fail_error(cli, &err);
    bool is_sql = stele_sql_is_configured(stele_client_config(cli->client), r.name);
    if ((is_sql ? reset_sql(&r, &err) : reset_fold(&r, &err)) < 0)
        return stele_cli_fail_error(cli, &err);
    return await(&r);
}
