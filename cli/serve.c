/* SPDX-License-Identifier: MIT
 * From the configuration and the writers of a process to a server. */
#include "cli/serve.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "aggregates/aggregate.h"
#include "core/alloc.h"
#include "core/config.h"
#include "core/text.h"
#include "registry/client.h"
#include "server/aggregate_writer.h"
#include "server/http_problem.h"
#include "server/http_server.h"
#include "server/projection_api.h"

enum { CLOSE_TIMEOUT_MS = 1000, FILES_MAX = 8192, APIS = 2 };

struct stele_app_server {
    stele_client *client;
    const stele_app *app;
    const stele_logger *logger;
    stele_listener listener; /* socket -1: the server has it */
    char *address;           /* by which others reach it */
    stele_serving_writer **all;
    size_t count;
    stele_feeds *feeds;
    stele_aggregate_api *api;
    stele_curl_agent *agent; /* NULL: there is no projection */
    stele_projection_api *projection_api;
    stele_http_api routes[APIS];
    stele_http_server *server;
};

void stele_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= FILES_MAX) return;
    limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void stele_app_server_add(stele_app_server *server, stele_writer *writer, stele_owner_table *table)
{
    if (server == NULL) return;
    server->all =
        stele_realloc_array(server->all, server->count + 1, sizeof(stele_serving_writer *));
    server->all[server->count++] = stele_serving_writer_new(writer, table);
}

/* ---- the address ---- */

static stele_status fail_advertise(const stele_config *config, const char *text, const char *why,
                                   stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s: http.advertise: %s: %s",
                      stele_config_origin(config, "http", NULL, "advertise"),
                      stele_quote(stele_text(text)).text, why);
}

/* The port behind the last colon that is not within brackets; NULL: there is none. */
static const char *port_of(const char *text)
{
    const char *colon = strrchr(text, ':');
    return colon != NULL && strchr(colon, ']') == NULL ? colon + 1 : NULL;
}

static bool is_host(const char *text, size_t size)
{
    static const char *const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-._:[]%";
    bool is_bare = text[0] != '[' && memchr(text, ':', size) != NULL; /* IPv6 without brackets */
    return size > 0 && strspn(text, allowed) >= size && !is_bare;
}

/* By which address do other instances reach this one? */
static stele_status find_address(const stele_config *config, const stele_listener *listener,
                                 char **out, stele_error *err)
{
    const char *text = stele_config_text(config, "http", NULL, "advertise");
    const char *listen = listener->address;
    const char *own_port = port_of(listen);
    if (text == NULL) {
        bool is_any = strncmp(listen, "0.0.0.0:", 8) == 0 || strncmp(listen, "[::]:", 5) == 0;
        if (is_any)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "%s: http.listen: %s is every address of this machine, and other "
                              "instances have to be told one of them: http.advertise=HOST:%s",
                              stele_config_origin(config, "http", NULL, "listen"), listen,
                              own_port);
        *out = stele_strdup(listen);
        return STELE_OK;
    }
    const char *port = port_of(text);
    size_t size = port == NULL ? strlen(text) : (size_t)(port - text) - 1;
    int64_t number = 0;
    if (!is_host(text, size) ||
        (port != NULL && stele_parse_int64(stele_text(port), 1, UINT16_MAX, &number, NULL) < 0))
        return fail_advertise(config, text, "expected HOST or HOST:PORT", err);
    STELE_AUTO(char)
    address = stele_strdup_format("%.*s:%s", (int)size, text, port == NULL ? own_port : port);
    if (strlen(address) > STELE_OWNER_TEXT_MAX)
        return fail_advertise(config, text, "it is too long", err);
    *out = address;
    address = NULL;
    return STELE_OK;
}

/* ---- the server ---- */

static bool has_decider(const stele_app *app)
{
    const stele_aggregate *const *at = app->aggregates;
    while (at != NULL && *at != NULL && !stele_aggregate_decides(*at))
        at++;
    return at != NULL && *at != NULL;
}

