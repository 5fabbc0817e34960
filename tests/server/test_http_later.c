/* SPDX-License-Identifier: MIT
 * Answers that are promised and come later, from other threads: in order on a connection, without a
 * thread of their own, and also when no one waits for them any more. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/monitor.h"
#include "tests/server/http_client.h"
#include "tests/support/test.h"

#define HOST          "Host: localhost\r\n"
#define QUICK         "GET /quick HTTP/1.1\r\n" HOST "\r\n"
#define PROMISE(path) "POST /" path " HTTP/1.1\r\n" HOST "\r\n"

enum { CLOSE_MS = 10000, SHORT_MS = 200, PROMISES_MAX = 1000 };

static const stele_deadline never = {.end_ns = INT64_MAX};

/* ---- the API: promises are kept in the order in which they came ---- */

typedef struct kept {
    stele_http_later later;
    char *name; /* the last part of the request's path */
} kept;

typedef struct keeper {
    stele_monitor monitor;
    kept promises[PROMISES_MAX];
    size_t count;
} keeper;

static void answer_quick(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)context, (void)request;
    stele_http_reply_text(reply, "\"quick\"", 7);
}

static void keep(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)reply;
    keeper *k = context;
    const char *name = request->segments[request->segment_count - 1];
    stele_monitor_lock(&k->monitor);
    k->promises[k->count++] = (kept){stele_http_promise(request), stele_strdup(name)};
    stele_monitor_wake(&k->monitor);
    stele_monitor_unlock(&k->monitor);
}

static void give(kept *promise)
{
    STELE_AUTO_VALUE(stele_http_reply) reply = {0};
    stele_http_reply_json(&reply, json_string(promise->name));
    stele_http_reply_field(&reply, "ETag", "\"%s\"", promise->name);
    stele_http_later_answer(promise->later, &reply);
    assert_null(reply.body);
    free(promise->name);
}

/* Before the handler returns. */
static void answer_at_once(void *context, const stele_http_request *request,
                           stele_http_reply *reply)
{
    (void)context;
    stele_http_reply_error(reply, 500,
                           "what the handler replies beside its promise does not count");
    kept promise = {stele_http_promise(request), stele_strdup("now")};
    give(&promise);
}

/* Header fields come to the handler; and the reply has its own type. */
static void answer_fields(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)context;
    const char *tag = stele_http_request_field(request, "if-MATCH");
    assert_null(stele_http_request_field(request, "If-None-Match"));
    stele_http_reply_json(reply, json_string(tag == NULL ? "none" : tag));
    stele_http_reply_field(reply, "X-One", "%s", "a\r\nb");
    stele_http_reply_field(reply, "X-Two", "%d", 2);
    reply->content_type = "application/problem+json";
}

static void answer_not_modified(void *context, const stele_http_request *request,
                                stele_http_reply *reply)
{
    (void)context, (void)request;
    reply->code = 304;
    stele_http_reply_field(reply, "ETag", "\"7\"");
}

static const stele_http_route routes[] = {
    {STELE_HTTP_GET, {"quick"}, answer_quick, STELE_HTTP_COMPUTES},
    {STELE_HTTP_POST, {"keep", "*"}, keep, STELE_HTTP_PROMISES},
    {STELE_HTTP_POST, {"pool", "*"}, keep, STELE_HTTP_COMPUTES},
    {STELE_HTTP_POST, {"now"}, answer_at_once, STELE_HTTP_PROMISES},
    {STELE_HTTP_POST, {"later", "now"}, answer_at_once, STELE_HTTP_WAITS},
    {STELE_HTTP_GET, {"fields"}, answer_fields, STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"same"}, answer_not_modified, STELE_HTTP_PROMISES},
};

/* ---- a server ---- */

typedef struct stage {
    keeper keeper;
    stele_http_api api;
    stele_http_server *server;
} stage;

static void stage_open(stage *s, stele_http_server_options options)
{
    stele_error err = {0};
    stele_monitor_init(&s->keeper.monitor, stele_runtime_system());
    s->api = (stele_http_api){.routes = routes, .count = COUNT_OF(routes), .context = &s->keeper};
    options.listen = "127.0.0.1:0";
    options.apis = &s->api;
    options.api_count = 1;
    if (stele_http_server_open(&options, &s->server, &err) < 0) fail_msg("%s", err.text);
}

