/* SPDX-License-Identifier: MIT
 * The API of aggregates as a client sees it: what is asked and what is answered. The one who serves
 * is this file's; the log is one in memory. */
#include "server/aggregate_api.h"

#include <stele/codec.h>

#include "core/alloc.h"
#include "kafka/log_port.h"
#include "kafka/memory_log.h"
#include "registry/wire.h"
#include "server/http_problem.h"
#include "tests/aggregates/account.h"
#include "tests/support/shelf.h"
#include "tests/support/test.h"

enum { ASK_MS = 10000, DAY_MS = 86400000 };

#define GET      STELE_HTTP_GET
#define POST     STELE_HTTP_POST
#define FIRST_ID "01932c07-209c-7dd4-bfff-ffffffffffff"
#define BOOK     "/aggregates/account/a1/commands/Book"
#define CENTS    "{\"cents\":5}"

/* ---- who serves: it says what it was told to say ---- */

typedef struct server {
    stele_manual_clock time;
    stele_log *log;
    stele_registry *registry;
    stele_log_producer *producer;
    int32_t schemas[3]; /* of the account's events */
    stele_aggregate account;
    stele_feeds *feeds;
    stele_aggregate_api *api;

    stele_result result;
    stele_error failure;
    stele_status refusal; /* of the call itself */
    test_account state;
    bool is_finished;
    int calls;
    int hops;
    int timeout_ms;
    size_t events;     /* of the last call */
    stele_owner owner; /* term 0: not known */
    int64_t expected;  /* of the last call */
} server;

static stele_status execute(void *self, const stele_call *call, int hops, stele_executed *done,
                            void *context, stele_error *err)
{
    server *s = self;
    s->calls++;
    s->hops = hops;
    s->timeout_ms = call->timeout_ms;
    s->events = call->event_count;
    s->expected = call->expected_version;
    if (s->refusal < 0)
        return stele_fail(err, s->refusal, STELE_NEXT_RETRY, "the call is not taken");
    done(context, &s->result, s->failure.status < 0 ? &s->failure : NULL);
    return STELE_OK;
}

static stele_status load(void *self, stele_bytes id, int timeout_ms, int hops,
                         stele_aggregate_loaded *loaded, stele_executed *done, void *context,
                         stele_error *err)
{
    (void)id, (void)err;
    server *s = self;
    s->hops = hops;
    assert_int_equal(timeout_ms, ASK_MS);
    if (s->failure.status == STELE_OK) loaded(context, s->is_finished ? NULL : &s->state);
    done(context, &s->result, s->failure.status < 0 ? &s->failure : NULL);
    return STELE_OK;
}

static bool find_owner(void *self, stele_bytes id, stele_owner *out)
{
    const server *s = self;
    if (s->owner.term == 0 || !stele_bytes_equal(id, stele_text("a1"))) return false;
    *out = s->owner;
    return true;
}

static const stele_aggregate_service_ops ops = {execute, load, find_owner};

static void server_open(server *s)
{
    stele_error err = {0};
    stele_manual_clock_set(&s->time, INT64_C(1700000000000));
    stele_log_memory_options log = {.runtime = stele_runtime_manual(&s->time)};
    stele_log_topic_options topic = {.name = "account.events", .partitions = 1};
    stele_log_producer_options producer = {0};
    assert_int_equal(stele_log_memory_new(&log, &s->log, NULL), STELE_OK);
    assert_int_equal(stele_log_topic_create(s->log, &topic, ASK_MS, &err), STELE_OK);
    assert_int_equal(stele_log_producer_open(s->log, &producer, &s->producer, &err), STELE_OK);
    s->registry = shelf_new("8d4f3c52-0000-7000-8000-000000000001", log.runtime);
    s->account = account_table(NULL);
    for (size_t i = 0; i < COUNT_OF(s->schemas); i++) {
        const char *text = s->account.events[i]->schema;
        STELE_AUTO(char) subject = stele_strdup_format("account.events-%zu", i);
        assert_int_equal(stele_registry_register(s->registry, subject, stele_text(text), NULL, 0,
                                                 ASK_MS, &s->schemas[i], &err),
                         STELE_OK);
    }
    s->feeds = stele_feeds_new(&(stele_feeds_options){.log = s->log, .registry = s->registry});
    stele_served_aggregate served = {&s->account, {&ops, s}};
    stele_aggregate_api_options options = {.name = "bank",
                                           .aggregates = &served,
                                           .count = 1,
                                           .log = s->log,
                                           .registry = s->registry,
                                           .feeds = s->feeds,
                                           .timeout_ms = ASK_MS};
    if (stele_aggregate_api_new(&options, &s->api, &err) < 0) fail_msg("%s", err.text);
}

