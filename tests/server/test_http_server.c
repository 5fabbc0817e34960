/* SPDX-License-Identifier: MIT
 * The server on a real socket, with an API of its own: who is let in, who has to go, that no one
 * holds up another, and how it ends. */
#include "server/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/monitor.h"
#include "tests/server/http_client.h"
#include "tests/support/random.h"
#include "tests/support/test.h"

#define HOST  "Host: localhost\r\n"
#define QUICK "GET /quick HTTP/1.1\r\n" HOST "\r\n"
#define SLOW  "POST /slow HTTP/1.1\r\n" HOST "\r\n"
#define ECHO  "POST /echo HTTP/1.1\r\n" HOST

enum { CLOSE_MS = 10000, SHORT_MS = 200, LARGE = 32 << 20 };

static const stele_deadline never = {.end_ns = INT64_MAX};

/* ---- the API ---- */

/* Slow requests wait until it is open. */
typedef struct gate {
    stele_monitor monitor;
    bool is_open;
    bool is_interrupted;
    int begun;
} gate;

static void answer_quick(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)context, (void)request;
    stele_http_reply_text(reply, "\"quick\"", 7);
}

static void answer_echo(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)context;
    stele_http_reply_text(reply, (const char *)request->body.data, request->body.size);
}

static void answer_large(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)context, (void)request;
    STELE_AUTO(char) text = stele_alloc(LARGE);
    memset(text, ' ', LARGE);
    stele_http_reply_text(reply, text, LARGE);
}

static void answer_slow(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)request;
    gate *g = context;
    stele_monitor_lock(&g->monitor);
    g->begun++;
    stele_monitor_wake(&g->monitor);
    while (!g->is_open && !g->is_interrupted)
        stele_monitor_wait(&g->monitor, never);
    stele_monitor_unlock(&g->monitor);
    stele_http_reply_text(reply, "\"slow\"", 6);
}

static void change_gate(gate *g, bool *flag)
{
    stele_monitor_lock(&g->monitor);
    *flag = true;
    stele_monitor_wake(&g->monitor);
    stele_monitor_unlock(&g->monitor);
}

static void interrupt(void *context)
{
    gate *g = context;
    change_gate(g, &g->is_interrupted);
}

static void await_begun(gate *g, int count)
{
    stele_monitor_lock(&g->monitor);
    while (g->begun < count)
        stele_monitor_wait(&g->monitor, never);
    stele_monitor_unlock(&g->monitor);
}

static const stele_http_route routes[] = {
    {STELE_HTTP_GET, {"quick"}, answer_quick, STELE_HTTP_COMPUTES},
    {STELE_HTTP_POST, {"echo"}, answer_echo, STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"large"}, answer_large, STELE_HTTP_COMPUTES},
    {STELE_HTTP_POST, {"slow"}, answer_slow, STELE_HTTP_WAITS},
};

/* ---- a server, and clients ---- */

typedef struct stage {
    gate gate;
    stele_http_api api;
    stele_http_server *server;
} stage;

static void stage_open(stage *s, stele_http_server_options options)
{
    stele_error err = {0};
    stele_monitor_init(&s->gate.monitor, stele_runtime_system());
    s->api = (stele_http_api){
        .routes = routes, .count = COUNT_OF(routes), .context = &s->gate, .interrupt = interrupt};
    if (options.listen == NULL) options.listen = "127.0.0.1:0";
    options.apis = &s->api;
    options.api_count = 1;
    if (stele_http_server_open(&options, &s->server, &err) < 0) fail_msg("%s", err.text);
}

static void stage_close(stage *s)
{
    stele_http_server_close(s->server, CLOSE_MS);
    stele_monitor_clear(&s->gate.monitor);
    *s = (stage){0};
}
STELE_VALUE_SCOPE(stage, stage_close);

static int dial_from(const stage *s, uint32_t from)
{
    return http_dial(s->server, from);
}

static int dial(const stage *s)
{
    return dial_from(s, 0);
}

static void expect_served(const stage *s)
{
    int fd = dial(s);
    http_say_text(fd, QUICK);
    http_expect(fd, 200);
    close(fd);
}

/* ---- what is refused ---- */