static void stage_close(stage *s)
{
    stele_http_server_close(s->server, CLOSE_MS);
    stele_monitor_clear(&s->keeper.monitor);
    *s = (stage){0};
}
STELE_VALUE_SCOPE(stage, stage_close);

/* Until so many have been promised. */
static void await_promises(stage *s, size_t count)
{
    stele_monitor_lock(&s->keeper.monitor);
    while (s->keeper.count < count)
        stele_monitor_wait(&s->keeper.monitor, never);
    stele_monitor_unlock(&s->keeper.monitor);
}

/* What is promised meanwhile is for the next time. */
static void give_all(stage *s)
{
    stele_monitor_lock(&s->keeper.monitor);
    size_t count = s->keeper.count;
    kept *promises = stele_alloc_array(count, sizeof *promises);
    memcpy(promises, s->keeper.promises, count * sizeof *promises);
    s->keeper.count = 0;
    stele_monitor_unlock(&s->keeper.monitor);
    for (size_t i = 0; i < count; i++)
        give(&promises[i]);
    free(promises);
}

static void expect_body(int fd, const char *body)
{
    STELE_AUTO(char) reply = http_hear(fd);
    const char *end = strstr(reply, "\r\n\r\n");
    if (end == NULL || strcmp(end + 4, body) != 0) fail_msg("%s\nexpected %s", reply, body);
}

static void expect_quick(const stage *s)
{
    int fd = http_dial(s->server, 0);
    http_say_text(fd, QUICK);
    expect_body(fd, "\"quick\"");
    close(fd);
}

/* Away with a reset, which the server hears of at once. */
static void go_away(int fd)
{
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
}

/* ---- promises ---- */

static void a_promised_answer_comes_when_it_is_given(void **state)
{
    (void)state;
    static const char *const requests[] = {PROMISE("keep/a"), PROMISE("pool/a")};
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        STELE_AUTO_VALUE(stage) s = {0};
        stage_open(&s, (stele_http_server_options){0});
        int fd = http_dial(s.server, 0);
        http_say_text(fd, requests[i]);
        await_promises(&s, 1);
        expect_quick(&s);

        give_all(&s);

        STELE_AUTO(char) reply = http_hear(fd);
        assert_int_equal(http_code(reply), 200);
        assert_non_null(strstr(reply, "\r\nETag: \"a\"\r\n"));
        assert_non_null(strstr(reply, "\r\n\r\n\"a\""));
        close(fd);
    }
}

static void one_that_is_given_before_the_handler_returns_is_as_good(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = http_dial(s.server, 0);
    for (int i = 0; i < 100; i++) {
        http_say_text(fd, i % 2 == 0 ? PROMISE("now") : PROMISE("later/now"));
        expect_body(fd, "\"now\"");
    }
    close(fd);
}

static void requests_in_a_row_are_promised_one_after_the_other(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = http_dial(s.server, 0);
    http_say_text(fd, PROMISE("keep/1") PROMISE("pool/2") QUICK PROMISE("now") PROMISE("keep/3"));
    static const char *const bodies[][4] = {
        {"\"1\""}, {"\"2\"", "\"quick\"", "\"now\""}, {"\"3\""}};

    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        await_promises(&s, 1);
        give_all(&s);
        for (size_t k = 0; k < COUNT_OF(bodies[i]) && bodies[i][k] != NULL; k++)
            expect_body(fd, bodies[i][k]);
    }
    close(fd);
}

typedef struct saying {
    int fd;
    stele_bytes text;
} saying;

static void say_all(void *context)
{
    const saying *s = context;
    http_say(s->fd, s->text.data, s->text.size);
}

