/* SPDX-License-Identifier: MIT
 * The log port: what Stele needs of Kafka, and nothing of Avro. Two implementations pass one
 * contract suite: librdkafka (kafka/rdkafka_*.c) and the in-memory log (kafka/memory_*.c).
 *
 * Four nouns besides the log itself:
 *   reader    reads partitions from offsets that the caller chooses; batches of views
 *   member    takes part in a consumer group: told which partitions it owns; reads nothing
 *   producer  appends, idempotent or transactional
 *   topic     created and described
 * Membership and reading are apart on purpose: a partition's reading starts only when its state is
 * restored, at the offset that the restore found, without pause, seek or a fetch that is thrown
 * away.
 *
 * Every object is used by one thread at a time; the log itself may be shared by threads. */
#ifndef STELE_KAFKA_LOG_H
#define STELE_KAFKA_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <stele/header.h>
#include <stele/bytes.h>
#include <stele/error.h>

#include "core/clock.h"
#include "core/deadline.h"
#include "core/scope.h"

typedef struct stele_log stele_log;
typedef struct stele_log_reader stele_log_reader;
typedef struct stele_log_member stele_log_member;
typedef struct stele_log_producer stele_log_producer;
typedef struct stele_log_group stele_log_group; /* group metadata captured with a batch (KIP-447) */

/** Offsets that are not offsets. */
#define STELE_OFFSET_NONE (-1) /* no committed offset; no such time */

/** A partition of a topic. `topic` is borrowed. */
typedef struct stele_partition {
    const char *topic;
    int32_t index;
} stele_partition;

/** What a reader sees of transactions (KIP-98). */
typedef enum stele_isolation {
    STELE_READ_COMMITTED = 0, /* up to the last stable offset, without aborted records */
    STELE_READ_UNCOMMITTED    /* up to the high watermark, all records */
} stele_isolation;

/** A record of a batch: views, valid until the batch is released. Null key or value: data == NULL.
 */
typedef struct stele_record {
    int64_t offset;
    int64_t timestamp_ms; /* Unix time; -1 if the record has none */
    stele_bytes key;
    stele_bytes value;
    const void *headers; /* opaque; read with stele_log_batch_header */
} stele_record;

/**
 * Records of one partition, in offset order, with holes where control or aborted records are.
 *
 * `status` is the partition's own: STELE_OK, or what ended its reading (see stele_log_reader_next).
 */
typedef struct stele_batch {
    stele_partition partition; /* topic valid until the reader closes */
    const stele_record *records;
    size_t count;
    int64_t
        next_offset; /* position after this batch: past holes when `at_end`, else last record + 1 */
    bool at_end;     /* the log ended at next_offset when this was fetched (last stable offset or
                        high watermark, by the isolation) */
    int64_t log_end; /* high watermark as the client heard of it last, to tell how far behind a
                        reader is; never below next_offset */
    stele_status status;
    stele_error error; /* filled if status is not STELE_OK */
    void *self;        /* the implementation's */
} stele_batch;

/** How soon a reader tells that a partition has ended. A broker with nothing new answers after a
 * while only, and the end is known when it has. */
typedef enum stele_reader_haste {
    STELE_READER_CALM = 0,  /* within 50 ms */
    STELE_READER_HASTY,     /* within 5 ms, with ten times the requests: for one that ends there */
    STELE_READER_HASTY_ONCE /* hasty until the end was told once, partition by partition; two
                               clients, for one that restores and then follows */
} stele_reader_haste;

/** All zero means the defaults. */
typedef struct stele_log_reader_options {
    stele_isolation isolation;
    stele_reader_haste haste;
    size_t queue_max; /* bytes fetched ahead, per partition; 0: 64 MiB */
    size_t batch_max; /* records in a batch; 0: 1,024 */
    size_t fetch_max; /* bytes that a broker sends at once, per partition, but one of its batches at
                         least; 0: as configured (1 MiB) */
} stele_log_reader_options;

