/* SPDX-License-Identifier: MIT
 * From a request to its reply: who may ask, which handler, and what its connection does. */
#include <sys/socket.h>

#include "core/alloc.h"
#include "server/http_access.h"
#include "server/http_inside.h"

enum { BAD_REQUEST = 400, NOT_FOUND = 404, NOT_ALLOWED = 405, TOO_MANY = 429, UNAVAILABLE = 503 };
enum { AT_ONCE_MAX = 65536 }; /* bytes of a body that the loop's thread may take apart */

static int64_t now_s(void)
{
    return stele_clock_now_ms(stele_clock_system()) / 1000;
}

static void reply(stele_http_server *server, stele_http_client *client, stele_http_reply *answer,
                  const char *content_type)
{
    if (answer->stream != NULL) {
        if (!stele_http_stream_begin(server, client, answer))
            stele_http_deny(server, client, UNAVAILABLE, "too many streams: try again");
        return;
    }
    stele_http_connection_reply(&client->connection, answer, content_type, now_s());
    stele_http_enter(server, client, STELE_HTTP_WRITING);
}

static void refuse(stele_http_server *server, stele_http_client *client,
                   const stele_http_refusal *refusal, unsigned allowed, const char *content_type)
{
    STELE_AUTO_VALUE(stele_http_reply) answer = {0};
    if (server->options.refuse != NULL)
        server->options.refuse(&answer, refusal);
    else
        stele_http_reply_refuse(&answer, refusal);
    answer.allowed = allowed;
    if (refusal->code == UNAVAILABLE || refusal->code == TOO_MANY) answer.retry_after_s = 1;
    reply(server, client, &answer, content_type);
}

void stele_http_deny(stele_http_server *server, stele_http_client *client, unsigned code,
                     const char *text)
{
    stele_http_refusal refusal;
    stele_http_refuse(&refusal, code, "%s", text);
    client->connection.closes = true;
    refuse(server, client, &refusal, 0, NULL);
}

/* ---- with a handler ---- */

bool stele_http_failures_count(stele_http_failures *of)
{
    int64_t now_ns = stele_clock_monotonic_ns(stele_clock_system());
    const int64_t every_ns = (int64_t)STELE_HTTP_LOG_EVERY_S * 1000000000;
    of->unlogged++;
    if (of->logged_ns != 0 && now_ns - of->logged_ns < every_ns) return false;
    of->logged_ns = now_ns;
    of->unlogged = 0;
    return true;
}

/* Failures of this side only: those of clients are theirs. Of each status one, and how many there
 * were. */
static void log_failure(stele_http_server *server, const stele_http_asked *asked,
                        const stele_http_reply *answer)
{
    if (answer->code < 500) return;
    size_t index = answer->code - 500;
    if (index >= STELE_HTTP_FAILURE_CODES) index = 0;
    stele_http_failures *of = &server->failed[index];
    size_t count = of->unlogged + 1;
    if (!stele_http_failures_count(of)) return;
    stele_logger_write(server->options.logger, STELE_LOGGER_WARN, "request failed",
                       STELE_LOGGER_FIELDS(stele_logger_text("method", asked->head.method),
                                           stele_logger_text("target", asked->head.target),
                                           stele_logger_text("answer", answer->body),
                                           stele_logger_int("count", (int64_t)count)));
}

/* @return the client; NULL: it is closed */
static stele_http_client *settle(stele_http_server *server, stele_http_asked *asked)
{
    stele_http_client *client = asked->client;
    stele_http_reply *answer = stele_http_asked_reply(asked);
    server->body_size -= asked->body.size;
    log_failure(server, asked, answer);
    if (client != NULL) {
        client->asked = NULL;
        reply(server, client, answer, asked->api->content_type);
    }
    stele_http_asked_free(asked);
    return client;
}

void stele_http_finish(stele_http_server *server, stele_http_asked *asked)
{
    stele_http_client *client = settle(server, asked);
    if (client != NULL) stele_http_advance(server, client);
}

/* @return false: the pool is full */
static bool hand_over(stele_http_server *server, stele_http_client *client,
                      const stele_http_api *api, const stele_http_route *route,
                      stele_http_request *request)
{
    stele_http_asked *asked = stele_http_asked_new(server, client, api, route, request);
    client->body_counted = 0; /* it counts as the request's now */
    client->asked = asked;
    stele_http_enter(server, client, STELE_HTTP_ANSWERING);
    if (route->work == STELE_HTTP_PROMISES && asked->body.size <= AT_ONCE_MAX) {
        if (stele_http_asked_run(asked)) settle(server, asked);
        return true;
    }
    if (stele_work_pool_add(server->pool, &asked->work)) return true;
    client->asked = NULL;
    server->body_size -= asked->body.size;
    stele_http_asked_free(asked);
    return false;
}

/* The request is complete. */
static void answer(stele_http_server *server, stele_http_client *client)
{
    const stele_http_head *head = &client->connection.reader.head;
    STELE_AUTO_VALUE(stele_http_request) request = {0};
    stele_http_refusal refusal = {0};
    stele_http_method method;
    const stele_http_api *api = NULL;
    const stele_http_route *route = NULL;
    unsigned allowed = 0;
    stele_error err = {0};
    if (!stele_http_method_parse(head->method, &method)) {
        stele_http_refuse(&refusal, NOT_ALLOWED, "%s", "");
        allowed = STELE_HTTP_GET | STELE_HTTP_POST | STELE_HTTP_PUT | STELE_HTTP_DELETE;
    } else if (stele_http_request_parse(method, head->target, &request, &err) < 0) {
        stele_http_refuse(&refusal, err.status == STELE_E_LIMIT ? NOT_FOUND : BAD_REQUEST, "%s",
                          err.text);
    } else {
        route = stele_http_route_find(server->options.apis, server->options.api_count, &request,
                                      &api, &refusal, &allowed);
    }
    if (route != NULL && hand_over(server, client, api, route, &request)) return;
    if (route != NULL)
        stele_http_refuse(&refusal, UNAVAILABLE, "too many requests wait for an answer: try again");
    refuse(server, client, &refusal, allowed, api == NULL ? NULL : api->content_type);
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
        connection->head_only = false;
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
        case STELE_HTTP_STREAMING:
            goes_on = stele_http_stream_on(server, client);
            break;
        default:
            goes_on = false;
        }
    }
    stele_http_watch(server, client);
}