static void a_refusal_is_json_and_the_last_reply(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        long code;
    } cases[] = {
        {"\x16\x03\x01", 400},
        {"GET /quick HTTP/1.1\n", 400},
        {"GET /quick HTTP/1.1\r\n\r\n", 400},
        {"GET /quick HTTP/3.0\r\n", 505},
        {"GET /qu\x01ck", 400},
        {ECHO "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {ECHO "Transfer-Encoding: br, chunked\r\n\r\n", 501},
        {ECHO "Transfer-Encoding: chunked\r\n\r\nx", 400},
        {ECHO "Content-Length: 3000000\r\n\r\n", 413},
        {ECHO "Expect: magic\r\n\r\n", 417},
        {QUICK "\x16garbage", 200},
    };
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int fd = dial(&s);
        http_say_text(fd, cases[i].request);
        STELE_AUTO(char) heard = http_hear_all(fd); /* it ends by itself */
        if (http_code(heard) != cases[i].code) fail_msg("%s: %s", cases[i].request, heard);
        assert_non_null(strstr(heard, "\r\nConnection: close\r\n"));
        assert_non_null(strstr(heard, "\r\n\r\n{\"error_code\":"));
        close(fd);
    }
    expect_served(&s);
}

static void a_path_or_a_method_that_is_not_there_leaves_the_connection(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        long code;
    } cases[] = {
        {"GET /none HTTP/1.1\r\n" HOST "\r\n", 404},
        {"GET /quick/ HTTP/1.1\r\n" HOST "\r\n", 404},
        {"GET //quick HTTP/1.1\r\n" HOST "\r\n", 404},
        {"GET /1/2/3/4/5/6/7/8/9 HTTP/1.1\r\n" HOST "\r\n", 404},
        {"GET /%00 HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /%zz HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /quick?%ff HTTP/1.1\r\n" HOST "\r\n", 400},
        {"PUT /quick HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 405},
        {"OPTIONS /quick HTTP/1.1\r\n" HOST "\r\n", 405},
        {"get /quick HTTP/1.1\r\n" HOST "\r\n", 405},
        {"GET http://localhost/quick HTTP/1.1\r\n" HOST "\r\n", 200},
    };
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = dial(&s);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        http_say_text(fd, cases[i].request);
        STELE_AUTO(char) reply = http_hear(fd);
        if (http_code(reply) != cases[i].code) fail_msg("%s: %s", cases[i].request, reply);
        if (cases[i].code == 405) assert_non_null(strstr(reply, "\r\nAllow: GET, HEAD"));
    }
    close(fd);
}

