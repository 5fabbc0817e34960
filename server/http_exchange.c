/* SPDX-License-Identifier: MIT
 * From a request to its reply: who may ask, which handler, a worker, and back. */
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "core/alloc.h"
#include "server/http_access.h"
#include "server/http_inside.h"

enum { BAD_REQUEST = 400, NOT_FOUND = 404, NOT_ALLOWED = 405, UNAVAILABLE = 503 };

static int64_t now_s(void)
{
    return stele_clock_now_ms(stele_clock_system()) / 1000;
}

static void reply(stele_http_server *server, stele_http_client *client,
                  const stele_http_reply *answer, const char *content_type)
{
    stele_http_connection_reply(&client->connection, answer, content_type, now_s());
    stele_http_enter(server, client, STELE_HTTP_WRITING);
}

void stele_http_deny(stele_http_server *server, stele_http_client *client, unsigned code,
                     const char *text)
{
    STELE_AUTO_VALUE(stele_http_reply) answer = {0};
    stele_http_reply_error(&answer, (int)code, "%s", text);
    if (code == UNAVAILABLE || code == 429) answer.retry_after_s = 1;
    client->connection.closes = true;
    reply(server, client, &answer, NULL);
}

/* ---- with a worker ---- */

/* In a thread of the pool. */
static void run(stele_work *work)
{
    stele_http_asked *asked = (stele_http_asked *)work; /* its first member */
    stele_http_server *server = asked->server;
    asked->route->handler(asked->api->context, &asked->request, &asked->reply);
    stele_monitor_lock(&server->monitor);
    work->next = server->finished;
    server->finished = work;
    stele_monitor_unlock(&server->monitor);
    eventfd_write(server->wake, 1);
}

static void free_asked(stele_http_asked *asked)
{
    stele_http_request_clear(&asked->request);
    stele_http_reply_clear(&asked->reply);
    stele_buffer_clear(&asked->body);
    free(asked->method);
    free(asked->target);
    free(asked);
}

/* Failures of this side only: those of clients are theirs. */
static void log_failure(const stele_http_server *server, const stele_http_asked *asked)
{
    if (asked->reply.code < 500) return;
    stele_logger_write(server->options.logger, STELE_LOGGER_WARN, "request failed",
                       STELE_LOGGER_FIELDS(stele_logger_text("method", asked->method),
                                           stele_logger_text("target", asked->target),
                                           stele_logger_text("answer", asked->reply.body)));
}

void stele_http_finish(stele_http_server *server, stele_http_asked *asked)
{
    stele_http_client *client = asked->client;
    server->body_size -= asked->body.size;
    log_failure(server, asked);
    if (client != NULL) {
        client->asked = NULL;
        reply(server, client, &asked->reply, asked->api->content_type);
        stele_http_advance(server, client);
    }
    free_asked(asked);
}

/* @return false: the pool is full */
static bool hand_over(stele_http_server *server, stele_http_client *client,
                      const stele_http_api *api, const stele_http_route *route,
                      stele_http_request *request)
{
    stele_http_reader *reader = &client->connection.reader;
    stele_http_asked *asked = stele_alloc(sizeof *asked);
    *asked = (stele_http_asked){.work = {.run = run, .waits = route->waits},
                                .server = server,
                                .client = client,
                                .route = route,
                                .api = api,
                                .request = *request,
                                .body = reader->body,
                                .method = stele_strdup(reader->head.method),
                                .target = stele_strdup(reader->head.target)};
    *request = (stele_http_request){0};
    reader->body = (stele_buffer){0};
    asked->request.body = stele_buffer_view(&asked->body);
    client->body_counted = 0; /* it counts as the request's now */
    client->asked = asked;
    stele_http_enter(server, client, STELE_HTTP_ANSWERING);
    if (stele_work_pool_add(server->pool, &asked->work)) return true;
    client->asked = NULL;
    server->body_size -= asked->body.size;
    free_asked(asked);
    return false;
}

