/* SPDX-License-Identifier: MIT
 * Connections, bodies, and who may ask. A thread for each connection, as a registration waits for
 * Kafka; their number is bounded. */
#include "server/registry_server.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/monitor.h"
#include "core/text.h"
#include "server/listen.h"
#include "server/rest.h"

enum { NOT_FOUND = 404, FORBIDDEN = 403, TOO_LARGE = 413, WRONG_TYPE = 415 };

struct stele_registry_server {
    stele_registry *registry;
    const stele_logger *logger;
    stele_listener listener;
    struct MHD_Daemon *daemon;
    stele_monitor monitor;
    size_t requests; /* begun and not ended */
};

/* One request, from its first line to its end. */
typedef struct exchange {
    char *target; /* as it came */
    bool begun;
    stele_buffer body;
    size_t dropped; /* bytes past the limit */
} exchange;

typedef enum MHD_Result reaction;

/* ---- who may ask ---- */

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Is it a name that a program of this machine uses, rather than one that a page has made point
 * here? */
static bool is_local_host(const char *host, const char *address)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    size_t size = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (size == strlen(names[i]) && strncasecmp(host, names[i], size) == 0) return true;
    }
    return strcasecmp(host, address) == 0;
}

/* A page in a browser could make it send requests here. @return NULL, or why not */
static const char *refuse(const stele_registry_server *server, struct MHD_Connection *connection)
{
    const char *site = header(connection, "Sec-Fetch-Site");
    const char *host = header(connection, "Host");
    if (header(connection, "Origin") != NULL || (site != NULL && strcmp(site, "none") != 0))
        return "requests of web pages are refused";
    if (server->listener.is_loopback && host != NULL &&
        !is_local_host(host, server->listener.address))
        return "the Host header names another machine";
    return NULL;
}

static bool is_json(const char *type)
{
    static const char *const types[] = {"application/json", "application/vnd.schemaregistry",
                                        "application/octet-stream"};
    if (type == NULL) return true;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strncasecmp(type, types[i], strlen(types[i])) == 0) return true;
    }
    return false;
}

/* ---- answering ---- */

static reaction send_reply(struct MHD_Connection *connection, stele_rest_reply *reply)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(reply->body), reply->body, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) return MHD_NO;
    reply->body = NULL; /* the response has it */
    MHD_add_response_header(response, "Content-Type", "application/vnd.schemaregistry.v1+json");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    reaction result = MHD_queue_response(connection, reply->code, response);
    MHD_destroy_response(response);
    return result;
}

static reaction send_error(struct MHD_Connection *connection, int code, const char *text)
{
    STELE_AUTO_VALUE(stele_rest_reply) reply = {0};
    stele_rest_reply_error(&reply, code, "%s", text);
    return send_reply(connection, &reply);
}

static bool parse_method(const char *name, stele_rest_method *out)
{
    static const struct {
        const char *name;
        stele_rest_method method;
    } methods[] = {{"GET", STELE_REST_GET},
                   {"HEAD", STELE_REST_GET},
                   {"POST", STELE_REST_POST},
                   {"PUT", STELE_REST_PUT},
                   {"DELETE", STELE_REST_DELETE}};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(name, methods[i].name) != 0) continue;
        *out = methods[i].method;
        return true;
    }
    return false;
}

/* Its own failures only: those of clients are theirs. */
static void log_failure(const stele_registry_server *server, const char *method, const char *target,
                        const stele_rest_reply *reply)
{
    if (reply->code < 500) return;
    stele_logger_write(server->logger, STELE_LOGGER_WARN, "request failed",
                       STELE_LOGGER_FIELDS(stele_logger_text("method", method),
                                           stele_logger_text("target", target),
                                           stele_logger_text("answer", reply->body)));
}

static reaction answer(stele_registry_server *server, struct MHD_Connection *connection,
                       const char *method_name, exchange *asked)
{
    STELE_AUTO_VALUE(stele_rest_request) request = {0};
    STELE_AUTO_VALUE(stele_rest_reply) reply = {0};
    stele_rest_method method;
    stele_error err = {0};
    if (asked->dropped > 0) return send_error(connection, TOO_LARGE, "the body is too large");
    if (!parse_method(method_name, &method))
        return send_error(connection, 405, "HTTP 405 Method Not Allowed");
    if (stele_rest_request_parse(method, asked->target, &request, &err) < 0)
        return send_error(connection, NOT_FOUND, err.text);
    request.body = stele_buffer_view(&asked->body);
    stele_rest_answer(server->registry, &request, &reply);
    log_failure(server, method_name, asked->target, &reply);
    return send_reply(connection, &reply);
}

/* ---- libmicrohttpd's calls, in a connection's thread ---- */

