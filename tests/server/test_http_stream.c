/* SPDX-License-Identifier: MIT
 * Replies that come piece by piece: as their maker makes them, no faster than the client takes
 * them, and to the end of either. */
#include "server/http_stream.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/monitor.h"
#include "tests/server/http_client.h"
#include "tests/support/test.h"

#define HOST   "Host: localhost\r\n"
#define STREAM "GET /stream HTTP/1.1\r\n" HOST "\r\n"
#define PAIR   "GET /pair HTTP/1.1\r\n" HOST "\r\n"
#define QUICK  "GET /quick HTTP/1.1\r\n" HOST "\r\n"

enum { CLOSE_MS = 10000, ROOM = 1000, STREAMS_MAX = 1000, PIECE = 400, FULL_MS = 300 };

static const stele_deadline never = {.end_ns = INT64_MAX};

/* ---- the API: who asks has a stream ---- */

/* One of two streams that feed each other. */
typedef struct pair {
    stele_http_stream *stream;
    struct pair *other;
    int fd;
} pair;

typedef struct maker {
    stele_monitor monitor;
    pair pairs[2];
    stele_http_stream *streams[STREAMS_MAX];
    size_t count;
    size_t changes;
} maker;

static void on_changed(void *context)
{
    maker *m = context;
    stele_monitor_lock(&m->monitor);
    m->changes++;
    stele_monitor_wake(&m->monitor);
    stele_monitor_unlock(&m->monitor);
}

static void begin(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)request;
    maker *m = context;
    const stele_http_stream_options options = {.content_type = "text/event-stream",
                                               .farewell = "bye",
                                               .room = ROOM,
                                               .changed = on_changed,
                                               .context = m};
    stele_http_stream *stream = stele_http_stream_new(&options);
    stele_http_reply_stream(reply, stream);
    stele_http_reply_field(reply, "X-One", "1");
    stele_monitor_lock(&m->monitor);
    m->streams[m->count++] = stream;
    stele_monitor_wake(&m->monitor);
    stele_monitor_unlock(&m->monitor);
}

/* What is taken from one of two is put into the other one. In the server's thread, so that no
 * machine is too fast or too slow for it. */
static void put_into_the_other(void *context)
{
    pair *other = ((pair *)context)->other;
    while (other->stream != NULL && stele_http_stream_put(other->stream, stele_text("again"))) {
    }
}

static void begin_pair(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)request;
    maker *m = context;
    stele_monitor_lock(&m->monitor);
    pair *one = &m->pairs[m->count % 2];
    one->other = &m->pairs[(m->count + 1) % 2];
    const stele_http_stream_options options = {.content_type = "text/event-stream",
                                               .room = 1,
                                               .changed = put_into_the_other,
                                               .context = one};
    one->stream = stele_http_stream_new(&options);
    stele_http_reply_stream(reply, one->stream);
    stele_http_reply_field(reply, "X-One", "1");
    m->streams[m->count++] = one->stream;
    stele_monitor_unlock(&m->monitor);
}

static void answer_quick(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)context, (void)request;
    stele_http_reply_text(reply, "\"quick\"", 7);
}

static const stele_http_route routes[] = {
    {STELE_HTTP_GET, {"stream"}, begin, STELE_HTTP_WAITS},
    {STELE_HTTP_GET, {"pair"}, begin_pair, STELE_HTTP_WAITS},
    {STELE_HTTP_GET, {"quick"}, answer_quick, STELE_HTTP_COMPUTES},
};

typedef struct stage {
    maker maker;
    stele_http_api api;
    stele_http_server *server;
} stage;

static void stage_open(stage *s, stele_http_server_options options)
{
    stele_error err = {0};
    stele_monitor_init(&s->maker.monitor, stele_runtime_system());
    s->api = (stele_http_api){.routes = routes, .count = COUNT_OF(routes), .context = &s->maker};
    options.listen = "127.0.0.1:0";
    options.apis = &s->api;
    options.api_count = 1;
    if (stele_http_server_open(&options, &s->server, &err) < 0) fail_msg("%s", err.text);
}

static void stage_close(stage *s)
{
    stele_http_server_close(s->server, CLOSE_MS);
    for (size_t i = 0; i < s->maker.count; i++)
        stele_http_stream_end(s->maker.streams[i]);
    stele_monitor_clear(&s->maker.monitor);
    *s = (stage){0};
}
STELE_VALUE_SCOPE(stage, stage_close);

static void await_streams(stage *s, size_t count)
{
    stele_monitor_lock(&s->maker.monitor);
    while (s->maker.count < count)
        stele_monitor_wait(&s->maker.monitor, never);
    stele_monitor_unlock(&s->maker.monitor);
}

