/* SPDX-License-Identifier: MIT
 * core/config*.c: precedence, origins, refusals, secrets, and the documentation in the tree. */
#include "tests/support/test.h"
#include "tests/support/temporary.h"

#include "core/alloc.h"
#include "core/config.h"
#include "core/config_keys.h"
#include "core/file.h"

/* A configuration of a text, variables and overrides, each NULL for none. */
static stele_status load(const char *text, const char *const *environment,
                         const char *const *overrides, stele_config **out, stele_error *err)
{
    if (text == NULL) {
        return stele_config_load(
            &(stele_config_options){.environment = environment, .overrides = overrides}, out, err);
    }
    temporary file = temporary_write(text, strlen(text));
    stele_status status = stele_config_load(&(stele_config_options){.file = file.path,
                                                                    .environment = environment,
                                                                    .overrides = overrides},
                                            out, err);
    temporary_clear(&file);
    return status;
}

static stele_config *load_good(const char *text, const char *const *environment,
                               const char *const *overrides)
{
    stele_config *config = NULL;
    stele_error err = {0};
    if (load(text, environment, overrides, &config, &err) < 0) fail_msg("%s", err.text);
    return config;
}

static const char *kafka_value(const stele_config *config, const char *key)
{
    size_t count;
    const stele_config_pair *pairs = stele_config_kafka(config, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].key, key) == 0) return pairs[i].value;
    }
    return NULL;
}

static void without_anything_the_defaults_hold(void **state)
{
    (void)state;
    STELE_AUTO(stele_config) config = load_good(NULL, NULL, NULL);

    assert_string_equal(stele_config_text(config, "registry", NULL, "url"), "kafka:");
    assert_int_equal(stele_config_int(config, "worker", NULL, "threads"), 1);
    assert_int_equal(stele_config_int(config, "worker", NULL, "stall_timeout_ms"), 30000);
    assert_null(stele_config_text(config, "worker", NULL, "instance"));
    assert_true(stele_config_is(config, "worker", NULL, "assignment", "cooperative"));
    assert_int_equal(stele_config_int(config, "projection", "any", "snapshot_events"), 10000);
    assert_int_equal(stele_config_int(config, "projection", "any", "snapshot_interval_ms"), 10000);
    assert_int_equal(stele_config_int(config, "projection", "any", "transaction_timeout_ms"),
                     10000);
    assert_string_equal(stele_config_origin(config, "worker", NULL, "threads"), "default");
    assert_string_equal(kafka_value(config, "bootstrap.servers"), "localhost:9092");
    assert_string_equal(kafka_value(config, "session.timeout.ms"), "6000");
    assert_null(kafka_value(config, "sasl.password"));
}

static void the_nearer_source_wins(void **state)
{
    (void)state;
    static const char text[] = "[worker]\nthreads = 2\n";
    static const char *const environment[] = {"STELE_WORKER_THREADS=3", NULL};
    static const char *const overrides[] = {"worker.threads=4", "worker.threads=5", NULL};

    STELE_AUTO(stele_config) file = load_good(text, NULL, NULL);
    STELE_AUTO(stele_config) both = load_good(text, environment, NULL);
    STELE_AUTO(stele_config) all = load_good(text, environment, overrides);

    assert_int_equal(stele_config_int(file, "worker", NULL, "threads"), 2);
    assert_non_null(strstr(stele_config_origin(file, "worker", NULL, "threads"), ":2"));
    assert_int_equal(stele_config_int(both, "worker", NULL, "threads"), 3);
    assert_string_equal(stele_config_origin(both, "worker", NULL, "threads"),
                        "STELE_WORKER_THREADS");
    assert_int_equal(stele_config_int(all, "worker", NULL, "threads"), 5);
    assert_string_equal(stele_config_origin(all, "worker", NULL, "threads"), "-o");
}

