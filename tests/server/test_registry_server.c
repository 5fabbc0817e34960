/* SPDX-License-Identifier: MIT
 * The server on a real socket: the contract suite of registries with the HTTP client before it, who
 * may ask, and how it ends. */
#include "server/registry_server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/alloc.h"
#include "kafka/memory_log.h"
#include "registry/entry.h"
#include "schemas/scopes.h"
#include "tests/registry/registry_cases.h"
#include "tests/support/test.h"

#define GET_SUBJECTS "GET /subjects HTTP/1.1\r\n"
#define POST_SCHEMA  "POST /subjects/s/versions HTTP/1.1\r\nHost: localhost\r\n"

enum { CLOSE_MS = 10000 };

typedef struct stage {
    stele_log *log;
    stele_registry *registry;
    stele_registry_server *server;
} stage;

static void stage_open(stage *s)
{
    stele_error err = {0};
    assert_int_equal(stele_log_memory_new(NULL, &s->log, &err), STELE_OK);
    stele_registry_options options = {.log = s->log, .timeout_ms = REGISTRY_WAIT_MS};
    assert_int_equal(stele_registry_open(&options, &s->registry, &err), STELE_OK);
    stele_registry_server_options served = {.listen = "127.0.0.1:0", .registry = s->registry};
    if (stele_registry_server_open(&served, &s->server, &err) < 0) fail_msg("%s", err.text);
}

static void stage_close(stage *s)
{
    stele_registry_server_close(s->server, CLOSE_MS);
    stele_registry_close(s->registry);
    stele_log_free(s->log);
    *s = (stage){0};
}
STELE_VALUE_SCOPE(stage, stage_close);

static int dial(const stage *s)
{
    const char *address = stele_registry_server_address(s->server);
    long port = strtol(strrchr(address, ':') + 1, NULL, 10);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
        if (sent <= 0) return; /* it has said no already */
        text += sent;
        size -= (size_t)sent;
    }
}

/* The status code of the answer; 0: the connection was ended without one. */
static long hear_code(int fd)
{
    char answer[16] = "";
    size_t size = 0;
    ssize_t got;
    while (size < 12 && (got = recv(fd, answer + size, sizeof answer - 1 - size, 0)) > 0)
        size += (size_t)got;
    return size < 12 ? 0 : strtol(answer + 9, NULL, 10);
}

static long code_of(const stage *s, const char *request)
{
    int fd = dial(s);
    say(fd, request, strlen(request));
    long code = hear_code(fd);
    close(fd);
    return code;
}

static void a_web_page_gets_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        long code;
    } cases[] = {
        {GET_SUBJECTS "Host: localhost\r\n\r\n", 200},
        {GET_SUBJECTS "Host: 127.0.0.1:8081\r\n\r\n", 200},
        {GET_SUBJECTS "Host: [::1]:8081\r\n\r\n", 200},
        {GET_SUBJECTS "Host: localhost\r\nSec-Fetch-Site: none\r\n\r\n", 200},
        {GET_SUBJECTS "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n\r\n", 403},
        {GET_SUBJECTS "Host: localhost\r\nOrigin: http://localhost\r\n\r\n", 403},
        {GET_SUBJECTS "Host: localhost\r\nOrigin: null\r\n\r\n", 403},
        {GET_SUBJECTS "Host: rebound.example\r\n\r\n", 403},
        {GET_SUBJECTS "Host: localhost.example\r\n\r\n", 403},
        {POST_SCHEMA "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415},
        {POST_SCHEMA "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n\r\n"
                     "{}",
         415},
        {POST_SCHEMA "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 422},
        {POST_SCHEMA "Content-Length: 2\r\n\r\n{}", 422},
        {"OPTIONS /subjects HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
    };
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        long code = code_of(&s, cases[i].request);
        if (code != cases[i].code)
            fail_msg("%s: %ld, expected %ld", cases[i].request, code, cases[i].code);
    }
}

static void a_body_that_is_too_large_is_refused(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    assert_int_equal(code_of(&s, POST_SCHEMA "Content-Length: 3000000\r\n\r\n"), 413);
    assert_int_equal(code_of(&s, POST_SCHEMA "Content-Length: 99999999999999999999\r\n\r\n"), 413);
}

static void an_endless_body_is_cut_off(void **state)
{
    (void)state;
    enum { CHUNK = 65536 };
    static char chunk[CHUNK + 16];
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    int fd = dial(&s);
    static const char head[] = POST_SCHEMA "Transfer-Encoding: chunked\r\n\r\n";
    say(fd, head, sizeof head - 1);
    int size = snprintf(chunk, sizeof chunk, "%x\r\n", CHUNK);
    memset(chunk + size, 'x', CHUNK);
    memcpy(chunk + size + CHUNK, "\r\n", 2);

    for (int i = 0; i < 200; i++) /* 12.5 MiB */
        say(fd, chunk, (size_t)size + CHUNK + 2);

    long code = hear_code(fd);
    assert_true(code == 0 || code == 413);
    close(fd);
    assert_int_equal(code_of(&s, GET_SUBJECTS "Host: localhost\r\n\r\n"), 200);
}

static void garbage_does_no_harm(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02",
        "GET /subjects/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /subjects/s/versions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"};
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int fd = dial(&s);
        say(fd, bad[i], strlen(bad[i]));
        shutdown(fd, SHUT_WR);
        assert_int_not_equal(hear_code(fd), 200);
        close(fd);
    }
    assert_int_equal(code_of(&s, GET_SUBJECTS "Host: localhost\r\n\r\n"), 200);
}

