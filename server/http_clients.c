/* SPDX-License-Identifier: MIT
 * The connections of a server: who is let in, in which stage each is, and who has to go. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/alloc.h"
#include "server/http_inside.h"

enum { ACCEPTED_AT_ONCE = 64, REFUSED_MAX = 64, LINGER_MS = 2000, PAUSE_MS = 100 };
enum { TOO_MANY = 429, UNAVAILABLE = 503 };

static int64_t now_ns(void)
{
    return stele_clock_monotonic_ns(stele_clock_system());
}

/* ---- stages ---- */

static int limit_of(const stele_http_server *server, stele_http_stage stage)
{
    switch (stage) {
    case STELE_HTTP_IDLE:
        return server->options.idle_ms;
    case STELE_HTTP_LINGERING:
        return LINGER_MS;
    case STELE_HTTP_ANSWERING:
        return server->options.answer_ms;
    default:
        return server->options.request_ms;
    }
}

static bool is_busy(stele_http_stage stage)
{
    return stage == STELE_HTTP_ANSWERING || stage == STELE_HTTP_WRITING;
}

static void unlink_client(stele_http_server *server, stele_http_client *client)
{
    *(client->previous == NULL ? &server->first : &client->previous->next) = client->next;
    *(client->next == NULL ? &server->last : &client->next->previous) = client->previous;
    client->previous = client->next = NULL;
}

static void link_last(stele_http_server *server, stele_http_client *client)
{
    client->previous = server->last;
    *(server->last == NULL ? &server->first : &server->last->next) = client;
    server->last = client;
}

void stele_http_enter(stele_http_server *server, stele_http_client *client, stele_http_stage stage)
{
    stele_http_connection *connection = &client->connection;
    int limit_ms = limit_of(server, stage);
    assert(connection->stage != STELE_HTTP_CLOSED && stage != STELE_HTTP_CLOSED);
    server->busy_count += is_busy(stage);
    server->busy_count -= is_busy(connection->stage);
    server->streaming_count += stage == STELE_HTTP_STREAMING;
    server->streaming_count -= connection->stage == STELE_HTTP_STREAMING;
    assert(server->busy_count <= server->count + server->refused_count);
    assert(server->streaming_count <= server->count);
    connection->stage = stage;
    connection->until_ns = now_ns() + (int64_t)limit_ms * 1000000;
    if (connection->until_ns < server->look_ns) server->look_ns = connection->until_ns;
    if (stage ==
        STELE_HTTP_IDLE) { /* the list begins with the one that has been idle for longest */
        unlink_client(server, client);
        link_last(server, client);
    }
}

static void watch_for(stele_http_server *server, stele_http_client *client, uint32_t events)
{
    if (events == client->events) return;
    struct epoll_event event = {.events = events, .data.ptr = client};
    epoll_ctl(server->epoll, EPOLL_CTL_MOD, client->connection.fd, &event);
    client->events = events;
}

void stele_http_watch(stele_http_server *server, stele_http_client *client)
{
    stele_http_stage stage = client->connection.stage;
    /* Most clients say nothing before they have their answer: that is two calls saved. */
    if (stage == STELE_HTTP_CLOSED || stage == STELE_HTTP_ANSWERING) return;
    if (stage == STELE_HTTP_STREAMING) /* what it says is not read, but that it goes away */
        watch_for(server, client,
                  client->connection.output.size > 0 ? EPOLLRDHUP | EPOLLOUT : EPOLLRDHUP);
    else
        watch_for(server, client, stage == STELE_HTTP_WRITING ? EPOLLOUT : EPOLLIN);
}

void stele_http_mute(stele_http_server *server, stele_http_client *client)
{
    watch_for(server, client, 0);
}

void stele_http_drop(stele_http_server *server, stele_http_client *client)
{
    stele_http_connection *connection = &client->connection;
    if (connection->stage == STELE_HTTP_CLOSED) return;
    if (client->asked != NULL) client->asked->client = NULL;
    client->asked = NULL;
    stele_http_stream_leave(client->stream);
    client->stream = NULL;
    server->streaming_count -= connection->stage == STELE_HTTP_STREAMING;
    server->busy_count -= is_busy(connection->stage);
    server->body_size -= client->body_counted;
    client->body_counted = 0;
    if (connection->is_refused) {
        server->refused_count--;
    } else {
        server->count--;
    }
    stele_http_connection_clear(connection);
    unlink_client(server, client);
    client->next = server->doomed;
    server->doomed = client;
}