static bool has_projection(const stele_app *app)
{
    return app->projections != NULL && app->projections[0] != NULL;
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
    if (!has_decider(app) && !has_projection(app))
        return stele_fail(
            err, STELE_E_INVALID, STELE_NEXT_STOP,
            "%s: http.listen: %s has no aggregate that decides, and no projection in C, "
            "so there is nothing to serve: leave it out",
            origin, app->name);
    if (stele_listen(listen, &listener, &why) < 0)
        return stele_fail_cause(err, why.status, why.next, why.cause, "%s: http.listen: %s", origin,
                                why.text);
    char *address;
    stele_status status = find_address(config, &listener, &address, err);
    if (status < 0) {
        close(listener.socket);
        return status;
    }
    stele_app_server *server = stele_alloc(sizeof *server);
    *server = (stele_app_server){
        .client = client, .app = app, .logger = logger, .listener = listener, .address = address};
    *out = server;
    return STELE_OK;
}

const char *stele_app_server_address(const stele_app_server *server)
{
    return server == NULL ? "" : server->address;
}

static stele_status make_aggregate_api(stele_app_server *server, stele_error *err)
{
    stele_served_aggregate *served = stele_alloc_array(server->count, sizeof *served);
    for (size_t i = 0; i < server->count; i++)
        served[i] = stele_serving_writer_port(server->all[i]);
    const stele_aggregate_api_options options = {
        .name = server->app->name,
        .aggregates = served,
        .count = server->count,
        .all = server->app->aggregates,
        .projections = server->app->projections,
        .log = stele_client_log(server->client),
        .registry = stele_client_registry(server->client),
        .feeds = server->feeds,
    };
    stele_status status = stele_aggregate_api_new(&options, &server->api, err);
    free(served);
    if (status == STELE_OK) server->routes[0] = stele_aggregate_api_routes(server->api);
    return status;
}

static stele_status make_projection_api(stele_app_server *server, stele_error *err)
{
    stele_runtime runtime = stele_log_runtime(stele_client_log(server->client));
    stele_status status = stele_curl_agent_new(runtime, &server->agent, err);
    if (status < 0) return status;
    server->projection_api = stele_projection_api_new(
        &(stele_projection_api_options){.projections = server->app->projections,
                                        .client = server->client,
                                        .address = server->address,
                                        .feeds = server->feeds,
                                        .agent = stele_curl_agent_port(server->agent)});
    server->routes[1] = stele_projection_api_routes(server->projection_api);
    return STELE_OK;
}

stele_status stele_app_server_start(stele_app_server *server, stele_error *err)
{
    if (server == NULL) return STELE_OK;
    bool has_projections = has_projection(server->app);
    const stele_feeds_options streams = {
        .log = stele_client_log(server->client),
        .registry = stele_client_registry(server->client),
        .streams_max = (size_t)stele_config_int(stele_client_config(server->client), "http", NULL,
                                                "streams_max")};
    server->feeds = stele_feeds_new(&streams);
    stele_status status = make_aggregate_api(server, err);
    if (status == STELE_OK && has_projections) status = make_projection_api(server, err);
    if (status < 0) return status;
    const stele_http_server_options how = {.listener = &server->listener,
                                           .apis = server->routes,
                                           .api_count = has_projections ? APIS : 1,
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
            "anyone who reaches it can send commands and read states: put a proxy that knows "
            "its users in front of it",
            STELE_LOGGER_FIELDS(stele_logger_text("address", server->listener.address)));
    return STELE_OK;
}

void stele_app_server_close(stele_app_server *server)
{
    if (server == NULL) return;
    stele_http_server_close(server->server, CLOSE_TIMEOUT_MS);
    if (server->listener.socket >= 0) close(server->listener.socket);
    stele_aggregate_api_free(server->api);
    stele_projection_api_free(server->projection_api);
    stele_curl_agent_free(server->agent);
    stele_feeds_free(server->feeds);
    for (size_t i = 0; i < server->count; i++)
        stele_serving_writer_free(server->all[i]);
    free(server->all);
    free(server->address);
    free(server);
}
