/* SPDX-License-Identifier: MIT
 * Opening and closing, and the loop between. */
#include "server/http_server.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/alloc.h"
#include "server/http_inside.h"

enum { EVENTS_AT_ONCE = 64, STREAMS_AT_ONCE = 64, LOOK_EVERY_MS = 20, OTHER_FILES = 128 };
enum { REQUEST_TIMEOUT = 408, UNAVAILABLE = 503, GATEWAY_TIMEOUT = 504 };

static int64_t now_ns(void)
{
    return stele_clock_monotonic_ns(stele_clock_system());
}

/* ---- one turn of the loop ---- */

/* Answer in the handler's place; its own reply is dropped when it comes. */
static void forestall(stele_http_server *server, stele_http_client *client, unsigned code,
                      const char *text)
{
    client->asked->client = NULL;
    client->asked = NULL;
    stele_http_deny(server, client, code, text);
}

static void end_stage(stele_http_server *server, stele_http_client *client)
{
    switch (client->connection.stage) {
    case STELE_HTTP_READING:
        stele_http_deny(server, client, REQUEST_TIMEOUT,
                        "the request did not come whole within its time");
        break;
    case STELE_HTTP_ANSWERING:
        forestall(server, client, GATEWAY_TIMEOUT,
                  "no answer within its time: whether it was done is not known");
        break;
    default:
        stele_http_drop(server, client);
        return;
    }
    stele_http_advance(server, client);
}

/* Whose stage has lasted too long? */
static void look(stele_http_server *server)
{
    int64_t now = now_ns();
    if (now < server->look_ns) return;
    server->look_ns = INT64_MAX;
    stele_http_client *next;
    for (stele_http_client *at = server->first; at != NULL; at = next) {
        next = at->next;
        if (at->connection.until_ns <= now) end_stage(server, at);
    }
    for (stele_http_client *at = server->first; at != NULL; at = at->next) {
        if (at->connection.until_ns < server->look_ns) server->look_ns = at->connection.until_ns;
    }
    int64_t soonest = now + LOOK_EVERY_MS * 1000000;
    if (server->look_ns < soonest) server->look_ns = soonest;
}

static void serve_client(stele_http_server *server, stele_http_client *client, uint32_t events)
{
    stele_http_stage stage = client->connection.stage;
    if (stage == STELE_HTTP_CLOSED) return;
    bool is_streaming = stage == STELE_HTTP_STREAMING;
    bool reads = stage != STELE_HTTP_ANSWERING && stage != STELE_HTTP_WRITING && !is_streaming;
    bool is_broken = (!reads && (events & (EPOLLERR | EPOLLHUP)) != 0) ||
                     (is_streaming && (events & EPOLLRDHUP) != 0);
    if (is_broken || (reads && !stele_http_connection_receive(&client->connection))) {
        stele_http_drop(server, client);
        return;
    }
    if (stage == STELE_HTTP_ANSWERING) stele_http_mute(server, client);
    stele_http_advance(server, client);
}

static void take_answered(stele_http_server *server)
{
    stele_http_asked *asked = stele_http_mailbox_take(server->mailbox);
    while (asked != NULL) {
        stele_http_asked *next = asked->next;
        stele_http_finish(server, asked);
        asked = next;
    }
}

/* Makers tell of more meanwhile. Whoever else wants something is looked after in between. */
static void take_streams(stele_http_server *server)
{
    for (int i = 0; i < STREAMS_AT_ONCE; i++) {
        stele_http_stream *stream = stele_http_mailbox_take_stream(server->mailbox);
        if (stream == NULL) return;
        stele_http_advance(server, stele_http_stream_client(stream));
    }
    eventfd_write(server->mailbox->wake, 1);
}

static void free_doomed(stele_http_server *server)
{
    while (server->doomed != NULL) {
        stele_http_client *client = server->doomed;
        server->doomed = client->next;
        free(client);
    }
}

static int pause_ms(const stele_http_server *server, bool is_stopping)
{
    int64_t until = server->look_ns;
    int most_ms = 60000;
    if (server->accept_ns != 0 && server->accept_ns < until) until = server->accept_ns;
    if (is_stopping) most_ms = stele_deadline_remaining_ms(server->stop_until, most_ms);
    int64_t left_ms = until == INT64_MAX ? most_ms : (until - now_ns()) / 1000000 + 1;
    if (left_ms < 0) return 0;
    return left_ms < most_ms ? (int)left_ms : most_ms;
}

static void turn(stele_http_server *server, bool is_stopping)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = epoll_wait(server->epoll, events, EVENTS_AT_ONCE, pause_ms(server, is_stopping));
    bool knocks = server->accept_ns != 0 && now_ns() >= server->accept_ns;
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == NULL) {
            knocks = true;
        } else if (events[i].data.ptr == server) {
            eventfd_t ignored;
            eventfd_read(server->mailbox->wake, &ignored);
        } else {
            serve_client(server, events[i].data.ptr, events[i].events);
        }
    }
    if (knocks && !is_stopping) stele_http_accept(server);
    take_answered(server);
    take_streams(server);
    look(server);
    free_doomed(server);
}

/* ---- the end ---- */

static void drop_all(stele_http_server *server, bool busy_ones)
{
    stele_http_client *next;
    for (stele_http_client *at = server->first; at != NULL; at = next) {
        next = at->next;
        if (at->connection.stage == STELE_HTTP_STREAMING && !busy_ones)
            stele_http_stream_stop(server, at);
        bool is_busy = at->connection.stage == STELE_HTTP_ANSWERING ||
                       at->connection.stage == STELE_HTTP_WRITING;
        if (is_busy && !busy_ones) {
            at->connection.closes = true;
        } else {
            stele_http_drop(server, at);
        }
    }
}

