/* SPDX-License-Identifier: MIT
 * kafka/rdkafka_settings.c: which settings of [kafka] are taken. */
#include "kafka_test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/config_keys.h"
#include "kafka/rdkafka_producer.h"

static void what_cannot_be_right_is_refused_with_the_way_out(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        const char *says;
    } cases[] = {
        {"bootstrap.server", "a:1", "did you mean bootstrap.servers?"},
        {"socket.timeout", "1000", "did you mean socket.timeout.ms?"},
        {"sasl.mechanisims", "PLAIN", "did you mean sasl.mechanisms?"},
        {"mesage.max.bytes", "1000", "did you mean message.max.bytes?"},
        {"no.such.thing.at.all", "1", "has no such key; see its CONFIGURATION.md"},
        {"socket.timeout.ms", "soon", "socket.timeout.ms"},
        {"security.protocol", "tls", "security.protocol"},
        {"acks", "1", "Stele sets it itself: an event counts as stored"},
        {"check.crcs", "false", "Stele sets it itself: checksums are always checked"},
        {"delivery.timeout.ms", "5", "Stele sets it itself: an event is sent until"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_log *log = NULL;
        stele_log_setting settings[] = {{"bootstrap.servers", "localhost:1", "default"},
                                        {cases[i].name, cases[i].value, "a.ini:3"}};

        MUST_FAIL(stele_log_kafka_new(settings, 2, &log, &err), STELE_E_INVALID, STELE_NEXT_STOP);

        assert_null(log);
        char place[64];
        snprintf(place, sizeof place, "a.ini:3: [kafka] %s: ", cases[i].name);
        if (strncmp(err.text, place, strlen(place)) != 0) fail_msg("%s", err.text);
        if (strstr(err.text, cases[i].says) == NULL) fail_msg("%s", err.text);
    }
}

static void brokers_must_be_named(void **state)
{
    (void)state;
    stele_log *log = NULL;
    stele_log_setting empty = {.name = "bootstrap.servers", .value = ""};

    MUST_FAIL(stele_log_kafka_new(NULL, 0, &log, &err), STELE_E_INVALID, STELE_NEXT_STOP);
    assert_non_null(strstr(err.text, "bootstrap.servers"));
    MUST_FAIL(stele_log_kafka_new(&empty, 1, &log, &err), STELE_E_INVALID, STELE_NEXT_STOP);
}

/* A log, and every kind of object on it, with settings of each kind and no broker. */
static void free_settings_reach_every_client(void **state)
{
    (void)state;
    stele_log *log = NULL;
    stele_log_reader *reader = NULL;
    stele_log_producer *producer = NULL;
    stele_log_member *member = NULL;
    static const stele_log_setting settings[] = {
        {"bootstrap.servers", "127.0.0.1:1", NULL},
        {"session.timeout.ms", "9000", NULL},
        {"linger.ms", "2", NULL},
        {"compression.type", "gzip", NULL},
        {"socket.timeout.ms", "60000", NULL},
        {"message.max.bytes", "2000000", NULL},
        {"fetch.wait.max.ms", "10", NULL},
        {"retry.backoff.ms", "5", NULL},
    };
    const char *topics[] = {"a", NULL};
    stele_log_reader_options reading = {0};
    stele_log_producer_options producing = {.transactional_id = "a-0"};
    stele_log_member_options joining = {.group = "a", .topics = topics};

    MUST(stele_log_kafka_new(settings, COUNT_OF(settings), &log, &err));
    MUST(stele_log_reader_open(log, &reading, &reader, &err));
    MUST(stele_log_producer_open(log, &producing, &producer, &err));
    MUST(stele_log_member_open(log, &joining, &member, &err));

    stele_log_member_close(member, 0);
    stele_log_producer_close(producer);
    stele_log_reader_close(reader);
    stele_log_free(log);
}

static void settings_that_do_not_go_together_fail_the_opening(void **state)
{
    (void)state;
    stele_log *log = NULL;
    stele_log_member *member = NULL;
    static const stele_log_setting settings[] = {{"bootstrap.servers", "127.0.0.1:1", NULL},
                                                 {"max.poll.interval.ms", "5000", NULL},
                                                 {"session.timeout.ms", "6000", NULL}};
    const char *topics[] = {"a", NULL};
    stele_log_member_options options = {.group = "a", .topics = topics};
    MUST(stele_log_kafka_new(settings, COUNT_OF(settings), &log, &err));

    MUST_FAIL(stele_log_member_open(log, &options, &member, &err), STELE_E_INVALID,
              STELE_NEXT_STOP);

    assert_non_null(strstr(err.text, "max.poll.interval.ms"));
    stele_log_free(log);
}