static void a_port_that_is_taken_is_said(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    stele_registry_server *other;
    stele_error err = {0};
    stele_registry_server_options options = {.listen = stele_registry_server_address(s.server),
                                             .registry = s.registry};

    assert_int_equal(stele_registry_server_open(&options, &other, &err), STELE_E_EXISTS);

    assert_non_null(strstr(err.text, "taken"));
}

static void *close_server(void *server)
{
    stele_registry_server_close(server, CLOSE_MS);
    return NULL;
}

/* A request waits for Kafka; the server is closed meanwhile; Kafka comes back. */
static void what_has_been_asked_is_answered_before_the_end(void **state)
{
    (void)state;
    stage s = {0};
    stage_open(&s);
    stele_log_memory_set_up(s.log, false);
    int fd = dial(&s);
    static const char request[] = GET_SUBJECTS "Host: localhost\r\n\r\n";
    say(fd, request, sizeof request - 1);
    while (!stele_registry_server_is_busy(s.server)) {
    }
    pthread_t closer;
    assert_int_equal(pthread_create(&closer, NULL, close_server, s.server), 0);
    stele_log_memory_set_up(s.log, true);

    assert_int_equal(hear_code(fd), 200);

    assert_int_equal(pthread_join(closer, NULL), 0);
    close(fd);
    stele_registry_close(s.registry);
    stele_log_free(s.log);
}

static void connections_that_say_nothing_leave_room_for_others(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    int silent[STELE_SERVER_CONNECTIONS_MAX / 2];
    for (size_t i = 0; i < COUNT_OF(silent); i++)
        silent[i] = dial(&s);

    assert_int_equal(code_of(&s, GET_SUBJECTS "Host: localhost\r\n\r\n"), 200);

    for (size_t i = 0; i < COUNT_OF(silent); i++)
        close(silent[i]);
}

static stele_registry *open_remote(void *context)
{
    const stage *s = context;
    stele_registry *registry;
    stele_error err = {0};
    STELE_AUTO(char)
    url = stele_strdup_format("http://%s/", stele_registry_server_address(s->server));
    stele_registry_options options = {.url = url, .timeout_ms = REGISTRY_WAIT_MS};
    if (stele_registry_open(&options, &registry, &err) < 0) fail_msg("%s", err.text);
    return registry;
}

static void over_http_it_is_the_same_registry(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    STELE_AUTO(stele_registry) remote = open_remote(&s);
    char near[37];
    char far[37] = "";
    stele_error err = {0};

    assert_int_equal(stele_registry_genesis(remote, REGISTRY_WAIT_MS, far, &err), STELE_OK);

    assert_int_equal(stele_registry_genesis(s.registry, REGISTRY_WAIT_MS, near, &err), STELE_OK);
    assert_string_equal(near, far);
    assert_int_equal(strlen(far), 36);
}

#define REFERRING(name, fields)                                                                    \
    "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":\"" type "\"}"

