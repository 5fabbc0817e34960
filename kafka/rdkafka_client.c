/* SPDX-License-Identifier: MIT
 * Clients of the log on Kafka: opened and closed, and what they hear of the brokers. */
#include "kafka/rdkafka_log.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/clock.h"

enum {
    JOIN_GROUP_KEY = 11, /* Kafka's ApiKeys */
    SASL_HANDSHAKE_KEY = 17,
    API_VERSIONS_KEY = 18,
    END_TXN_KEY = 26,
    SASL_AUTHENTICATE_KEY = 36
};

static int64_t now_ns(void)
{
    return stele_clock_monotonic_ns(stele_clock_system());
}

/* ---- what was heard ---- */

/* Brokers that are named after bootstrap, reconnects and time-outs: these facilities and whatever
 * is worse than a warning. */
static bool is_problem(int level, const char *facility)
{
    static const char *const facilities[] = {"FAIL", "REQTMOUT", "ERROR", "FATAL"};
    for (size_t i = 0; i < sizeof facilities / sizeof *facilities; i++)
        if (strcmp(facility, facilities[i]) == 0) return true;
    return level <= 2;
}

/* librdkafka begins its lines with "[thrd:…]: ", some then name the client. */
static const char *without_prefix(const rd_kafka_t *rk, const char *text)
{
    const char *end = strncmp(text, "[thrd:", 6) == 0 ? strstr(text, "]: ") : NULL;
    if (end != NULL) text = end + 3;
    const char *name = rd_kafka_name(rk);
    size_t size = strlen(name);
    return strncmp(text, name, size) == 0 && strncmp(text + size, ": ", 2) == 0 ? text + size + 2
                                                                                : text;
}

/* What librdkafka's complaint means for [kafka], by words in it; "" if it says enough. */
static const char *hint_at(const rdkafka_log *log, const char *text)
{
    static const struct {
        const char *words, *hint;
    } hints[] = {
        {"certificate verify failed",
         "; set [kafka] ssl.ca.location to the certificate of the broker's authority"},
        {"mechanism handshake failed",
         "; the broker does not take this sasl.mechanism, or its listener has no SASL: then set "
         "[kafka] security.protocol to plaintext or ssl"},
        {"SASL authentication error",
         "; the broker refuses [kafka] sasl.username, sasl.password or sasl.mechanism"},
        {"Authentication failed",
         "; the broker refuses [kafka] sasl.username, sasl.password or sasl.mechanism"},
        {"require SASL authentication",
         "; set [kafka] security.protocol to sasl_plaintext or sasl_ssl, with sasl.mechanism, "
         "sasl.username and sasl.password"},
        {"connecting to a SSL listener", "; set [kafka] security.protocol to ssl or sasl_ssl"},
        {"SSL handshake failed",
         "; does the listener speak TLS? Else set [kafka] security.protocol to plaintext or "
         "sasl_plaintext"},
        {"ssl3_", "; does the listener speak TLS? Else set [kafka] security.protocol to plaintext "
                  "or sasl_plaintext"},
        {"in state SSL_HANDSHAKE",
         "; does the listener speak TLS? Else set [kafka] security.protocol to plaintext "
         "or sasl_plaintext"},
        {"Invalid response size",
         "; what answers on that port is no Kafka broker: set bootstrap.servers to one"},
        {"Unable to create broker thread",
         "; raise the limit of threads (ulimit -u, a container's limit of processes)"},
    };
    if (log->old_scram && strstr(text, "SASL") != NULL)
        return "; librdkafka before 2.6.1 cannot do SCRAM with Kafka 4: use a newer one, or PLAIN "
               "over TLS";
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (strstr(text, hints[i].words) != NULL) return hints[i].hint;
    return "";
}

void stele_rdkafka_note_problem(rdkafka_log *log, const char *text)
{
    /* Follows on a complaint that says which one, and why. */
    if (strstr(text, "brokers are down") != NULL) return;
    const char *hint = hint_at(log, text);
    pthread_mutex_lock(&log->problem_lock);
    stele_fail(&log->problem, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "%s%s", text, hint);
    pthread_mutex_unlock(&log->problem_lock);
    atomic_store(&log->complained_ns, now_ns());
}

/* @locality any thread of librdkafka */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    rdkafka_client *client = rd_kafka_opaque(rk);
    if (client->log->debug) rd_kafka_log_print(rk, level, facility, text);
    if (strcmp(facility, "THREAD") == 0) atomic_store(&client->lacks_threads, true);
    if (is_problem(level, facility))
        stele_rdkafka_note_problem(client->log, without_prefix(rk, text));
}

