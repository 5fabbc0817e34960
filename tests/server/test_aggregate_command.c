/* SPDX-License-Identifier: MIT
 * What requests mean as calls of a writer, and what is none. */
#include "server/aggregate_command.h"

#include <book.h>
#include <do.h>

#include "core/alloc.h"
#include "tests/aggregates/account.h"
#include "aggregates/remembered.h"
#include "tests/support/test.h"

#define TARGET "/aggregates/account/a%2F1/commands/"

typedef struct asked {
    const char *command; /* and what comes behind it in the path */
    const char *body;
    stele_http_field fields[4]; /* ends with a name of NULL */
} asked;

typedef struct exchange {
    stele_http_request request;
    stele_http_reply reply;
    stele_aggregate_command command;
    bool is_one;
} exchange;

static void exchange_clear(exchange *e)
{
    stele_http_request_clear(&e->request);
    stele_http_reply_clear(&e->reply);
    stele_aggregate_command_clear(&e->command);
}
STELE_VALUE_SCOPE(exchange, exchange_clear);

static void ask(const asked *what, exchange *out)
{
    stele_aggregate aggregate = account_table(NULL);
    stele_error err = {0};
    STELE_AUTO(char) target = stele_strdup_format("%s%s", TARGET, what->command);
    assert_int_equal(stele_http_request_parse(STELE_HTTP_POST, target, &out->request, &err), 0);
    out->request.body = stele_text(what->body == NULL ? "" : what->body);
    out->request.fields = what->fields;
    while (out->request.field_count < 4 && what->fields[out->request.field_count].name != NULL)
        out->request.field_count++;
    out->is_one =
        stele_aggregate_command_read(&aggregate, &out->request, &out->command, &out->reply);
}