/* D refers to B, C and A; B and C both refer to A. */
static void schemas_that_meet_again_below_are_resolved(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        size_t count;
        const char *references[3];
    } schemas[] = {
        {"A", REFERRING("A", FIELD("n", "int")), 0, {NULL}},
        {"B", REFERRING("B", FIELD("a", "A")), 1, {"A"}},
        {"C", REFERRING("C", FIELD("a", "A")), 1, {"A"}},
        {"D",
         REFERRING("D", FIELD("b", "B") "," FIELD("c", "C") "," FIELD("a", "A")),
         3,
         {"B", "C", "A"}},
    };
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    STELE_AUTO(stele_registry) writer = open_remote(&s);
    int32_t id = 0;
    stele_error err = {0};
    for (size_t i = 0; i < COUNT_OF(schemas); i++) {
        stele_registry_reference references[3];
        for (size_t n = 0; n < schemas[i].count; n++) {
            const char *name = schemas[i].references[n];
            references[n] = (stele_registry_reference){name, name, 1};
        }
        if (stele_registry_register(writer, schemas[i].name, stele_text(schemas[i].text),
                                    references, schemas[i].count, REGISTRY_WAIT_MS, &id, &err) < 0)
            fail_msg("%s: %s", schemas[i].name, err.text);
    }

    STELE_AUTO(stele_registry) reader = open_remote(&s);
    STELE_AUTO(stele_schema) far = NULL;
    STELE_AUTO(stele_schema) near = NULL;
    if (stele_registry_schema(reader, id, REGISTRY_WAIT_MS, &far, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(stele_registry_schema(s.registry, id, REGISTRY_WAIT_MS, &near, &err),
                     STELE_OK);

    assert_true(stele_schema_equal(near, far));
}

static void what_is_registered_can_be_listed(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    STELE_AUTO(stele_registry) remote = open_remote(&s);
    int32_t id = registry_registered(remote, "a/b", "\"int\"");
    assert_int_equal(registry_registered(remote, "c", "\"int\""), id);
    stele_error err = {0};

    stele_registry *both[] = {remote, s.registry};
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        char **subjects;
        int32_t *versions;
        size_t count;
        STELE_AUTO_VALUE(stele_registry_entry) entry = {0};
        assert_int_equal(stele_registry_subjects(both[i], REGISTRY_WAIT_MS, &subjects, &err),
                         STELE_OK);
        assert_string_equal(subjects[0], "a/b");
        assert_string_equal(subjects[1], "c");
        assert_null(subjects[2]);
        assert_int_equal(
            stele_registry_versions(both[i], "a/b", REGISTRY_WAIT_MS, &versions, &count, &err),
            STELE_OK);
        assert_int_equal(count, 1);
        assert_int_equal(versions[0], 1);
        assert_int_equal(stele_registry_version(both[i], "a/b", 0, REGISTRY_WAIT_MS, &entry, &err),
                         STELE_OK);
        assert_int_equal(entry.id, id);
        assert_int_equal(entry.version, 1);
        assert_string_equal(entry.text, "\"int\"");
        assert_int_equal(
            stele_registry_versions(both[i], "d", REGISTRY_WAIT_MS, &versions, &count, &err),
            STELE_E_NOT_FOUND);
        free(subjects);
        free(versions);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_web_page_gets_nothing),
        cmocka_unit_test(a_body_that_is_too_large_is_refused),
        cmocka_unit_test(an_endless_body_is_cut_off),
        cmocka_unit_test(garbage_does_no_harm),
        cmocka_unit_test(a_port_that_is_taken_is_said),
        cmocka_unit_test(what_has_been_asked_is_answered_before_the_end),
        cmocka_unit_test(connections_that_say_nothing_leave_room_for_others),
        cmocka_unit_test(over_http_it_is_the_same_registry),
        cmocka_unit_test(schemas_that_meet_again_below_are_resolved),
        cmocka_unit_test(what_is_registered_can_be_listed),
    };
    int failed = cmocka_run_group_tests_name("server", tests, NULL, NULL);
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    registry_fixture fixture = {.open = open_remote, .context = &s, .is_remote = true};
    return failed + registry_cases_run("registry/http, contract", &fixture);
}