static void a_repeated_section_is_kept_apart_by_name(void **state)
{
    (void)state;
    static const char text[] = "[projection customers]\nsnapshot_events = 5\n"
                               "[projection order-lines]\nsnapshot_events = 6\n"
                               "[projection customers]\nunknown_events = ignore\n";
    static const char *const environment[] = {"STELE_PROJECTION_ORDER_LINES_SNAPSHOT_EVENTS=7",
                                              "STELE_PROJECTION_A_B_UNKNOWN_EVENTS=ignore", NULL};
    static const char *const overrides[] = {"projection.a.b.snapshot_events=8", NULL};

    STELE_AUTO(stele_config) config = load_good(text, environment, overrides);

    assert_int_equal(stele_config_int(config, "projection", "customers", "snapshot_events"), 5);
    assert_true(stele_config_is(config, "projection", "customers", "unknown_events", "ignore"));
    assert_int_equal(stele_config_int(config, "projection", "order-lines", "snapshot_events"), 7);
    assert_true(stele_config_is(config, "projection", "order-lines", "unknown_events", "stop"));
    assert_int_equal(stele_config_int(config, "projection", "a.b", "snapshot_events"), 8);
    assert_true(stele_config_is(config, "projection", "a.b", "unknown_events", "ignore"));
    assert_int_equal(stele_config_int(config, "projection", "other", "snapshot_events"), 10000);

    assert_string_equal(stele_config_name(config, "projection", 0), "customers");
    assert_string_equal(stele_config_name(config, "projection", 1), "order-lines");
    assert_string_equal(stele_config_name(config, "projection", 2), "a.b");
    assert_null(stele_config_name(config, "projection", 3));
    assert_null(stele_config_name(config, "aggregate", 0));
}

static void an_empty_section_is_known_by_name(void **state)
{
    (void)state;
    STELE_AUTO(stele_config) config = load_good("\n[projection customers]\n", NULL, NULL);
    assert_string_equal(stele_config_name(config, "projection", 0), "customers");
    assert_non_null(strstr(stele_config_name_origin(config, "projection", 0), ":2"));
}

static void keys_of_librdkafka_are_passed_on(void **state)
{
    (void)state;
    static const char text[] = "[kafka]\nclient.id = bank\nsasl.username = a\n";
    static const char *const environment[] = {"STELE_KAFKA=one:1", "STELE_KAFKA_SASL_USERNAME=b",
                                              NULL};
    static const char *const overrides[] = {"kafka.compression.level=3", NULL};

    STELE_AUTO(stele_config) config = load_good(text, environment, overrides);

    assert_string_equal(kafka_value(config, "client.id"), "bank");
    assert_string_equal(kafka_value(config, "sasl.username"), "b");
    assert_string_equal(kafka_value(config, "compression.level"), "3");
    assert_string_equal(kafka_value(config, "bootstrap.servers"), "one:1");
    size_t count;
    stele_config_kafka(config, &count);
    assert_int_equal(count, 6);
}

static void the_long_variable_of_the_brokers_beats_the_short_one(void **state)
{
    (void)state;
    static const char *const environment[] = {"STELE_KAFKA_BOOTSTRAP_SERVERS=long:1",
                                              "STELE_KAFKA=short:1", NULL};
    STELE_AUTO(stele_config) config = load_good(NULL, environment, NULL);

    assert_string_equal(kafka_value(config, "bootstrap.servers"), "long:1");
    assert_string_equal(stele_config_text(config, "kafka", NULL, "bootstrap.servers"), "long:1");
}

static void every_key_of_librdkafka_that_is_ours_is_refused(void **state)
{
    (void)state;
    for (const stele_config_owned *owned = stele_config_owned_keys; owned->key != NULL; owned++) {
        char override[300];
        snprintf(override, sizeof override, "kafka.%s=x", owned->key);
        stele_config *config = NULL;
        stele_error err = {0};

        assert_int_equal(load(NULL, NULL, (const char *[]){override, NULL}, &config, &err),
                         STELE_E_INVALID);
        assert_non_null(strstr(err.text, owned->key));
        assert_non_null(strstr(err.text, owned->reason));
    }
}

static void what_is_empty_in_the_environment_is_not_set(void **state)
{
    (void)state;
    static const char *const environment[] = {
        "STELE_KAFKA=", "STELE_WORKER_THREADS=", "STELE_SEED=77", "PATH=/bin", NULL};
    STELE_AUTO(stele_config) config = load_good(NULL, environment, NULL);

    assert_string_equal(kafka_value(config, "bootstrap.servers"), "localhost:9092");
    assert_int_equal(stele_config_int(config, "worker", NULL, "threads"), 1);
}

