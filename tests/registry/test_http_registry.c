/* SPDX-License-Identifier: MIT
 * The `http:` registry before a server that misbehaves: killed, slow, wrong in every way. That it
 * keeps the contract before a good one is shown in tests/server. */
#include "registry/registry.h"

#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/deadline.h"
#include "registry/http_exchange.h"
#include "schemas/scopes.h"
#include "tests/support/temporary.h"
#include "tests/support/test.h"

#define SERVER "tests/registry/bad_server.py"

extern char **environ;

enum { PATIENCE_MS = 20000, AT_ONCE_MS = 2000 };

/* ---- the server ---- */

typedef struct bad_server {
    pid_t pid;
    char url[48];
} bad_server;

static pid_t spawn(char *const *words, int out)
{
    pid_t pid;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (out >= 0) posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    assert_int_equal(posix_spawnp(&pid, words[0], &actions, NULL, words, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static void server_stop(bad_server *server)
{
    if (server->pid == 0) return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}
STELE_VALUE_SCOPE(bad_server, server_stop);

static bad_server server_start_tls(const char *mode, const char *certificate, const char *key,
                                   const char *ca)
{
    int ends[2];
    char port[16] = "";
    bad_server server = {0};
    assert_int_equal(pipe(ends), 0);
    char *words[] = {"python3",   SERVER,     (char *)mode, (char *)certificate,
                     (char *)key, (char *)ca, NULL};
    server.pid = spawn(words, ends[1]);
    close(ends[1]);
    FILE *said = fdopen(ends[0], "r");
    assert_non_null(fgets(port, sizeof port, said));
    fclose(said);
    port[strcspn(port, "\n")] = '\0';
    snprintf(server.url, sizeof server.url, "%s://127.0.0.1:%s",
             certificate == NULL ? "http" : "https", port);
    return server;
}

static bad_server server_start(const char *mode)
{
    return server_start_tls(mode, NULL, NULL, NULL);
}

/* On the port that it had. */
static void server_start_again(bad_server *server, const char *mode)
{
    setenv("PORT", strrchr(server->url, ':') + 1, 1);
    *server = server_start(mode);
    unsetenv("PORT");
}

/* How many requests there were, and how many of them at the same time. */
static void count_requests(const bad_server *server, int *requests, int *most)
{
    stele_registry_options options = {.url = server->url, .timeout_ms = PATIENCE_MS};
    STELE_AUTO(stele_confluent) http = stele_confluent_new(&options);
    STELE_AUTO_VALUE(stele_buffer) answer = {0};
    long code;
    stele_error err = {0};
    stele_deadline until = stele_deadline_after(stele_clock_system(), PATIENCE_MS);
    if (stele_confluent_ask(http, "GET", "/count", stele_text(NULL), until, &answer, &code, &err) <
        0)
        fail_msg("%s", err.text);
    assert_int_equal(sscanf(stele_buffer_text(&answer), "[%d, %d]", requests, most), 2);
}

static stele_registry *open_with(stele_registry_options options)
{
    stele_registry *registry;
    stele_error err = {0};
    if (stele_registry_open(&options, &registry, &err) < 0) fail_msg("%s", err.text);
    return registry;
}

static stele_registry *open_on(const bad_server *server)
{
    return open_with((stele_registry_options){.url = server->url, .timeout_ms = PATIENCE_MS});
}

static int64_t now_ms(void)
{
    return stele_clock_monotonic_ns(stele_clock_system()) / 1000000;
}

static void must_find(stele_registry *registry, int32_t id)
{
    STELE_AUTO(stele_schema) schema = NULL;
    stele_error err = {0};
    if (stele_registry_schema(registry, id, PATIENCE_MS, &schema, &err) < 0)
        fail_msg("id %d: %s", (int)id, err.text);
    assert_string_equal(stele_schema_name(schema), "int");
}

/* Ask a server of its own for a schema, which must fail like this. */
static void must_fail(const char *mode, int timeout_ms, stele_status status, stele_next next,
                      const char *words)
{
    STELE_AUTO_VALUE(bad_server) server = server_start(mode);
    STELE_AUTO(stele_registry) registry = open_on(&server);
    stele_schema *schema;
    stele_error err = {0};
    stele_status got = stele_registry_schema(registry, 7, timeout_ms, &schema, &err);
    if (got != status || err.next != next || strstr(err.text, words) == NULL) {
        fail_msg("%s: %s, next %d, \"%s\"; expected \"%s\"", mode, stele_status_name(got),
                 (int)err.next, err.text, words);
    }
}

/* Register "int" with a server of its own, which must fail like this. */
static void must_refuse(const char *mode, stele_status status, stele_next next, const char *words)
{
    STELE_AUTO_VALUE(bad_server) server = server_start(mode);
    STELE_AUTO(stele_registry) registry = open_on(&server);
    int32_t id = 0;
    stele_error err = {0};
    stele_status got = stele_registry_register(registry, "s", stele_text("\"string\""), NULL, 0,
                                               PATIENCE_MS, &id, &err);
    if (got != status || err.next != next || strstr(err.text, words) == NULL) {
        fail_msg("%s: %s, next %d, \"%s\"; expected \"%s\"", mode, stele_status_name(got),
                 (int)err.next, err.text, words);
    }
    assert_int_equal(id, 0);
}

/* ---- away, and back ---- */

static void a_killed_registry_is_waited_for_and_what_is_known_stays(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(bad_server) server = server_start("good");
    STELE_AUTO(stele_registry) registry = open_on(&server);
    must_find(registry, 1);
    stele_schema *schema;
    stele_error err = {0};

    server_stop(&server);

    must_find(registry, 1);
    assert_int_equal(stele_registry_schema(registry, 2, 500, &schema, &err), STELE_E_UNAVAILABLE);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_non_null(strstr(err.text, server.url));

    server_start_again(&server, "good");
    must_find(registry, 2);
}

static void a_slow_registry_keeps_nobody_who_does_not_wait(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(bad_server) server = server_start("slow 10");
    stele_registry *registry = open_on(&server);
    stele_schema *schema;
    stele_error err = {0};
    int64_t begin = now_ms();

    for (int i = 0; i < 100; i++) {
        assert_int_equal(stele_registry_schema(registry, i, 0, &schema, &err), STELE_E_TIMED_OUT);
        assert_int_equal(err.next, STELE_NEXT_RETRY);
    }
    assert_int_equal(stele_registry_schema(registry, 1, 300, &schema, &err), STELE_E_TIMED_OUT);

    stele_registry_close(registry); /* with requests in flight */
    assert_true(now_ms() - begin < AT_ONCE_MS);
}

static void a_slow_registry_is_given_up_after_the_time_out(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(bad_server) server = server_start("slow 10");
    STELE_AUTO(stele_registry)
    registry = open_with((stele_registry_options){.url = server.url, .timeout_ms = 200});
    stele_schema *schema;
    int32_t id;
    stele_error err = {0};
    int64_t begin = now_ms();

    assert_int_equal(stele_registry_schema(registry, 1, 600, &schema, &err), STELE_E_TIMED_OUT);
    assert_non_null(strstr(err.text, "timed out"));
    assert_int_equal(
        stele_registry_register(registry, "s", stele_text("\"int\""), NULL, 0, 600, &id, &err),
        STELE_E_TIMED_OUT);

    assert_true(now_ms() - begin < AT_ONCE_MS + 1200);
}

static void a_registry_that_answers_500_is_away(void **state)
{
    (void)state;
    must_fail("500", 300, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "500 the store is down");
}

static void what_passes_is_asked_again(void **state)
{
    (void)state;
    static const char *const modes[] = {"500 twice", "429 twice", "hang up twice"};
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        STELE_AUTO_VALUE(bad_server) server = server_start(modes[i]);
        STELE_AUTO(stele_registry) registry = open_on(&server);
        int requests;
        int most;

        must_find(registry, 7);

        count_requests(&server, &requests, &most);
        assert_int_equal(requests, 3);
    }
}

static void what_is_away_is_not_asked_without_pause(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(bad_server) server = server_start("500");
    STELE_AUTO(stele_registry) registry = open_on(&server);
    stele_schema *schema;
    stele_error err = {0};
    int requests;
    int most;
    int64_t end = now_ms() + 1000;

    while (now_ms() < end) /* a worker's loop that comes back all the time */
        assert_true(stele_registry_schema(registry, 7, 0, &schema, &err) < 0);

    count_requests(&server, &requests, &most);
    assert_in_range(requests, 2, 5); /* after 100, 200 and 400 ms */
}

static void a_404_that_is_not_of_a_registry_is_waited_for(void **state)
{
    (void)state;
    must_fail("404", 300, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "is registry.url right?");
}

/* ---- wrong ---- */

static void an_answer_that_is_garbage_is_said(void **state)
{
    (void)state;
    must_fail("garbage", PATIENCE_MS, STELE_E_INVALID, STELE_NEXT_STOP, "is malformed");
    must_fail("no schema", PATIENCE_MS, STELE_E_INVALID, STELE_NEXT_STOP, "no \"schema\"");
    must_fail("not avro", PATIENCE_MS, STELE_E_INVALID, STELE_NEXT_STOP, "not an Avro schema");
    must_fail("bad schema", PATIENCE_MS, STELE_E_INVALID, STELE_NEXT_STOP, "schema 7");
    must_fail("redirect", PATIENCE_MS, STELE_E_INVALID, STELE_NEXT_STOP, "302");
}

static void an_answer_that_breaks_off_is_asked_for_again(void **state)
{
    (void)state;
    must_fail("half", 300, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "registry http://");
}

static void an_answer_of_10_MB_is_not_taken(void **state)
{
    (void)state;
    must_fail("10 MB", PATIENCE_MS, STELE_E_LIMIT, STELE_NEXT_STOP, "larger than 1048576 bytes");
}

static void an_answer_about_another_id_is_not_believed(void **state)
{
    (void)state;
    must_fail("wrong id", PATIENCE_MS, STELE_E_INVALID, STELE_NEXT_STOP, "it is about id 8");
}

static void an_id_of_another_schema_is_not_taken(void **state)
{
    (void)state;
    must_refuse("other schema", STELE_E_INVALID, STELE_NEXT_STOP, "which is another schema");
    must_refuse("no id", STELE_E_INVALID, STELE_NEXT_STOP, "no \"id\"");
}

static void a_refusal_has_the_registrys_words(void **state)
{
    (void)state;
    must_refuse("409", STELE_E_INCOMPATIBLE, STELE_NEXT_STOP, "field \"total\" has no default");
    must_refuse("422", STELE_E_INVALID, STELE_NEXT_REJECT, "Invalid schema");
}

static void references_without_an_end_are_refused(void **state)
{
    (void)state;
    must_fail("chain", PATIENCE_MS, STELE_E_LIMIT, STELE_NEXT_STOP, "more than 32 schemas");
    must_fail("wide", PATIENCE_MS, STELE_E_INVALID, STELE_NEXT_STOP, "too many references");
    must_fail("no reference", PATIENCE_MS, STELE_E_INVALID, STELE_NEXT_STOP, "subject w0");
}

/* ---- not there ---- */

static void an_id_that_is_not_there_is_remembered_for_a_while(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(bad_server) server = server_start("40403");
    STELE_AUTO(stele_registry) registry = open_on(&server);
    stele_schema *schema;
    stele_error err = {0};
    int requests;
    int most;
    int64_t begin = now_ms();

    for (int i = 0; i < 100; i++) {
        assert_int_equal(stele_registry_schema(registry, 7, PATIENCE_MS, &schema, &err),
                         STELE_E_NOT_FOUND);
        assert_int_equal(err.next, STELE_NEXT_RETRY);
    }

    count_requests(&server, &requests, &most);
    assert_in_range(requests, 1, 1 + (now_ms() - begin) / 1000);
}

static void an_id_that_is_registered_later_is_found(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(bad_server) server = server_start("40403 once");
    STELE_AUTO(stele_registry) registry = open_on(&server);
    STELE_AUTO(stele_schema) schema = NULL;
    stele_error err = {0};
    int64_t end = now_ms() + PATIENCE_MS;
    int missed = 0;
    stele_status status;

    while ((status = stele_registry_schema(registry, 7, 0, &schema, &err)) < 0 && now_ms() < end)
        missed += status == STELE_E_NOT_FOUND;

    assert_int_equal(status, STELE_OK);
    assert_true(missed > 0);
}

static void a_registry_without_genesis_has_none(void **state)
{
    (void)state;
    static const char *const modes[] = {"no genesis", "empty genesis"};
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        STELE_AUTO_VALUE(bad_server) server = server_start(modes[i]);
        STELE_AUTO(stele_registry) registry = open_on(&server);
        char genesis[37] = "?";
        stele_error err = {0};
        if (stele_registry_genesis(registry, PATIENCE_MS, genesis, &err) < 0)
            fail_msg("%s: %s", modes[i], err.text);
        assert_string_equal(genesis, "");
    }
}

/* "" would mean: another one than before. */
static void a_registry_that_is_away_does_not_lose_its_genesis(void **state)
{
    (void)state;
    static const char *const modes[] = {"404", "500"};
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        STELE_AUTO_VALUE(bad_server) server = server_start(modes[i]);
        STELE_AUTO(stele_registry) registry = open_on(&server);
        char genesis[37];
        stele_error err = {0};
        assert_int_equal(stele_registry_genesis(registry, 300, genesis, &err), STELE_E_UNAVAILABLE);
        assert_int_equal(err.next, STELE_NEXT_RETRY);
    }
}

