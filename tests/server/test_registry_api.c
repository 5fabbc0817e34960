/* SPDX-License-Identifier: MIT
 * The REST API as a client sees it: what is asked and what is answered, to the byte. */
#include "server/registry_api.h"

#include "core/alloc.h"
#include "kafka/memory_log.h"
#include "tests/support/test.h"

/* Bodies, with the quotes of the schema's JSON escaped. */
#define FIELDS(more)                                                                               \
    "{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"R\\\",\\\"fields\\\":[{\\\"name\\\":\\\"a\\\"," \
    "\\\"type\\\":\\\"int\\\"}" more "]}"
#define V1    FIELDS("")
#define V2    FIELDS(",{\\\"name\\\":\\\"b\\\",\\\"type\\\":\\\"int\\\",\\\"default\\\":0}")
#define WORSE FIELDS(",{\\\"name\\\":\\\"c\\\",\\\"type\\\":\\\"int\\\"}")
#define USER                                                                                       \
    "{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"U\\\",\\\"fields\\\":[{\\\"name\\\":\\\"r\\\"," \
    "\\\"type\\\":\\\"R\\\"}]}"
#define BODY(text)  "{\"schema\":\"" text "\"}"
#define REFERENCES  "\"references\":[{\"name\":\"R\",\"subject\":\"s\",\"version\":1}]"
#define USER_BODY   "{\"schema\":\"" USER "\"," REFERENCES "}"
#define LEVEL(name) "{\"compatibilityLevel\":\"" name "\"}"

#define GET    STELE_HTTP_GET
#define POST   STELE_HTTP_POST
#define PUT    STELE_HTTP_PUT
#define DELETE STELE_HTTP_DELETE

/* One request and its answer; "…" at the end of the answer: how it begins. */
typedef struct exchange {
    stele_http_method method;
    const char *target;
    const char *body;
    unsigned code;
    const char *answer;
} exchange;

static void check(stele_registry *registry, const exchange *expected)
{
    STELE_AUTO_VALUE(stele_http_request) request = {0};
    STELE_AUTO_VALUE(stele_http_reply) reply = {0};
    stele_error err = {0};
    if (stele_http_request_parse(expected->method, expected->target, &request, &err) < 0)
        fail_msg("%s: %s", expected->target, err.text);
    request.body = stele_text(expected->body == NULL ? "" : expected->body);

    const stele_http_api api = stele_registry_api(registry);
    const stele_http_api *found;
    stele_http_refusal refusal = {0};
    unsigned allowed;
    const stele_http_route *route =
        stele_http_route_find(&api, 1, &request, &found, &refusal, &allowed);
    if (route == NULL)
        stele_http_reply_refuse(&reply, &refusal);
    else
        route->handler(api.context, &request, &reply);

    size_t size = strlen(expected->answer);
    bool is_beginning = size > 3 && strcmp(expected->answer + size - 3, "…") == 0;
    bool fits = is_beginning ? strncmp(reply.body, expected->answer, size - 3) == 0
                             : strcmp(reply.body, expected->answer) == 0;
    if (reply.code != expected->code || !fits) {
        fail_msg("%s: %u %s, expected %u %s", expected->target, reply.code, reply.body,
                 expected->code, expected->answer);
    }
}

/* A conversation with a registry that is empty at its beginning. */
static void converse(const exchange *exchanges, size_t count)
{
    stele_log *log;
    stele_registry *registry;
    stele_error err;
    assert_int_equal(stele_log_memory_new(NULL, &log, &err), STELE_OK);
    stele_registry_options options = {.log = log, .timeout_ms = 15000};
    assert_int_equal(stele_registry_open(&options, &registry, &err), STELE_OK);
    for (size_t i = 0; i < count; i++)
        check(registry, &exchanges[i]);
    stele_registry_close(registry);
    stele_log_free(log);
}

#define CONVERSE(exchanges) converse(exchanges, COUNT_OF(exchanges))

