/* SPDX-License-Identifier: MIT
 * `registry serve`: the Confluent REST API over the `kafka:` registry, until a stop is asked for.
 */
#include "cli/cmd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/serve.h"
#include "core/config.h"
#include "core/deadline.h"
#include "core/logger.h"
#include "registry/client.h"
#include "server/http_server.h"
#include "server/registry_api.h"

enum {
    CLOSE_TIMEOUT_MS = 300, /* and what is interrupted then takes as long again */
    PAUSE_MS = 100,
    PATIENCE_MS = 3000, /* before a registry that is away is logged, and then */
    REMIND_MS = 10000   /* how often */
};

static void close_server(stele_http_server *server)
{
    stele_http_server_close(server, CLOSE_TIMEOUT_MS);
}
STELE_SCOPE(stele_http_server, close_server);

/* Has the registry been read once? Never waits.
 * @return what stele_registry_subjects does */
static stele_status look(stele_registry *registry, stele_error *err)
{
    char **subjects;
    stele_status status = stele_registry_subjects(registry, 0, &subjects, err);
    if (status == STELE_OK) free(subjects);
    return status;
}

/* Serve until a stop is asked for. A registry that does not answer at the beginning is logged, and
 * one that never will is an error. */
static stele_status serve(const stele_cli *cli, stele_registry *registry,
                          const stele_logger *logger, stele_error *err)
{
    stele_deadline patience = stele_deadline_after(logger->clock, PATIENCE_MS);
    bool is_read = false;
    bool is_logged = false;
    while (!atomic_load(cli->stop)) {
        stele_status status = is_read ? STELE_OK : look(registry, err);
        if (status < 0 && err->next == STELE_NEXT_STOP) return status;
        if (status == STELE_OK && is_logged)
            stele_logger_write(logger, STELE_LOGGER_INFO, "the registry answers", NULL);
        is_read = status == STELE_OK;
        is_logged = is_logged && !is_read;
        if (!is_read && stele_deadline_passed(patience)) {
            stele_logger_write(logger, STELE_LOGGER_WARN,
                               "the registry does not answer: requests fail until it does",
                               STELE_LOGGER_FIELDS(stele_logger_text("reason", err->text)));
            patience = stele_deadline_after(logger->clock, REMIND_MS);
            is_logged = true;
        }
        stele_sleep_ms(stele_runtime_system(), PAUSE_MS);
    }
    return STELE_OK;
}

stele_exit stele_cmd_registry_serve(stele_cli *cli, const stele_arguments *arguments)
{
    stele_error err = {0};
    STELE_AUTO(stele_http_server) server = NULL;
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    const char *url = stele_config_text(stele_client_config(client), "registry", NULL, "url");
    if (strcmp(url, "kafka:") != 0)
        return stele_cli_fail(
            cli, STELE_EXIT_FAILED, "it serves the registry kafka:, but registry.url is %s (%s)",
            url, stele_config_origin(stele_client_config(client), "registry", NULL, "url"));

    stele_logger logger = {
        .clock = stele_clock_system(), .fd = STDERR_FILENO, .least = STELE_LOGGER_INFO};
    stele_http_api api = stele_registry_api(stele_client_registry(client));
    stele_http_server_options options = {
        .listen = stele_arguments_text(arguments, "listen", NULL),
        .apis = &api,
        .api_count = 1,
        .logger = &logger,
    };
    stele_raise_file_limit();
    stele_status status = stele_http_server_open(&options, &server, &err);
    if (status == STELE_E_INVALID)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "registry serve: --listen %s", err.text);
    if (status < 0) return stele_cli_fail_error(cli, &err);
    fprintf(cli->out, "http://%s\n", stele_http_server_address(server));
    fflush(cli->out); /* whoever started it waits for this line */
    if (!stele_http_server_is_local(server))
        fprintf(cli->err,
                "anyone who reaches %s can register and delete: there is no authentication; put a "
                "proxy that has one in front of it\n",
                stele_http_server_address(server));
    status = serve(cli, stele_client_registry(client), &logger, &err);
    if (status < 0) return stele_cli_fail_error(cli, &err);
    close_server(server);
    server = NULL;
    atomic_store(cli->ended, true);
    return STELE_EXIT_DONE;
}
