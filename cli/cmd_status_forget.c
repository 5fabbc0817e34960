/* SPDX-License-Identifier: MIT
 * `status forget`: rows of what is over. What a worker still reports on stays. Other commands that
 * end something take its rows along by the same calls. */
#include "cli/status_rows.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "core/alloc.h"
#include "registry/client.h"

void stele_status_rows_clear(stele_status_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        free((char *)rows->over[i].group);
        free((char *)rows->over[i].topic);
    }
    free(rows->over);
    free(rows->living);
    *rows = (stele_status_rows){0};
}

typedef struct choice {
    const char *projection;
    const char *topic;
    stele_status_rows *rows;
} choice;

static void take_line(void *context, const stele_status_line *line)
{
    const choice *c = context;
    stele_status_rows *rows = c->rows;
    if (c->projection != NULL && !stele_projection_group_is_of(line->name, c->projection)) return;
    if (c->topic != NULL && strcmp(c->topic, line->topic) != 0) return;
    if (!line->is_over) {
        rows->living_count++;
        if (rows->living == NULL)
            rows->living =
                stele_strdup_format("%s is reported on by %s", line->name, line->instance);
        return;
    }
    rows->over = stele_realloc_array(rows->over, rows->count + 1, sizeof *rows->over);
    rows->over[rows->count++] =
        (stele_status_row){stele_strdup(line->name), stele_strdup(line->topic), line->partition};
}

stele_status stele_status_rows_find(stele_cli *cli, const char *projection, const char *topic,
                                    stele_status_rows *out, stele_error *err)
{
    stele_status_rows_clear(out);
    choice c = {.projection = projection, .topic = topic, .rows = out};
    stele_log *log = stele_client_log(cli->client);
    return stele_status_read(log, NULL, stele_deadline_after(stele_log_clock(log), cli->timeout_ms),
                             take_line, &c, err);
}

stele_exit stele_status_rows_drop(stele_cli *cli, const stele_status_rows *rows)
{
    stele_error err = {0};
    if (stele_status_forget(stele_client_log(cli->client), rows->over, rows->count, cli->timeout_ms,
                            &err) < 0)
        return stele_cli_fail_error(cli, &err);
    if (rows->count > 0)
        stele_cli_print(cli->err, "dropped %zu row%s from the status", rows->count,
                        rows->count == 1 ? "" : "s");
    return STELE_EXIT_DONE;
}

stele_exit stele_cmd_status_forget(stele_cli *cli, const stele_arguments *arguments)
{
    const char *projection = stele_arguments_operand(arguments, 0);
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    STELE_AUTO_VALUE(stele_status_rows) rows = {0};
    stele_error err = {0};
    if (stele_status_rows_find(cli, projection, NULL, &rows, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    if (rows.count == 0 && rows.living_count == 0) {
        stele_cli_print(cli->err, "%s has no rows", projection);
        return STELE_EXIT_DONE;
    }
    stele_exit code = stele_status_rows_drop(cli, &rows);
    if (code != STELE_EXIT_DONE || rows.living_count == 0) return code;
    stele_cli_print(cli->err, "kept %zu row%s: %s", rows.living_count,
                    rows.living_count == 1 ? "" : "s", rows.living);
    return rows.count > 0 ? STELE_EXIT_DONE : STELE_EXIT_FAILED;
}
