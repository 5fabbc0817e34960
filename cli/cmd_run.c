/* SPDX-License-Identifier: MIT
 * `run`: the workers of the application's projections and the writers of its aggregates until a
 * signal asks for the end or all that they own is stopped. */
#include "cli/cmd.h"

#include "cli/run.h"
#include "cli/serve.h"
#include "cli/sql.h"
#include "core/config.h"
#include "registry/client.h"

/* A section for what the program has not got is a misspelling. */
static stele_status check_names(stele_cli *cli, const stele_config *config, stele_error *err)
{
    const char *name;
    for (size_t i = 0; (name = stele_config_name(config, "projection", i)) != NULL; i++)
        if (stele_cli_projection(cli, name) == NULL && !stele_sql_is_configured(config, name))
            return stele_fail(
                err, STELE_E_INVALID, STELE_NEXT_STOP,
                "%s: [projection %s]: %s has no projection of that name%s; one in SQL "
                "has its file in sql = …",
                stele_config_name_origin(config, "projection", i), name, cli->app->name,
                stele_cli_near_projection(cli, name).text);
    for (size_t i = 0; (name = stele_config_name(config, "aggregate", i)) != NULL; i++)
        if (stele_cli_aggregate(cli, name) == NULL)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "%s: [aggregate %s]: %s has no aggregate of that name",
                              stele_config_name_origin(config, "aggregate", i), name,
                              cli->app->name);
    return STELE_OK;
}

stele_exit stele_cmd_run(stele_cli *cli, const stele_arguments *arguments)
{
    (void)arguments;
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    stele_error err = {0};
    if (check_names(cli, stele_client_config(client), &err) < 0)
        return stele_cli_fail_error(cli, &err);
    if (!stele_app_runs(cli->app, stele_client_config(client)))
        return stele_cli_fail(cli, STELE_EXIT_FAILED,
                              "this program has no projection, and no aggregate that decides: run "
                              "the application's own program, or name a file of SQL in "
                              "[projection NAME] sql = …");

    stele_raise_file_limit();
    bool logged;
    stele_status status = stele_run_workers(client, cli->app, cli->stop_run, &logged, &err);
    int number = atomic_load(&cli->signal->number);
    if (number != 0) stele_run_log_signal(client, number, atomic_load(&cli->signal->sender));
    if (status == STELE_OK) return STELE_EXIT_DONE;
    return logged ? STELE_EXIT_FAILED : stele_cli_fail_error(cli, &err);
}