/* ---- several threads ---- */

typedef struct asker {
    pthread_t thread;
    stele_registry *registry;
    int32_t id;
} asker;

static void *ask(void *self)
{
    const asker *own = self;
    must_find(own->registry, own->id);
    return NULL;
}

/* @param step  0: all ask for one id */
static void ask_together(stele_registry *registry, int32_t step)
{
    asker askers[16];
    for (size_t i = 0; i < COUNT_OF(askers); i++) {
        askers[i] = (asker){.registry = registry, .id = 1 + (int32_t)i * step};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
    }
    for (size_t i = 0; i < COUNT_OF(askers); i++)
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
}

static void one_id_is_asked_for_by_one_request(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(bad_server) server = server_start("slow 0.2");
    STELE_AUTO(stele_registry) registry = open_on(&server);
    int requests;
    int most;

    ask_together(registry, 0);

    count_requests(&server, &requests, &most);
    assert_int_equal(requests, 1);
}

static void several_ids_are_asked_for_at_the_same_time_but_not_all(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(bad_server) server = server_start("slow 0.2");
    STELE_AUTO(stele_registry) registry = open_on(&server);
    int requests;
    int most;

    ask_together(registry, 1);

    count_requests(&server, &requests, &most);
    assert_int_equal(requests, 16);
    assert_in_range(most, 2, 4);
}

