/* SPDX-License-Identifier: MIT
 * The agent against our own server, on this machine. */
#include "http/agent.h"

#include <stdatomic.h>
#include <stele/buffer.h>

#include "core/alloc.h"
#include "core/monitor.h"
#include "server/http_server.h"
#include "tests/support/test.h"

enum { PATIENCE_MS = 20000, MANY = 300 };

/* ---- the server ---- */

typedef struct scene {
    stele_http_api api;
    stele_http_server *server;
    stele_curl_agent *agent;
    stele_agent port;
    stele_http_later later; /* of the last request to /silent */
    atomic_int silent;
    stele_monitor monitor;
    int pending; /* requests that are not answered; under the monitor */
} scene;

static void echo(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)context;
    const char *a = stele_http_request_field(request, "A");
    STELE_AUTO_VALUE(stele_buffer) body = {0};
    stele_buffer_format(&body, "{\"a\":\"%s\",\"body\":%.*s}", a == NULL ? "" : a,
                        (int)request->body.size, (const char *)request->body.data);
    stele_http_reply_text(reply, stele_buffer_text(&body), body.size);
    stele_http_reply_field(reply, "ETag", "\"%d\"", 7);
}

static void stay_silent(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)reply;
    scene *s = context;
    s->later = stele_http_promise(request);
    atomic_fetch_add(&s->silent, 1);
}

static const stele_http_route routes[] = {
    {STELE_HTTP_POST, {"echo"}, echo, STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"silent"}, stay_silent, STELE_HTTP_PROMISES},
};

static void serve(scene *s, const char *listen)
{
    stele_error err = {0};
    s->api = (stele_http_api){.routes = routes, .count = COUNT_OF(routes), .context = s};
    stele_http_server_options options = {.listen = listen, .apis = &s->api, .api_count = 1};
    if (stele_http_server_open(&options, &s->server, &err) < 0) fail_msg("%s", err.text);
}

static void scene_open(scene *s)
{
    stele_runtime runtime = stele_runtime_system();
    stele_error err = {0};
    serve(s, "127.0.0.1:0");
    stele_monitor_init(&s->monitor, runtime);
    if (stele_curl_agent_new(runtime, &s->agent, &err) < 0) fail_msg("%s", err.text);
    s->port = stele_curl_agent_port(s->agent);
}

static void scene_close(scene *s)
{
    stele_curl_agent_free(s->agent);
    stele_http_server_close(s->server, 0);
    STELE_AUTO_VALUE(stele_http_reply) reply = {0};
    if (atomic_load(&s->silent) > 0) stele_http_later_answer(s->later, &reply);
    stele_monitor_clear(&s->monitor);
}
STELE_VALUE_SCOPE(scene, scene_close);

/* ---- requests ---- */

typedef struct told {
    scene *of;
    bool is_told;
    long code;
    char body[200];
    char tag[20];
    bool was_sent;
    stele_error failure;
} told;

static void take(void *context, const stele_agent_answer *answer, const stele_error *failure)
{
    told *self = context;
    stele_bytes tag;
    stele_monitor_lock(&self->of->monitor);
    self->is_told = true;
    self->code = answer->code;
    self->was_sent = answer->was_sent;
    snprintf(self->body, sizeof self->body, "%.*s", (int)answer->body.size,
             (const char *)answer->body.data);
    if (stele_agent_field(answer, "etag", &tag))
        snprintf(self->tag, sizeof self->tag, "%.*s", (int)tag.size, (const char *)tag.data);
    if (failure != NULL) self->failure = *failure;
    self->of->pending--;
    stele_monitor_wake(&self->of->monitor);
    stele_monitor_unlock(&self->of->monitor);
}

static uint64_t ask_at(scene *s, told *self, const char *address, const char *method,
                       const char *path, const char *body, int timeout_ms)
{
    STELE_AUTO(char) url = stele_strdup_format("http://%s%s", address, path);
    const char *const fields[] = {"A: 1", "Content-Type: application/json", NULL};
    *self = (told){.of = s};
    stele_monitor_lock(&s->monitor);
    s->pending++;
    stele_monitor_unlock(&s->monitor);
    const stele_agent_request request = {.method = method,
                                         .url = url,
                                         .fields = fields,
                                         .body = body == NULL ? stele_bytes_of(NULL, 0)
                                                              : stele_text(body),
                                         .timeout_ms = timeout_ms};
    return s->port.ops->ask(s->port.self, &request, take, self);
}

static uint64_t ask(scene *s, told *self, const char *method, const char *path, const char *body)
{
    return ask_at(s, self, stele_http_server_address(s->server), method, path, body, PATIENCE_MS);
}

static void await_all(scene *s)
{
    stele_deadline by = stele_deadline_after(stele_clock_system(), PATIENCE_MS);
    stele_monitor_lock(&s->monitor);
    while (s->pending > 0)
        if (!stele_monitor_wait(&s->monitor, by)) fail_msg("%d are not answered", s->pending);
    stele_monitor_unlock(&s->monitor);
}