/** Open a reader with nothing to read. @param out caller owns; release with stele_log_reader_close
 */
stele_status stele_log_reader_open(stele_log *log, const stele_log_reader_options *options,
                                   stele_log_reader **out, stele_error *err);

/** Stop everything and release it. Batches must have been released. NULL is fine. */
void stele_log_reader_close(stele_log_reader *reader);

/**
 * Start to read a partition at an absolute offset (never a logical one). It must not be read
 * already. Errors that need the broker come later, in a batch of that partition.
 *
 * @return STELE_E_EXISTS   it is being read (next = STOP)
 *         STELE_E_INVALID  no offset, or a name that no topic can have (next = STOP)
 */
stele_status stele_log_reader_start(stele_log_reader *reader, stele_partition partition,
                                    int64_t offset, stele_error *err);

/** Stop reading a partition and drop what was fetched ahead. Not being read is fine. */
void stele_log_reader_stop(stele_log_reader *reader, stele_partition partition);

/**
 * Hold a partition back, or let it go on: a held one is not handed out by _next; nothing is lost,
 * nothing re-read, and what was fetched stays within queue_max. A partition starts not held.
 */
void stele_log_reader_hold(stele_log_reader *reader, stele_partition partition, bool held);

/**
 * The next batch of any partition that is not held, fairly in turn, waiting up to `timeout_ms`.
 *
 * A batch has records, or `at_end` (once each time the end is reached), or a failure of its
 * partition; after a failure that partition is stopped:
 *   STELE_E_HOLE         the offset is not in the log: below its start or past its end
 *   STELE_E_NOT_FOUND    the topic or partition is gone
 *   STELE_E_INVALID      a record batch's checksum is wrong
 * A broker that is away is not a failure of the partition: nothing comes until it is back
 * (ask stele_log_is_up).
 *
 * @param out  caller owns; release with stele_log_batch_release before the reader closes; several
 *             may be held at a time
 * @return STELE_OK           *out is filled
 *         STELE_E_TIMED_OUT  nothing came (next = RETRY; *err is not filled, this is no failure)
 */
stele_status stele_log_reader_next(stele_log_reader *reader, int timeout_ms, stele_batch *out,
                                   stele_error *err);

/**
 * End the wait of the stele_log_reader_next that is under way, or else of the next one, with
 * STELE_E_TIMED_OUT if there is no batch. From any thread, until the reader is closed.
 */
void stele_log_reader_wake(stele_log_reader *reader);

/** Release the memory of a batch; its views end. An all-zero batch is fine. */
void stele_log_batch_release(stele_batch *batch);

/**
 * The last header of that name of a record of `batch`. Costs a parse of the headers: not for the
 * hot path.
 * @param out  view, valid until the batch is released
 * @return false if there is none
 */
bool stele_log_batch_header(const stele_batch *batch, const stele_record *record, const char *name,
                            stele_bytes *out);

/** All its headers in order. @return how many there are, at most `max` filled (views until release)
 */
size_t stele_log_batch_headers(const stele_batch *batch, const stele_record *record,
                               stele_header *out, size_t max);

/** Called in the thread of stele_log_member_poll or _close, from within. They may use producers and
 * readers, but of the member itself only stele_log_member_group: the last offset of a partition
 * that is given back is committed with the generation that takes it away. */
typedef struct stele_log_member_events {
    /** These partitions are now ours. */
    void (*assigned)(void *context, const stele_partition *partitions, size_t count);
    /** These are no longer. `lost`: somebody else may own them already. After the call returns they
     * may be given away, so open transactions are aborted in it. */
    void (*revoked)(void *context, const stele_partition *partitions, size_t count, bool lost);
    void *context;
} stele_log_member_events;

typedef struct stele_log_member_options {
    const char *group;
    const char *const *topics; /* NULL-terminated */
    bool eager;                /* range assignor, stop-the-world; default is cooperative-sticky */
    int session_timeout_ms;    /* 0: 6,000, or what [kafka] says */
    const char *client;        /* client.id, shown by Kafka's tools; NULL: "stele" */
    stele_log_member_events events;
} stele_log_member_options;

