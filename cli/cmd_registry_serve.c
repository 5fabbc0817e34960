/* SPDX-License-Identifier: MIT
 * `registry serve`: the Confluent REST API over the `kafka:` registry, until a stop is asked for.
 */
#include "cli/cmd.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/config.h"
#include "core/logger.h"
#include "registry/client.h"
#include "server/registry_server.h"

#define CLOSE_TIMEOUT_MS 10000

static void close_server(stele_registry_server *server)
{
    stele_registry_server_close(server, CLOSE_TIMEOUT_MS);
}
STELE_SCOPE(stele_registry_server, close_server);

static void wait_for_stop(const stele_cli *cli)
{
    struct timespec pause = {.tv_nsec = 100000000};
    while (!atomic_load(cli->stop))
        nanosleep(&pause, NULL);
}

stele_exit stele_cmd_registry_serve(stele_cli *cli, const stele_arguments *arguments)
{
    stele_error err = {0};
    STELE_AUTO(stele_registry_server) server = NULL;
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    const char *url = stele_config_text(stele_client_config(client), "registry", NULL, "url");
    if (strcmp(url, "kafka:") != 0)
        return stele_cli_fail(cli, STELE_EXIT_FAILED,
                              "it serves the registry kafka:, but registry.url is %s", url);

    stele_logger logger = {
        .clock = stele_clock_system(), .fd = STDERR_FILENO, .least = STELE_LOGGER_INFO};
    stele_registry_server_options options = {
        .listen = stele_arguments_text(arguments, "listen", NULL),
        .registry = stele_client_registry(client),
        .logger = &logger,
    };
    stele_status status = stele_registry_server_open(&options, &server, &err);
    if (status == STELE_E_INVALID)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "registry serve: --listen %s", err.text);
    if (status < 0) return stele_cli_fail_error(cli, &err);
    fprintf(cli->out, "http://%s\n", stele_registry_server_address(server));
    fflush(cli->out); /* whoever started it waits for this line */
    if (!stele_registry_server_is_local(server))
        fprintf(cli->err,
                "whoever reaches %s can register and delete: there is no "
                "authentication, so put a proxy that has one in front\n",
                stele_registry_server_address(server));
    wait_for_stop(cli);
    return STELE_EXIT_DONE;
}
