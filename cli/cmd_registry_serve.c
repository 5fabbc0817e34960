/* SPDX-License-Identifier: MIT
 * `registry serve`: the Confluent REST API over the `kafka:` registry, until a stop is asked for.
 */
#include "cli/cmd.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/config.h"
#include "core/logger.h"
#include "registry/client.h"
#include "server/http_server.h"
#include "server/registry_api.h"

#define CLOSE_TIMEOUT_MS 700 /* a stop takes less than a second */

static void close_server(stele_http_server *server)
{
    stele_http_server_close(server, CLOSE_TIMEOUT_MS);
}
STELE_SCOPE(stele_http_server, close_server);

/* Connections are open files: ask for as many as this user may have. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void wait_for_stop(const stele_cli *cli)
{
    struct timespec pause = {.tv_nsec = 100000000};
    while (!atomic_load(cli->stop))
        nanosleep(&pause, NULL);
}

stele_exit stele_cmd_registry_serve(stele_cli *cli, const stele_arguments *arguments)
{
    stele_error err = {0};
    STELE_AUTO(stele_http_server) server = NULL;
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    const char *url = stele_config_text(stele_client_config(client), "registry", NULL, "url");
    if (strcmp(url, "kafka:") != 0)
        return stele_cli_fail(cli, STELE_EXIT_FAILED,
                              "it serves the registry kafka:, but registry.url is %s", url);

    stele_logger logger = {
        .clock = stele_clock_system(), .fd = STDERR_FILENO, .least = STELE_LOGGER_INFO};
    stele_http_api api = stele_registry_api(stele_client_registry(client));
    stele_http_server_options options = {
        .listen = stele_arguments_text(arguments, "listen", NULL),
        .apis = &api,
        .api_count = 1,
        .logger = &logger,
    };
    raise_file_limit();
    stele_status status = stele_http_server_open(&options, &server, &err);
    if (status == STELE_E_INVALID)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "registry serve: --listen %s", err.text);
    if (status < 0) return stele_cli_fail_error(cli, &err);
    fprintf(cli->out, "http://%s\n", stele_http_server_address(server));
    fflush(cli->out); /* whoever started it waits for this line */
    if (!stele_http_server_is_local(server))
        fprintf(cli->err,
                "whoever reaches %s can register and delete: there is no "
                "authentication, so put a proxy that has one in front\n",
                stele_http_server_address(server));
    wait_for_stop(cli);
    return STELE_EXIT_DONE;
}