static void schemas_are_registered_and_found(void **state)
{
    (void)state;
    static const exchange exchanges[] = {
        {GET, "/subjects", NULL, 200, "[]"},
        {POST, "/subjects/s/versions?normalize=True", BODY(V1), 200, "{\"id\":2}"},
        {POST, "/subjects/s/versions", BODY(V1), 200, "{\"id\":2}"},
        {POST, "/subjects/s/versions", BODY(V2), 200, "{\"id\":3}"},
        {POST, "/subjects/a%2Fb/versions", BODY(V2), 200, "{\"id\":3}"},
        {GET, "/subjects", NULL, 200, "[\"s\",\"a/b\"]"},
        {GET, "/subjects?subjectPrefix=a", NULL, 200, "[\"a/b\"]"},
        {GET, "/subjects/s/versions", NULL, 200, "[1,2]"},
        {GET, "/subjects/s/versions/1", NULL, 200,
         "{\"subject\":\"s\",\"version\":1,\"id\":2,\"schema\":\"" V1 "\"}"},
        {GET, "/subjects/s/versions/latest", NULL, 200,
         "{\"subject\":\"s\",\"version\":2,\"id\":3,\"schema\":\"" V2 "\"}"},
        {GET, "/subjects/s/versions/-1", NULL, 200, "{\"subject\":\"s\",\"version\":2…"},
        {GET, "/subjects/s/versions/1/schema", NULL, 200, "{\"type\":\"record\",\"name\":\"R\"…"},
        {GET, "/schemas/ids/2?fetchMaxId=false&format=", NULL, 200, "{\"schema\":\"" V1 "\"}"},
        {GET, "/schemas/ids/2/schema", NULL, 200, "{\"type\":\"record\",\"name\":\"R\"…"},
        {GET, "/schemas/ids/3/subjects", NULL, 200, "[\"s\",\"a/b\"]"},
        {GET, "/schemas/ids/3/versions", NULL, 200,
         "[{\"subject\":\"s\",\"version\":2},{\"subject\":\"a/b\",\"version\":1}]"},
        {POST, "/subjects/s", BODY(V2), 200,
         "{\"subject\":\"s\",\"version\":2,\"id\":3,\"schema\":\"" V2 "\"}"},
        {GET, "/schemas/types", NULL, 200, "[\"AVRO\"]"},
        {GET, "/contexts", NULL, 200, "[\".\"]"},
        {GET, "/v1/metadata/id", NULL, 200, "{\"id\":\"…"},
        {GET, "/", NULL, 200, "{}"},
    };
    CONVERSE(exchanges);
}

static void what_is_not_there_has_its_code(void **state)
{
    (void)state;
    static const exchange exchanges[] = {
        {GET, "/subjects/s/versions", NULL, 404, "{\"error_code\":40401,\"message\":\"…"},
        {POST, "/subjects/s", BODY(V1), 404, "{\"error_code\":40401…"},
        {DELETE, "/subjects/s", NULL, 404, "{\"error_code\":40401…"},
        {POST, "/subjects/s/versions", BODY(V1), 200, "{\"id\":2}"},
        {GET, "/subjects/s/versions/2", NULL, 404, "{\"error_code\":40402…"},
        {DELETE, "/subjects/s/versions/2", NULL, 404, "{\"error_code\":40402…"},
        {GET, "/subjects/t/versions/latest", NULL, 404, "{\"error_code\":40401…"},
        {POST, "/subjects/s", BODY(V2), 404, "{\"error_code\":40403…"},
        {GET, "/schemas/ids/99", NULL, 404, "{\"error_code\":40403…"},
        {GET, "/schemas/ids/99/versions", NULL, 404, "{\"error_code\":40403…"},
        {GET, "/schemas/ids/x", NULL, 404, "{\"error_code\":40403…"},
        {GET, "/config/s", NULL, 404, "{\"error_code\":40408…"},
        {GET, "/mode/s", NULL, 404, "{\"error_code\":40409…"},
        {GET, "/nothing", NULL, 404, "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}"},
        {PUT, "/subjects", NULL, 405, "{\"error_code\":405…"},
    };
    CONVERSE(exchanges);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const exchange exchanges[] = {
        {POST, "/subjects/s/versions", "{}", 422, "{\"error_code\":42201…"},
        {POST, "/subjects/s/versions", "{\"schema\":null}", 422, "{\"error_code\":42201…"},
        {POST, "/subjects/s/versions", "{\"schema\":1}", 422, "{\"error_code\":42201…"},
        {POST, "/subjects/s/versions", BODY("{"), 422, "{\"error_code\":42201…"},
        {POST, "/subjects/s/versions", BODY("\\\"nothing\\\""), 422, "{\"error_code\":42201…"},
        {POST, "/subjects/s/versions", "{\"schema\":\"{}\",\"schemaType\":\"PROTOBUF\"}", 422,
         "{\"error_code\":42201…"},
        {POST, "/subjects/s/versions", "{\"schema\":\"\\\"int\\\"\",\"references\":[{}]}", 422,
         "{\"error_code\":42201…"},
        {POST, "/subjects/s/versions", "{\"schema\":\"\\\"int\\\"\",\"metadata\":{}}", 422,
         "{\"error_code\":42201…"},
        {POST, "/subjects/s/versions", "{\"schema\":\"\\\"int\\\"\",\"id\":7}", 422,
         "{\"error_code\":42205…"},
        {POST, "/subjects/s/versions", USER_BODY, 422, "{\"error_code\":42201…"},
        {POST, "/subjects/%0A/versions", BODY(V1), 422, "{\"error_code\":42201…"},
        {GET, "/subjects/s/versions/0", NULL, 422, "{\"error_code\":42202…"},
        {GET, "/subjects/s/versions/x", NULL, 422, "{\"error_code\":42202…"},
        {PUT, "/config", "{\"compatibility\":\"ALL\"}", 422, "{\"error_code\":42203…"},
        {PUT, "/config", "{}", 422, "{\"error_code\":42203…"},
        {PUT, "/mode", "{\"mode\":\"IMPORT\"}", 422, "{\"error_code\":42204…"},
        {GET, "/subjects", NULL, 200, "[]"},
    };
    CONVERSE(exchanges);
}