/* The request is complete. */
static void answer(stele_http_server *server, stele_http_client *client)
{
    const stele_http_head *head = &client->connection.reader.head;
    STELE_AUTO_VALUE(stele_http_request) request = {0};
    STELE_AUTO_VALUE(stele_http_reply) refusal = {0};
    stele_http_method method;
    const stele_http_api *api = NULL;
    const stele_http_route *route = NULL;
    stele_error err = {0};
    if (!stele_http_method_parse(head->method, &method)) {
        stele_http_reply_error(&refusal, NOT_ALLOWED, "HTTP 405 Method Not Allowed");
        refusal.allowed = STELE_HTTP_GET | STELE_HTTP_POST | STELE_HTTP_PUT | STELE_HTTP_DELETE;
    } else if (stele_http_request_parse(method, head->target, &request, &err) < 0) {
        int code = err.status == STELE_E_LIMIT ? NOT_FOUND : BAD_REQUEST;
        stele_http_reply_error(&refusal, code, "%s", err.text);
    } else {
        route = stele_http_route_find(server->options.apis, server->options.api_count, &request,
                                      &api, &refusal);
    }
    if (route != NULL && hand_over(server, client, api, route, &request)) return;
    if (route != NULL) {
        stele_http_reply_error(&refusal, UNAVAILABLE,
                               "too many requests wait for an answer: try again");
        refusal.retry_after_s = 1;
    }
    reply(server, client, &refusal, api == NULL ? NULL : api->content_type);
}

/* ---- while it comes ---- */

/* A client that asks before it sends the body gets its answer, unless the body is coming. */
static void invite(stele_http_connection *connection)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!connection->reader.head.expects_continue || connection->input.size > 0) return;
    stele_buffer_append(&connection->output, stele_bytes_of(text, sizeof text - 1));
    stele_http_connection_send(connection); /* what is left goes with the reply */
}

static bool count_body(stele_http_server *server, stele_http_client *client,
                       stele_http_refusal *refusal)
{
    size_t size = client->connection.reader.body.size;
    server->body_size += size - client->body_counted;
    client->body_counted = size;
    return server->body_size <= server->options.bodies_max ||
           stele_http_refuse(refusal, UNAVAILABLE, "too many large requests at once: try again");
}

/* Take one step in what has come. @return false: nothing more can be done now */
static bool read_on(stele_http_server *server, stele_http_client *client)
{
    stele_http_connection *connection = &client->connection;
    stele_http_refusal refusal = {0};
    if (connection->input.size > 0 && connection->stage == STELE_HTTP_IDLE)
        stele_http_enter(server, client, STELE_HTTP_READING);
    stele_http_progress progress = stele_http_connection_step(connection, &refusal);
    bool is_fine = progress != STELE_HTTP_REFUSED && count_body(server, client, &refusal);
    if (is_fine && progress == STELE_HTTP_HEAD) {
        is_fine = stele_http_access_check(&connection->reader.head, &server->listener, &refusal);
        if (is_fine) invite(connection);
    }
    if (!is_fine) {
        stele_http_deny(server, client, refusal.code, refusal.text);
    } else if (progress == STELE_HTTP_DONE) {
        answer(server, client);
    } else if (progress == STELE_HTTP_MORE) {
        if (connection->at_end) stele_http_drop(server, client);
        return false;
    }
    return true;
}

/* @return false: there is more to write, or nothing more to do */
static bool write_on(stele_http_server *server, stele_http_client *client)
{
    stele_http_connection *connection = &client->connection;
    if (!stele_http_connection_send(connection)) {
        stele_http_drop(server, client);
        return false;
    }
    if (connection->output.size > 0) return false;
    server->body_size -= client->body_counted;
    client->body_counted = 0;
    if (!connection->closes) {
        stele_http_reader_reset(&connection->reader);
        stele_http_enter(server, client, STELE_HTTP_IDLE);
        return true;
    }
    stele_http_enter(server, client, STELE_HTTP_LINGERING);
    stele_buffer_clear(&connection->input);
    bool is_over = connection->at_end || shutdown(connection->fd, SHUT_WR) != 0;
    if (is_over) stele_http_drop(server, client);
    return false;
}

void stele_http_advance(stele_http_server *server, stele_http_client *client)
{
    bool goes_on = true;
    while (goes_on) {
        switch (client->connection.stage) {
        case STELE_HTTP_IDLE:
        case STELE_HTTP_READING:
            goes_on = read_on(server, client);
            break;
        case STELE_HTTP_WRITING:
            goes_on = write_on(server, client);
            break;
        default:
            goes_on = false;
        }
    }
    stele_http_watch(server, client);
}