/* ---- who is let in ---- */

static stele_http_peer peer_of(const struct sockaddr_storage *address)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    stele_http_peer peer = {{4}};
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        memcpy(peer.bytes + 1, &in->sin_addr, 4);
        return peer;
    }
    const uint8_t *in6 = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
    if (memcmp(in6, mapped, sizeof mapped) == 0) {
        memcpy(peer.bytes + 1, in6 + sizeof mapped, 4);
    } else {
        peer.bytes[0] = 6;
        memcpy(peer.bytes + 1, in6, 8);
    }
    return peer;
}

static bool is_of(const stele_http_client *client, const stele_http_peer *peer)
{
    return !client->connection.is_refused &&
           (peer == NULL || client->connection.stage != STELE_HTTP_STREAMING) &&
           (peer == NULL || memcmp(&client->connection.peer, peer, sizeof *peer) == 0);
}

static size_t count_of(const stele_http_server *server, const stele_http_peer *peer)
{
    size_t count = 0;
    for (const stele_http_client *at = server->first; at != NULL; at = at->next)
        count += is_of(at, peer);
    return count;
}

/* Close the connection that has been idle for longest. @param peer  NULL: of anyone */
static bool make_room(stele_http_server *server, const stele_http_peer *peer)
{
    for (stele_http_client *at = server->first; at != NULL; at = at->next) {
        if (at->connection.stage != STELE_HTTP_IDLE || !is_of(at, peer)) continue;
        stele_http_drop(server, at);
        return true;
    }
    return false;
}

static void log_refused(stele_http_server *server, const char *why)
{
    size_t count = server->refused.unlogged + 1;
    if (!stele_http_failures_count(&server->refused)) return;
    stele_logger_write(server->options.logger, STELE_LOGGER_WARN, "connections are refused",
                       STELE_LOGGER_FIELDS(stele_logger_text("reason", why),
                                           stele_logger_int("count", (int64_t)count)));
}

/* @return NULL: there is room; else why not */
static const char *find_no_room(stele_http_server *server, const stele_http_peer *peer,
                                unsigned *code)
{
    *code = TOO_MANY;
    if (count_of(server, peer) >= server->options.peer_max && !make_room(server, peer))
        return "too many connections from this address: try again";
    *code = UNAVAILABLE;
    if (server->count >= server->options.connections_max && !make_room(server, NULL))
        return "too many connections: try again";
    return NULL;
}

static void let_in(stele_http_server *server, int fd, const struct sockaddr_storage *address)
{
    unsigned code;
    int yes = 1;
    stele_http_peer peer = peer_of(address);
    const char *why = find_no_room(server, &peer, &code);
    if (why != NULL) log_refused(server, why);
    struct epoll_event event = {.events = EPOLLIN};
    stele_http_client *client = stele_alloc(sizeof *client);
    event.data.ptr = client;
    if ((why != NULL && server->refused_count == REFUSED_MAX) ||
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        close(fd);
        free(client);
        return;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    client->events = event.events;
    client->connection = (stele_http_connection){.fd = fd,
                                                 .peer = peer,
                                                 .is_refused = why != NULL,
                                                 .reader.body_max = server->options.body_max};
    (*(why != NULL ? &server->refused_count : &server->count))++;
    link_last(server, client);
    stele_http_enter(server, client, STELE_HTTP_IDLE);
    if (why == NULL) return;
    stele_http_deny(server, client, code, why);
    stele_http_advance(server, client);
}

static void watch_listener(stele_http_server *server, uint32_t events)
{
    struct epoll_event event = {.events = events};
    epoll_ctl(server->epoll, EPOLL_CTL_MOD, server->listener.socket, &event);
}

/* Nothing left to accept with: close an idle connection, else wait a moment. */
static bool find_descriptor(stele_http_server *server)
{
    if (make_room(server, NULL)) return true;
    log_refused(server, strerror(errno));
    watch_listener(server, 0);
    server->accept_ns = now_ns() + PAUSE_MS * 1000000;
    return false;
}

void stele_http_accept(stele_http_server *server)
{
    if (server->accept_ns != 0) watch_listener(server, EPOLLIN);
    server->accept_ns = 0;
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        struct sockaddr_storage address = {0};
        socklen_t size = sizeof address;
        int fd = accept(server->listener.socket, (struct sockaddr *)&address, &size);
        if (fd >= 0) {
            let_in(server, fd, &address);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (!find_descriptor(server)) return;
        }
    }
}