/* @locality any thread of librdkafka */
static rd_kafka_resp_err_t on_request(rd_kafka_t *rk, int socket, const char *broker_name,
                                      int32_t broker, int16_t key, int16_t version,
                                      int32_t correlation, size_t size, void *opaque)
{
    (void)rk, (void)socket, (void)broker_name, (void)broker, (void)version;
    (void)correlation, (void)size;
    rdkafka_client *client = opaque;
    if (key == END_TXN_KEY && atomic_exchange(&client->end_is_open, true))
        atomic_store(&client->end_was_lost, true);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* @locality any thread of librdkafka; comes before the answer is acted upon, once or twice */
static rd_kafka_resp_err_t on_answer(rd_kafka_t *rk, int socket, const char *broker_name,
                                     int32_t broker, int16_t key, int16_t version,
                                     int32_t correlation, size_t size, int64_t round_trip,
                                     rd_kafka_resp_err_t code, void *opaque)
{
    (void)rk, (void)socket, (void)broker_name, (void)broker, (void)version;
    (void)correlation, (void)size, (void)round_trip;
    rdkafka_client *client = opaque;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return RD_KAFKA_RESP_ERR_NO_ERROR;

    if (key == END_TXN_KEY) atomic_store(&client->end_is_open, false);
    if (key == JOIN_GROUP_KEY) atomic_store(&client->join_is_answered, true);
    /* A broker that refuses the client answers so far. */
    if (key == API_VERSIONS_KEY || key == SASL_HANDSHAKE_KEY || key == SASL_AUTHENTICATE_KEY)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    atomic_store(&client->log->answered_ns, now_ns());
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
                                  char *text, size_t size)
{
    (void)conf, (void)text, (void)size;
    ((rdkafka_client *)opaque)->is_begun = true;
    rd_kafka_interceptor_add_on_request_sent(rk, "stele", on_request, opaque);
    return rd_kafka_interceptor_add_on_response_received(rk, "stele", on_answer, opaque);
}

/* ---- clients ---- */

void stele_rdkafka_log_release(rdkafka_log *log)
{
    if (atomic_fetch_sub(&log->holders, 1) > 1) return;
    if (log->conf != NULL) rd_kafka_conf_destroy(log->conf);
    for (size_t i = 0; i < log->name_count; i++)
        free(log->names[i]);
    free(log->names);
    stele_rounds_clear(&log->base.rounds);
    pthread_mutex_destroy(&log->admin_lock);
    pthread_mutex_destroy(&log->problem_lock);
    free(log);
}

static stele_status fail_opening(rd_kafka_resp_err_t code, const char *text, stele_error *err)
{
    if (code == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE)
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, (int)code,
                                "no threads are left for a client of the broker; raise the limit "
                                "(ulimit -u, a container's limit of processes)");
    return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, (int)code,
                            "[kafka]: librdkafka refuses the settings: %s", text);
}

static void do_nothing(void *context)
{
    (void)context;
}

/* Threads are looked for first, as a shortage is what comes back again and again. */
static stele_status can_open(const rdkafka_settings *settings, stele_error *err)
{
    stele_thread thread;
    if (settings->failure.status < 0) {
        if (err != NULL) *err = settings->failure;
        return settings->failure.status;
    }
    if (stele_thread_start(stele_runtime_system(), &thread, "probe", do_nothing, NULL) != 0)
        return fail_opening(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, NULL, err);
    stele_thread_join(thread);
    return STELE_OK;
}

stele_status stele_rdkafka_client_open(rdkafka_log *log, rd_kafka_type_t type,
                                       rdkafka_settings *settings, void *owner,
                                       rdkafka_client *client, stele_error *err)
{
    char text[512];
    rd_kafka_conf_t *conf = settings->conf;
    client->log = log;
    client->owner = owner;
    atomic_init(&client->end_is_open, false);
    atomic_init(&client->end_was_lost, false);
    atomic_init(&client->join_is_answered, false);
    atomic_init(&client->lacks_threads, false);
    stele_status status = can_open(settings, err);
    if (status < 0) {
        rd_kafka_conf_destroy(conf);
        return status;
    }

    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_interceptor_add_on_new(conf, "stele", on_new, client);
    client->rk = rd_kafka_new(type, conf, text, sizeof text);
    if (client->rk == NULL) {
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        /* librdkafka, up to 2.15 at least, has freed what intercepts already if it came that far,
         * and would do so again: such settings are left behind. */
        if (!client->is_begun) rd_kafka_conf_destroy(conf);
        return fail_opening(code, text, err);
    }
    atomic_fetch_add(&log->holders, 1);
    if (!atomic_load(&client->lacks_threads)) return STELE_OK;
    /* It was made without a thread for any broker, and would wait forever. */
    stele_rdkafka_client_close(client);
    return fail_opening(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, NULL, err);
}

rd_kafka_topic_t *stele_rdkafka_client_topic(rdkafka_client *client, const char *name)
{
    for (size_t i = 0; i < client->topic_count; i++)
        if (strcmp(rd_kafka_topic_name(client->topics[i]), name) == 0) return client->topics[i];

    rd_kafka_topic_t *topic = rd_kafka_topic_new(client->rk, name, NULL);
    if (topic == NULL) return NULL;
    client->topics = stele_realloc_array(client->topics, client->topic_count + 1, sizeof(void *));
    client->topics[client->topic_count++] = topic;
    return topic;
}

void stele_rdkafka_client_close(rdkafka_client *client)
{
    if (client->rk == NULL) return;
    for (size_t i = 0; i < client->topic_count; i++)
        rd_kafka_topic_destroy(client->topics[i]);
    free(client->topics);
    rd_kafka_destroy_flags(client->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    client->rk = NULL;
    stele_rdkafka_log_release(client->log);
}

typedef struct releasing {
    void (*release)(void *self);
    void *self;
    int done; /* the writing end of a pipe, closed when it is done */
} releasing;

static void *release_in_thread(void *argument)
{
    releasing work = *(releasing *)argument;
    free(argument);
    work.release(work.self);
    close(work.done);
    return NULL;
}

void stele_rdkafka_release(void (*release)(void *self), void *self, int timeout_ms)
{
    /* librdkafka's threads notice within a second that they are to end. */
    enum { DESTROY_MS = 2000 };
    int ends[2];
    pthread_t thread;
    if (pipe(ends) != 0) {
        release(self);
        return;
    }
    releasing *work = stele_alloc(sizeof *work);
    *work = (releasing){release, self, ends[1]};
    if (pthread_create(&thread, NULL, release_in_thread, work) != 0) {
        release_in_thread(work);
    } else {
        struct pollfd done = {.fd = ends[0], .events = POLLIN};
        bool is_done = poll(&done, 1, timeout_ms + DESTROY_MS) > 0;
        if (is_done)
            pthread_join(thread, NULL);
        else
            pthread_detach(thread);
    }
    close(ends[0]);
}