/** Join a group. Returns at once; the first assignment comes in a poll. */
stele_status stele_log_member_open(stele_log *log, const stele_log_member_options *options,
                                   stele_log_member **out, stele_error *err);

/**
 * Serve the group: rebalances and errors. Call it often (well within max.poll.interval.ms).
 *
 * @return STELE_OK  also while the broker is away
 *         STELE_E_FENCED, STELE_E_INTERNAL  the member is dead: close it and open another (next =
 * STOP)
 */
stele_status stele_log_member_poll(stele_log_member *member, int timeout_ms, stele_error *err);

/**
 * Let whatever comes for the member from now on end the wait of that reader, as
 * stele_log_reader_wake does: so its owner waits for both in one place, and polls the member then.
 *
 * @param reader  of the same log; borrowed until another one is named or the member closes; NULL:
 *                none
 */
void stele_log_member_wakes(stele_log_member *member, stele_log_reader *reader);

/**
 * Why the broker refuses it as a member, so that it owns nothing: members with another assignor, a
 * session time-out that the broker does not take, a group that is full, a missing right, a topic
 * that is not there. It keeps trying. Ask after a poll; it is cheap.
 *
 * @return STELE_OK  no reason is known, or it was assigned since; *err is untouched
 *         a failure of next = RETRY: the reason, with the way out; STELE_E_FORBIDDEN among them
 */
stele_status stele_log_member_problem(stele_log_member *member, stele_error *err);

/**
 * The group metadata of this moment, to be sent with the offsets of what was read until now.
 *
 * @return owned; release with stele_log_group_free. NULL: it is no member at this moment, for its
 *         session was over or it has not joined yet; a poll tells, and then there may be one again
 */
stele_log_group *stele_log_member_group(stele_log_member *member);
void stele_log_group_free(stele_log_group *group);

/**
 * Commit an offset without a transaction, and do not wait for it: so that Kafka's own tools show
 * the lag of someone who keeps the position elsewhere. Whether it was taken is not told, and no
 * decision may rest on it.
 *
 * @return STELE_E_NOT_OWNER  the member does not own the partition (next = RETRY)
 */
stele_status stele_log_member_commit(stele_log_member *member, stele_partition partition,
                                     int64_t offset, stele_error *err);

/** Leave the group and release it; calls `revoked` for what is still owned. Bounded by timeout_ms
 * and two seconds in which the client's threads end. NULL is fine. */
void stele_log_member_close(stele_log_member *member, int timeout_ms);

/**
 * Committed offset of a group, stable ones only (a pending transactional offset is waited for).
 * @param out  STELE_OFFSET_NONE if there is none
 * @return STELE_E_CONFLICT  a transaction that is open holds another one (next = RETRY)
 */
stele_status stele_log_group_offset(stele_log *log, const char *group, stele_partition partition,
                                    int timeout_ms, int64_t *out, stele_error *err);

/**
 * Set a group's offset by hand.
 * @return STELE_E_CONFLICT  the group has members (next = STOP)
 */
stele_status stele_log_group_offset_set(stele_log *log, const char *group,
                                        stele_partition partition, int64_t offset, int timeout_ms,
                                        stele_error *err);

/** A member of a group, as its coordinator knows it. Borrowed for the call. */
typedef struct stele_log_group_member {
    const char *client; /* its client.id */
    const char *host;   /* the address that the broker saw */
    const stele_partition *partitions;
    size_t partition_count;
} stele_log_group_member;

/**
 * Call `each` for every member of a group; for none, if there is no such group. For people: while a
 * partition moves it belongs to no one, and a member that died is named until its session is over.
 */
stele_status stele_log_group_describe(stele_log *log, const char *group, int timeout_ms,
                                      void (*each)(void *context,
                                                   const stele_log_group_member *member),
                                      void *context, stele_error *err);

