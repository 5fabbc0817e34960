/* SPDX-License-Identifier: MIT
 * The log's own clients, which any thread may use, and requests over them: one event answers one
 * request. */
#ifndef STELE_KAFKA_RDKAFKA_ADMIN_H
#define STELE_KAFKA_RDKAFKA_ADMIN_H

#include "kafka/rdkafka_log.h"

/** Close the log's own clients, and what is on its way over them. */
void stele_rdkafka_admin_close(rdkafka_log *log);

/** The log's own client for questions at this isolation. */
stele_status stele_rdkafka_admin(rdkafka_log *log, stele_isolation isolation, rd_kafka_t **out,
                                 stele_error *err);

/** What librdkafka takes: 0 means forever in some of its calls, and more than an hour is refused.
 */
int stele_rdkafka_bounded(int timeout_ms);

/** A request on its way. Release with stele_rdkafka_request_clear. */
typedef struct rdkafka_request {
    rdkafka_log *asks_coordinator; /* the log, if it does */
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_AdminOptions_t *options;
    rd_kafka_event_t *answer;
    bool is_asked; /* it was sent */
} rdkafka_request;

void stele_rdkafka_request_clear(rdkafka_request *request);

STELE_VALUE_SCOPE(rdkafka_request, stele_rdkafka_request_clear);

/** Make one ready, over the client for questions; the caller sends it. */
stele_status stele_rdkafka_request_prepare(rdkafka_log *log, rd_kafka_admin_op_t kind,
                                           int timeout_ms, rdkafka_request *out, stele_error *err);

/**
 * Likewise, for a group's coordinator.
 *
 * @return STELE_E_UNAVAILABLE  as many questions as may be have no answer yet (next = RETRY)
 */
stele_status stele_rdkafka_request_prepare_group(rdkafka_log *log, const char *group,
                                                 rd_kafka_admin_op_t kind, rdkafka_request *out,
                                                 stele_error *err);

/** Wait for the answer, for so long. @param what  what was asked, for people */
stele_status stele_rdkafka_request_await(rdkafka_log *log, rdkafka_request *request, int timeout_ms,
                                         const char *what, stele_error *err);

#endif
