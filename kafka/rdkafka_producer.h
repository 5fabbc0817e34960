/* SPDX-License-Identifier: MIT
 * The producer that rdkafka_producer.c (queue and deliveries) and rdkafka_transaction.c share. */
#ifndef STELE_KAFKA_RDKAFKA_PRODUCER_H
#define STELE_KAFKA_RDKAFKA_PRODUCER_H

#include "core/deadline.h"
#include "kafka/rdkafka_log.h"

typedef struct rdkafka_producer {
    stele_log_producer base;
    rdkafka_client client;
    char *transactional_id; /* NULL: idempotent, no transactions */
    void (*delivered)(void *context, void *opaque, stele_position position,
                      const stele_error *failure);
    void *context;
    stele_error death; /* why it must not be used any more; status OK while it lives */

    /* Transactional only. */
    bool initialised;
    bool in_transaction;
    bool no_gap;    /* the owner sees to it */
    bool needs_gap; /* nothing was sent in this transaction yet */
    int64_t committed_ns;
} rdkafka_producer;

/** STELE_OK while it lives; else what it died of, now or earlier. */
stele_status stele_rdkafka_producer_check(rdkafka_producer *producer, stele_error *err);

/** Send what is queued. @return STELE_E_TIMED_OUT: not all of it is delivered yet (next = RETRY) */
stele_status stele_rdkafka_producer_flush(rdkafka_producer *producer, int timeout_ms,
                                          stele_error *err);

#endif
