/* SPDX-License-Identifier: MIT
 * From the configuration and the writers of a process to a server. */
#include "cli/serve.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "aggregates/aggregate.h"
#include "aggregates/writer_inside.h"
#include "core/alloc.h"
#include "core/config.h"
#include "registry/client.h"
#include "server/aggregate_api.h"
#include "server/http_problem.h"
#include "server/http_server.h"

enum { CLOSE_TIMEOUT_MS = 1000, FILES_MAX = 8192 };

struct stele_app_server {
    stele_client *client;
    const char *name; /* of the application */
    const stele_logger *logger;
    stele_listener listener; /* socket -1: the server has it */
    stele_served_aggregate *served;
    size_t count;
    stele_aggregate_api *api;
    stele_http_api routes;
    stele_http_server *server;
};

void stele_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= FILES_MAX) return;
    limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- a writer serves ---- */

static stele_status execute(void *self, const stele_call *call, stele_executed *done, void *context,
                            stele_error *err)
{
    return stele_execute_async(self, call, done, context, err);
}

static stele_status load(void *self, stele_bytes id, int timeout_ms, stele_aggregate_loaded *loaded,
                         stele_executed *done, void *context, stele_error *err)
{
    return stele_writer_load_async(self, id, timeout_ms, loaded, done, context, err);
}

void stele_app_server_add(stele_app_server *server, stele_writer *writer)
{
    static const stele_aggregate_service_ops ops = {execute, load};
    if (server == NULL) return;
    server->served = stele_realloc_array(server->served, server->count + 1, sizeof *server->served);
    server->served[server->count++] =
        (stele_served_aggregate){stele_writer_aggregate(writer), {&ops, writer}};
}

/* ---- the server ---- */

static bool has_decider(const stele_app *app)
{
    const stele_aggregate *const *at = app->aggregates;
    while (at != NULL && *at != NULL && !stele_aggregate_decides(*at))
        at++;
    return at != NULL && *at != NULL;
}

stele_status stele_app_server_open(stele_client *client, const stele_app *app,
                                   const stele_logger *logger, stele_app_server **out,
                                   stele_error *err)
{
    const stele_config *config = stele_client_config(client);
    const char *listen = stele_config_text(config, "http", NULL, "listen");
    const char *origin = stele_config_origin(config, "http", NULL, "listen");
    stele_listener listener;
    stele_error why = {0};
    *out = NULL;
    if (listen == NULL) return STELE_OK;
    if (!has_decider(app))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s: http.listen: %s has no aggregate that decides, so there is nothing "
                          "to serve: leave it out",
                          origin, app->name);
    if (stele_listen(listen, &listener, &why) < 0)
        return stele_fail_cause(err, why.status, why.next, why.cause, "%s: http.listen: %s", origin,
                                why.text);
    stele_app_server *server = stele_alloc(sizeof *server);
    *server = (stele_app_server){
        .client = client, .name = app->name, .logger = logger, .listener = listener};
    *out = server;
    return STELE_OK;
}

const char *stele_app_server_address(const stele_app_server *server)
{
    return server == NULL ? NULL : server->listener.address;
}

stele_status stele_app_server_start(stele_app_server *server, stele_error *err)
{
    if (server == NULL) return STELE_OK;
    const stele_aggregate_api_options options = {
        .name = server->name,
        .aggregates = server->served,
        .count = server->count,
        .log = stele_client_log(server->client),
        .registry = stele_client_registry(server->client),
    };
    stele_status status = stele_aggregate_api_new(&options, &server->api, err);
    if (status < 0) return status;
    server->routes = stele_aggregate_api_routes(server->api);
    const stele_http_server_options how = {.listener = &server->listener,
                                           .apis = &server->routes,
                                           .api_count = 1,
                                           .logger = server->logger,
                                           .refuse = stele_http_problem_refuse};
    status = stele_http_server_open(&how, &server->server, err);
    server->listener.socket = -1;
    if (status < 0) return status;
    stele_logger_write(server->logger, STELE_LOGGER_INFO, "serving HTTP",
                       STELE_LOGGER_FIELDS(stele_logger_text("address", server->listener.address),
                                           stele_logger_int("aggregates", (int64_t)server->count)));
    if (!server->listener.is_loopback)
        stele_logger_write(
            server->logger, STELE_LOGGER_WARN,
            "anyone who reaches it can send commands: put a proxy that knows its "
            "users in front of it",
            STELE_LOGGER_FIELDS(stele_logger_text("address", server->listener.address)));
    return STELE_OK;
}

void stele_app_server_close(stele_app_server *server)
{
    if (server == NULL) return;
    stele_http_server_close(server->server, CLOSE_TIMEOUT_MS);
    if (server->listener.socket >= 0) close(server->listener.socket);
    stele_aggregate_api_free(server->api);
    free(server->served);
    free(server);
}