/* Every request that has a body. */
static const struct {
    stele_http_method method;
    const char *target;
} with_body[] = {
    {POST, "/subjects/s/versions"},
    {POST, "/subjects/s"},
    {POST, "/compatibility/subjects/s/versions"},
    {POST, "/compatibility/subjects/s/versions/latest"},
    {PUT, "/config"},
    {PUT, "/config/s"},
    {PUT, "/mode"},
    {PUT, "/mode/s"},
};

static void a_body_that_is_no_object_has_one_code_everywhere(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        unsigned code;
        const char *answer;
    } cases[] = {
        {"", 422, "{\"error_code\":422…"},
        {"null", 422, "{\"error_code\":422…"},
        {"{", 400, "{\"error_code\":400…"},
        {" ", 400, "{\"error_code\":400…"},
        {"[]", 400, "{\"error_code\":400…"},
        {"[{}]", 400, "{\"error_code\":400…"},
        {"\"a\"", 400, "{\"error_code\":400…"},
        {"1", 400, "{\"error_code\":400…"},
        {"true", 400, "{\"error_code\":400…"},
        {"{}x", 400, "{\"error_code\":400…"},
        {"{\"\xff\":1}", 400, "{\"error_code\":400…"},
    };
    exchange exchanges[COUNT_OF(with_body) * COUNT_OF(cases)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(with_body); i++) {
        for (size_t n = 0; n < COUNT_OF(cases); n++)
            exchanges[count++] = (exchange){with_body[i].method, with_body[i].target, cases[n].body,
                                            cases[n].code, cases[n].answer};
    }
    converse(exchanges, count);
}

static void a_member_of_the_wrong_kind_is_named(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"schema\":{\"type\":\"int\"}}",
        "{\"schema\":[]}",
        "{\"schema\":\"\\\"int\\\"\",\"schemaType\":1}",
        "{\"schema\":\"\\\"int\\\"\",\"id\":\"x\"}",
        "{\"schema\":\"\\\"int\\\"\",\"id\":1e400}",
        "{\"schema\":\"\\\"int\\\"\",\"id\":99999999999999999999}",
        "{\"schema\":\"\\\"int\\\"\",\"references\":{}}",
        "{\"schema\":\"\\\"int\\\"\",\"references\":[1]}",
        "{\"schema\":\"\\\"int\\\"\",\"references\":[{\"name\":1}]}",
        "{\"schema\":\"\\\"int\\\"\",\"references\":[{\"version\":2147483648}]}",
    };
    exchange exchanges[COUNT_OF(bodies) + 3];
    for (size_t i = 0; i < COUNT_OF(bodies); i++)
        exchanges[i] = (exchange){POST, "/subjects/s/versions", bodies[i], 400,
                                  "{\"error_code\":400,\"message\":\"\\\"…"};
    exchanges[COUNT_OF(bodies)] =
        (exchange){PUT, "/config", "{\"compatibility\":[]}", 400, "{\"error_code\":400…"};
    exchanges[COUNT_OF(bodies) + 1] =
        (exchange){PUT, "/mode", "{\"mode\":{}}", 400, "{\"error_code\":400…"};
    exchanges[COUNT_OF(bodies) + 2] =
        (exchange){PUT, "/mode", "{\"mode\":null}", 422, "{\"error_code\":42204…"};
    converse(exchanges, COUNT_OF(exchanges));
}

