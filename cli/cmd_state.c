/* SPDX-License-Identifier: MIT
 * `state`: what a projection knows of one aggregate, or of all, read from Kafka alone. Without the
 * fold in the program: the snapshot, and how far it is behind. */
#include "cli/cmd.h"

#include <stele/json.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/stored_states.h"
#include "core/alloc.h"
#include "core/date.h"
#include "core/text.h"
#include "projections/query.h"
#include "registry/client.h"

/* One line of output; kept only where it is to be sorted. */
typedef struct state_line {
    char *id;
    char *text;
} state_line;

typedef struct printer {
    stele_cli *cli;
    const stele_type *type;
    int64_t at_version; /* 0: not asked for */
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
    if (state->version < p->at_version)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                          "--at %" PRId64 ": %s has %" PRId64 " events", p->at_version,
                          stele_quote(state->id).text, state->version);
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
static stele_status parse_at(const char *at, int64_t *version, int64_t *time_ms, stele_error *err)
{
    if (stele_parse_int64(stele_text(at), 1, INT64_MAX, version, NULL) == STELE_OK) return STELE_OK;
    if (stele_parse_timestamp(stele_text(at), STELE_TIME_MILLIS, time_ms, NULL) == STELE_OK)
        return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "--at %s: expected a version from 1 on, or a time like 2026-01-31T12:00:00Z",
                      at);
}

static stele_status query_states(printer *p, const stele_projection *projection,
                                 stele_query_options *options, stele_error *err)
{
    stele_projection configured = stele_cli_configured(p->cli, projection);
    p->type = projection->state;
    p->at_version = options->at_version;
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
                          "--at needs the projection's fold: use the application's own program");
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

stele_exit stele_cmd_state(stele_cli *cli, const stele_arguments *arguments)
{
    const char *name = stele_arguments_operand(arguments, 0);
    const char *id = stele_arguments_operand(arguments, 1);
    const char *at = stele_arguments_text(arguments, "at", NULL);
    if ((id != NULL) == stele_arguments_flag(arguments, "all"))
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "state: expected either an ID or --all");
    if (id == NULL && at != NULL)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "state: --at goes with an ID");
    stele_query_options options = {.id = stele_text(id)};
    stele_error err = {0};
    if (at != NULL && parse_at(at, &options.at_version, &options.at_time_ms, &err) < 0)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "state: %s", err.text);
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    options.log = stele_client_log(client);
    options.registry = stele_client_registry(client);
    /* All may be much to read: they take as long as something comes. */
    options.deadline =
        stele_deadline_after(stele_clock_system(), id == NULL ? -1 : cli->timeout_ms);
    options.patience_ms = cli->timeout_ms;
    options.stop = cli->stop;

    STELE_AUTO_VALUE(printer) p = {.cli = cli, .sorted = stele_arguments_flag(arguments, "sort")};
    const stele_projection *projection = stele_cli_projection(cli, name);
    stele_status status = projection != NULL ? query_states(&p, projection, &options, &err)
                                             : query_stored(&p, name, &options, &err);
    if (status == STELE_E_NOT_FOUND && projection == NULL)
        return stele_cli_fail(cli, STELE_EXIT_FAILED, "%s%s", err.text,
                              stele_cli_near_projection(cli, name).text);
    if (status < 0) return stele_cli_fail_error(cli, &err);
    print_sorted(&p);
    return p.left_out > 0 ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}