static void server_close(server *s)
{
    stele_aggregate_api_free(s->api);
    stele_feeds_free(s->feeds);
    stele_log_producer_close(s->producer);
    stele_registry_close(s->registry);
    stele_log_free(s->log);
}
STELE_VALUE_SCOPE(server, server_close);

/* Append an event, a day after the one before it. @param version  for its header; 0: it has none */
static void append(server *s, const char *id, size_t index, const void *event, int64_t version)
{
    stele_error err = {0};
    STELE_AUTO_VALUE(stele_buffer) value = {0};
    char number[24];
    stele_header headers[2] = {{"ce_id", stele_text(FIRST_ID)}};
    stele_manual_clock_advance(&s->time, DAY_MS);
    snprintf(number, sizeof number, "%d", (int)version);
    headers[1] = (stele_header){"ce_aggregateversion", stele_text(number)};
    stele_wire_begin(&value, s->schemas[index]);
    assert_int_equal(stele_encode(s->account.events[index], event, &value, &err), STELE_OK);
    stele_log_entry entry = {.partition = {"account.events", 0},
                             .key = stele_text(id),
                             .value = stele_buffer_view(&value),
                             .headers = headers,
                             .header_count = version > 0 ? 2 : 1};
    assert_int_equal(stele_log_producer_put(s->producer, &entry, &err), STELE_OK);
    assert_int_equal(stele_log_producer_flush(s->producer, ASK_MS, &err), STELE_OK);
}

static void book(server *s, const char *id, int64_t cents, int64_t version)
{
    append(s, id, BOOKED, &(test_booked){.cents = cents}, version);
}

/* ---- requests ---- */

typedef struct exchange {
    stele_http_request request;
    stele_http_reply reply;
    bool is_promised;
} exchange;

static void exchange_clear(exchange *e)
{
    stele_http_request_clear(&e->request);
    stele_http_reply_clear(&e->reply);
}
STELE_VALUE_SCOPE(exchange, exchange_clear);

static void promise(void *self)
{
    ((exchange *)self)->is_promised = true;
}

static void answer(void *self, stele_http_reply *reply)
{
    exchange *e = self;
    assert_true(e->is_promised);
    stele_http_reply_clear(&e->reply);
    e->reply = *reply;
    *reply = (stele_http_reply){0};
}

/* @param field  of the header, "Name: value"; NULL: none */
static void ask(server *s, stele_http_method method, const char *target, const char *body,
                const char *field, exchange *e)
{
    stele_http_refusal refusal = {0};
    stele_error err = {0};
    unsigned allowed;
    const stele_http_api *found;
    STELE_AUTO(char) name = stele_strdup(field);
    stele_http_field header = {name, NULL};
    if (stele_http_request_parse(method, target, &e->request, &err) < 0) fail_msg("%s", err.text);
    e->request.body = stele_text(body == NULL ? "" : body);
    e->request.asker = (stele_http_asker){promise, answer, e};
    if (name != NULL) {
        header.value = strchr(name, ':') + 2;
        *strchr(name, ':') = '\0';
        e->request.fields = &header;
        e->request.field_count = 1;
    }
    const stele_http_api api = stele_aggregate_api_routes(s->api);
    const stele_http_route *route =
        stele_http_route_find(&api, 1, &e->request, &found, &refusal, &allowed);
    if (route == NULL)
        stele_http_problem_refuse(&e->reply, &refusal);
    else
        route->handler(api.context, &e->request, &e->reply);
}

static void expect(server *s, stele_http_method method, const char *target, const char *body,
                   unsigned code, const char *answer_body)
{
    STELE_AUTO_VALUE(exchange) e = {0};
    ask(s, method, target, body, NULL, &e);
    const char *heard = e.reply.body == NULL ? "" : e.reply.body;
    size_t size = strlen(answer_body);
    bool is_part = size > 3 && strcmp(answer_body + size - 3, "…") == 0;
    bool fits =
        is_part ? strncmp(heard, answer_body, size - 3) == 0 : strcmp(heard, answer_body) == 0;
    if (e.reply.code != code || !fits)
        fail_msg("%s: %u %s, expected %u %s", target, e.reply.code, heard, code, answer_body);
}