static void what_is_passed_over_may_hold_anything(void **state)
{
    (void)state;
    static const exchange exchanges[] = {
        {POST, "/subjects/s/versions",
         "{\"schema\":\"\\\"int\\\"\",\"x\":1e400,\"y\":-99999999999999999999,"
         "\"z\":[{\"\\u0000\":\"\\ud83d\"}],\"id\":0,\"metadata\":null}",
         200, "{\"id\":2}"},
        {POST, "/subjects/t/versions",
         "{\"schema\":\"{\\\"type\\\":\\\"int\\\",\\\"x\\\":1e400}\"}", 200, "{\"id\":3}"},
        {PUT, "/config", "{\"compatibility\":\"FULL\",\"x\":1e400}", 200, "{\"compatibility…"},
    };
    CONVERSE(exchanges);
}

static void names_of_levels_and_modes_are_read_in_any_case(void **state)
{
    (void)state;
    static const exchange exchanges[] = {
        {PUT, "/config/s", "{\"compatibility\":\"full_Transitive\"}", 200,
         "{\"compatibility\":\"FULL_TRANSITIVE\"}"},
        {PUT, "/mode/s", "{\"mode\":\"readonly\"}", 200, "{\"mode\":\"READONLY\"}"},
        {GET, "/mode/s", NULL, 200, "{\"mode\":\"READONLY\"}"},
        {PUT, "/mode/s", "{\"mode\":\"ReadWrite\"}", 200, "{\"mode\":\"READWRITE\"}"},
        {PUT, "/mode/s", "{\"mode\":\"readonly \"}", 422, "{\"error_code\":42204…"},
        {DELETE, "/mode/s", NULL, 200, "{\"mode\":\"READWRITE\"}"},
        {DELETE, "/mode/s", NULL, 404, "{\"error_code\":40401…"},
        {DELETE, "/config/t", NULL, 404, "{\"error_code\":40401…"},
    };
    CONVERSE(exchanges);
}

static void a_prefix_may_name_the_default_context_or_all(void **state)
{
    (void)state;
    static const exchange exchanges[] = {
        {POST, "/subjects/ab/versions", BODY(V1), 200, "{\"id\":2}"},
        {POST, "/subjects/ba/versions", BODY(V1), 200, "{\"id\":2}"},
        {GET, "/subjects?subjectPrefix=:*:", NULL, 200, "[\"ab\",\"ba\"]"},
        {GET, "/subjects?subjectPrefix=:*:a", NULL, 200, "[\"ab\"]"},
        {GET, "/subjects?subjectPrefix=%3A.%3Ab", NULL, 200, "[\"ba\"]"},
        {GET, "/subjects?subjectPrefix=", NULL, 200, "[\"ab\",\"ba\"]"},
        {GET, "/subjects?subjectPrefix=:.other:", NULL, 200, "[]"},
        {GET, "/subjects?subjectPrefix=*", NULL, 200, "[]"},
        {GET, "/subjects/ab/versions/LATEST", NULL, 200, "{\"subject\":\"ab\"…"},
        {DELETE, "/subjects/ab", NULL, 200, "[1]"},
        {GET, "/subjects?subjectPrefix=:*:&deletedOnly=true", NULL, 200, "[\"ab\"]"},
        {GET, "/subjects?subjectPrefix=:*:&deleted=true", NULL, 200, "[\"ab\",\"ba\"]"},
    };
    CONVERSE(exchanges);
}