/**
 * Remove a group, and the offsets that it has committed.
 * @return STELE_E_NOT_FOUND  there is none (next = STOP)
 *         STELE_E_CONFLICT   it has members (next = STOP)
 */
stele_status stele_log_group_remove(stele_log *log, const char *group, int timeout_ms,
                                    stele_error *err);

/** Where a record is. */
typedef struct stele_position {
    stele_partition partition; /* topic valid until the producer closes */
    int64_t offset;
} stele_position;

#define STELE_PARTITION_BY_KEY (-1) /* murmur2_random: Java's default partitioner */

/** A record to be written. Borrowed for the call: key, value and headers are copied. */
typedef struct stele_log_entry {
    stele_partition partition; /* index STELE_PARTITION_BY_KEY to choose by key */
    stele_bytes key;
    stele_bytes value; /* data NULL: a tombstone */
    const stele_header *headers;
    size_t header_count;
    int64_t timestamp_ms; /* 0: now */
    void *opaque;         /* given back to `delivered` */
} stele_log_entry;

typedef struct stele_log_producer_options {
    const char *transactional_id; /* NULL: idempotent, no transactions */
    int transaction_timeout_ms;   /* 0: 10,000 */
    int delivery_timeout_ms;      /* 0: 30,000, and never above the transaction's time-out */
    size_t queue_max;             /* bytes queued before _put says STELE_E_FULL; 0: 64 MiB */
    size_t batch_max; /* bytes written as one batch, but for a record that is larger by itself: the
                         topic's max.message.bytes, which is a batch's limit; 0: 1,000,000 */
    const char *compression; /* NULL: "lz4" */
    int linger_ms;           /* 0: 5 ms for facts, none in transactions; -1: none */
    bool no_gap;  /* a transaction begins only once the last one is visible: no pause between two */
    bool gapless; /* a record that fails ends the producer, so that none behind it overtakes it */
    /**
     * One call per entry, within _poll, _flush, _commit, _abort or _close of the owner's thread.
     * @param position  where it is; offset -1 if it failed
     * @param failure   NULL if it is acknowledged by all in-sync replicas; next = RETRY: it is
     * surely not in the log, and may be put again; REJECT: surely not in the log, as the broker
     * refuses it, or another record of its batch, for what is in it (too large, an impossible
     * time); STOP: it may be in the log all the same
     */
    void (*delivered)(void *context, void *opaque, stele_position position,
                      const stele_error *failure);
    void *context;
} stele_log_producer_options;

/** Always acks=all and idempotent. Nothing is asked of the broker yet. */
stele_status stele_log_producer_open(stele_log *log, const stele_log_producer_options *options,
                                     stele_log_producer **out, stele_error *err);

/**
 * Release it; what is still queued is dropped and reported to `delivered`. A transaction that is
 * open is no one's then: its time-out or the next init aborts it. NULL is fine.
 */
void stele_log_producer_close(stele_log_producer *producer);

/** The same where an abort would do harm: nothing is sent that ends the open transaction. */
void stele_log_producer_abandon(stele_log_producer *producer);

/**
 * Append to the queue.
 *
 * @return STELE_E_FULL     no room: _poll, then again (next = RETRY)
 *         STELE_E_LIMIT    larger than message.max.bytes (next = REJECT)
 *         STELE_E_FENCED   this producer is dead (next = STOP)
 *         next = ABORT     the transaction has failed already: only _abort is left
 *         STELE_E_NOT_FOUND  no such topic or partition (next = STOP); where that is not known yet,
 *                            `delivered` says it
 */
stele_status stele_log_producer_put(stele_log_producer *producer, const stele_log_entry *entry,
                                    stele_error *err);

/** Serve deliveries, waiting up to timeout_ms for the first. A producer that died says so here. */
stele_status stele_log_producer_poll(stele_log_producer *producer, int timeout_ms,
                                     stele_error *err);