static void a_wrong_file_says_where_and_what(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"[wroker]", ":1: there is no section \"wroker\"; did you mean worker?"},
        {"[zzz]", ":1: there is no section \"zzz\""},
        {"[worker]\nthread = 1",
         ":2: section [worker] has no key \"thread\"; did you mean threads?"},
        {"[worker]\ncolour = 1", ":2: section [worker] has no key \"colour\""},
        {"[worker]\nthreads = zero", ":2: worker.threads: \"zero\" is not a whole number"},
        {"[worker]\nthreads = 0", ":2: worker.threads: \"0\" is not between 1 and 1024"},
        {"[worker]\nthreads =",
         ":2: worker.threads: there is no value; leave it out for the default"},
        {"[worker]\nassignment = lazy",
         ":2: worker.assignment: \"lazy\" is not one of cooperative|eager"},
        {"[worker]\nassignment = cooperative|eager",
         ":2: worker.assignment: \"cooperative|eager\" is not one of cooperative|eager"},
        {"[worker]\nthreads = 1\n\nthreads = 2", ":4: threads is set already: "},
        {"[kafka]\nclient.id = 1\nclient.id = 2", ":3: client.id is set already: "},
        {"[worker one]\n", ":1: section [worker] takes no name, but there is \"one\""},
        {"[projection]\n", ":1: [projection] needs a name: [projection NAME]"},
        {"[projection a b]\n", ":1: the name in [projection NAME] has letters, digits, . _ and -"},
        {"[projection a]\nsnapshot_events = -1",
         ":2: projection.a.snapshot_events: \"-1\" is not between 1 and 1000000000"},
        {"[kafka]\ngroup.id = x",
         ":2: Stele sets group.id itself: it is the projection's name and version; remove it"},
        {"[kafka]\nbootstrap servers = x", ":2: \"bootstrap servers\" is no key of librdkafka"},
        {"[worker]\nthreads 4", ":2: key = value is expected"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_config *config = NULL;
        stele_error err = {0};
        assert_int_equal(load(cases[i].text, NULL, NULL, &config, &err), STELE_E_INVALID);
        if (strstr(err.text, cases[i].expected) == NULL) fail_msg("%s", err.text);
        assert_null(config);
        assert_int_equal(err.next, STELE_NEXT_STOP);
    }
}

static void a_wrong_variable_or_override_says_what(void **state)
{
    (void)state;
    static const struct {
        const char *variable, *override, *expected;
    } cases[] = {
        {"STELE_WORKER_THREAD=1", NULL,
         "STELE_WORKER_THREAD in the environment is no key of "
         "[worker]; its keys are threads, instance"},
        {"STELE_PROJECTION_SNAPSHOT_EVENTS=1", NULL,
         "STELE_PROJECTION_SNAPSHOT_EVENTS in the environment is no key of [projection NAME]"},
        {"STELE_WORKER_THREADS=x", NULL,
         "STELE_WORKER_THREADS: worker.threads: \"x\" is not a whole number"},
        {"STELE_KAFKA_GROUP_ID=x", NULL, "STELE_KAFKA_GROUP_ID: Stele sets group.id itself"},
        {NULL, "worker.threads", "-o \"worker.threads\": section.key=value or"},
        {NULL, "threads=1", "-o \"threads\": section.key=value or"},
        {NULL, "projection.snapshot_events=1", "section.key=value or projection.NAME.key=value"},
        {NULL, "", "-o \"\": section.key=value"},
        {NULL, "=", "-o \"\": section.key=value"},
        {NULL, "worker.=1", "-o \"worker.\": section.key=value"},
        {NULL, "projection..snapshot_events=1", "section.key=value or"},
        {NULL, "projection.a.=1", "section.key=value or"},
        {NULL, "projektion.a.snapshot_events=1",
         "-o: there is no section \"projektion\"; did you mean projection?"},
        {NULL, "worker.treads=1", "-o: section [worker] has no key \"treads\"; did you mean"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_config *config = NULL;
        stele_error err = {0};
        assert_int_equal(load(NULL, (const char *[]){cases[i].variable, NULL},
                              (const char *[]){cases[i].override, NULL}, &config, &err),
                         STELE_E_INVALID);
        if (strstr(err.text, cases[i].expected) == NULL) fail_msg("%s", err.text);
    }
}

static void a_secret_comes_from_its_file(void **state)
{
    (void)state;
    temporary file = temporary_write("hunter2 ;#\r\n", 12);
    char override[300];
    snprintf(override, sizeof override, "kafka.sasl.password=file:%s", file.path);

    STELE_AUTO(stele_config) config = load_good(NULL, NULL, (const char *[]){override, NULL});
    temporary_clear(&file);

    assert_string_equal(stele_config_text(config, "kafka", NULL, "sasl.password"), "hunter2 ;#");
    size_t count;
    const stele_config_pair *pairs = stele_config_kafka(config, &count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pairs[i].is_secret, strcmp(pairs[i].key, "sasl.password") == 0);
    }
}