/* What is still waited for is answered with 503. */
static void give_up(stele_http_server *server)
{
    stele_http_client *next;
    for (stele_http_client *at = server->first; at != NULL; at = next) {
        next = at->next;
        if (at->asked == NULL) continue;
        forestall(server, at, UNAVAILABLE, "the server is being stopped: ask again");
        stele_http_connection_send(&at->connection);
    }
    drop_all(server, true);
}

static bool is_stopping(stele_http_server *server)
{
    stele_monitor_lock(&server->mailbox->monitor);
    bool stops = server->is_stopping;
    stele_monitor_unlock(&server->mailbox->monitor);
    return stops;
}

void stele_http_loop(void *context)
{
    stele_http_server *server = context;
    while (!is_stopping(server))
        turn(server, false);
    epoll_ctl(server->epoll, EPOLL_CTL_DEL, server->listener.socket, NULL);
    close(server->listener.socket);
    server->listener.socket = -1;
    do {
        drop_all(server, false);
        free_doomed(server);
        if (server->busy_count > 0) turn(server, true);
    } while (server->busy_count > 0 && !stele_deadline_passed(server->stop_until));
    give_up(server);
    free_doomed(server);
}

static void free_server(stele_http_server *server)
{
    if (server->listener.socket >= 0) close(server->listener.socket);
    if (server->epoll >= 0) close(server->epoll);
    stele_http_mailbox_close(server->mailbox);
    free(server);
}

static void interrupt_all(const stele_http_server *server)
{
    for (size_t i = 0; i < server->options.api_count; i++) {
        const stele_http_api *api = &server->options.apis[i];
        if (api->interrupt != NULL) api->interrupt(api->context);
    }
}

/* Requests whose connections are closed. */
static void forget_requests(stele_http_server *server)
{
    stele_work *work;
    while ((work = stele_work_pool_take_back(server->pool)) != NULL)
        stele_http_asked_free((stele_http_asked *)work); /* its first member */
}

void stele_http_server_close(stele_http_server *server, int timeout_ms)
{
    if (server == NULL) return;
    stele_monitor_lock(&server->mailbox->monitor);
    server->is_stopping = true;
    server->stop_until = stele_deadline_after(stele_clock_system(), timeout_ms);
    eventfd_write(server->mailbox->wake, 1);
    stele_monitor_unlock(&server->mailbox->monitor);
    stele_thread_join(server->thread);
    forget_requests(server);
    interrupt_all(server);
    stele_work_pool_close(server->pool);
    free_server(server);
}

/* ---- the beginning ---- */

static size_t descriptors_for(size_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
    size_t most = (size_t)limit.rlim_cur;
    most = most > 2 * OTHER_FILES ? most - OTHER_FILES : most / 2;
    return wanted < most ? wanted : most;
}

static size_t or_default(size_t given, size_t standard)
{
    return given > 0 ? given : standard;
}

static stele_http_server_options fill_in(const stele_http_server_options *given)
{
    stele_http_server_options options = *given;
    if (options.listen == NULL) options.listen = "127.0.0.1:8081";
    options.body_max = or_default(given->body_max, 2 << 20);
    options.bodies_max = or_default(given->bodies_max, 64 << 20);
    options.connections_max = descriptors_for(or_default(given->connections_max, 4096));
    options.peer_max = or_default(given->peer_max, (options.connections_max + 3) / 4);
    options.workers = or_default(given->workers, 16);
    options.queue_max = or_default(given->queue_max, 256);
    if (options.request_ms == 0) options.request_ms = 30000;
    if (options.idle_ms == 0) options.idle_ms = 60000;
    if (options.answer_ms == 0) options.answer_ms = 120000;
    return options;
}

static bool watch(const stele_http_server *server, int fd, void *data)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
    return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool start(stele_http_server *server)
{
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->mailbox = stele_http_mailbox_new();
    if (server->epoll < 0 || server->mailbox == NULL) return false;
    if (!watch(server, server->listener.socket, NULL) ||
        !watch(server, server->mailbox->wake, server))
        return false;
    server->pool = stele_work_pool_new(server->options.workers, server->options.queue_max);
    if (server->pool == NULL) return false;
    int code = stele_thread_start(stele_runtime_system(), &server->thread, "http-loop",
                                  stele_http_loop, server);
    if (code == 0) return true;
    stele_work_pool_close(server->pool);
    errno = code;
    return false;
}

stele_status stele_http_server_open(const stele_http_server_options *options,
                                    stele_http_server **out, stele_error *err)
{
    stele_http_server *server = stele_alloc(sizeof *server);
    server->options = fill_in(options);
    server->epoll = server->listener.socket = -1;
    server->look_ns = INT64_MAX;
    stele_status status = STELE_OK;
    if (options->listener != NULL)
        server->listener = *options->listener;
    else
        status = stele_listen(server->options.listen, &server->listener, err);
    if (status == STELE_OK && !start(server)) {
        status = stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_STOP, errno,
                                  "the HTTP server did not start: %s; raise the limits of open "
                                  "files (ulimit -n) and of threads (ulimit -u)",
                                  strerror(errno));
    }
    if (status < 0) {
        free_server(server);
        return status;
    }
    *out = server;
    return STELE_OK;
}

const char *stele_http_server_address(const stele_http_server *server)
{
    return server->listener.address;
}

bool stele_http_server_is_local(const stele_http_server *server)
{
    return server->listener.is_loopback;
}

size_t stele_http_server_connections_max(const stele_http_server *server)
{
    return server->options.connections_max;
}