static bool has_field(exchange *e, const char *line)
{
    return strstr(stele_buffer_text(&e->reply.fields), line) != NULL;
}

/* ---- commands ---- */

static void what_was_carried_out_has_its_version_position_and_events(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(server) s = {0};
    server_open(&s);
    s.result = (stele_result){.version = 7,
                              .topic = "account.events",
                              .partition = 3,
                              .offset = 1042,
                              .event_count = 2,
                              .first_event_id = FIRST_ID};
    STELE_AUTO_VALUE(exchange) e = {0};

    ask(&s, POST, BOOK, CENTS, "If-Match: \"5\"", &e);

    assert_int_equal(s.expected, 5);
    assert_int_equal(e.reply.code, 200);
    assert_string_equal(e.reply.body,
                        "{\"version\":7,\"position\":\"account.events/3/1042\",\"events\":["
                        "{\"id\":\"" FIRST_ID "\",\"version\":6},"
                        "{\"id\":\"01932c07-209c-7dd4-8000-000000000000\",\"version\":7}]}");
    assert_true(has_field(&e, "ETag: \"7\"\r\n"));
    assert_false(has_field(&e, "Idempotent-Replayed"));
}

static void a_repeat_says_so_beside_the_first_result(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(server) s = {0};
    server_open(&s);
    s.result =
        (stele_result){.version = 7, .topic = "account.events", .offset = -1, .repeated = true};
    STELE_AUTO_VALUE(exchange) e = {0};

    ask(&s, POST, BOOK, CENTS, "Idempotency-Key: k1", &e);

    assert_string_equal(e.reply.body, "{\"version\":7,\"position\":null,\"events\":[]}");
    assert_true(has_field(&e, "Idempotent-Replayed: true\r\n"));
}

static void each_failure_has_its_status_and_its_code(void **state)
{
    (void)state;
    static const struct {
        stele_status status;
        stele_next next;
        unsigned code;
        const char *name;
        int retry_s;
    } cases[] = {
        {STELE_E_INVALID, STELE_NEXT_REJECT, 400, "invalid", 0},
        {STELE_E_LIMIT, STELE_NEXT_REJECT, 400, "too_large", 0},
        {STELE_E_FULL, STELE_NEXT_RETRY, 429, "too_many_requests", 1},
        {STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, 503, "unavailable", 1},
        {STELE_E_UNAVAILABLE, STELE_NEXT_STOP, 503, "unavailable", 1},
        {STELE_E_STOPPED, STELE_NEXT_STOP, 503, "stopped", 0}, /* it needs a person first */
        {STELE_E_TIMED_OUT, STELE_NEXT_RETRY, 504, "timed_out", 0},
        {STELE_E_INTERNAL, STELE_NEXT_REJECT, 500, "internal_server_error", 0},
        {STELE_E_HOLE, STELE_NEXT_STOP, 500, "internal_server_error", 0},
    };
    STELE_AUTO_VALUE(server) s = {0};
    server_open(&s);
    for (size_t i = 0; i < 2 * COUNT_OF(cases); i++) {
        size_t n = i / 2;
        s.refusal = i % 2 == 0 ? cases[n].status : STELE_OK; /* at once, or told later */
        s.failure = (stele_error){.status = cases[n].status, .next = cases[n].next};
        STELE_AUTO_VALUE(exchange) e = {0};
        STELE_AUTO(char) name = stele_strdup_format("\"code\":\"%s\"", cases[n].name);
        ask(&s, POST, BOOK, CENTS, NULL, &e);
        if (e.reply.code != cases[n].code || strstr(e.reply.body, name) == NULL ||
            e.reply.retry_after_s != cases[n].retry_s)
            fail_msg("case %zu: %u %s", n, e.reply.code, e.reply.body);
    }
}