static void a_secret_that_cannot_be_read_is_refused(void **state)
{
    (void)state;
    temporary empty = temporary_write("\n\n", 2);
    temporary binary = temporary_write("a\0b", 3);
    const struct {
        const char *path, *expected;
        stele_status status;
    } cases[] = {
        {"/nonexistent/secret", "kafka.sasl.password: /nonexistent/secret cannot be opened",
         STELE_E_NOT_FOUND},
        {empty.path, "the file of the secret is empty or not text", STELE_E_INVALID},
        {binary.path, "the file of the secret is empty or not text", STELE_E_INVALID},
        {"/dev/zero", "is larger than 65536 bytes", STELE_E_LIMIT},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char override[300];
        snprintf(override, sizeof override, "kafka.sasl.password=file:%s", cases[i].path);
        stele_config *config = NULL;
        stele_error err = {0};
        assert_int_equal(load(NULL, NULL, (const char *[]){override, NULL}, &config, &err),
                         cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_non_null(strstr(err.text, cases[i].expected));
    }
    temporary_clear(&empty);
    temporary_clear(&binary);
}

static void a_file_that_is_not_there_is_said(void **state)
{
    (void)state;
    stele_config *config = NULL;
    stele_error err = {0};

    assert_int_equal(stele_config_load(&(stele_config_options){.file = "/nonexistent/worker.ini"},
                                       &config, &err),
                     STELE_E_NOT_FOUND);
    assert_string_equal(err.text,
                        "/nonexistent/worker.ini cannot be opened: No such file or directory");
}

static void the_table_is_consistent(void **state)
{
    (void)state;
    for (const stele_config_key *k = stele_config_keys; k->section != NULL; k++) {
        assert_non_null(k->help);
        assert_int_equal(k->type == STELE_CONFIG_CHOICE, k->choices != NULL);
        assert_int_equal(k->type == STELE_CONFIG_INT, k->unit != NULL);
        if (k->type == STELE_CONFIG_INT) assert_non_null(k->initial);
        for (const stele_config_key *other = stele_config_keys; other < k; other++) {
            assert_false(strcmp(k->section, other->section) == 0 &&
                         strcmp(k->key, other->key) == 0);
        }
        if (k->initial == NULL) continue;

        bool is_repeated =
            strcmp(k->section, "projection") == 0 || strcmp(k->section, "aggregate") == 0;
        STELE_AUTO(char)
        override = stele_strdup_format("%s.%s%s=%s", k->section, is_repeated ? "x." : "", k->key,
                                       k->initial);
        stele_config_free(load_good(NULL, NULL, (const char *[]){override, NULL}));
    }
}

static void the_help_names_every_key(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) help = {0};
    stele_config_write_help(&help);
    for (const stele_config_key *k = stele_config_keys; k->section != NULL; k++) {
        assert_non_null(strstr(stele_buffer_text(&help), k->key));
        assert_non_null(strstr(stele_buffer_text(&help), k->help));
    }
}

static void the_documentation_in_the_tree_is_the_tables(void **state)
{
    (void)state;
    static const char path[] = "docs/configuration.md";
    STELE_AUTO_VALUE(stele_buffer) expected = {0}, found = {0};
    stele_config_write_markdown(&expected);
    if (getenv("STELE_UPDATE") != NULL) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(expected.data, 1, expected.size, file), expected.size);
        assert_int_equal(fclose(file), 0);
    }

    assert_int_equal(stele_file_read(path, 1000000, &found, NULL), STELE_OK);

    assert_string_equal(stele_buffer_text(&found), stele_buffer_text(&expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_anything_the_defaults_hold),
        cmocka_unit_test(the_nearer_source_wins),
        cmocka_unit_test(a_repeated_section_is_kept_apart_by_name),
        cmocka_unit_test(an_empty_section_is_known_by_name),
        cmocka_unit_test(keys_of_librdkafka_are_passed_on),
        cmocka_unit_test(the_long_variable_of_the_brokers_beats_the_short_one),
        cmocka_unit_test(every_key_of_librdkafka_that_is_ours_is_refused),
        cmocka_unit_test(what_is_empty_in_the_environment_is_not_set),
        cmocka_unit_test(a_wrong_file_says_where_and_what),
        cmocka_unit_test(a_wrong_variable_or_override_says_what),
        cmocka_unit_test(a_secret_comes_from_its_file),
        cmocka_unit_test(a_secret_that_cannot_be_read_is_refused),
        cmocka_unit_test(a_file_that_is_not_there_is_said),
        cmocka_unit_test(the_table_is_consistent),
        cmocka_unit_test(the_help_names_every_key),
        cmocka_unit_test(the_documentation_in_the_tree_is_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