static void a_command_is_its_path_its_json_and_its_fields(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(exchange) e = {0};
    ask(&(asked){"Book",
                 "{\"cents\": -3, \"memos\": [\"x\"]}",
                 {{"idempotency-key", "k1"},
                  {"Stele-Correlation-Id", "order 7"},
                  {"Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}},
        &e);

    if (!e.is_one) fail_msg("%s", e.reply.body);
    const stele_call *call = &e.command.call;
    const test_commands_book *book = call->command;
    assert_true(stele_bytes_equal(call->aggregate_id, stele_text("a/1")));
    assert_ptr_equal(call->type, &test_commands_book_type);
    assert_int_equal(book->cents, -3);
    assert_int_equal(book->times, 1); /* the default */
    assert_int_equal(book->memos.count, 1);
    assert_string_equal(call->command_id, "k1");
    assert_string_equal(call->correlation_id, "order 7");
    assert_string_equal(call->traceparent,
                        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    assert_int_equal(call->expected_version, STELE_EXPECT_ANY);
}

static void expected_versions_are_entity_tags(void **state)
{
    (void)state;
    static const struct {
        const char *match, *none;
        int64_t expected;
        bool is_refused;
    } cases[] = {
        {NULL, NULL, STELE_EXPECT_ANY, false},
        {"\"7\"", NULL, 7, false},
        {"7", NULL, 7, false},
        {"\"0\"", NULL, STELE_EXPECT_NEW, false},
        {NULL, "*", STELE_EXPECT_NEW, false},
        {"0", "*", STELE_EXPECT_NEW, false},
        {"\"9223372036854775807\"", NULL, INT64_MAX, false},
        {"7", "*", 0, true},
        {"*", NULL, 0, true},
        {"", NULL, 0, true},
        {"\"\"", NULL, 0, true},
        {"\"", NULL, 0, true},
        {"-1", NULL, 0, true},
        {"+7", NULL, 0, true},
        {"W/\"7\"", NULL, 0, true},
        {"\"7\", \"8\"", NULL, 0, true},
        {"7.0", NULL, 0, true},
        {"9223372036854775808", NULL, 0, true},
        {NULL, "\"7\"", 0, true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(exchange) e = {0};
        asked what = {"Book", "{\"cents\":1}", {{NULL, NULL}}};
        size_t count = 0;
        if (cases[i].match != NULL)
            what.fields[count++] = (stele_http_field){"If-Match", cases[i].match};
        if (cases[i].none != NULL)
            what.fields[count++] = (stele_http_field){"If-None-Match", cases[i].none};

        ask(&what, &e);

        if (e.is_one == cases[i].is_refused ||
            (e.is_one && e.command.call.expected_version != cases[i].expected))
            fail_msg("case %zu: %s", i, e.is_one ? "another version" : e.reply.body);
        if (!e.is_one) assert_int_equal(e.reply.code, 400);
    }
}

static void ids_of_commands_may_be_quoted(void **state)
{
    (void)state;
    static char longest[STELE_COMMAND_ID_MAX + 2];
    memset(longest, 'x', STELE_COMMAND_ID_MAX);
    static const struct {
        const char *key;
        const char *id; /* NULL: refused */
    } cases[] = {
        {"8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"},
        {"\"8e03978e-40d5-43e8-bc93-6894a57f9324\"", "8e03978e-40d5-43e8-bc93-6894a57f9324"},
        {"one two", "one two"},
        {"\xc3\xa9", "\xc3\xa9"},
        {longest, longest},
        {"", NULL},
        {"\"\"", NULL},
        {"\xff", NULL},
        {"one\ttwo", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(exchange) e = {0};
        ask(&(asked){"Book", "{\"cents\":1}", {{"Idempotency-Key", cases[i].key}}}, &e);
        if (e.is_one != (cases[i].id != NULL)) fail_msg("%s", cases[i].key);
        if (e.is_one) assert_string_equal(e.command.call.command_id, cases[i].id);
    }
    longest[STELE_COMMAND_ID_MAX] = 'x';
    STELE_AUTO_VALUE(exchange) e = {0};
    ask(&(asked){"Book", "{\"cents\":1}", {{"Idempotency-Key", longest}}}, &e);
    assert_false(e.is_one);
}

static void a_trace_that_is_none_is_passed_over(void **state)
{
    (void)state;
#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    static const struct {
        const char *text;
        bool is_one;
    } cases[] = {
        {"00-" TRACE, true},
        {"01-" TRACE "-more", true},
        {"00-" TRACE "-more", false},
        {"01-" TRACE "m", false},
        {"ff-" TRACE, false},
        {"00-4BF92F", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(exchange) e = {0};
        ask(&(asked){"Book", "{\"cents\":1}", {{"traceparent", cases[i].text}}}, &e);
        assert_true(e.is_one);
        if ((e.command.call.traceparent != NULL) != cases[i].is_one) fail_msg("%s", cases[i].text);
    }
}

static void what_is_no_command_is_answered(void **state)
{
    (void)state;
    static const struct {
        asked what;
        unsigned code;
        const char *words;
    } cases[] = {
        {{"Nothing", "{}", {{NULL, NULL}}}, 404, "\"code\":\"unknown_command\""},
        {{"book", "{}", {{NULL, NULL}}}, 404, "Book"},
        {{"test.commands.Book", "{\"cents\":1}", {{NULL, NULL}}}, 0, ""},
        {{"Book", NULL, {{NULL, NULL}}}, 400, "Book: cents: missing"},
        {{"Book", "{}", {{NULL, NULL}}}, 400, "\"code\":\"invalid\""},
        {{"Book", "{\"cents\":1,\"memos\":[\"a\",7]}", {{NULL, NULL}}}, 400, "Book: memos[1]: "},
        {{"Book", "{\"cents\":1.5}", {{NULL, NULL}}}, 400, "Book: cents: "},
        {{"Book", "{\"cents\":1,\"euros\":1}", {{NULL, NULL}}}, 400, "euros"},
        {{"Book", "{\"cents\":9223372036854775808}", {{NULL, NULL}}}, 400, "Book: cents: "},
        {{"Book", "[1]", {{NULL, NULL}}}, 400, "Book: "},
        {{"Book", "{\"cents\":1", {{NULL, NULL}}}, 400, "not JSON"},
        {{"Book", "{\"cents\":1}", {{"Content-Type", "text/plain"}}}, 415, "unsupported"},
        {{"Book", "{\"cents\":1}", {{"Content-Type", "application/octet-stream"}}}, 415, ""},
        {{"Book", "{\"cents\":1}", {{"Content-Type", "application/jsonp"}}}, 415, ""},
        {{"Book", "{\"cents\":1}", {{"Content-Type", "application/vnd.x+json"}}}, 0, ""},
        {{"Book", "{\"cents\":1}", {{"Content-Type", "Application/JSON;charset=utf-8"}}}, 0, ""},
        {{"Book", "{\"cents\":1}", {{"Stele-Correlation-Id", ""}}}, 400, "Stele-Correlation-Id"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(exchange) e = {0};
        ask(&cases[i].what, &e);
        if (e.reply.code != cases[i].code || e.is_one != (cases[i].code == 0) ||
            (!e.is_one && strstr(e.reply.body, cases[i].words) == NULL))
            fail_msg("case %zu: %u %s", i, e.reply.code, e.is_one ? "taken" : e.reply.body);
        if (!e.is_one) assert_string_equal(e.reply.content_type, "application/problem+json");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_its_path_its_json_and_its_fields),
        cmocka_unit_test(expected_versions_are_entity_tags),
        cmocka_unit_test(ids_of_commands_may_be_quoted),
        cmocka_unit_test(a_trace_that_is_none_is_passed_over),
        cmocka_unit_test(what_is_no_command_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
