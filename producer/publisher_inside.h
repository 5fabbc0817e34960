/* SPDX-License-Identifier: MIT
 * What the files of the publisher share: publisher.c takes events in, replace.c puts a new producer
 * in the place of a dead one, refusal.c finds the event that a broker refuses, event_headers.c
 * writes headers. */
#ifndef STELE_PRODUCER_PUBLISHER_INSIDE_H
#define STELE_PRODUCER_PUBLISHER_INSIDE_H

#include <stele/publisher.h>

#include "core/deadline.h"
#include "kafka/log.h"
#include "producer/pending.h"

/** An event type that has been published: its schema is registered. */
typedef struct stele_published_type {
    const stele_type *type;
    int32_t schema_id;
} stele_published_type;

/** One partition of the topic. */
typedef struct stele_publisher_partition {
    stele_pending_queue queue;
    int64_t settled; /* nothing below this offset is pending: the end at first use, then after the
                        last one acknowledged or the last one read back */
    bool is_used;    /* `settled` is known */
} stele_publisher_partition;

struct stele_publisher {
    stele_log *log;
    struct stele_registry *registry;
    stele_publisher_options options;
    char *topic;
    char *source; /* ce_source */
    char *compression;
    size_t batch_max;             /* what the topic takes as one batch; 0: not known */
    stele_log_times times;        /* that the topic takes */
    stele_log_producer *producer; /* NULL: the last one died, no other is there yet */
    stele_publisher_partition *partitions;
    int32_t partition_count; /* 0: not known yet */
    stele_pending_pool pool;
    size_t pending_size; /* bytes of all queues */
    stele_uuid_source ids;
    stele_buffer value; /* of the event being encoded */
    stele_published_type **types;
    size_t type_count;
    stele_published_type *last_type;
    unsigned published; /* since deliveries were served last */

    bool has_kept;          /* some events are to be put again */
    bool must_replace;      /* the producer failed in a way that leaves its records in doubt */
    stele_error doubt;      /* why */
    bool is_doubt_of_event; /* it is what became of an event */
    int64_t replace_at_ns;  /* not before */
    int replace_pause_ms;   /* the next pause */
    bool has_advanced;      /* the last attempt has read some of what it had to */
    int last_cause;         /* of the last death */
    int same_cause;         /* deaths in a row by it, with nothing stored between */
    int hopeless_cause;     /* one that waiting has not ended; 0: none */

    size_t suspects;          /* events of refused batches */
    size_t refused;           /* events that were refused together */
    size_t trial_max;         /* suspects that are sent together */
    size_t trial_count;       /* events under way that nothing else is beside; 0: no trial */
    stele_pending *condemned; /* failed alone; fails for good if the log does not hold it */
    stele_error verdict;      /* with this */
    int64_t partitions_checked_ns;
    stele_error dead; /* nothing is published any more */
};

/** Give the delivery of an event to the application, and forget the event. */
void stele_publisher_deliver(stele_publisher *publisher, stele_pending *pending, int64_t offset,
                             const stele_error *failure);

/** The producer is to be replaced, because of this; the first reason stays. */
void stele_publisher_doubt(stele_publisher *publisher, const stele_error *why);
void stele_publisher_doubt_event(stele_publisher *publisher, const stele_error *why);

/** Is it a right that this user lacks? */
bool stele_publisher_is_forbidden(const stele_error *failure);

/** Does this delivery mean that the event, or one of its batch, is refused for good? */
bool stele_publisher_is_refusal(const stele_publisher *publisher, const stele_error *failure);

/** Such a delivery has come: the event fails if it was sent alone, else it is a suspect. */
void stele_publisher_refuse(stele_publisher *publisher, stele_pending *pending,
                            const stele_error *failure);

/** A producer has died of this. */
void stele_publisher_count_cause(stele_publisher *publisher, int cause);

/**
 * Send the suspects until there are none.
 * @return a failure: the producer is to be replaced, or has no room; then again
 */
stele_status stele_publisher_try_suspects(stele_publisher *publisher, stele_error *err);

/** Hand an event to the producer, and mark it as sent. @return what stele_log_producer_put does */
stele_status stele_publisher_put(stele_publisher *publisher, stele_pending *pending,
                                 stele_error *err);

/** Open the producer. */
stele_status stele_publisher_open_producer(stele_publisher *publisher, stele_error *err);

/** Put the events that a dead producer left again, as far as the queue takes them. */
stele_status stele_publisher_put_kept(stele_publisher *publisher, stele_error *err);

/**
 * One attempt to replace a dead producer: find out what the log holds of its records, and open
 * another one. The rest is then for stele_publisher_put_kept.
 *
 * @return STELE_E_UNAVAILABLE, STELE_E_TIMED_OUT  call again (next = RETRY)
 *         STELE_E_HOLE, …  it can never be found out (next = STOP)
 */
stele_status stele_publisher_replace(stele_publisher *publisher, stele_deadline until,
                                     stele_error *err);

#endif
