/* SPDX-License-Identifier: MIT
 * What the files of the librdkafka implementation share: the log, a client of it (one rd_kafka_t
 * with what was heard over it), and the one function that maps librdkafka's errors. */
#ifndef STELE_KAFKA_RDKAFKA_LOG_H
#define STELE_KAFKA_RDKAFKA_LOG_H

#include <pthread.h>
#include <stdatomic.h>

#include <librdkafka/rdkafka.h>

#include "kafka/log_port.h"

typedef struct rdkafka_log rdkafka_log;

/**
 * One librdkafka handle. It is the handle's opaque, so that every callback finds it, and stays at
 * its address as long as the handle lives.
 */
typedef struct rdkafka_client {
    rdkafka_log *log;
    rd_kafka_t *rk;
    void *owner; /* the reader, member or producer that it serves; NULL for the log's own */
    rd_kafka_topic_t **topics; /* kept until it closes: batches and positions name them */
    size_t topic_count;
    /* EndTxn, written by librdkafka's threads: one is on its way; one was never answered, and may
     * still reach the broker. */
    _Atomic bool end_is_open;
    _Atomic bool end_was_lost;
    _Atomic bool join_is_answered; /* a JoinGroup, whatever the answer */
    _Atomic bool lacks_threads;    /* one could not be started */
    bool is_begun;                 /* librdkafka has taken the settings over */
} rdkafka_client;

enum { STELE_RDKAFKA_LEFT_MAX = 64 };

/** A question to a coordinator that had no answer in time (rdkafka_admin.c says why it is kept). */
typedef struct rdkafka_left {
    rd_kafka_queue_t *queue; /* its answer comes here */
    int64_t since_ns;
} rdkafka_left;

struct rdkafka_log {
    stele_log base;
    _Atomic uint32_t holders; /* its owner, and each client while its threads may call back */
    rd_kafka_conf_t *conf;    /* the caller's settings; each client starts with a copy */
    char **names;             /* of the caller's settings */
    size_t name_count;
    bool debug;     /* the caller set "debug": librdkafka's lines go to stderr */
    bool old_scram; /* SCRAM with a librdkafka that cannot do it with Kafka 4 */

    /* What was heard last, by whichever client. */
    _Atomic int64_t answered_ns;
    _Atomic int64_t complained_ns;
    pthread_mutex_t problem_lock;
    stele_error problem;

    /* The log's own clients, one for each isolation, made when first asked for. */
    pthread_mutex_t admin_lock;
    rdkafka_client admin[2];
    rdkafka_client group_admin;                /* for what a group's coordinator is asked */
    size_t group_askers;                       /* that use it */
    rdkafka_left left[STELE_RDKAFKA_LEFT_MAX]; /* questions over it that no one waits for */
    size_t left_count;
};

/* ---- rdkafka_settings.c ---- */

/** Check the caller's settings and put them into `conf`. */
stele_status stele_rdkafka_settings_apply(rd_kafka_conf_t *conf, const stele_log_setting *settings,
                                          size_t count, stele_error *err);

/** The settings of a client to be: the caller's, with Stele's own on top. */
typedef struct rdkafka_settings {
    const rdkafka_log *log;
    rd_kafka_conf_t *conf;
    stele_error failure; /* the first one that librdkafka did not take: the opening fails with it */
} rdkafka_settings;

/** Begin with a copy of the caller's; used up by stele_rdkafka_client_open. */
rdkafka_settings stele_rdkafka_settings_begin(const rdkafka_log *log);

/** Set what Stele owns. The name must be known to librdkafka 2.0.2. */
void stele_rdkafka_set(rdkafka_settings *settings, const char *name, const char *value);
void stele_rdkafka_set_number(rdkafka_settings *settings, const char *name, int64_t value);

/** Set a default: the caller's own setting stays, and a librdkafka too old to know it is fine. */
void stele_rdkafka_set_default(rdkafka_settings *settings, const char *name, const char *value);

/** What it is now, as a number; `otherwise` if it is none. */
int64_t stele_rdkafka_get_number(const rdkafka_settings *settings, const char *name,
                                 int64_t otherwise);

/** librdkafka refuses a consumer whose max.poll.interval.ms is below its session.timeout.ms: raise
 * it there, unless the caller set it. */