/* ---- who asks ---- */

static stele_status find_with(stele_registry_options options, stele_error *err)
{
    STELE_AUTO(stele_registry) registry = open_with(options);
    STELE_AUTO(stele_schema) schema = NULL;
    return stele_registry_schema(registry, 7, PATIENCE_MS, &schema, err);
}

static void credentials_that_are_refused_are_said(void **state)
{
    (void)state;
    must_fail("401", PATIENCE_MS, STELE_E_INVALID, STELE_NEXT_STOP, "registry.user");
    must_refuse("401", STELE_E_INVALID, STELE_NEXT_STOP, "registry.user");
}

static void user_and_password_are_sent(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(bad_server) server = server_start("basic");
    stele_registry_options options = {
        .url = server.url, .timeout_ms = PATIENCE_MS, .user = "alice", .password = "s:cret"};
    stele_error err = {0};

    assert_int_equal(find_with(options, &err), STELE_OK);

    options.password = "wrong";
    assert_int_equal(find_with(options, &err), STELE_E_INVALID);
    assert_null(strstr(err.text, "wrong"));
}

static void a_token_is_sent(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(bad_server) server = server_start("bearer");
    stele_registry_options options = {
        .url = server.url, .timeout_ms = PATIENCE_MS, .token = "t0ken"};
    stele_error err = {0};

    assert_int_equal(find_with(options, &err), STELE_OK);

    options.token = "another";
    assert_int_equal(find_with(options, &err), STELE_E_INVALID);
    assert_null(strstr(err.text, "another"));
}