/** Wait until all that was put has been delivered or has failed. STELE_E_TIMED_OUT: RETRY. */
stele_status stele_log_producer_flush(stele_log_producer *producer, int timeout_ms,
                                      stele_error *err);

/**
 * Fence every earlier holder of the transactional id and abort what it left open (KIP-98).
 * Also fetches the metadata of `topic`, if not NULL, so that the first append does not stall.
 *
 * @return STELE_E_TIMED_OUT, STELE_E_UNAVAILABLE  next = RETRY: the same call again
 *         STELE_E_NOT_FOUND  there is no such topic, or not yet (next = RETRY)
 */
stele_status stele_log_producer_init(stele_log_producer *producer, const char *topic,
                                     int timeout_ms, stele_error *err);

/**
 * Begin a transaction. Local; proves nothing.
 *
 * @return STELE_E_TIMED_OUT (STOP): the last transaction ended, but a request that ended it was
 * never answered and could end this one: destroy the producer, init a new one
 */
stele_status stele_log_producer_begin(stele_log_producer *producer, stele_error *err);

/** Put a group's offset into the transaction, with the metadata captured with the batch. */
stele_status stele_log_producer_send_offset(stele_log_producer *producer,
                                            const stele_log_group *group, stele_partition partition,
                                            int64_t offset, int timeout_ms, stele_error *err);

/**
 * Flush and commit.
 *
 * @return next = RETRY: the same call again; ABORT: abort, then go on; STOP: destroy the producer.
 *         STELE_E_FENCED (STOP): another owner. STELE_E_TIMED_OUT (STOP): the outcome is not known;
 *         destroy the producer, init a new one, restore.
 */
stele_status stele_log_producer_commit(stele_log_producer *producer, int timeout_ms,
                                       stele_error *err);

/** Abort; purges what is queued. next = RETRY: the same call again; STOP: destroy the producer. */
stele_status stele_log_producer_abort(stele_log_producer *producer, int timeout_ms,
                                      stele_error *err);

typedef struct stele_log_topic_options {
    const char *name;
    int32_t partitions;
    int16_t replication;          /* 0: the broker's default */
    const stele_header *settings; /* "cleanup.policy" = "compact", … */
    size_t setting_count;
} stele_log_topic_options;

/** @return STELE_E_EXISTS  it is there already, with whatever settings */
stele_status stele_log_topic_create(stele_log *log, const stele_log_topic_options *options,
                                    int timeout_ms, stele_error *err);

/**
 * Delete a topic, its records, and what groups have committed in it.
 * @return STELE_E_NOT_FOUND
 */
stele_status stele_log_topic_delete(stele_log *log, const char *name, int timeout_ms,
                                    stele_error *err);

/** Partition count and replication. @return STELE_E_NOT_FOUND (next = RETRY) */
typedef struct stele_log_topic {
    int32_t partitions;
    int16_t replication;
} stele_log_topic;
stele_status stele_log_topic_describe(stele_log *log, const char *name, int timeout_ms,
                                      stele_log_topic *out, stele_error *err);

/** One setting of a topic as text. @param out caller owns; free() */
stele_status stele_log_topic_setting(stele_log *log, const char *name, const char *setting,
                                     int timeout_ms, char **out, stele_error *err);

/**
 * What a topic takes as one batch: its max.message.bytes, for stele_log_producer_options.
 * @param out  0 where that may not be asked for
 */
stele_status stele_log_topic_batch_max(stele_log *log, const char *name, int timeout_ms,
                                       size_t *out, stele_error *err);

/** How far a record's time may be from the broker's clock. */
typedef struct stele_log_times {
    int64_t past_max_ms;   /* INT64_MAX: any */
    int64_t future_max_ms; /* the same */
} stele_log_times;

/** What a topic takes: its message.timestamp.*; any time where that may not be asked for. */
stele_status stele_log_topic_times(stele_log *log, const char *name, int timeout_ms,
                                   stele_log_times *out, stele_error *err);