static stele_log *open_with(const char *name, const char *value)
{
    stele_log *log = NULL;
    stele_log_setting settings[] = {{"bootstrap.servers", "127.0.0.1:1", NULL},
                                    {name, value, "a.ini:3"}};
    MUST(stele_log_kafka_new(settings, name == NULL ? 1 : 2, &log, &err));
    return log;
}

/* What each command and worker opens. */
static void open_every_client(stele_log *log)
{
    static const char *const topics[] = {"a", NULL};
    stele_log_reader *reader = NULL;
    stele_log_producer *facts = NULL;
    stele_log_producer *owner = NULL;
    stele_log_member *member = NULL;
    stele_log_reader_options reading = {0};
    stele_log_producer_options publishing = {.gapless = true, .delivery_timeout_ms = INT32_MAX};
    stele_log_producer_options owning = {.transactional_id = "a-0"};
    stele_log_member_options joining = {.group = "a", .topics = topics};
    MUST(stele_log_reader_open(log, &reading, &reader, &err));
    MUST(stele_log_producer_open(log, &publishing, &facts, &err));
    MUST(stele_log_producer_open(log, &owning, &owner, &err));
    MUST(stele_log_member_open(log, &joining, &member, &err));
    stele_log_member_close(member, 0);
    stele_log_producer_close(owner);
    stele_log_producer_close(facts);
    stele_log_reader_close(reader);
}

static void what_a_key_allows_librdkafka_takes(void **state)
{
    (void)state;
    size_t tried = 0;
    for (const stele_config_key *key = stele_config_keys; key->section != NULL; key++) {
        if (strcmp(key->section, "kafka") != 0 || key->type != STELE_CONFIG_INT) continue;
        const int64_t values[] = {key->min, key->max};
        for (size_t i = 0; i < COUNT_OF(values); i++) {
            char text[24];
            snprintf(text, sizeof text, "%lld", (long long)values[i]);
            stele_log *log = open_with(key->key, text);
            open_every_client(log);
            stele_log_free(log);
            tried++;
        }
    }
    assert_true(tried >= 4);
}

static const stele_config_key *find_key(const char *section, const char *name)
{
    const stele_config_key *key = stele_config_keys;
    while (strcmp(key->section, section) != 0 || strcmp(key->key, name) != 0)
        key++;
    return key;
}

static void what_a_worker_can_set_opens_its_clients(void **state)
{
    (void)state;
    stele_log *log = open_with(NULL, NULL);
    const stele_config_key *timeout = find_key("projection", "transaction_timeout_ms");
    const stele_config_key *memory = find_key("worker", "memory_max_mb");
    const int64_t timeouts[] = {timeout->min, 300000, 300100, 300101, timeout->max};
    const int64_t megabytes[] = {memory->min, memory->max};
    for (size_t i = 0; i < COUNT_OF(timeouts); i++) {
        stele_log_producer *producer = NULL;
        stele_log_producer_options options = {.transactional_id = "a-0",
                                              .transaction_timeout_ms = (int)timeouts[i],
                                              .delivery_timeout_ms = (int)timeouts[i]};
        MUST(stele_log_producer_open(log, &options, &producer, &err));
        stele_log_producer_close(producer);
    }
    for (size_t i = 0; i < COUNT_OF(megabytes); i++) {
        stele_log_reader *reader = NULL;
        stele_log_reader_options options = {.queue_max = (size_t)megabytes[i] << 20};
        MUST(stele_log_reader_open(log, &options, &reader, &err));
        stele_log_reader_close(reader);
    }
    stele_log_free(log);
}