static void a_web_page_gets_nothing(void **state)
{
    (void)state;
#define TO(host) "GET /quick HTTP/1.1\r\nHost: " host "\r\n"
    static const struct {
        const char *request;
        long code;
    } cases[] = {
        {TO("localhost") "\r\n", 200},
        {TO("127.0.0.1:8081") "\r\n", 200},
        {TO("[::1]:8081") "\r\n", 200},
        {TO("localhost") "Sec-Fetch-Site: none\r\n\r\n", 200},
        {TO("localhost") "Sec-Fetch-Site: cross-site\r\n\r\n", 403},
        {TO("localhost") "Origin: http://localhost\r\n\r\n", 403},
        {TO("localhost") "Origin: null\r\n\r\n", 403},
        {TO("localhost") "Origin:\r\n\r\n", 403},
        {TO("rebound.example") "\r\n", 403},
        {TO("localhost.example") "\r\n", 403},
        /* The host of an absolute target counts, not that of the field. */
        {"GET http://rebound.example/quick HTTP/1.1\r\n" HOST "\r\n", 403},
        {"GET http://localhost/quick HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 200},
        {ECHO "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415},
        {ECHO "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n\r\n{}",
         415},
        {ECHO "Content-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}", 200},
        {ECHO "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415},
        {ECHO "Content-Length: 2\r\n\r\n{}", 200},
    };
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int fd = dial(&s);
        http_say_text(fd, cases[i].request);
        STELE_AUTO(char) reply = http_hear(fd);
        if (http_code(reply) != cases[i].code) fail_msg("%s: %s", cases[i].request, reply);
        close(fd);
    }
}

static void an_endless_body_is_refused(void **state)
{
    (void)state;
    enum { CHUNK = 65536 };
    static char chunk[CHUNK + 16];
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = dial(&s);
    http_say_text(fd, ECHO "Transfer-Encoding: chunked\r\n\r\n");
    int size = snprintf(chunk, sizeof chunk, "%x\r\n", CHUNK);
    memset(chunk + size, 'x', CHUNK);
    memcpy(chunk + size + CHUNK, "\r\n", 2);

    for (int i = 0; i < 60; i++) /* 3.75 MiB */
        http_say(fd, chunk, (size_t)size + CHUNK + 2);

    http_expect(fd, 413); /* heard although it came while the body was still being sent */
    close(fd);
    expect_served(&s);
}

static void bodies_have_a_limit_together(void **state)
{
    (void)state;
    static char half[700];
    memset(half, ' ', sizeof half);
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){.body_max = 1000, .bodies_max = 1000});
    int first = dial(&s);
    int second = dial(&s);
    http_say_text(first, ECHO "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n");
    http_expect(first, 100);
    http_say(first, half, sizeof half);
    http_say_text(second, ECHO "Content-Length: 1000\r\n\r\n");
    http_say(second, half, sizeof half);

    /* Whichever was read last is the one too many. */
    struct pollfd ready[] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
    assert_int_equal(poll(ready, 2, -1), 1);
    bool is_first = (ready[0].revents & POLLIN) != 0;
    STELE_AUTO(char) refusal = http_hear_all(is_first ? first : second);
    assert_int_equal(http_code(refusal), 503);
    assert_non_null(strstr(refusal, "\r\nRetry-After: 1\r\n"));

    http_say(is_first ? second : first, half, 300);
    http_expect(is_first ? second : first, 200);
    close(first);
    close(second);
}

/* ---- one connection ---- */

static void requests_in_a_row_are_answered_in_order(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = dial(&s);
    http_say_text(fd, ECHO "Content-Length: 3\r\n\r\n\"1\"" QUICK ECHO
                           "Transfer-Encoding: chunked\r\n\r\n3\r\n\"3\"\r\n0\r\n\r\n"
                           "HEAD /quick HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" QUICK);

    STELE_AUTO(char) heard = http_hear_all(fd);

    const char *at = heard;
    static const char *const bodies[] = {"\r\n\r\n\"1\"HTTP/1.1 200",
                                         "\r\n\r\n\"quick\"HTTP/1.1 200",
                                         "\r\n\r\n\"3\"HTTP/1.1 200", "Content-Length: 7\r\n"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        at = strstr(at, bodies[i]);
        if (at == NULL) fail_msg("%s is missing in %s", bodies[i], heard);
    }
    assert_string_equal(heard + strlen(heard) - 4, "\r\n\r\n"); /* HEAD has no body */
    close(fd);
}

static void a_client_that_asks_first_is_told_to_go_on(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = dial(&s);
    http_say_text(fd, ECHO "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    http_expect(fd, 100);
    http_say_text(fd, "{}");
    http_expect(fd, 200);

    http_say_text(fd, ECHO "Expect: 100-continue\r\nContent-Type: text/html\r\n"
                           "Content-Length: 2\r\n\r\n");
    http_expect(fd, 415); /* before it sends the body */
    close(fd);
}

static void a_client_that_has_said_all_still_gets_its_answer(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = dial(&s);
    http_say_text(fd, QUICK);
    shutdown(fd, SHUT_WR);
    http_expect(fd, 200);
    close(fd);
}

/* ---- slow ones, and many ---- */

/* Send byte after byte, one whenever nothing was heard for some milliseconds. @return the reply */
static char *drip(int fd, const char *text)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    for (size_t i = 0; text[i] != '\0' && poll(&ready, 1, 10) == 0; i++)
        http_say(fd, text + i, 1);
    return http_hear_all(fd);
}