static void who_does_not_own_it_says_who_does(void **state)
{
    (void)state;
    static const char *const targets[] = {BOOK, "/aggregates/account/a1"};
    STELE_AUTO_VALUE(server) s = {0};
    server_open(&s);
    s.failure = (stele_error){.status = STELE_E_NOT_OWNER, .next = STELE_NEXT_RETRY, .text = "no"};
    for (size_t i = 0; i < 2 * COUNT_OF(targets); i++) {
        STELE_AUTO_VALUE(exchange) e = {0};
        bool is_known = i % 2 == 0;
        s.owner = (stele_owner){.term = is_known ? 3 : 0, .instance = "b", .address = "two:2"};

        ask(&s, i < 2 ? POST : GET, targets[i / 2], i < 2 ? CENTS : NULL, "Stele-Hops: 1", &e);

        assert_int_equal(s.hops, 1);
        assert_int_equal(e.reply.code, 421);
        assert_non_null(strstr(e.reply.body, "\"code\":\"not_owner\",\"detail\":\"no\""));
        bool says_who = strstr(e.reply.body, "\"owner\":{\"term\":3,\"instance\":\"b\","
                                             "\"address\":\"two:2\",") != NULL;
        assert_int_equal(says_who, is_known);
    }
}

static void a_request_says_how_it_came(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        int hops, timeout_ms; /* 0: it is refused */
    } cases[] = {
        {NULL, 0, ASK_MS},
        {"Stele-Hops: 2", 2, ASK_MS},
        {"Stele-Timeout-Ms: 250", 0, 250},
        {"Stele-Timeout-Ms: 0", 0, 1},
        {"Stele-Timeout-Ms: 2000000000", 0, ASK_MS},
        {"Stele-Timeout-Ms: soon", 0, 0},
        {"Stele-Timeout-Ms: -1", 0, 0},
        {"Stele-Hops: x", 0, 0},
        {"Stele-Hops: -1", 0, 0},
    };
    STELE_AUTO_VALUE(server) s = {0};
    server_open(&s);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(exchange) e = {0};
        s.hops = s.timeout_ms = 0;
        ask(&s, POST, BOOK, CENTS, cases[i].field, &e);
        assert_int_equal(e.reply.code, cases[i].timeout_ms > 0 ? 200 : 400);
        assert_int_equal(s.hops, cases[i].hops);
        assert_int_equal(s.timeout_ms, cases[i].timeout_ms);
    }
}

static void instances_append_events_of_the_aggregate(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        size_t events; /* 0: it is refused, … */
        const char *why;
    } cases[] = {
        {"[{\"type\":\"test.Booked\",\"data\":{\"cents\":5}}]", 1, NULL},
        {"[{\"type\":\"test.Opened\",\"data\":{\"owner\":\"A\"}},"
         "{\"type\":\"test.Booked\",\"data\":{\"cents\":5}}]",
         2, NULL},
        {"", 0, "expected a JSON list of 1 to 1000 events"},
        {"{}", 0, "expected a JSON list of 1 to 1000 events"},
        {"[]", 0, "expected a JSON list of 1 to 1000 events"},
        {"[7]", 0, "[0]: expected {"},
        {"[{\"type\":\"test.Booked\"}]", 0, "[0]: expected {"},
        {"[{\"type\":\"test.commands.Book\",\"data\":{}}]", 0, "[0]: expected {"},
        {"[{\"type\":\"test.Booked\",\"data\":7}]", 0, "[0].data: Booked: "},
        {"[{\"type\":\"test.Booked\",\"data\":{\"cents\":\"x\"}}]", 0, "cents"},
    };
    STELE_AUTO_VALUE(server) s = {0};
    server_open(&s);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(exchange) e = {0};
        s.events = 0;
        ask(&s, POST, "/aggregates/account/a1/events", cases[i].body, NULL, &e);
        assert_int_equal(s.events, cases[i].events);
        assert_int_equal(e.reply.code, cases[i].events > 0 ? 200 : 400);
        if (cases[i].why != NULL && strstr(e.reply.body, cases[i].why) == NULL)
            fail_msg("%s: %s", cases[i].body, e.reply.body);
    }
}

