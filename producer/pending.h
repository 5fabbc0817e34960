/* SPDX-License-Identifier: MIT
 * What a publisher has handed to its producer and what is not acknowledged yet: one queue for each
 * partition, in chunks that are used again, so that an event costs no malloc. It is kept whole,
 * because a producer may die and the next one has to send the same bytes to the same partition. */
#ifndef STELE_PRODUCER_PENDING_H
#define STELE_PRODUCER_PENDING_H

#include <stdbool.h>

#include <stele/bytes.h>

#include "core/uuid.h"

typedef enum stele_pending_state {
    STELE_PENDING_KEPT = 0, /* to be handed to the producer; surely not in the log */
    STELE_PENDING_SENT,     /* the producer has it, or died with it: it may be in the log */
    STELE_PENDING_DONE      /* acknowledged or given up; released once it is the oldest */
} stele_pending_state;

/** An event on its way. The bytes of key, value and extras lie behind it. */
typedef struct stele_pending {
    stele_pending_state state;
    bool is_suspect; /* its batch was refused: perhaps because of it */
    int32_t partition;
    int64_t timestamp_ms;
    void *opaque;
    const void *type_entry; /* of the publisher */
    stele_uuid id;
    uint32_t key_size;
    uint32_t value_size;
    uint32_t correlation_size; /* 0: not given */
    uint32_t causation_size;
    uint32_t traceparent_size;
    uint32_t size; /* of all, a multiple of its alignment */
} stele_pending;

typedef struct stele_pending_chunk stele_pending_chunk;

/** The queue of one partition. All zero is empty. */
typedef struct stele_pending_queue {
    stele_pending_chunk *first;
    stele_pending_chunk *last;
    size_t read_at; /* in `first` */
    size_t count;   /* of events that are not done */
} stele_pending_queue;

/** Free chunks, shared by the queues of a publisher. All zero is empty. */
typedef struct stele_pending_pool {
    stele_pending_chunk *free;
    size_t free_count;
} stele_pending_pool;

/** What of an event is to be kept. */
typedef struct stele_pending_parts {
    stele_bytes key;
    stele_bytes value;
    stele_bytes correlation; /* null: not given */
    stele_bytes causation;
    stele_bytes traceparent;
} stele_pending_parts;

/** Bytes that an event of these parts takes. */
size_t stele_pending_size(const stele_pending_parts *parts);

/** Append an event with copies of its parts. @return borrowed, until it is released */
stele_pending *stele_pending_append(stele_pending_pool *pool, stele_pending_queue *queue,
                                    const stele_pending_parts *parts);

/** Take back the event that was appended last. */
void stele_pending_take_back(stele_pending_queue *queue, stele_pending *pending);

/** The parts of an event: views into it. */
stele_pending_parts stele_pending_view(const stele_pending *pending);

/** Mark an event as done, and release those at the head that are. @return bytes released */
size_t stele_pending_done(stele_pending_pool *pool, stele_pending_queue *queue,
                          stele_pending *pending);

/** The events of a queue that are not done, oldest first; a walk from NULL until NULL. */
stele_pending *stele_pending_next(const stele_pending_queue *queue, stele_pending_chunk **chunk,
                                  size_t *at);

/** Release a queue with all that is in it. */
void stele_pending_queue_clear(stele_pending_queue *queue);
void stele_pending_pool_clear(stele_pending_pool *pool);

#endif