static void a_row_of_answers_at_once_is_no_recursion(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(stele_buffer) all = {0};
    stele_thread sender;
    stage_open(&s, (stele_http_server_options){0});
    for (int i = 0; i < COUNT; i++)
        stele_buffer_append(&all, stele_text(PROMISE("now")));
    saying said = {http_dial(s.server, 0), stele_buffer_view(&all)};

    assert_int_equal(stele_thread_start(stele_runtime_system(), &sender, "sender", say_all, &said),
                     0);
    for (int i = 0; i < COUNT; i++)
        expect_body(said.fd, "\"now\"");

    stele_thread_join(sender);
    close(said.fd);
}

static void a_thousand_promises_stop_nobody(void **state)
{
    (void)state;
    static int fds[PROMISES_MAX];
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){.workers = 2, .peer_max = PROMISES_MAX + 10});
    if (stele_http_server_connections_max(s.server) < PROMISES_MAX + 10) {
        print_message("too few files for this test: see ulimit -n\n");
        skip();
    }
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = http_dial(s.server, 0);
        http_say_text(fds[i], i % 2 == 0 ? PROMISE("keep/x") : PROMISE("pool/x"));
        if (i % 100 == 0) await_promises(&s, i + 1); /* as fast as the pool takes them */
    }
    await_promises(&s, PROMISES_MAX);

    for (int i = 0; i < 20; i++)
        expect_quick(&s);

    give_all(&s);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        expect_body(fds[i], "\"x\"");
        close(fds[i]);
    }
}

/* ---- when no one waits any more ---- */

static void an_answer_to_a_client_that_went_away_is_dropped(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int gone = http_dial(s.server, 0);
    int stays = http_dial(s.server, 0);
    http_say_text(gone, PROMISE("keep/a"));
    await_promises(&s, 1);
    http_say_text(stays, PROMISE("keep/b"));
    await_promises(&s, 2);
    go_away(gone);
    expect_quick(&s);

    give_all(&s);

    expect_body(stays, "\"b\"");
    close(stays);
}

static void an_answer_that_does_not_come_in_time_is_dropped(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){.answer_ms = SHORT_MS});
    int fd = http_dial(s.server, 0);
    http_say_text(fd, PROMISE("keep/a"));

    STELE_AUTO(char) reply = http_hear_all(fd);

    assert_int_equal(http_code(reply), 504);
    give_all(&s);
    expect_quick(&s);
    close(fd);
}

static void a_promise_outlives_the_server(void **state)
{
    (void)state;
    stage s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = http_dial(s.server, 0);
    http_say_text(fd, PROMISE("keep/a"));
    await_promises(&s, 1);

    stele_http_server_close(s.server, SHORT_MS);

    STELE_AUTO(char) reply = http_hear_all(fd);
    assert_int_equal(http_code(reply), 503);
    give_all(&s);
    stele_monitor_clear(&s.keeper.monitor);
    close(fd);
}

/* ---- answers while the server is being closed, from another thread ---- */

static void give_all_of(void *context)
{
    stage *s = context;
    give_all(s);
}

static void answers_race_with_the_end(void **state)
{
    (void)state;
    enum { ROUNDS = 30, PROMISED = 20 };
    for (int round = 0; round < ROUNDS; round++) {
        stage s = {0};
        int fds[PROMISED];
        stele_thread giver;
        stage_open(&s, (stele_http_server_options){0});
        for (size_t i = 0; i < PROMISED; i++) {
            fds[i] = http_dial(s.server, 0);
            http_say_text(fds[i], PROMISE("keep/a"));
        }
        await_promises(&s, PROMISED);
        assert_int_equal(
            stele_thread_start(stele_runtime_system(), &giver, "giver", give_all_of, &s), 0);

        stele_http_server_close(s.server, 1 + round % 3);

        stele_thread_join(giver);
        for (size_t i = 0; i < PROMISED; i++) {
            STELE_AUTO(char) reply = http_hear_all(fds[i]);
            assert_true(http_code(reply) == 200 || http_code(reply) == 503);
            close(fds[i]);
        }
        stele_monitor_clear(&s.keeper.monitor);
    }
}

/* ---- fields ---- */

