/* SPDX-License-Identifier: MIT
 * kafka/rdkafka_settings.c: which settings of [kafka] are taken. */
#include "kafka_test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_right_is_refused_with_the_way_out),
        cmocka_unit_test(brokers_must_be_named),
        cmocka_unit_test(free_settings_reach_every_client),
        cmocka_unit_test(settings_that_do_not_go_together_fail_the_opening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