void stele_rdkafka_fit_poll_interval(rdkafka_settings *settings);

/** Did the caller set it, by this very name? */
bool stele_rdkafka_is_set(const rdkafka_log *log, const char *name);

/* ---- rdkafka_client.c ---- */

/** Its owner, or one of its clients, is done with it: the last one releases it. */
void stele_rdkafka_log_release(rdkafka_log *log);

/**
 * Open a client; it connects in the background. Close with stele_rdkafka_client_close.
 *
 * @param settings  used up, also if this fails
 * @param client    borrowed until it is closed; filled
 * @return STELE_E_INVALID      librdkafka refuses a setting, or several together (next = STOP)
 *         STELE_E_UNAVAILABLE  no threads are left for it (next = RETRY)
 */
stele_status stele_rdkafka_client_open(rdkafka_log *log, rd_kafka_type_t type,
                                       rdkafka_settings *settings, void *owner,
                                       rdkafka_client *client, stele_error *err);

/** The handle of a topic, kept by the client; NULL if the name cannot be one. */
rd_kafka_topic_t *stele_rdkafka_client_topic(rdkafka_client *client, const char *name);

/** Remember what a client complained of, for stele_log_last_problem. */
void stele_rdkafka_note_problem(rdkafka_log *log, const char *text);

/** Close a client at once: leaves no group, waits for nothing. One that is not open is fine. */
void stele_rdkafka_client_close(rdkafka_client *client);

/**
 * Call `release`, which closes a consumer, in a thread of its own, and wait for it for two seconds
 * more than timeout_ms at most.
 *
 * In librdkafka 2.0.2 rd_kafka_destroy of a consumer may never end: if an assignment came while it
 * closed (mended in 2.4), or if the broker came back without the topics that it was reading. Then
 * it is left behind with what it holds, and no one waits for it.
 */
void stele_rdkafka_release(void (*release)(void *self), void *self, int timeout_ms);

/* ---- rdkafka_error.c ---- */

/** What librdkafka said about a call. */
typedef struct rdkafka_verdict {
    rd_kafka_resp_err_t code;
    bool fatal;
    bool abortable;
    bool retriable;
    const char *text; /* NULL: librdkafka's text for the code; borrowed for the call */
} rdkafka_verdict;

/** The status that a code stands for; STELE_E_INTERNAL if it stands for none. */
stele_status stele_rdkafka_status(rd_kafka_resp_err_t code);

/** What to do about it, to go behind a message: "; grant …". Empty where that is not known. */
const char *stele_rdkafka_way_out(rd_kafka_resp_err_t code);

/**
 * The one place where librdkafka's word becomes a failure: the flags alone decide what is next, and
 * what has no flag is STOP.
 *
 * @param what  what failed, for people: "commit of account.events-3"
 */
stele_status stele_rdkafka_fail(stele_error *err, rdkafka_verdict verdict, const char *what);

/** The same for an error object, which is destroyed; NULL gives STELE_OK. */
stele_status stele_rdkafka_fail_error(stele_error *err, rd_kafka_error_t *error, const char *what);

/**
 * The same for a question to the cluster. Asking changes nothing, so what may pass is RETRY; a
 * time-out while no broker answers is STELE_E_UNAVAILABLE and says what the client saw last.
 */
stele_status stele_rdkafka_fail_question(stele_error *err, rdkafka_log *log,
                                         rd_kafka_resp_err_t code, const char *text,
                                         const char *what);

/* ---- the operations of kafka/log_port.h, each in the file of its noun ---- */

extern const stele_reader_ops stele_rdkafka_reader_ops;
extern const stele_member_ops stele_rdkafka_member_ops;
extern const stele_producer_ops stele_rdkafka_producer_ops;
extern const stele_transaction_ops stele_rdkafka_transaction_ops;
extern const stele_group_ops stele_rdkafka_group_ops;
extern const stele_topic_ops stele_rdkafka_topic_ops;

/** What a captured group holds, for sending offsets; borrowed. (rdkafka_member.c) */
const rd_kafka_consumer_group_metadata_t *
stele_rdkafka_group_metadata(const stele_log_group *group);

#endif