static void a_request_has_a_deadline_as_a_whole(void **state)
{
    (void)state;
    static const struct {
        const char *whole, *dripped;
    } cases[] = {
        {"", "GET /quick HTTP/1.1\r\nA-header-that-takes-very-long: xxxxxxxxxxxxxxxxxxxxxxxxxx"},
        {ECHO "Content-Length: 1000\r\n\r\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
        {ECHO "Transfer-Encoding: chunked\r\n\r\n",
         "1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n"},
        {QUICK, "POST /echo HTTP/1.1\r\nA-header-that-takes-very-long: xxxxxxxxxxxxxxxxxx"},
    };
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){.request_ms = SHORT_MS});
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int fd = dial(&s);
        http_say_text(fd, cases[i].whole);
        if (strcmp(cases[i].whole, QUICK) == 0) http_expect(fd, 200);
        STELE_AUTO(char) heard = drip(fd, cases[i].dripped);
        if (http_code(heard) != 408) fail_msg("%s: %s", cases[i].dripped, heard);
        close(fd);
    }
}

static void a_connection_that_says_nothing_is_closed(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){.idle_ms = SHORT_MS});
    int silent = dial(&s);
    int once = dial(&s);
    http_say_text(once, QUICK);
    http_expect(once, 200);
    char byte;

    assert_int_equal(recv(silent, &byte, 1, 0), 0);
    assert_int_equal(recv(once, &byte, 1, 0), 0);

    close(silent);
    close(once);
}

static void a_client_that_does_not_take_its_answer_is_dropped(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){
                       .request_ms = SHORT_MS, .connections_max = 1, .peer_max = 2});
    int fd = dial(&s);
    http_say_text(fd, "GET /large HTTP/1.1\r\n" HOST "\r\n");

    long code = 503;
    while (code == 503) { /* until there is room for another */
        int other = dial(&s);
        http_say_text(other, QUICK);
        STELE_AUTO(char) reply = http_hear(other);
        code = http_code(reply);
        close(other);
    }

    assert_int_equal(code, 200);
    STELE_AUTO(char) heard = http_hear_all(fd);
    assert_true(strlen(heard) < LARGE);
    close(fd);
}

static void a_thousand_idle_connections_and_slow_ones_stop_nobody(void **state)
{
    (void)state;
    enum { IDLE = 1000, HALF = 30, RESERVED = 100 };
    static int fds[IDLE + HALF];
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < 2 * COUNT_OF(fds) + RESERVED) {
        print_message("ulimit -n is %lu: too few for this test\n", (unsigned long)limit.rlim_max);
        skip();
    }
    STELE_AUTO_VALUE(stage) s = {0};
    /* Both ends are in this process: half of its files are the server's. */
    stage_open(&s, (stele_http_server_options){.connections_max = 2000, .peer_max = 2000});
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = dial(&s);
        http_say_text(fds[i], i < IDLE ? QUICK : "GET /quick HTTP/1.1\r\nHo");
    }
    for (size_t i = 0; i < IDLE; i++)
        http_expect(fds[i], 200);

    for (int i = 0; i < 20; i++)
        expect_served(&s);
    for (size_t i = 0; i < COUNT_OF(fds); i++) { /* and none of them was closed */
        http_say_text(fds[i], i < IDLE ? QUICK : "st: localhost\r\n\r\n");
        http_expect(fds[i], 200);
    }

    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
}

static void one_address_cannot_shut_out_another(void **state)
{
    (void)state;
    enum { PEER_MAX = 4, OTHER = INADDR_LOOPBACK + 1 };
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){.peer_max = PEER_MAX});
    int slow[PEER_MAX];
    for (size_t i = 0; i < PEER_MAX; i++) {
        slow[i] = dial(&s);
        http_say_text(slow[i], ECHO "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n");
        http_expect(slow[i], 100);
    }
    int refused = dial(&s);
    STELE_AUTO(char) refusal = http_hear_all(refused);
    assert_int_equal(http_code(refusal), 429);
    assert_non_null(strstr(refusal, "\r\nRetry-After: 1\r\n"));

    int other = dial_from(&s, OTHER);
    http_say_text(other, QUICK);
    http_expect(other, 200);

    for (size_t i = 0; i < PEER_MAX; i++) { /* its earlier requests are not lost either */
        http_say_text(slow[i], "1");
        http_expect(slow[i], 200);
        close(slow[i]);
    }
    close(refused);
    close(other);
}

