/* SPDX-License-Identifier: MIT
 * `drop`: one version of a projection, whole: what is in a database, its topics, its group, its
 * rows of the status; with the last version also what was said of all of them. Each step is done
 * once more where nothing is left of it, so the command can be given again after a failure. The
 * rows go last: as long as one is there, so is the version. */
#include "cli/cmd.h"

#include <string.h>

#include "cli/sql.h"
#include "cli/status_rows.h"
#include "consumer/served.h"
#include "core/alloc.h"
#include "core/names.h"
#include "registry/client.h"

typedef struct drop {
    stele_cli *cli;
    stele_log *log;
    char *projection; /* without a version; owned */
    char *group;      /* owned */
    int version;
    bool has_others; /* another version was reported on, or has its states in a topic */
    bool is_chosen;  /* readers have it */
    size_t removed;  /* things */
    stele_status_rows rows;
} drop;

static void drop_clear(drop *of)
{
    free(of->projection);
    free(of->group);
    stele_status_rows_clear(&of->rows);
}
STELE_VALUE_SCOPE(drop, drop_clear);

/* ---- may it go? ---- */

static void look_at(drop *of, stele_bytes group)
{
    stele_projection_name name;
    if (stele_projection_group_parse(group, &name) && name.version != of->version &&
        stele_bytes_equal(name.projection, stele_text(of->projection)))
        of->has_others = true;
}

static void take_line(void *context, const stele_status_line *line)
{
    look_at(context, stele_text(line->name));
}

static stele_status find_others(drop *of, stele_error *err)
{
    stele_deadline by = stele_deadline_after(stele_log_clock(of->log), of->cli->timeout_ms);
    stele_status status = stele_status_read(of->log, NULL, by, take_line, of, err);
    char **topics = NULL;
    if (status == STELE_OK)
        status = stele_log_topics(of->log, of->projection, of->cli->timeout_ms, &topics, err);
    for (char **topic = topics; topic != NULL && *topic != NULL; topic++)
        look_at(of, stele_snapshots_topic_parse(*topic, NULL));
    free(topics);
    return status;
}

static stele_status check(drop *of, stele_error *err)
{
    stele_status status = stele_status_rows_find(of->cli, of->group, NULL, &of->rows, err);
    if (status < 0) return status;
    if (of->rows.living_count > 0)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                          "%s: stop its workers first, and wait 15 s if they were killed",
                          of->rows.living);
    stele_served served;
    stele_deadline by = stele_deadline_after(stele_log_clock(of->log), of->cli->timeout_ms);
    status = stele_served_read(of->log, of->projection, by, &served, err);
    if (status == STELE_OK) status = find_others(of, err);
    if (status < 0) return status;
    of->is_chosen = served.version == of->version;
    if (of->is_chosen && of->has_others)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                          "readers of %s have version %d: `switch` to another one first",
                          of->projection, of->version);
    return STELE_OK;
}

/* ---- what goes ---- */

static void say_removed(drop *of, const char *what, const char *name)
{
    of->removed++;
    stele_cli_print(of->cli->err, "removed %s %s", what, name);
}

static stele_status remove_topic(drop *of, const char *topic, stele_error *err)
{
    stele_status status = stele_log_topic_delete(of->log, topic, of->cli->timeout_ms, err);
    if (status == STELE_OK) say_removed(of, "topic", topic);
    return status == STELE_E_NOT_FOUND ? STELE_OK : status;
}

static stele_status remove_group(drop *of, stele_error *err)
{
    stele_status status = stele_log_group_remove(of->log, of->group, of->cli->timeout_ms, err);
    if (status == STELE_OK) say_removed(of, "group", of->group);
    return status == STELE_E_NOT_FOUND ? STELE_OK : status;
}

static const stele_projection *find_fold(const drop *of)
{
    const stele_projection *const *at = of->cli->app->projections;
    for (; at != NULL && *at != NULL; at++)
        if (strcmp((*at)->name, of->projection) == 0 && (*at)->version == of->version) return *at;
    return NULL;
}

/* Is the file of SQL that is configured for it the one of that version? */
static stele_status check_file(const drop *of, stele_error *err)
{
    STELE_AUTO(stele_sql_program) program = NULL;
    const stele_config *config = stele_client_config(of->cli->client);
    stele_status status = stele_sql_read(config, of->projection, &program, err);
    if (status < 0) return status;
    const stele_sql_file *file = stele_sql_program_file(program);
    if (file->version == of->version) return STELE_OK;
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s is version %d, and %s is to be dropped: name the file and the database "
                      "of that version, with -c or -o",
                      file->path, file->version, of->group);
}

static stele_status remove_tables(drop *of, stele_error *err)
{
    const stele_config *config = stele_client_config(of->cli->client);
    const stele_projection *fold = find_fold(of);
    bool is_sql = stele_sql_is_configured(config, of->projection);
    stele_status status = is_sql ? check_file(of, err) : STELE_OK;
    bool has_store = (is_sql || (fold != NULL && stele_sql_names_store(config, of->projection))) &&
                     stele_sql_has_store(config, of->projection);
    if (status < 0 || !has_store) return status;
    status = is_sql ? stele_sql_dismiss(of->cli->client, of->projection, err)
                    : stele_sql_dismiss_table(of->cli->client, fold, err);
    STELE_AUTO(char) store = stele_sql_store_shown(config, of->projection);
    if (status == STELE_OK) say_removed(of, "what it made in", store);
    return status;
}

static stele_status remove_all(drop *of, stele_error *err)
{
    STELE_AUTO(char) snapshots = stele_snapshots_topic(of->projection, of->version);
    STELE_AUTO(char) control = stele_control_topic(of->group);
    STELE_AUTO(char) served = stele_control_topic(of->projection);
    stele_status status = remove_tables(of, err);
    if (status == STELE_OK) status = remove_topic(of, snapshots, err);
    if (status == STELE_OK) status = remove_topic(of, control, err);
    if (status == STELE_OK) status = remove_group(of, err);
    if (status == STELE_OK && !of->has_others) status = remove_topic(of, served, err);
    return status;
}

stele_exit stele_cmd_drop(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(drop) of = {.cli = cli};
    const char *asked = stele_arguments_operand(arguments, 0);
    stele_projection_name name;
    if (!stele_projection_group_parse(stele_text(asked), &name))
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "drop: %s has no version; say which one, as in %s.v1", asked, asked);
    if (!stele_arguments_flag(arguments, "yes"))
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "drop: all that %s has made would be gone; confirm with --yes",
                              asked);
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    of.log = stele_client_log(cli->client);
    of.projection = stele_strndup((const char *)name.projection.data, name.projection.size);
    of.version = name.version;
    of.group = stele_projection_group(of.projection, of.version);
    stele_error err = {0};
    if (check(&of, &err) < 0 || remove_all(&of, &err) < 0) return stele_cli_fail_error(cli, &err);
    if (of.removed == 0 && of.rows.count == 0)
        return stele_cli_fail(cli, STELE_EXIT_FAILED,
                              "there is nothing of %s: it has no topic, no group and no row in the "
                              "status",
                              of.group);
    return stele_status_rows_drop(cli, &of.rows);
}