static void an_option_out_of_range_is_a_failure_and_not_the_end(void **state)
{
    (void)state;
    stele_log *log = open_with(NULL, NULL);
    const stele_log_producer_options cases[] = {
        {.linger_ms = 900001},
        {.linger_ms = INT32_MAX},
        {.delivery_timeout_ms = -1},
        {.transactional_id = "a-0", .transaction_timeout_ms = 999},
        {.transactional_id = "a-0", .transaction_timeout_ms = -1},
        {.transactional_id = "", .transaction_timeout_ms = 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_log_producer *producer = NULL;
        MUST_FAIL(stele_log_producer_open(log, &cases[i], &producer, &err), STELE_E_INVALID,
                  STELE_NEXT_STOP);
    }
    static const char *const topics[] = {"a", NULL};
    stele_log_member *member = NULL;
    stele_log_member_options joining = {
        .group = "a", .topics = topics, .session_timeout_ms = INT32_MAX};
    MUST_FAIL(stele_log_member_open(log, &joining, &member, &err), STELE_E_INVALID,
              STELE_NEXT_STOP);
    stele_log_producer *producer = NULL;
    MUST(stele_log_producer_open(log, &(stele_log_producer_options){.linger_ms = -1}, &producer,
                                 &err));
    stele_log_producer_close(producer);
    stele_log_free(log);
}

static void what_the_user_set_stays(void **state)
{
    (void)state;
    static const struct {
        const char *name, *given;
        int timeout_ms; /* of the transaction */
        const char *kept;
    } cases[] = {
        {"socket.timeout.ms", "3000", 10000, "3000"},
        {"socket.timeout.ms", "60000", 10000, "9900"}, /* as the key's help says */
        {"socket.timeout.ms", "60000", 100000, "60000"},
        {"retry.backoff.ms", "7", 10000, "7"},
        {"compression.type", "gzip", 10000, "gzip"},
        {"linger.ms", "3", 10000, "3"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[64];
        size_t size = sizeof text;
        stele_log *log = open_with(cases[i].name, cases[i].given);
        stele_log_producer *producer = NULL;
        stele_log_producer_options options = {.transactional_id = "a-0",
                                              .transaction_timeout_ms = cases[i].timeout_ms};
        MUST(stele_log_producer_open(log, &options, &producer, &err));
        const rd_kafka_conf_t *conf = rd_kafka_conf(((rdkafka_producer *)producer)->client.rk);
        assert_int_equal(rd_kafka_conf_get(conf, cases[i].name, text, &size), RD_KAFKA_CONF_OK);
        assert_string_equal(text, cases[i].kept);
        stele_log_producer_close(producer);
        stele_log_free(log);
    }
}

/* In a process of its own, of a user that may start no thread. @return its exit code */
static int open_without_threads(void)
{
    if (getuid() == 0 && setuid(65534) != 0) return 3;
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_NPROC, &none) != 0) return 4;
    stele_log *log = open_with(NULL, NULL);
    stele_log_reader *reader = NULL;
    stele_status status = stele_log_reader_open(log, NULL, &reader, &err);
    return status == STELE_E_UNAVAILABLE && err.next == STELE_NEXT_RETRY &&
                   strstr(err.text, "no threads are left") != NULL
               ? 0
               : 1;
}

static int open_without_files(void)
{
    struct rlimit few = {3, 3};
    if (setrlimit(RLIMIT_NOFILE, &few) != 0) return 4;
    stele_log *log = open_with(NULL, NULL);
    stele_log_reader *reader = NULL;
    stele_status status = stele_log_reader_open(log, NULL, &reader, &err);
    return status == STELE_E_UNAVAILABLE && err.next == STELE_NEXT_RETRY ? 0 : 1;
}

/* librdkafka cannot free such settings. */
static int open_without_certificate(void)
{
    static const stele_log_setting settings[] = {{"bootstrap.servers", "127.0.0.1:1", NULL},
                                                 {"security.protocol", "ssl", NULL},
                                                 {"ssl.ca.location", "/nowhere/ca.pem", NULL}};
    stele_log *log = NULL;
    stele_log_reader *reader = NULL;
    MUST(stele_log_kafka_new(settings, COUNT_OF(settings), &log, &err));
    for (int i = 0; i < 2; i++)
        if (stele_log_reader_open(log, NULL, &reader, &err) != STELE_E_INVALID) return 1;
    stele_log_free(log);
    return err.next == STELE_NEXT_STOP && strstr(err.text, "ssl.ca.location") != NULL ? 0 : 1;
}

static void what_is_missing_on_the_machine_fails_an_opening_and_no_more(void **state)
{
    (void)state;
    int (*const cases[])(void) = {open_without_threads, open_without_files,
                                  open_without_certificate};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int code;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            signal(SIGSEGV, SIG_DFL);
            signal(SIGABRT, SIG_DFL);
            _exit(cases[i]());
        }
        assert_int_equal(waitpid(child, &code, 0), child);
        assert_true(WIFEXITED(code));
        assert_int_equal(WEXITSTATUS(code), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_right_is_refused_with_the_way_out),
        cmocka_unit_test(brokers_must_be_named),
        cmocka_unit_test(free_settings_reach_every_client),
        cmocka_unit_test(settings_that_do_not_go_together_fail_the_opening),
        cmocka_unit_test(what_a_key_allows_librdkafka_takes),
        cmocka_unit_test(what_a_worker_can_set_opens_its_clients),
        cmocka_unit_test(an_option_out_of_range_is_a_failure_and_not_the_end),
        cmocka_unit_test(what_the_user_set_stays),
        cmocka_unit_test(what_is_missing_on_the_machine_fails_an_opening_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