static void the_oldest_idle_connection_makes_room(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){.connections_max = 3, .peer_max = 3});
    int idle[3];
    for (size_t i = 0; i < COUNT_OF(idle); i++) {
        idle[i] = dial(&s);
        http_say_text(idle[i], QUICK);
        http_expect(idle[i], 200);
    }
    http_say_text(idle[0], QUICK); /* now it is the youngest */
    http_expect(idle[0], 200);
    char byte;

    expect_served(&s);

    assert_int_equal(recv(idle[1], &byte, 1, 0), 0);
    http_say_text(idle[0], QUICK);
    http_expect(idle[0], 200);
    for (size_t i = 0; i < COUNT_OF(idle); i++)
        close(idle[i]);
}

static void without_room_a_connection_is_refused_with_a_reason(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){.connections_max = 1, .peer_max = 5});
    int busy = dial(&s);
    http_say_text(busy, ECHO "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    http_expect(busy, 100);
    int refused = dial(&s);

    STELE_AUTO(char) refusal = http_hear_all(refused);

    assert_int_equal(http_code(refusal), 503);
    http_say_text(busy, "1");
    http_expect(busy, 200);
    close(busy);
    close(refused);
}

static void requests_that_wait_leave_room_for_quick_ones(void **state)
{
    (void)state;
    enum { WORKERS = 4, QUEUE = 4, WAITING = 3, QUEUED = 3 };
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){.workers = WORKERS, .queue_max = QUEUE});
    int slow[WAITING + QUEUED];
    for (size_t i = 0; i < COUNT_OF(slow); i++) {
        slow[i] = dial(&s);
        http_say_text(slow[i], SLOW);
        if (i < WAITING) await_begun(&s.gate, (int)i + 1);
    }
    /* One more than the queue takes: whichever of them comes last is told so. */
    int last = dial(&s);
    http_say_text(last, SLOW);
    struct pollfd ready[WAITING + QUEUED + 1] = {{.fd = last, .events = POLLIN}};
    for (size_t i = 0; i < COUNT_OF(slow); i++)
        ready[i + 1] = (struct pollfd){.fd = slow[i], .events = POLLIN};
    assert_int_equal(poll(ready, COUNT_OF(ready), -1), 1);
    size_t told = 0;
    while ((ready[told].revents & POLLIN) == 0)
        told++;
    STELE_AUTO(char) refusal = http_hear(ready[told].fd);
    assert_int_equal(http_code(refusal), 503);
    assert_non_null(strstr(refusal, "\r\nRetry-After: 1\r\n"));

    expect_served(&s);

    change_gate(&s.gate, &s.gate.is_open);
    for (size_t i = 0; i < COUNT_OF(ready); i++) {
        if (i != told) http_expect(ready[i].fd, 200);
        close(ready[i].fd);
    }
}

static void a_client_that_went_away_is_forgotten(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = dial(&s);
    http_say_text(fd, SLOW);
    await_begun(&s.gate, 1);
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    expect_served(&s);

    change_gate(&s.gate, &s.gate.is_open);

    expect_served(&s);
}

/* ---- the end ---- */

typedef struct closing {
    stele_http_server *server;
    int timeout_ms;
} closing;

static void *close_server(void *context)
{
    closing *c = context;
    stele_http_server_close(c->server, c->timeout_ms);
    return NULL;
}