static void a_conflict_has_the_version_that_there_is(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(server) s = {0};
    server_open(&s);
    s.result.version = 8;
    s.failure = (stele_error){.status = STELE_E_CONFLICT, .next = STELE_NEXT_REJECT, .text = "no"};
    STELE_AUTO_VALUE(exchange) e = {0};

    ask(&s, POST, BOOK, CENTS, NULL, &e);

    assert_int_equal(e.reply.code, 409);
    assert_string_equal(e.reply.body,
                        "{\"status\":409,\"title\":\"Conflict\",\"code\":\"conflict\","
                        "\"detail\":\"no\",\"version\":8}");
    assert_true(has_field(&e, "ETag: \"8\"\r\n"));
}

static void a_rejection_has_the_code_and_the_reason_of_the_application(void **state)
{
    (void)state;
    static const char *const codes[][2] = {{"insufficient_funds", "insufficient_funds"},
                                           {"", "rejected"}};
    STELE_AUTO_VALUE(server) s = {0};
    server_open(&s);
    s.failure =
        (stele_error){.status = STELE_E_REJECTED, .next = STELE_NEXT_REJECT, .text = "5 \"cents\""};
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        snprintf(s.result.code, sizeof s.result.code, "%s", codes[i][0]);
        STELE_AUTO(char)
        body = stele_strdup_format("{\"status\":422,\"title\":\"Unprocessable Content\",\"code\":"
                                   "\"%s\",\"detail\":\"5 \\\"cents\\\"\",\"reason\":"
                                   "\"5 \\\"cents\\\"\"}",
                                   codes[i][1]);
        expect(&s, POST, BOOK, CENTS, 422, body);
    }
}

static void what_is_not_there_is_not_asked_for(void **state)
{
    (void)state;
#define PROBLEM(status, title, code)                                                               \
    "{\"status\":" #status ",\"title\":\"" title "\",\"code\":\"" code "\"…"
    static const struct {
        stele_http_method method;
        const char *target, *body;
        unsigned code;
        const char *answer;
    } cases[] = {
        {POST, "/aggregates/order/1/commands/Book", CENTS, 404,
         PROBLEM(404, "Not Found", "unknown_aggregate")},
        {POST, "/aggregates/account/1/commands/Rob", CENTS, 404,
         PROBLEM(404, "Not Found", "unknown_command")},
        {POST, "/aggregates/account/1/commands", CENTS, 404,
         "{\"status\":404,\"title\":\"Not Found\",\"code\":\"not_found\",\"detail\":\"there is "
         "nothing at this path: /openapi.json says what there is\"}"},
        {GET, BOOK, NULL, 405,
         "{\"status\":405,\"title\":\"Method Not Allowed\",\"code\":\"method_not_allowed\","
         "\"detail\":\"this path does not take the method: Allow has those that it takes\"}"},
        {POST, BOOK "?dry=1", CENTS, 400, PROBLEM(400, "Bad Request", "bad_request")},
        {POST, BOOK, "{", 400, PROBLEM(400, "Bad Request", "invalid")},
        {GET, "/aggregates/order/1", NULL, 404, PROBLEM(404, "Not Found", "unknown_aggregate")},
        {GET, "/aggregates/account/1?versoin=1", NULL, 400,
         PROBLEM(400, "Bad Request", "bad_request")},
        {GET, "/aggregates/account/1?version=0", NULL, 400,
         PROBLEM(400, "Bad Request", "bad_request")},
        {GET, "/aggregates/account/1?at=yesterday", NULL, 400,
         PROBLEM(400, "Bad Request", "bad_request")},
        {GET, "/aggregates/account/1?version=1&at=2026-01-31T12:00:00Z", NULL, 400,
         PROBLEM(400, "Bad Request", "bad_request")},
        {GET, "/aggregates/order/1/events", NULL, 404,
         PROBLEM(404, "Not Found", "unknown_aggregate")},
        {GET, "/aggregates/account/1/events", NULL, 404, PROBLEM(404, "Not Found", "not_found")},
        {GET, "/aggregates/account/1/events?limit=1001", NULL, 400,
         PROBLEM(400, "Bad Request", "bad_request")},
        {GET, "/aggregates/account/1/events?after=-1", NULL, 400,
         PROBLEM(400, "Bad Request", "bad_request")},
    };
    STELE_AUTO_VALUE(server) s = {0};
    server_open(&s);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        expect(&s, cases[i].method, cases[i].target, cases[i].body, cases[i].code, cases[i].answer);
    assert_int_equal(s.calls, 0);
}

/* ---- states ---- */

