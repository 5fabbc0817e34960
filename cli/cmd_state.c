/* SPDX-License-Identifier: MIT
 * `state`: what a projection, or a writer, knows of one aggregate, or of all, read from Kafka
 * alone, as it is or was, or what changed. Without the fold in the program: the snapshot, and how
 * far it is behind. */
#include "cli/cmd.h"

#include <stele/json.h>
#include <stele/state.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/changes.h"
#include "cli/dlq_office.h"
#include "cli/sql.h"
#include "cli/stored_states.h"
#include "core/alloc.h"
#include "core/date.h"
#include "core/names.h"
#include "core/text.h"
#include "projections/configured.h"
#include "projections/query.h"
#include "registry/client.h"
#include "schemas/json_diff.h"

/* One line of output; kept only where it is to be sorted. */
typedef struct state_line {
    char *id;
    char *text;
} state_line;

typedef struct printer {
    stele_cli *cli;
    const stele_type *type;
    bool sorted;
    state_line *lines;
    size_t count, capacity;
    size_t printed;
    size_t left_out; /* partitions */
    stele_buffer buffer;
} printer;

static void printer_clear(printer *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->lines[i].id);
        free(p->lines[i].text);
    }
    free(p->lines);
    stele_buffer_clear(&p->buffer);
}
STELE_VALUE_SCOPE(printer, printer_clear);

static void emit(printer *p, stele_bytes id)
{
    p->printed++;
    if (!p->sorted) {
        stele_cli_print_json(p->cli->out, stele_buffer_view(&p->buffer));
        return;
    }
    if (p->count == p->capacity) {
        p->capacity = p->capacity == 0 ? 1024 : 2 * p->capacity;
        p->lines = stele_realloc_array(p->lines, p->capacity, sizeof *p->lines);
    }
    p->lines[p->count++] = (state_line){stele_strndup((const char *)id.data, id.size),
                                        stele_strdup(stele_buffer_text(&p->buffer))};
}

/* @param behind  events that are not in the state; -1: not to be said */
static stele_status print_line(printer *p, const stele_query_state *state, const stele_type *type,
                               int64_t behind, stele_error *err)
{
    stele_buffer *line = &p->buffer;
    stele_status status = STELE_OK;
    stele_buffer_reset(line);
    stele_buffer_append(line, stele_text("{\"id\":"));
    stele_show_json(line, state->id);
    stele_buffer_format(line, ",\"version\":%" PRId64 ",\"offset\":%" PRId64 ",\"state\":",
                        state->version, state->offset);
    if (state->state == NULL)
        stele_buffer_append(line, stele_text("null,\"finished\":true"));
    else
        status = stele_json_write(type, state->state, STELE_JSON_PLAIN, line, err);
    if (behind >= 0) stele_buffer_format(line, ",\"behind\":%" PRId64, behind);
    stele_buffer_push(line, '}');
    if (status == STELE_OK) emit(p, state->id);
    return status;
}

static stele_status print_state(void *context, const stele_query_state *state, stele_error *err)
{
    printer *p = context;
    return print_line(p, state, p->type, -1, err);
}

static stele_status print_stored(void *context, const stele_stored_state *stored, stele_error *err)
{
    stele_query_state state = {.id = stored->id,
                               .version = stored->version,
                               .offset = stored->offset,
                               .state = stored->value};
    return print_line(context, &state, stored->type, stored->behind, err);
}

static void leave_out(void *context, stele_partition partition, const stele_error *why)
{
    printer *p = context;
    p->left_out++;
    stele_cli_say_left_out(p->cli, partition, why);
}

static int compare_lines(const void *left, const void *right)
{
    return strcmp(((const state_line *)left)->id, ((const state_line *)right)->id);
}

static void print_sorted(printer *p)
{
    if (p->count > 0) qsort(p->lines, p->count, sizeof *p->lines, compare_lines);
    for (size_t i = 0; i < p->count; i++)
        stele_cli_print_json(p->cli->out, stele_text(p->lines[i].text));
}

/* "3" is a version, "2026-01-31T12:00:00Z" a time. */
static stele_status parse_moment(const char *option, const char *text, stele_moment *out,
                                 stele_error *err)
{
    *out = (stele_moment){0};
    if (stele_parse_int64(stele_text(text), 1, INT64_MAX, &out->version, NULL) == STELE_OK)
        return STELE_OK;
    if (stele_parse_timestamp(stele_text(text), STELE_TIME_MILLIS, &out->time_ms, NULL) ==
            STELE_OK &&
        out->time_ms > 0)
        return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "--%s %s: expected a version from 1 on, or a time like 2026-01-31T12:00:00Z",
                      option, text);
}