static void what_has_been_asked_is_answered_before_the_end(void **state)
{
    (void)state;
    stage s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int asked = dial(&s);
    int idle = dial(&s);
    int half = dial(&s);
    http_say_text(asked, SLOW);
    await_begun(&s.gate, 1);
    http_say_text(half, ECHO "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    http_expect(half, 100);
    closing c = {s.server, CLOSE_MS};
    pthread_t closer;
    char byte;
    assert_int_equal(pthread_create(&closer, NULL, close_server, &c), 0);

    assert_int_equal(recv(idle, &byte, 1, 0), 0); /* these end at once */
    assert_int_equal(recv(half, &byte, 1, 0), 0);
    change_gate(&s.gate, &s.gate.is_open);
    STELE_AUTO(char) reply = http_hear_all(asked);

    assert_int_equal(http_code(reply), 200);
    assert_int_equal(pthread_join(closer, NULL), 0);
    close(asked);
    close(idle);
    close(half);
    stele_monitor_clear(&s.gate.monitor);
}

static void what_takes_longer_than_the_end_may_is_interrupted(void **state)
{
    (void)state;
    stage s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = dial(&s);
    http_say_text(fd, SLOW);
    await_begun(&s.gate, 1);

    stele_http_server_close(s.server, SHORT_MS);

    STELE_AUTO(char) reply = http_hear_all(fd);
    assert_int_equal(http_code(reply), 503);
    assert_true(s.gate.is_interrupted);
    close(fd);
    stele_monitor_clear(&s.gate.monitor);
}

/* ---- anything ---- */

/* A request, changed at random: bytes replaced, left out, put in, doubled. */
static void change_at_random(stele_buffer *text, stele_random *random)
{
    static const char odd[] = "\r\n\0 \t:/%;,-+0179afx\x7f\x80\xff";
    for (uint32_t left = stele_random_below(random, 6); left > 0 && text->size > 1; left--) {
        size_t at = stele_random_below(random, (uint32_t)text->size);
        uint8_t byte = (uint8_t)odd[stele_random_below(random, sizeof odd)];
        switch (stele_random_below(random, 4)) {
        case 0:
            text->data[at] = byte;
            break;
        case 1:
            memmove(text->data + at, text->data + at + 1, --text->size - at);
            break;
        case 2:
            stele_buffer_push(text, 0);
            memmove(text->data + at + 1, text->data + at, text->size - 1 - at);
            text->data[at] = byte;
            break;
        default:
            text->size = at + 1;
        }
    }
}

static void anything_may_come(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        QUICK, ECHO "Content-Length: 5\r\n\r\n[1,2]" QUICK,
        ECHO "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\n[1,\r\n2\r\n2]\r\n0\r\nA: b\r\n\r\n" QUICK,
        "GET http://localhost:1/quick?a=%20b&c HTTP/1.1\r\nHost: [::1]:80\r\nA: \tb \r\n\r\n"};
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    stele_random random = stele_random_from_environment();
    for (int i = 0; i < 1500; i++) {
        STELE_AUTO_VALUE(stele_buffer) text = {0};
        stele_buffer_append(&text, stele_text(seeds[stele_random_below(&random, COUNT_OF(seeds))]));
        change_at_random(&text, &random);
        int fd = dial(&s);
        size_t cut = stele_random_below(&random, (uint32_t)text.size + 1);
        http_say(fd, text.data, cut);
        http_say(fd, text.data + cut, text.size - cut);
        shutdown(fd, SHUT_WR);

        STELE_AUTO(char) heard = http_hear_all(fd); /* it ends, and is nothing or replies */

        if (heard[0] != '\0' && strncmp(heard, "HTTP/1.1 ", 9) != 0) fail_msg("%s", heard);
        close(fd);
    }
    expect_served(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_is_json_and_the_last_reply),
        cmocka_unit_test(a_path_or_a_method_that_is_not_there_leaves_the_connection),
        cmocka_unit_test(a_web_page_gets_nothing),
        cmocka_unit_test(an_endless_body_is_refused),
        cmocka_unit_test(bodies_have_a_limit_together),
        cmocka_unit_test(requests_in_a_row_are_answered_in_order),
        cmocka_unit_test(a_client_that_asks_first_is_told_to_go_on),
        cmocka_unit_test(a_client_that_has_said_all_still_gets_its_answer),
        cmocka_unit_test(a_request_has_a_deadline_as_a_whole),
        cmocka_unit_test(a_connection_that_says_nothing_is_closed),
        cmocka_unit_test(a_client_that_does_not_take_its_answer_is_dropped),
        cmocka_unit_test(a_thousand_idle_connections_and_slow_ones_stop_nobody),
        cmocka_unit_test(one_address_cannot_shut_out_another),
        cmocka_unit_test(the_oldest_idle_connection_makes_room),
        cmocka_unit_test(without_room_a_connection_is_refused_with_a_reason),
        cmocka_unit_test(requests_that_wait_leave_room_for_quick_ones),
        cmocka_unit_test(a_client_that_went_away_is_forgotten),
        cmocka_unit_test(what_has_been_asked_is_answered_before_the_end),
        cmocka_unit_test(what_takes_longer_than_the_end_may_is_interrupted),
        cmocka_unit_test(anything_may_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