static void a_state_has_its_version_as_its_tag(void **state)
{
    (void)state;
    static const struct {
        const char *known;
        unsigned code;
    } cases[] = {{NULL, 200},
                 {"If-None-Match: \"6\"", 200},
                 {"If-None-Match: \"7\"", 304},
                 {"If-None-Match: 7", 304},
                 {"If-None-Match: W/\"7\"", 304},
                 {"If-None-Match: \"6\" , W/\"7\"", 304},
                 {"If-None-Match: *", 304}};
    STELE_AUTO_VALUE(server) s = {0};
    server_open(&s);
    s.result.version = 7;
    s.state = (test_account){.cents = 12, .owner = stele_text("Ada")};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(exchange) e = {0};
        ask(&s, GET, "/aggregates/account/a1", NULL, cases[i].known, &e);
        assert_int_equal(e.reply.code, cases[i].code);
        assert_true(has_field(&e, "ETag: \"7\"\r\n"));
        if (e.reply.code == 200)
            assert_string_equal(e.reply.body, "{\"cents\":12,\"owner\":\"Ada\",\"bookings\":[]}");
    }
}

static void an_aggregate_that_is_none_or_has_ended_has_no_state(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(server) s = {0};
    server_open(&s);
    expect(&s, GET, "/aggregates/account/a1", NULL, 404, PROBLEM(404, "Not Found", "not_found"));
    s.result.version = 3;
    s.is_finished = true;
    expect(&s, GET, "/aggregates/account/a1", NULL, 410, PROBLEM(410, "Gone", "finished"));
    s.failure = (stele_error){.status = STELE_E_TIMED_OUT, .next = STELE_NEXT_RETRY};
    expect(&s, GET, "/aggregates/account/a1", NULL, 503,
           PROBLEM(503, "Service Unavailable", "unavailable"));
}

static void the_past_is_read_from_the_log(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(server) s = {0};
    server_open(&s);
    append(&s, "a1", OPENED, &(test_opened){.owner = stele_text("Ada")}, 1); /* 2023-11-15 */
    book(&s, "a1", 5, 2);
    book(&s, "other", 1, 1);
    book(&s, "a1", 7, 3);
    append(&s, "a1", CLOSED, &(test_closed){0}, 4);

    expect(&s, GET, "/aggregates/account/a1?version=2", NULL, 200,
           "{\"cents\":5,\"owner\":\"Ada\",\"bookings\":[5]}");
    expect(&s, GET, "/aggregates/account/a1?version=3", NULL, 200,
           "{\"cents\":12,\"owner\":\"Ada\",\"bookings\":[5,7]}");
    expect(&s, GET, "/aggregates/account/a1?at=2023-11-16T23:00:00Z", NULL, 200,
           "{\"cents\":5,\"owner\":\"Ada\",\"bookings\":[5]}");
    expect(&s, GET, "/aggregates/account/a1?version=4", NULL, 410,
           PROBLEM(410, "Gone", "finished"));
    expect(&s, GET, "/aggregates/account/a1?version=5", NULL, 404,
           PROBLEM(404, "Not Found", "not_found"));
    expect(&s, GET, "/aggregates/account/a1?at=2023-11-14T00:00:00Z", NULL, 404,
           PROBLEM(404, "Not Found", "not_found"));
    expect(&s, GET, "/aggregates/account/none?version=1", NULL, 404,
           PROBLEM(404, "Not Found", "not_found"));
    STELE_AUTO_VALUE(exchange) e = {0};
    ask(&s, GET, "/aggregates/account/a1?version=2", NULL, "If-None-Match: \"2\"", &e);
    assert_int_equal(e.reply.code, 304);
}

/* ---- events ---- */

#define EVENT(type, day, version, offset, data)                                                    \
    "{\"type\":\"test." type "\",\"event_id\":\"" FIRST_ID                                         \
    "\",\"id\":\"a 1\",\"version\":" version ",\"time\":\"2023-11-" day                            \
    "T22:13:20.000Z\",\"position\":\"account.events/0/" offset "\",\"data\":" data "}"
#define BOOKED_1 EVENT("Booked", "15", "1", "0", "{\"cents\":1,\"memos\":[]}")
#define BOOKED_2 EVENT("Booked", "17", "2", "2", "{\"cents\":2,\"memos\":[]}")
#define BOOKED_3 EVENT("Booked", "18", "3", "3", "{\"cents\":3,\"memos\":[]}")