static void compatibility_is_checked_and_kept(void **state)
{
    (void)state;
    static const exchange exchanges[] = {
        {GET, "/config", NULL, 200, LEVEL("BACKWARD")},
        {POST, "/compatibility/subjects/s/versions/latest", BODY(V1), 200,
         "{\"is_compatible\":true}"},
        {POST, "/subjects/s/versions", BODY(V1), 200, "{\"id\":2}"},
        {POST, "/compatibility/subjects/s/versions/latest", BODY(V2), 200,
         "{\"is_compatible\":true}"},
        {POST, "/compatibility/subjects/s/versions/1", BODY(WORSE), 200,
         "{\"is_compatible\":false}"},
        {POST, "/compatibility/subjects/s/versions?verbose=true", BODY(WORSE), 200,
         "{\"is_compatible\":false,\"messages\":[\"READER_FIELD_MISSING_DEFAULT_VALUE: …"},
        {POST, "/compatibility/subjects/s/versions/latest?verbose=true", BODY(V2), 200,
         "{\"is_compatible\":true,\"messages\":[]}"},
        {POST, "/compatibility/subjects/s/versions/7", BODY(V2), 404, "{\"error_code\":40402…"},
        {POST, "/subjects/s/versions", BODY(WORSE), 409, "{\"error_code\":409…"},
        {GET, "/config/s?defaultToGlobal=true", NULL, 200, LEVEL("BACKWARD")},
        {PUT, "/config/s", "{\"compatibility\":\"NONE\"}", 200, "{\"compatibility\":\"NONE\"}"},
        {GET, "/config/s", NULL, 200, LEVEL("NONE")},
        {POST, "/subjects/s/versions", BODY(WORSE), 200, "{\"id\":4}"},
        {DELETE, "/config/s", NULL, 200, LEVEL("NONE")},
        {GET, "/config/s", NULL, 404, "{\"error_code\":40408…"},
        {PUT, "/config", "{\"compatibility\":\"FULL_TRANSITIVE\"}", 200,
         "{\"compatibility\":\"FULL_TRANSITIVE\"}"},
        {GET, "/config", NULL, 200, LEVEL("FULL_TRANSITIVE")},
        {DELETE, "/config", NULL, 200, LEVEL("FULL_TRANSITIVE")},
        {GET, "/config", NULL, 200, LEVEL("BACKWARD")},
    };
    CONVERSE(exchanges);
}

static void a_mode_that_only_reads_is_kept(void **state)
{
    (void)state;
    static const exchange exchanges[] = {
        {GET, "/mode", NULL, 200, "{\"mode\":\"READWRITE\"}"},
        {PUT, "/mode/s", "{\"mode\":\"READONLY\"}", 200, "{\"mode\":\"READONLY\"}"},
        {POST, "/subjects/s/versions", BODY(V1), 422, "{\"error_code\":42205…"},
        {POST, "/subjects/t/versions", BODY(V1), 200, "{\"id\":3}"},
        {GET, "/mode/s", NULL, 200, "{\"mode\":\"READONLY\"}"},
        {DELETE, "/mode/s", NULL, 200, "{\"mode\":\"READONLY\"}"},
        {GET, "/mode/s?defaultToGlobal=true", NULL, 200, "{\"mode\":\"READWRITE\"}"},
        {POST, "/subjects/s/versions", BODY(V1), 200, "{\"id\":3}"},
    };
    CONVERSE(exchanges);
}

static void deleting_is_soft_first(void **state)
{
    (void)state;
    static const exchange exchanges[] = {
        {POST, "/subjects/s/versions", BODY(V1), 200, "{\"id\":2}"},
        {POST, "/subjects/s/versions", BODY(V2), 200, "{\"id\":3}"},
        {DELETE, "/subjects/s/versions/1?permanent=true", NULL, 404, "{\"error_code\":40407…"},
        {DELETE, "/subjects/s/versions/1", NULL, 200, "1"},
        {DELETE, "/subjects/s/versions/1", NULL, 404, "{\"error_code\":40406…"},
        {GET, "/subjects/s/versions", NULL, 200, "[2]"},
        {GET, "/subjects/s/versions?deleted=true", NULL, 200, "[1,2]"},
        {GET, "/subjects/s/versions/1", NULL, 404, "{\"error_code\":40402…"},
        {GET, "/subjects/s/versions/1?deleted=true", NULL, 200, "{\"subject\":\"s\"…"},
        {POST, "/subjects/s", BODY(V1), 404, "{\"error_code\":40403…"},
        {POST, "/subjects/s?deleted=true", BODY(V1), 200, "{\"subject\":\"s\",\"version\":1…"},
        {GET, "/schemas/ids/2", NULL, 200, "{\"schema\":\"" V1 "\"}"},
        {GET, "/schemas/ids/2/versions", NULL, 200, "[]"},
        {GET, "/schemas/ids/2/versions?deleted=true", NULL, 200,
         "[{\"subject\":\"s\",\"version\":1}]"},
        {DELETE, "/subjects/s/versions/1?permanent=true", NULL, 200, "1"},
        {GET, "/subjects/s/versions?deleted=true", NULL, 200, "[2]"},
        {GET, "/schemas/ids/2", NULL, 200, "{\"schema\":\"" V1 "\"}"}, /* ids stay for ever */
        {DELETE, "/subjects/s?permanent=true", NULL, 404, "{\"error_code\":40405…"},
        {DELETE, "/subjects/s/versions/latest", NULL, 200, "2"},
        {GET, "/subjects", NULL, 200, "[]"},
        {GET, "/subjects?deleted=true", NULL, 200, "[\"s\"]"},
        {DELETE, "/subjects/s", NULL, 404, "{\"error_code\":40404…"},
        {DELETE, "/subjects/s?permanent=true", NULL, 200, "[2]"},
        {GET, "/subjects?deleted=true", NULL, 200, "[]"},
        {POST, "/subjects/s/versions", BODY(V1), 200, "{\"id\":2}"},
        {GET, "/subjects/s/versions", NULL, 200, "[3]"}, /* and so do versions */
    };
    CONVERSE(exchanges);
}