static void await_change(stage *s, size_t count)
{
    stele_monitor_lock(&s->maker.monitor);
    while (s->maker.changes < count)
        stele_monitor_wait(&s->maker.monitor, never);
    stele_monitor_unlock(&s->maker.monitor);
}

static size_t changes_of(stage *s)
{
    stele_monitor_lock(&s->maker.monitor);
    size_t changes = s->maker.changes;
    stele_monitor_unlock(&s->maker.monitor);
    return changes;
}

/* Up to that text, which comes. Caller frees. */
static char *hear_up_to(int fd, const char *end)
{
    STELE_AUTO_VALUE(stele_buffer) heard = {0};
    char byte;
    while (strstr(stele_buffer_text(&heard), end) == NULL) {
        if (recv(fd, &byte, 1, 0) != 1) fail_msg("%s", stele_buffer_text(&heard));
        stele_buffer_push(&heard, (uint8_t)byte);
    }
    return stele_strdup(stele_buffer_text(&heard));
}

static int dial_stream(stage *s, const char *request)
{
    int fd = http_dial(s->server, 0);
    http_say_text(fd, request);
    STELE_AUTO(char) head = hear_up_to(fd, "\r\n\r\n");
    assert_int_equal(http_code(head), 200);
    assert_non_null(strstr(head, "\r\nContent-Type: text/event-stream\r\n"));
    assert_non_null(strstr(head, "\r\nX-One: 1\r\n"));
    assert_null(strstr(head, "Content-Length"));
    return fd;
}

static bool put(stage *s, size_t index, const char *text)
{
    return stele_http_stream_put(s->maker.streams[index], stele_text(text));
}

static void end_stream(stage *s)
{
    stele_http_stream_end(s->maker.streams[--s->maker.count]);
}

/* ---- pieces ---- */

static void pieces_are_chunks_and_the_end_is_one(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = dial_stream(&s, STREAM);
    assert_true(put(&s, 0, "one"));
    STELE_AUTO(char) first = hear_up_to(fd, "one\r\n");
    assert_string_equal(first, "3\r\none\r\n");

    assert_true(put(&s, 0, "twenty bytes, or so.."));
    end_stream(&s);

    STELE_AUTO(char) rest = http_hear_all(fd);
    assert_string_equal(rest, "15\r\ntwenty bytes, or so..\r\n0\r\n\r\n");
    close(fd);
}

static void an_older_client_gets_no_chunks(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = dial_stream(&s, "GET /stream HTTP/1.0\r\n\r\n");
    put(&s, 0, "one");
    put(&s, 0, "two");
    end_stream(&s);

    STELE_AUTO(char) all = http_hear_all(fd);

    assert_string_equal(all, "onetwo");
    close(fd);
}

static void a_head_alone_has_no_stream(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = dial_stream(&s, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n");

    STELE_AUTO(char) rest = http_hear_all(fd);

    assert_string_equal(rest, "");
    assert_false(stele_http_stream_is_open(s.maker.streams[0]));
    assert_false(put(&s, 0, "one"));
    close(fd);
}

/* ---- clients ---- */

static void the_maker_is_told_of_a_client_that_went_away(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = dial_stream(&s, STREAM);
    assert_true(stele_http_stream_is_open(s.maker.streams[0]));

    close(fd);

    await_change(&s, 1);
    assert_false(stele_http_stream_is_open(s.maker.streams[0]));
    assert_false(put(&s, 0, "one"));
}

/* Until the client is full, the kernel's buffers too: nothing changes for a while. */
static size_t fill(stage *s, size_t index)
{
    char piece[PIECE + 1];
    size_t count = 0;
    bool is_full = false;
    memset(piece, 'x', PIECE);
    piece[PIECE] = '\0';
    while (!is_full) {
        size_t changes = changes_of(s);
        if (put(s, index, piece)) {
            count++;
            continue;
        }
        stele_deadline until = stele_deadline_after(stele_clock_system(), FULL_MS);
        stele_monitor_lock(&s->maker.monitor);
        while (s->maker.changes == changes && stele_monitor_wait(&s->maker.monitor, until)) {
        }
        is_full = s->maker.changes == changes;
        stele_monitor_unlock(&s->maker.monitor);
        is_full = is_full || !stele_http_stream_is_open(s->maker.streams[index]);
    }
    return count;
}

static void a_slow_client_is_told_nothing_more_until_it_has_taken_some(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = dial_stream(&s, STREAM);
    size_t count = fill(&s, 0);
    assert_false(stele_http_stream_has_room(s.maker.streams[0]));
    size_t changes = changes_of(&s);

    STELE_AUTO_VALUE(stele_buffer) heard = {0};
    char piece[4096];
    while (changes_of(&s) == changes && heard.size < count * PIECE / 2) {
        ssize_t size = recv(fd, piece, sizeof piece, 0);
        assert_true(size > 0);
        stele_buffer_append(&heard, stele_bytes_of(piece, (size_t)size));
    }
    await_change(&s, changes + 1);

    assert_true(stele_http_stream_has_room(s.maker.streams[0]));
    end_stream(&s);
    STELE_AUTO(char) rest = http_hear_all(fd);
    stele_buffer_append(&heard, stele_text(rest));
    size_t marks = 0;
    for (size_t i = 0; i < heard.size; i++)
        marks += heard.data[i] == 'x';
    assert_int_equal(marks, count * PIECE);
    close(fd);
}

static void one_that_takes_nothing_for_long_is_let_go(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){.request_ms = 500});
    int idle = dial_stream(&s, STREAM);
    int slow = dial_stream(&s, STREAM);
    await_streams(&s, 2);
    size_t changes = changes_of(&s);
    fill(&s, 1);

    while (stele_http_stream_is_open(s.maker.streams[1]))
        await_change(&s, ++changes);

    assert_true(put(&s, 0, "one")); /* who has taken all may be idle for as long as he likes */
    STELE_AUTO(char) heard = hear_up_to(idle, "one\r\n");
    assert_non_null(heard);
    close(idle);
    close(slow);
}