static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    (void)context, (void)connection;
    exchange *asked = stele_alloc(sizeof *asked);
    asked->target = stele_strdup(target);
    return asked;
}

static void count_request(stele_registry_server *server, int change)
{
    stele_monitor_lock(&server->monitor);
    server->requests += (size_t)change;
    stele_monitor_wake(&server->monitor);
    stele_monitor_unlock(&server->monitor);
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode why)
{
    (void)connection, (void)why;
    exchange *asked = *state;
    if (asked == NULL) return;
    if (asked->begun) count_request(context, -1);
    stele_buffer_clear(&asked->body);
    free(asked->target);
    free(asked);
    *state = NULL;
}

/* The headers are there, the body is not. */
static reaction begin(stele_registry_server *server, struct MHD_Connection *connection,
                      const char *method, exchange *asked)
{
    bool has_body = strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0;
    asked->begun = true;
    count_request(server, 1);
    const char *length = header(connection, "Content-Length");
    int64_t size = 0;
    const char *why = refuse(server, connection);
    if (why != NULL) return send_error(connection, FORBIDDEN, why);
    if (has_body && !is_json(header(connection, "Content-Type")))
        return send_error(connection, WRONG_TYPE, "HTTP 415 Unsupported Media Type: want JSON");
    if (length != NULL &&
        stele_parse_int64(stele_text(length), 0, STELE_SERVER_BODY_MAX, &size, NULL) < 0)
        return send_error(connection, TOO_LARGE, "the body is too large");
    return MHD_YES;
}

static reaction on_request(void *context, struct MHD_Connection *connection, const char *url,
                           const char *method, const char *version, const char *data, size_t *size,
                           void **state)
{
    (void)url, (void)version;
    stele_registry_server *server = context;
    exchange *asked = *state;
    if (!asked->begun) return begin(server, connection, method, asked);
    if (*size == 0) return answer(server, connection, method, asked);
    if (asked->body.size + *size <= STELE_SERVER_BODY_MAX) {
        stele_buffer_append(&asked->body, stele_bytes_of(data, *size));
    } else {
        asked->dropped += *size;
    }
    *size = 0;
    return asked->dropped > 2 * STELE_SERVER_BODY_MAX ? MHD_NO : MHD_YES;
}

static void on_complaint(void *context, const char *format, va_list arguments)
{
    (void)context, (void)format, (void)arguments; /* of clients that went away */
}

/* ---- opening and closing ---- */

static struct MHD_Daemon *start(stele_registry_server *server)
{
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                     MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG |
                     (server->listener.is_ipv6 ? MHD_USE_IPv6 : 0);
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER,
                            on_complaint, NULL, MHD_OPTION_LISTEN_SOCKET, server->listener.socket,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)STELE_SERVER_CONNECTIONS_MAX,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)STELE_SERVER_IDLE_S,
                            MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
                            MHD_OPTION_NOTIFY_COMPLETED, on_end, server, MHD_OPTION_END);
}

stele_status stele_registry_server_open(const stele_registry_server_options *options,
                                        stele_registry_server **out, stele_error *err)
{
    stele_registry_server *server = stele_alloc(sizeof *server);
    server->registry = options->registry;
    server->logger = options->logger;
    stele_status status = stele_listen(options->listen == NULL ? "127.0.0.1:8081" : options->listen,
                                       &server->listener, err);
    if (status < 0) {
        free(server);
        return status;
    }
    stele_monitor_init(&server->monitor, stele_runtime_system());
    server->daemon = start(server);
    if (server->daemon == NULL) {
        close(server->listener.socket);
        stele_monitor_clear(&server->monitor);
        free(server);
        return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_STOP, "the HTTP server did not start");
    }
    *out = server;
    return STELE_OK;
}

void stele_registry_server_close(stele_registry_server *server, int timeout_ms)
{
    if (server == NULL) return;
    stele_deadline until = stele_deadline_after(stele_clock_system(), timeout_ms);
    MHD_socket socket = MHD_quiesce_daemon(server->daemon);
    stele_monitor_lock(&server->monitor);
    while (server->requests > 0 && stele_monitor_wait(&server->monitor, until)) {
    }
    stele_monitor_unlock(&server->monitor);
    MHD_stop_daemon(server->daemon);
    if (socket != MHD_INVALID_SOCKET) close(socket);
    stele_monitor_clear(&server->monitor);
    free(server);
}

const char *stele_registry_server_address(const stele_registry_server *server)
{
    return server->listener.address;
}

bool stele_registry_server_is_local(const stele_registry_server *server)
{
    return server->listener.is_loopback;
}

bool stele_registry_server_is_busy(stele_registry_server *server)
{
    stele_monitor_lock(&server->monitor);
    bool is_busy = server->requests > 0;
    stele_monitor_unlock(&server->monitor);
    return is_busy;
}