static stele_status query_states(printer *p, const stele_projection *projection,
                                 stele_query_options *options, stele_error *err)
{
    stele_projection configured = stele_cli_configured(p->cli, projection);
    p->type = projection->state;
    options->projection = &configured;
    options->each = print_state;
    options->left_out = leave_out;
    options->context = p;
    return stele_query(options, err);
}

static stele_status query_stored(printer *p, const char *name, const stele_query_options *query,
                                 stele_error *err)
{
    if (query->at_version > 0 || query->at_time_ms > 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "--at needs the fold: use the application's own program");
    return stele_stored_states(&(stele_stored_options){.projection = name,
                                                       .log = query->log,
                                                       .registry = query->registry,
                                                       .id = query->id,
                                                       .deadline = query->deadline,
                                                       .patience_ms = query->patience_ms,
                                                       .left_out = leave_out,
                                                       .stop = query->stop,
                                                       .each = print_stored,
                                                       .context = p},
                               err);
}

/* ---- what changed ---- */

/* One of two states. */
typedef struct side {
    const stele_type *type;
    int64_t version; /* 0: there was nothing yet */
    int64_t offset;
    stele_buffer json;
} side;

static void side_clear(side *one)
{
    stele_buffer_clear(&one->json);
}
STELE_VALUE_SCOPE(side, side_clear);

static stele_status take_side(void *context, const stele_query_state *state, stele_error *err)
{
    side *one = context;
    one->version = state->version;
    one->offset = state->offset;
    if (state->state != NULL)
        return stele_json_write(one->type, state->state, STELE_JSON_PLAIN, &one->json, err);
    stele_buffer_append(&one->json, stele_text("null"));
    return STELE_OK;
}

/* Before its first event an aggregate has no state, and that is no failure. */
static stele_status query_side(stele_query_options options, stele_moment moment, side *one,
                               stele_error *err)
{
    options.at_version = moment.version;
    options.at_time_ms = moment.time_ms;
    options.each = take_side;
    options.context = one;
    one->type = options.projection->state;
    stele_status status = stele_query(&options, err);
    return status == STELE_E_NOT_FOUND && moment.time_ms > 0 ? STELE_OK : status;
}

static bool print_change(void *context, const char *text, size_t left)
{
    const stele_cli *cli = context;
    (void)left;
    stele_cli_print(cli->out, "  %s", text);
    return true;
}

/* For people: a line for each leaf. */
static void show_difference(stele_cli *cli, stele_bytes id, const side *from, const side *to)
{
    STELE_AUTO_VALUE(stele_buffer) changes = {0};
    stele_json_diff(stele_buffer_view(&from->json), stele_buffer_view(&to->json), &changes);
    stele_cli_print(cli->out, "%s from version %" PRId64 " to version %" PRId64 "%s",
                    stele_quote(id).text, from->version, to->version,
                    changes.size > 2 ? ":" : ": nothing has changed");
    stele_changes_show(stele_buffer_view(&changes), ", then ", print_change, cli);
}

static void print_difference(stele_cli *cli, stele_bytes id, const side *from, const side *to)
{
    if (!cli->json) {
        show_difference(cli, id, from, to);
        return;
    }
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_buffer_append(&line, stele_text("{\"id\":"));
    stele_show_json(&line, id);
    stele_buffer_format(&line,
                        ",\"from\":{\"version\":%" PRId64 ",\"offset\":%" PRId64
                        "},\"to\":{\"version\":%" PRId64 ",\"offset\":%" PRId64 "},\"changes\":",
                        from->version, from->offset, to->version, to->offset);
    stele_json_diff(stele_buffer_view(&from->json), stele_buffer_view(&to->json), &line);
    stele_buffer_push(&line, '}');
    stele_cli_print_json(cli->out, stele_buffer_view(&line));
}