static void a_registry_is_known_by_its_certificate(void **state)
{
    (void)state;
    temporary made = temporary_folder();
    char *folder = made.path;
    char *make[] = {"tests/registry/certificates", folder, NULL};
    int code;
    assert_int_equal(waitpid(spawn(make, -1), &code, 0) > 0 && code == 0, 1);
    STELE_AUTO(char) ca = stele_strdup_format("%s/ca.pem", folder);
    STELE_AUTO(char) other = stele_strdup_format("%s/other-ca.pem", folder);
    STELE_AUTO(char) certificate = stele_strdup_format("%s/server.pem", folder);
    STELE_AUTO(char) key = stele_strdup_format("%s/server-key.pem", folder);
    STELE_AUTO(char) own = stele_strdup_format("%s/client.pem", folder);
    STELE_AUTO(char) own_key = stele_strdup_format("%s/client-key.pem", folder);
    stele_error err = {0};

    STELE_AUTO_VALUE(bad_server) server = server_start_tls("tls", certificate, key, NULL);
    stele_registry_options options = {.url = server.url, .timeout_ms = 5000, .ca_file = ca};
    assert_int_equal(find_with(options, &err), STELE_OK);
    options.ca_file = other;
    assert_int_equal(find_with(options, &err), STELE_E_INVALID);
    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_non_null(strstr(err.text, "registry.ca_file"));
    options.ca_file = NULL;
    assert_int_equal(find_with(options, &err), STELE_E_INVALID);
    options.ca_file = "/nonexistent.pem";
    assert_int_equal(find_with(options, &err), STELE_E_INVALID);

    STELE_AUTO_VALUE(bad_server) strict = server_start_tls("tls", certificate, key, ca);
    options = (stele_registry_options){.url = strict.url,
                                       .timeout_ms = 2000,
                                       .ca_file = ca,
                                       .certificate_file = own,
                                       .key_file = own_key};
    assert_int_equal(find_with(options, &err), STELE_OK);

    options.certificate_file = NULL;
    options.key_file = NULL;
    STELE_AUTO(stele_registry) registry = open_with(options);
    stele_schema *schema;
    assert_int_equal(stele_registry_schema(registry, 7, 500, &schema, &err), STELE_E_UNAVAILABLE);

    char *remove[] = {"rm", "-rf", folder, NULL};
    waitpid(spawn(remove, -1), NULL, 0);
}