/** Names of all topics that begin with `prefix`; NULL-terminated array, released with one free().
 */
stele_status stele_log_topics(stele_log *log, const char *prefix, int timeout_ms, char ***out,
                              stele_error *err);

/**
 * First offset and end of a partition: the last stable offset when committed, else the high
 * watermark. A restore after a fence reads to the high watermark (uncommitted). What many threads
 * ask at about the same time is one request; but none that was sent before the call.
 *
 * @param start  NULL: no one wants it, which saves a request
 */
stele_status stele_log_bounds(stele_log *log, stele_partition partition, stele_isolation isolation,
                              int timeout_ms, int64_t *start, int64_t *end, stele_error *err);

/** One partition of those that are asked about together. */
typedef struct stele_asked_partition {
    stele_partition partition; /* to be set; the rest is the answer: */
    int64_t start;
    int64_t offset;    /* the end; or where a group is asked for, its offset */
    stele_error error; /* what its own part of the answer says; STELE_OK */
} stele_asked_partition;

/** Bounds of many partitions by one thread, in one request where all of them can be answered. Each
 * has its own failure; none is named twice. */
void stele_log_bounds_of_all(stele_log *log, stele_asked_partition *partitions, size_t count,
                             stele_isolation isolation, int timeout_ms);

/** The same of one, asked again until then while that may help: a topic that was just made has no
 * leader yet. Not for a topic that is not there. */
stele_status stele_log_bounds_by(stele_log *log, stele_partition partition,
                                 stele_isolation isolation, stele_deadline until, int64_t *start,
                                 int64_t *end, stele_error *err);

/** First offset whose record is not older than `time_ms`; STELE_OFFSET_NONE if there is none. */
stele_status stele_log_offset_at(stele_log *log, stele_partition partition, int64_t time_ms,
                                 int timeout_ms, int64_t *out, stele_error *err);

/** Has a broker answered lately? A guess from what the client saw; asks nothing. */
bool stele_log_is_up(stele_log *log);

/**
 * What the client complained of last, for people who wait: "localhost:9092/bootstrap: Connect to
 * ipv4#127.0.0.1:9092 failed: Connection refused". Some complaints pass without harm.
 *
 * @return STELE_OK            none lately; *err is untouched
 *         STELE_E_UNAVAILABLE *err has it
 */
stele_status stele_log_last_problem(stele_log *log, stele_error *err);

/** A setting of [kafka], for librdkafka as it is. */
typedef struct stele_log_setting {
    const char *name;
    const char *value;
    const char *origin; /* where it was set, for messages: "worker.ini:3"; NULL: no one knows */
} stele_log_setting;

/**
 * A log on Kafka. No connection is made yet.
 *
 * @param settings  borrowed for the call; "bootstrap.servers" among them
 * @return STELE_E_INVALID  a key that librdkafka does not know, or one that Stele sets itself;
 * named
 */
stele_status stele_log_kafka_new(const stele_log_setting *settings, size_t count, stele_log **out,
                                 stele_error *err);

/** Where the log's threads, waits and clocks come from, and those of whoever works on it. */
stele_runtime stele_log_runtime(const stele_log *log);

/** Its clocks. */
static inline stele_clock stele_log_clock(const stele_log *log)
{
    return stele_runtime_clock(stele_log_runtime(log));
}

/** Now, on the clock that deadlines are of. */
static inline int64_t stele_log_now_ns(const stele_log *log)
{
    return stele_clock_monotonic_ns(stele_log_clock(log));
}

/** Release a log; all objects opened from it must be closed. NULL is fine. */
void stele_log_free(stele_log *log);

STELE_SCOPE(stele_log, stele_log_free);
STELE_SCOPE(stele_log_reader, stele_log_reader_close);
STELE_SCOPE(stele_log_producer, stele_log_producer_close);
STELE_SCOPE(stele_log_group, stele_log_group_free);
STELE_VALUE_SCOPE(stele_batch, stele_log_batch_release);

#endif