static void a_thousand_idle_streams_stop_nobody(void **state)
{
    (void)state;
    static int fds[STREAMS_MAX];
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){.workers = 2, .peer_max = 10});
    if (stele_http_server_connections_max(s.server) < STREAMS_MAX + 10) {
        print_message("too few files for this test: see ulimit -n\n");
        skip();
    }
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = dial_stream(&s, STREAM); /* they do not count as those of one address */

    for (int i = 0; i < 20; i++) {
        int fd = http_dial(s.server, 0);
        http_say_text(fd, QUICK);
        http_expect(fd, 200);
        close(fd);
    }
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        assert_true(put(&s, i, "one"));
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        STELE_AUTO(char) heard = hear_up_to(fds[i], "one\r\n");
        assert_string_equal(heard, "3\r\none\r\n");
        close(fds[i]);
    }
}

/* ---- a stream that is never done ---- */

static void take_all(void *context)
{
    const pair *of = context;
    char piece[65536];
    while (recv(of->fd, piece, sizeof piece, 0) > 0) {
    }
    close(of->fd);
}

static void streams_that_are_never_done_hold_up_nobody(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    pair *pairs = s.maker.pairs;
    stele_thread clients[2];
    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        pairs[i].fd = dial_stream(&s, PAIR);
        stele_thread_start(stele_runtime_system(), &clients[i], "client", take_all, &pairs[i]);
    }
    while (put(&s, 0, "begin")) {
    }

    for (int i = 0; i < 20; i++) {
        int fd = http_dial(s.server, 0);
        http_say_text(fd, QUICK);
        http_expect(fd, 200);
        close(fd);
    }
    stele_http_server_close(s.server, CLOSE_MS);
    s.server = NULL;

    for (size_t i = 0; i < COUNT_OF(clients); i++)
        stele_thread_join(clients[i]);
}

static void streams_leave_connections_for_the_rest(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){.connections_max = 8});
    int fds[6];
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = dial_stream(&s, STREAM);

    int fd = http_dial(s.server, 0);
    http_say_text(fd, STREAM);
    http_expect(fd, 503);
    close(fd);
    fd = http_dial(s.server, 0);
    http_say_text(fd, QUICK);
    http_expect(fd, 200);
    close(fd);

    close(fds[0]);
    await_change(&s, 2); /* of that one, and of the one that was refused */
    fds[0] = dial_stream(&s, STREAM);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
}

/* ---- the end ---- */

static void a_server_that_ends_says_farewell(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = dial_stream(&s, STREAM);
    put(&s, 0, "one");
    STELE_AUTO(char) first = hear_up_to(fd, "one\r\n");

    stele_http_server_close(s.server, CLOSE_MS);
    s.server = NULL;

    STELE_AUTO(char) rest = http_hear_all(fd);
    assert_string_equal(rest, "3\r\nbye\r\n0\r\n\r\n");
    assert_false(put(&s, 0, "two"));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_chunks_and_the_end_is_one),
        cmocka_unit_test(an_older_client_gets_no_chunks),
        cmocka_unit_test(a_head_alone_has_no_stream),
        cmocka_unit_test(the_maker_is_told_of_a_client_that_went_away),
        cmocka_unit_test(a_slow_client_is_told_nothing_more_until_it_has_taken_some),
        cmocka_unit_test(one_that_takes_nothing_for_long_is_let_go),
        cmocka_unit_test(a_thousand_idle_streams_stop_nobody),
        cmocka_unit_test(streams_that_are_never_done_hold_up_nobody),
        cmocka_unit_test(streams_leave_connections_for_the_rest),
        cmocka_unit_test(a_server_that_ends_says_farewell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