static void options_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const stele_registry_options bad[] = {
        {.url = "http://"},
        {.url = "https:///path"},
        {.url = "http://alice:s3cret@host"},
        {.url = "http://host/?a=b"},
        {.url = "http://host/path#top"},
        {.url = "ftp://host"},
        {.url = "http://host", .user = "alice", .token = "t"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        stele_registry *registry;
        stele_error err = {0};
        assert_int_equal(stele_registry_open(&bad[i], &registry, &err), STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_STOP);
        assert_null(strstr(err.text, "s3cret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_registry_is_waited_for_and_what_is_known_stays),
        cmocka_unit_test(a_slow_registry_keeps_nobody_who_does_not_wait),
        cmocka_unit_test(a_slow_registry_is_given_up_after_the_time_out),
        cmocka_unit_test(a_registry_that_answers_500_is_away),
        cmocka_unit_test(what_passes_is_asked_again),
        cmocka_unit_test(what_is_away_is_not_asked_without_pause),
        cmocka_unit_test(a_404_that_is_not_of_a_registry_is_waited_for),
        cmocka_unit_test(an_answer_that_is_garbage_is_said),
        cmocka_unit_test(an_answer_that_breaks_off_is_asked_for_again),
        cmocka_unit_test(an_answer_of_10_MB_is_not_taken),
        cmocka_unit_test(an_answer_about_another_id_is_not_believed),
        cmocka_unit_test(an_id_of_another_schema_is_not_taken),
        cmocka_unit_test(a_refusal_has_the_registrys_words),
        cmocka_unit_test(references_without_an_end_are_refused),
        cmocka_unit_test(an_id_that_is_not_there_is_remembered_for_a_while),
        cmocka_unit_test(an_id_that_is_registered_later_is_found),
        cmocka_unit_test(a_registry_without_genesis_has_none),
        cmocka_unit_test(a_registry_that_is_away_does_not_lose_its_genesis),
        cmocka_unit_test(one_id_is_asked_for_by_one_request),
        cmocka_unit_test(several_ids_are_asked_for_at_the_same_time_but_not_all),
        cmocka_unit_test(credentials_that_are_refused_are_said),
        cmocka_unit_test(user_and_password_are_sent),
        cmocka_unit_test(a_token_is_sent),
        cmocka_unit_test(a_registry_is_known_by_its_certificate),
        cmocka_unit_test(options_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests_name("registry/http", tests, NULL, NULL);
}
