/* SPDX-License-Identifier: MIT
 * The publisher of facts: events of an aggregate that no writer owns, idempotent and acks=all. */
#ifndef STELE_PUBLISHER_H
#define STELE_PUBLISHER_H

#include <stele/client.h>
#include <stele/type.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Used by one thread at a time. */
typedef struct stele_publisher stele_publisher;

typedef enum stele_header_style {
    STELE_HEADERS_CONFIGURED = 0, /* `headers` of [aggregate NAME]: minimal, if nothing is set */
    STELE_HEADERS_MINIMAL,        /* ce_id, and what is given per event */
    STELE_HEADERS_CLOUDEVENTS /* a valid CloudEvent 1.0 in Kafka binary mode; about half the rate */
} stele_header_style;

/** What became of one event. Handed to `delivered`; valid for the call. */
typedef struct stele_delivery {
    void *opaque; /* as given to publish */
    int32_t partition;
    int64_t offset;             /* -1 if it failed */
    const stele_error *failure; /* NULL: acknowledged by all in-sync replicas */
} stele_delivery;

#define STELE_LINGER_NONE (-1)

/** All zero means the defaults. */
typedef struct stele_publisher_options {
    const char *aggregate; /* required; the topic is "<aggregate>.events" and must exist */
    stele_header_style headers;
    size_t queue_max; /* bytes not yet acknowledged; 0: 64 MiB; librdkafka has them again */
    const char
        *compression; /* "none", "lz4", "zstd", "gzip", "snappy"; NULL: "lz4", or [kafka]'s */
    int linger_ms;    /* 0: 5, or what [kafka] says; STELE_LINGER_NONE: each is sent at once */
    int timeout_ms;   /* registry and metadata, at the first event of a type; 0: 30,000 */
    /** One call per event, in the thread that calls publish, poll, flush or close; it may not
     * publish. */
    void (*delivered)(void *context, const stele_delivery *delivery);
    void *context;
} stele_publisher_options;

/** What may be given with an event. All zero: nothing. Borrowed for the call. */
typedef struct stele_publish_options {
    void *opaque;
    int64_t time_ms;            /* the record's timestamp, milliseconds of Unix time; 0: now */
    const char *correlation_id; /* ce_correlationid */
    const char *causation_id;   /* ce_causationid */
    const char *traceparent;    /* W3C Trace Context */
    const char *event_id; /* a UUID as text: the event's, as an outbox keeps it; NULL: a new one */
} stele_publish_options;

/** @param out caller owns; release with stele_publisher_close; `client` must outlive it */
STELE_API stele_status stele_publisher_open(stele_client *client,
                                            const stele_publisher_options *options,
                                            stele_publisher **out, stele_error *err);

/**
 * Encode an event and queue it. The first of a type registers its schema.
 *
 * Takes up to two seconds longer than `timeout_ms` while a producer is being replaced; so do
 * stele_publisher_poll, stele_publisher_flush and stele_publisher_close.
 *
 * A producer that dies underneath is replaced: what the log does not hold yet is sent again, so
 * nothing is lost or doubled while this process lives. An event is given up only if the broker
 * refuses it for what is in it (too large, a time that the topic does not take), or by
 * stele_publisher_close.
 *
 * @param aggregate_id  1 to 1,024 bytes of UTF-8 that do not begin with "stele:"
 * @param type          of `event`; borrowed, must outlive the publisher
 * @return STELE_E_FULL     the queue is full: stele_publisher_poll, then again (next = RETRY); *err
 *                          says why, where a producer is being replaced or no broker answers
 *         STELE_E_INVALID  id, value or time does not fit (next = REJECT)
 *         STELE_E_LIMIT    larger than a record may be (next = REJECT)
 *         STELE_E_INCOMPATIBLE  the registry refused the schema; or, also later, the topic has
 *                          another count of partitions (next = STOP)
 *         STELE_E_UNAVAILABLE, STELE_E_TIMED_OUT  broker or registry away, or no right to write to
 *                          the topic (next = RETRY)
 *         STELE_E_NOT_FOUND        there is no such topic (next = RETRY: it may be made yet)
 *         STELE_E_FORBIDDEN        the aggregate decides: a writer appends its events (next = STOP)
 *         STELE_E_HOLE     also later: the topic lost what it had acknowledged (next = STOP)
 */
STELE_API stele_status stele_publisher_publish(stele_publisher *publisher, stele_bytes aggregate_id,
                                               const stele_type *type, const void *event,
                                               const stele_publish_options *options,
                                               stele_error *err);

/** Serve deliveries, waiting up to timeout_ms for the first. */
STELE_API stele_status stele_publisher_poll(stele_publisher *publisher, int timeout_ms,
                                            stele_error *err);

/** Wait until every event has been delivered or has failed. STELE_E_TIMED_OUT: how many are left.
 */
STELE_API stele_status stele_publisher_flush(stele_publisher *publisher, int timeout_ms,
                                             stele_error *err);

/** Flush, then release. What could not be delivered in time is reported to `delivered` as failed,
 * counted in *err, and STELE_E_TIMED_OUT is returned. The publisher is gone either way. */
STELE_API stele_status stele_publisher_close(stele_publisher *publisher, int timeout_ms,
                                             stele_error *err);

/** What to look for, and how far. */
typedef struct stele_find_options {
    const char *aggregate;  /* required; the topic is "<aggregate>.events" */
    const char *const *ids; /* of events, UUIDs as text; borrowed for the call */
    size_t count;           /* of them, at most 1,000,000 */
    int64_t since_ms; /* look at records of this time and later, Unix; 0: all that are there */
    int timeout_ms;   /* for all of it; 0: 30,000 */
} stele_find_options;

/**
 * Which events are in the log? For a program that was killed and has a list of what it meant to
 * publish, with ids of its own (an outbox): it publishes what is not found.
 *
 * Reads every record of the topic since a time, up to what is there when the call begins. So the
 * program that was killed must be dead, and for some seconds: what it had sent may still be on its
 * way to the log (in a broker that is slow, for `request.timeout.ms` and longer).
 *
 * @param found  one for each id; filled on success only
 * @return STELE_E_INVALID    an id is not a UUID (next = REJECT)
 *         STELE_E_LIMIT      more than 1,000,000 ids (next = REJECT)
 *         STELE_E_NOT_FOUND  there is no such topic
 *         STELE_E_TIMED_OUT, STELE_E_UNAVAILABLE  the same call again, with more time (next =
 * RETRY)
 */
STELE_API stele_status stele_events_find(stele_client *client, const stele_find_options *options,
                                         bool *found, stele_error *err);

#ifdef __cplusplus
}
#endif

#endif