static void references_are_kept_and_keep(void **state)
{
    (void)state;
    static const exchange exchanges[] = {
        {POST, "/subjects/s/versions", BODY(V1), 200, "{\"id\":2}"},
        {POST, "/subjects/u/versions", USER_BODY, 200, "{\"id\":3}"},
        {POST, "/subjects/u/versions", BODY(USER), 422, "{\"error_code\":42201…"},
        {GET, "/schemas/ids/3", NULL, 200, "{\"schema\":\"" USER "\"," REFERENCES "}"},
        {GET, "/subjects/u/versions/1", NULL, 200,
         "{\"subject\":\"u\",\"version\":1,\"id\":3,\"schema\":\"" USER "\"," REFERENCES "}"},
        {POST, "/subjects/u", USER_BODY, 200, "{\"subject\":\"u\",\"version\":1…"},
        {POST, "/compatibility/subjects/u/versions/latest", USER_BODY, 200,
         "{\"is_compatible\":true}"},
        {GET, "/subjects/s/versions/1/referencedby", NULL, 200, "[3]"},
        {GET, "/subjects/u/versions/latest/referencedby", NULL, 200, "[]"},
        {DELETE, "/subjects/s/versions/1", NULL, 422, "{\"error_code\":42206…"},
        {DELETE, "/subjects/s", NULL, 422, "{\"error_code\":42206…"},
        {DELETE, "/subjects/u", NULL, 200, "[1]"},
        {DELETE, "/subjects/s", NULL, 200, "[1]"},
        {GET, "/schemas/ids/3", NULL, 200, "{\"schema\":\"" USER "\"," REFERENCES "}"},
    };
    CONVERSE(exchanges);
}

static void a_broker_that_is_away_is_an_error_of_the_store(void **state)
{
    (void)state;
    static const exchange away = {GET, "/subjects", NULL, 500, "{\"error_code\":5000…"};
    stele_log *log;
    stele_registry *registry;
    stele_error err;
    assert_int_equal(stele_log_memory_new(NULL, &log, &err), STELE_OK);
    stele_registry_options options = {.log = log, .timeout_ms = 100};
    assert_int_equal(stele_registry_open(&options, &registry, &err), STELE_OK);
    stele_log_memory_set_up(log, false);

    check(registry, &away);

    stele_registry_close(registry);
    stele_log_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_are_registered_and_found),
        cmocka_unit_test(what_is_not_there_has_its_code),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_body_that_is_no_object_has_one_code_everywhere),
        cmocka_unit_test(a_member_of_the_wrong_kind_is_named),
        cmocka_unit_test(what_is_passed_over_may_hold_anything),
        cmocka_unit_test(names_of_levels_and_modes_are_read_in_any_case),
        cmocka_unit_test(a_prefix_may_name_the_default_context_or_all),
        cmocka_unit_test(compatibility_is_checked_and_kept),
        cmocka_unit_test(a_mode_that_only_reads_is_kept),
        cmocka_unit_test(deleting_is_soft_first),
        cmocka_unit_test(references_are_kept_and_keep),
        cmocka_unit_test(a_broker_that_is_away_is_an_error_of_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