static void header_fields_go_both_ways(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = http_dial(s.server, 0);
    http_say_text(fd, "GET /fields HTTP/1.1\r\n" HOST "IF-Match: \"7\" \r\n\r\n");

    STELE_AUTO(char) reply = http_hear(fd);

    assert_non_null(strstr(reply, "\r\nContent-Type: application/problem+json\r\n"));
    assert_non_null(strstr(reply, "\r\nX-One: a??b\r\nX-Two: 2\r\n"));
    assert_non_null(strstr(reply, "\r\n\r\n\"\\\"7\\\"\""));
    close(fd);
}

static void a_field_that_decides_comes_once(void **state)
{
    (void)state;
    static const char *const names[] = {"If-Match", "If-None-Match", "Idempotency-Key",
                                        "traceparent", "Stele-Correlation-Id"};
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        STELE_AUTO(char)
        request = stele_strdup_format("GET /quick HTTP/1.1\r\n" HOST "%s: 1\r\n%s: 1\r\n\r\n",
                                      names[i], names[i]);
        int fd = http_dial(s.server, 0);
        http_say_text(fd, request);
        http_expect(fd, 400);
        close(fd);
    }
}

static void what_is_not_modified_has_no_body(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){0});
    int fd = http_dial(s.server, 0);
    http_say_text(fd, "GET /same HTTP/1.1\r\n" HOST "\r\n");
    STELE_AUTO(char) reply = http_hear(fd);
    assert_int_equal(http_code(reply), 304);
    assert_null(strstr(reply, "Content-"));
    assert_non_null(strstr(reply, "\r\nETag: \"7\"\r\n"));

    http_say_text(fd, "HEAD /fields HTTP/1.1\r\n" HOST "\r\n" QUICK);
    STELE_AUTO(char) both = http_hear_all((shutdown(fd, SHUT_WR), fd));
    assert_non_null(strstr(both, "Content-Length: 6\r\n"));
    assert_non_null(strstr(both, "\r\n\r\nHTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(both, "\r\n\r\n\"quick\""));
    close(fd);
}

static void refuse(stele_http_reply *reply, const stele_http_refusal *refusal)
{
    stele_http_reply_json(reply, json_string(refusal->text));
    reply->code = refusal->code;
    reply->content_type = "application/problem+json";
}

static void what_the_server_refuses_is_written_as_it_is_told_to(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        long code;
    } cases[] = {
        {"GET /none HTTP/1.1\r\n" HOST "\r\n", 404},
        {"GET /%zz HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /keep/a HTTP/1.1\r\n" HOST "\r\n", 405},
        {"PATCH /none HTTP/1.1\r\n" HOST "\r\n", 405},
        {"POST /now HTTP/1.1\r\n" HOST "Content-Type: text/html\r\nContent-Length: 1\r\n\r\n", 415},
        {"POST /now HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n", 413},
        {"GET / HTTP/1.1\n", 400},
    };
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_http_server_options){.refuse = refuse});
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int fd = http_dial(s.server, 0);
        http_say_text(fd, cases[i].request);
        STELE_AUTO(char) reply = http_hear(fd);
        if (http_code(reply) != cases[i].code) fail_msg("%s: %s", cases[i].request, reply);
        assert_non_null(strstr(reply, "\r\nContent-Type: application/problem+json\r\n"));
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_promised_answer_comes_when_it_is_given),
        cmocka_unit_test(one_that_is_given_before_the_handler_returns_is_as_good),
        cmocka_unit_test(requests_in_a_row_are_promised_one_after_the_other),
        cmocka_unit_test(a_row_of_answers_at_once_is_no_recursion),
        cmocka_unit_test(a_thousand_promises_stop_nobody),
        cmocka_unit_test(an_answer_to_a_client_that_went_away_is_dropped),
        cmocka_unit_test(an_answer_that_does_not_come_in_time_is_dropped),
        cmocka_unit_test(a_promise_outlives_the_server),
        cmocka_unit_test(answers_race_with_the_end),
        cmocka_unit_test(header_fields_go_both_ways),
        cmocka_unit_test(a_field_that_decides_comes_once),
        cmocka_unit_test(what_is_not_modified_has_no_body),
        cmocka_unit_test(what_the_server_refuses_is_written_as_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