static void events_come_in_pages(void **state)
{
    (void)state;
    /* Versions in headers, and counted where the first ones have none. */
    static const int64_t versions[][3] = {{1, 2, 3}, {0, 0, 3}, {0, 0, 0}};
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        STELE_AUTO_VALUE(server) s = {0};
        server_open(&s);
        book(&s, "a 1", 1, versions[i][0]);
        book(&s, "other", 9, 1);
        book(&s, "a 1", 2, versions[i][1]);
        book(&s, "a 1", 3, versions[i][2]);

        expect(&s, GET, "/aggregates/account/a%201/events", NULL, 200,
               "{\"events\":[" BOOKED_1 "," BOOKED_2 "," BOOKED_3 "]}");
        expect(&s, GET, "/aggregates/account/a%201/events?limit=2", NULL, 200,
               "{\"events\":[" BOOKED_1 "," BOOKED_2 "],\"next\":"
               "\"/aggregates/account/a%201/events?after=2&limit=2&from=3\"}");
        expect(&s, GET, "/aggregates/account/a%201/events?after=2&limit=2&from=3", NULL, 200,
               "{\"events\":[" BOOKED_3 "]}");
        expect(&s, GET, "/aggregates/account/a%201/events?after=1&limit=1", NULL, 200,
               "{\"events\":[" BOOKED_2 "],\"next\":"
               "\"/aggregates/account/a%201/events?after=2&limit=1&from=3\"}");
        expect(&s, GET, "/aggregates/account/a%201/events?after=3", NULL, 200, "{\"events\":[]}");
    }
}

static void events_that_cannot_be_counted_are_gone(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(server) s = {0};
    server_open(&s);
    book(&s, "a 1", 1, 0);
    book(&s, "a 1", 2, 0);
    book(&s, "a 1", 3, 3);
    stele_error err = {0};
    assert_int_equal(
        stele_log_memory_delete_records(s.log, (stele_partition){"account.events", 0}, 1, &err),
        STELE_OK);

    expect(&s, GET, "/aggregates/account/a%201/events", NULL, 410, PROBLEM(410, "Gone", "gone"));
    expect(&s, GET, "/aggregates/account/a%201/events?from=2", NULL, 200, "{\"events\":[{…");
}

/* ---- the document ---- */

static void the_document_is_json(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(server) s = {0};
    STELE_AUTO_VALUE(exchange) e = {0};
    server_open(&s);

    ask(&s, GET, "/openapi.json", NULL, NULL, &e);

    STELE_AUTO(json_t) document = json_loads(e.reply.body, 0, NULL);
    const char *path;
    json_t *ref;
    assert_int_equal(json_unpack(document, "{s:{s:{s:{s:{s:{s:{s:{s:s}}}}}}}}", "paths",
                                 "/aggregates/account/{id}/commands/Book", "post", "requestBody",
                                 "content", "application/json", "schema", "$ref", &path),
                     0);
    assert_string_equal(path, "#/components/schemas/test.commands.Book");
    assert_int_equal(
        json_unpack(document, "{s:{s:{s:o}}}", "components", "schemas", "test.commands.Book", &ref),
        0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_carried_out_has_its_version_position_and_events),
        cmocka_unit_test(a_repeat_says_so_beside_the_first_result),
        cmocka_unit_test(each_failure_has_its_status_and_its_code),
        cmocka_unit_test(who_does_not_own_it_says_who_does),
        cmocka_unit_test(a_request_says_how_it_came),
        cmocka_unit_test(instances_append_events_of_the_aggregate),
        cmocka_unit_test(a_conflict_has_the_version_that_there_is),
        cmocka_unit_test(a_rejection_has_the_code_and_the_reason_of_the_application),
        cmocka_unit_test(what_is_not_there_is_not_asked_for),
        cmocka_unit_test(a_state_has_its_version_as_its_tag),
        cmocka_unit_test(an_aggregate_that_is_none_or_has_ended_has_no_state),
        cmocka_unit_test(the_past_is_read_from_the_log),
        cmocka_unit_test(events_come_in_pages),
        cmocka_unit_test(events_that_cannot_be_counted_are_gone),
        cmocka_unit_test(the_document_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