static stele_exit run_diff(stele_cli *cli, const stele_projection *projection,
                           stele_query_options options, const stele_moment moments[2])
{
    stele_error err = {0};
    if (projection == NULL)
        return stele_cli_fail(cli, STELE_EXIT_FAILED,
                              "--diff needs the fold: use the application's own "
                              "program");
    stele_projection configured = stele_cli_configured(cli, projection);
    options.projection = &configured;
    STELE_AUTO_VALUE(side) from = {0};
    STELE_AUTO_VALUE(side) to = {0};
    if (query_side(options, moments[0], &from, &err) < 0 ||
        query_side(options, moments[1], &to, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    if (from.version == 0 && to.version == 0)
        return stele_cli_fail(cli, STELE_EXIT_FAILED, "%s has no event up to either time",
                              stele_quote(options.id).text);
    print_difference(cli, options.id, &from, &to);
    return STELE_EXIT_DONE;
}

/* ---- the command ---- */

/* What was asked for. */
typedef struct request {
    const char *name;
    const char *id;
    bool all, diff;
    stele_moment at; /* all zero: now */
    stele_moment sides[2];
} request;

static stele_status parse_request(const stele_arguments *arguments, request *out, stele_error *err)
{
    *out = (request){.name = stele_arguments_operand(arguments, 0),
                     .id = stele_arguments_operand(arguments, 1),
                     .all = stele_arguments_flag(arguments, "all"),
                     .diff = stele_arguments_flag(arguments, "diff")};
    const char *at = stele_arguments_text(arguments, "at", NULL);
    const char *why = NULL;
    if ((out->id != NULL) == out->all)
        why = "expected either an ID or --all";
    else if (at != NULL && out->all)
        why = "--at goes with an ID";
    else if (out->diff && (at != NULL || stele_arguments_count(arguments) != 4))
        why = "--diff takes two moments behind the ID: --diff A B";
    else if (!out->diff && stele_arguments_count(arguments) > 2)
        why = "two moments behind the ID go with --diff";
    if (why != NULL) return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s", why);
    stele_status status = at == NULL ? STELE_OK : parse_moment("at", at, &out->at, err);
    for (size_t i = 0; out->diff && i < 2 && status == STELE_OK; i++)
        status =
            parse_moment("diff", stele_arguments_operand(arguments, 2 + i), &out->sides[i], err);
    return status;
}

static stele_exit print_states(stele_cli *cli, const stele_arguments *arguments,
                               const request *asked, const stele_projection *projection,
                               stele_query_options *options)
{
    STELE_AUTO_VALUE(printer) p = {.cli = cli, .sorted = stele_arguments_flag(arguments, "sort")};
    stele_error err = {0};
    stele_status status = projection != NULL ? query_states(&p, projection, options, &err)
                                             : query_stored(&p, asked->name, options, &err);
    if (status == STELE_E_NOT_FOUND && projection == NULL)
        return stele_cli_fail(cli, STELE_EXIT_FAILED, "%s%s", err.text,
                              stele_cli_near_projection(cli, asked->name).text);
    if (status < 0) return stele_cli_fail_error(cli, &err);
    print_sorted(&p);
    return p.left_out > 0 ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}

/* The letters of a projection whose states are a table. A database that no worker has made has
 * none.
 */
typedef struct table_letters {
    stele_office office;
    stele_parked **by_partition; /* the office's */
} table_letters;

static void table_letters_clear(table_letters *t)
{
    free(t->by_partition);
    stele_office_clear(&t->office);
}
STELE_VALUE_SCOPE(table_letters, table_letters_clear);

static stele_status find_letters(table_letters *t, const stele_projection *projection,
                                 stele_query_options *options, stele_error *err)
{
    stele_office *o = &t->office;
    const stele_config *config = stele_client_config(o->cli->client);
    if (projection == NULL || !stele_sql_names_store(config, projection->name)) return STELE_OK;
    o->name = projection->name;
    STELE_AUTO(char) events = stele_events_topic(projection->source->name);
    stele_log_topic topic;
    stele_status status =
        stele_log_topic_describe(options->log, events, o->cli->timeout_ms, &topic, err);
    if (status == STELE_OK) status = stele_office_open(o, err);
    if (status == STELE_E_NOT_FOUND) return STELE_OK;
    if (status < 0) return status;
    t->by_partition = stele_alloc_array((size_t)topic.partitions, sizeof(stele_parked *));
    for (size_t i = 0; i < o->count; i++)
        if (o->parts[i].source.index < topic.partitions)
            t->by_partition[o->parts[i].source.index] = o->parts[i].letters;
    options->letters = t->by_partition;
    return STELE_OK;
}

stele_exit stele_cmd_state(stele_cli *cli, const stele_arguments *arguments)
{
    request asked;
    stele_error err = {0};
    if (parse_request(arguments, &asked, &err) < 0)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "state: %s", err.text);
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    stele_query_options options = {
        .log = stele_client_log(client),
        .registry = stele_client_registry(client),
        .id = stele_text(asked.id),
        .at_version = asked.at.version,
        .at_time_ms = asked.at.time_ms,
        /* All may be much to read: they take as long as something comes. */
        .deadline =
            stele_deadline_after(stele_clock_system(), asked.id == NULL ? -1 : cli->timeout_ms),
        .patience_ms = cli->timeout_ms,
        .stop = cli->stop,
    };
    STELE_AUTO_VALUE(stele_cli_fold) fold = {0};
    stele_cli_find_fold(cli, asked.name, &fold);
    options.parks = fold.projection != NULL && fold.writers == NULL &&
                    stele_projection_parks(fold.projection, stele_client_config(client));
    STELE_AUTO_VALUE(table_letters) letters = {.office = {.cli = cli}};
    if (find_letters(&letters, fold.projection, &options, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    return asked.diff ? run_diff(cli, fold.projection, options, asked.sides)
                      : print_states(cli, arguments, &asked, fold.projection, &options);
}