static void await_silence(scene *s, int count)
{
    stele_deadline by = stele_deadline_after(stele_clock_system(), PATIENCE_MS);
    while (atomic_load(&s->silent) < count) {
        assert_false(stele_deadline_passed(by));
        stele_sleep_ms(stele_runtime_system(), 1);
    }
}

/* ---- tests ---- */

static void an_answer_comes_with_code_body_and_fields(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(scene) s = {0};
    told one, two;
    scene_open(&s);

    ask(&s, &one, "POST", "/echo", "[1]");
    ask(&s, &two, "POST", "/nothing", "[2]");
    await_all(&s);

    assert_int_equal(one.failure.status, STELE_OK);
    assert_int_equal(one.code, 200);
    assert_string_equal(one.body, "{\"a\":\"1\",\"body\":[1]}");
    assert_string_equal(one.tag, "\"7\"");
    assert_int_equal(two.code, 404);
    assert_string_equal(two.tag, "");
}

static void many_requests_are_under_way_at_the_same_time(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(scene) s = {0};
    told *all = stele_alloc_array(MANY, sizeof *all);
    scene_open(&s);

    for (int i = 0; i < MANY; i++) {
        ask(&s, &all[i], "POST", "/echo", "0");
    }
    await_all(&s);

    for (int i = 0; i < MANY; i++) {
        if (all[i].failure.status < 0) fail_msg("%s", all[i].failure.text);
        assert_int_equal(all[i].code, 200);
    }
    free(all);
}

static void what_was_refused_was_not_sent(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(scene) s = {0};
    told one;
    scene_open(&s);
    STELE_AUTO(char) address = stele_strdup(stele_http_server_address(s.server));
    stele_http_server_close(s.server, 0);
    s.server = NULL;

    ask_at(&s, &one, address, "POST", "/echo", "1", PATIENCE_MS);
    await_all(&s);

    assert_int_equal(one.failure.status, STELE_E_UNAVAILABLE);
    assert_int_equal(one.code, 0);
    assert_false(one.was_sent);
    assert_non_null(strstr(one.failure.text, address));
}

static void a_server_that_came_again_is_asked_over_a_new_connection(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(scene) s = {0};
    told one, two;
    scene_open(&s);
    STELE_AUTO(char) address = stele_strdup(stele_http_server_address(s.server));
    ask(&s, &one, "POST", "/echo", "1");
    await_all(&s);

    stele_http_server_close(s.server, 0);
    serve(&s, address);
    ask(&s, &two, "POST", "/echo", "2");
    await_all(&s);

    assert_int_equal(one.code, 200);
    assert_int_equal(two.code, 200);
}

static void a_request_without_an_answer_is_given_up_in_time(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(scene) s = {0};
    told one;
    scene_open(&s);

    ask_at(&s, &one, stele_http_server_address(s.server), "GET", "/silent", NULL, 50);
    await_all(&s);

    assert_int_equal(one.failure.status, STELE_E_TIMED_OUT);
    assert_true(one.was_sent);
}

static void a_request_is_cancelled(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(scene) s = {0};
    told one, two;
    scene_open(&s);

    uint64_t number = ask(&s, &one, "GET", "/silent", NULL);
    ask(&s, &two, "POST", "/echo", "2");
    await_silence(&s, 1);
    s.port.ops->cancel(s.port.self, number);
    await_all(&s);
    s.port.ops->cancel(s.port.self, number); /* too late, and no harm */

    assert_int_equal(one.failure.status, STELE_E_INTERRUPTED);
    assert_true(one.was_sent);
    assert_int_equal(two.code, 200);
}

static void what_is_under_way_is_answered_at_the_end(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(scene) s = {0};
    told one;
    scene_open(&s);

    ask(&s, &one, "GET", "/silent", NULL);
    await_silence(&s, 1);
    stele_curl_agent_free(s.agent);
    s.agent = NULL;

    assert_true(one.is_told);
    assert_int_equal(one.failure.status, STELE_E_INTERRUPTED);
}

static void fields_are_found_in_any_case(void **state)
{
    (void)state;
    stele_bytes value;
    const stele_agent_answer answer = {
        .head = stele_text("HTTP/1.1 200 OK\r\nETag:\t \"7\" \r\nX-ETag: no\r\nempty:\r\n\r\n")};

    assert_true(stele_agent_field(&answer, "etag", &value));
    assert_true(stele_bytes_equal(value, stele_text("\"7\"")));
    assert_true(stele_agent_field(&answer, "Empty", &value));
    assert_int_equal(value.size, 0);
    assert_false(stele_agent_field(&answer, "Tag", &value));
    assert_false(stele_agent_field(&(stele_agent_answer){0}, "Tag", &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_with_code_body_and_fields),
        cmocka_unit_test(many_requests_are_under_way_at_the_same_time),
        cmocka_unit_test(what_was_refused_was_not_sent),
        cmocka_unit_test(a_server_that_came_again_is_asked_over_a_new_connection),
        cmocka_unit_test(a_request_without_an_answer_is_given_up_in_time),
        cmocka_unit_test(a_request_is_cancelled),
        cmocka_unit_test(what_is_under_way_is_answered_at_the_end),
        cmocka_unit_test(fields_are_found_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
