/* SPDX-License-Identifier: MIT
 * The producer that memory_producer.c (queue and deliveries) and memory_transaction.c share. The
 * monitor is held unless it says otherwise. */
#ifndef STELE_KAFKA_MEMORY_PRODUCER_H
#define STELE_KAFKA_MEMORY_PRODUCER_H

#include "kafka/memory_broker.h"

typedef enum memory_entry_state {
    MEMORY_QUEUED = 0, /* not in the log yet: the broker is away */
    MEMORY_ENDED       /* delivered or failed; the owner has not heard it */
} memory_entry_state;

typedef struct memory_entry {
    struct memory_entry *next;
    stele_partition partition; /* the name is the producer's */
    memory_payload *payload;   /* owned; NULL once it is in the log */
    size_t size;
    int64_t timestamp_ms;
    int64_t put_ns;
    void *opaque;
    memory_entry_state state;
    int64_t offset;
    stele_error failure; /* status STELE_OK: delivered */
} memory_entry;

typedef struct memory_producer {
    stele_log_producer base;
    memory_log *log;
    struct memory_producer *next; /* of the log's, until it is closed */
    int owner;
    void (*delivered)(void *context, void *opaque, stele_position position,
                      const stele_error *failure);
    void *context;
    int64_t delivery_timeout_ms;
    size_t queue_max;
    bool gapless;  /* dies of a record that fails */
    bool waits;    /* something is queued, so that nothing may overtake it */
    char **topics; /* names in positions, valid until it closes */
    size_t topic_count;

    memory_entry *entries; /* oldest first; of a partition, ended ones stand before queued ones */
    memory_entry **entries_end;
    size_t queue_size;
    stele_error death; /* why it must not be used any more; status OK while it lives */

    /* Transactional only. */
    memory_transactional *transactional;
    int transaction_timeout_ms;
    int64_t epoch; /* 0: not initialised */
    bool in_transaction;
    bool at_coordinator; /* the transaction has records or offsets there */
    stele_error broken;  /* why the transaction can only be aborted; status OK if it can commit */
} memory_producer;

/** STELE_OK while it lives and no one has fenced it; else what it died of. */
stele_status stele_memory_check_producer(memory_producer *producer, stele_error *err);

/** Let it die: what is queued fails. @return the status of `death` */
stele_status stele_memory_kill_producer(memory_producer *producer, const stele_error *death,
                                        stele_error *err);

/** Send what is queued, if the broker is there; else see what has waited for too long. */
void stele_memory_send_queued(memory_producer *producer);

/** Drop what is queued; it is reported as interrupted. */
void stele_memory_purge(memory_producer *producer);

/** Is something queued that is not in the log? */
bool stele_memory_has_queued(const memory_producer *producer);

/** Send what is queued, and wait for it. Called without the monitor. */
stele_status stele_memory_producer_flush(memory_producer *producer, int timeout_ms,
                                         stele_error *err);

/** Report what has ended to the owner. Called without the monitor. */
void stele_memory_serve(memory_producer *producer);

#endif
