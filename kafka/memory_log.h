/* SPDX-License-Identifier: MIT
 * The log in memory: a Kafka of one process, for tests without a broker. It passes the contract
 * suite of kafka/log.h and is as strict as Kafka: transactions, fencing, last stable offset, group
 * generations. What a broker's administrator, its cleaner or a bad day does is done here by call.
 *
 * It differs where a contract leaves room: what is put is in the log at once; deliveries wait
 * for the next call of the producer; reading fetches nothing ahead; a member is lost when it was
 * not polled for its session time-out (on Kafka a thread beats for it).
 */
#ifndef STELE_KAFKA_MEMORY_LOG_H
#define STELE_KAFKA_MEMORY_LOG_H

#include "core/clock.h"
#include "kafka/log.h"

/** All zero means the defaults. */
typedef struct stele_log_memory_options {
    stele_runtime runtime;    /* ops NULL: the operating system's */
    stele_clock clock;        /* the broker's wall clock; all zero: the runtime's */
    size_t message_max_bytes; /* key and value of a record, at most; 0: 1,000,000 */
    /**
     * Whose is the call, and what it opens: the process, in a simulation. Called from the thread of
     * the call. NULL: all are 0's.
     */
    int (*owner)(void *context);
    /**
     * May that owner reach the broker at this moment? Who does not hears nothing, sends nothing and
     * does not beat. Called with the log locked. NULL: all may.
     */
    bool (*reaches)(void *context, int owner);
    void *context;
} stele_log_memory_options;

/**
 * A log with no topics. stele_log_free of it waits for writers that were abandoned, whose calls are
 * answered then; another producer that is still open is a bug, and ends the process.
 *
 * @param options  NULL: the defaults
 * @param out      caller owns; release with stele_log_free
 */
stele_status stele_log_memory_new(const stele_log_memory_options *options, stele_log **out,
                                  stele_error *err);

/*
 * The calls below are for a log of stele_log_memory_new only, from any thread. Those with a topic
 * return STELE_E_NOT_FOUND if it or the partition is not there.
 */

/**
 * Compact a topic, whatever its cleanup.policy: of each key, the last committed record stays. A
 * tombstone goes with a compaction that comes delete.retention.ms, by the log's clock, after the
 * first that met it. What stands past the last stable offset is left alone. Offsets do not change.
 */
stele_status stele_log_memory_compact(stele_log *log, const char *topic, stele_error *err);

/** Delete the records below `before`, as retention does; the log's start moves there. */
stele_status stele_log_memory_delete_records(stele_log *log, stele_partition partition,
                                             int64_t before, stele_error *err);

/** Raise the count of partitions: keys move. STELE_E_INVALID if it would not be more. */
stele_status stele_log_memory_partitions_raise(stele_log *log, const char *topic,
                                               int32_t partitions, stele_error *err);

/** Let the groups that read a topic rebalance, as a coordinator does for reasons of its own. */
void stele_log_memory_rebalance(stele_log *log, const char *topic);

/** Take the broker away, or bring it back: what was queued goes out then. A new log is up. */
void stele_log_memory_set_up(stele_log *log, bool up);

/**
 * Let the disk be full, or free again: what was queued goes out then. Reading goes on meanwhile.
 *
 * @param topic  its records and the markers in it wait: a transaction that has been there is ended
 *               and not visible, and the next one of its id waits for it. NULL: nothing is written
 *               at all, so that transactions, offsets and new topics wait too
 */
void stele_log_memory_fill_disk(stele_log *log, const char *topic, bool full);

/** What became of a commit that no one answered. */
typedef enum stele_log_memory_doubt {
    STELE_LOG_MEMORY_DONE = 1, /* it was committed */
    STELE_LOG_MEMORY_NOT_DONE  /* the request was lost: the transaction is open still */
} stele_log_memory_doubt;

/** Leave the next commit unanswered: it fails as STELE_E_TIMED_OUT (STOP). Once. */
void stele_log_memory_doubt_commit(stele_log *log, stele_log_memory_doubt outcome);

/**
 * Let the next transaction that ends be recorded as ended, and no partition hear of it: its records
 * hang, and so does its offset. A broker does so to a partition that has no leader at that moment
 * (Apache Kafka 4.3.0). The next transaction of the same id ends it where both have been. Once.
 */
void stele_log_memory_lose_markers(stele_log *log);

/** Likewise, but the group gets the end of its offsets: half of the end is lost. Once. */
void stele_log_memory_lose_half_the_markers(stele_log *log);

#define STELE_LOG_MEMORY_GROUP (UINT64_C(1) << 63)

/**
 * Likewise, but only some do not hear of it. Once.
 *
 * @param which  bits of the partitions that the transaction has come to, in turn, and
 *               STELE_LOG_MEMORY_GROUP
 */
void stele_log_memory_lose_some_markers(stele_log *log, uint64_t which);

/** What was ordered to come once and has not come is not to come. */
void stele_log_memory_forget_faults(stele_log *log);

/** Open no reader from now on, as where file descriptors are used up; or do so again. */
void stele_log_memory_refuse_readers(stele_log *log, bool refuse);

/** How an append fails. */
typedef enum stele_log_memory_fault {
    STELE_LOG_MEMORY_REFUSED = 1, /* it is not in the log; the same record may be put again */
    STELE_LOG_MEMORY_DIES_BEFORE, /* the producer dies of it, and it is not in the log */
    STELE_LOG_MEMORY_DIES_AFTER,  /* the producer dies of it, but it is in the log */
    STELE_LOG_MEMORY_DIES_LATE    /* the same, but 100 ms later; not where it has transactions */
} stele_log_memory_fault;

/** Refuse every record from now on, or none again. */
void stele_log_memory_refuse_appends(stele_log *log, bool refuse);

/**
 * Append a record so much later, as if it had been on its way when its sender died; never, if the
 * broker is away or its disk full at that moment. Its partition is given, and no transaction.
 */
void stele_log_memory_append_late(stele_log *log, const stele_log_entry *entry, int64_t after_ms);

/** Let the nth record that is appended from now on (1: the next) fail so. Once. */
void stele_log_memory_fail_append(stele_log *log, uint64_t nth, stele_log_memory_fault fault);

/*
 * For a simulation in which one thread runs at a time (memory_owner.c): these take no lock, wait
 * for nothing, and let nothing happen that is overdue. No thread is within the log meanwhile.
 */

/**
 * The owner's process is gone. All that Kafka sees of a SIGKILL is silence: what was queued is
 * lost, what is open times out. Its objects are used no more, and no one releases them.
 */
void stele_log_memory_client_gone(stele_log *log, int owner);

/** The owner's process sleeps, and its members do not beat; or it is awake again. */
void stele_log_memory_client_sleep(stele_log *log, int owner, bool asleep);

/** Is a fault still to come that was ordered to come once? */
bool stele_log_memory_has_fault(stele_log *log);

/** The producer's transactional id; valid as long as the log. NULL: it has none. */
const char *stele_log_memory_transactional_id(const stele_log_producer *producer);

enum { STELE_LOG_MEMORY_ANYONE = -1 };

/**
 * How many producers believe that they hold the id, and are believed by the broker?
 *
 * @param owner  whose; or STELE_LOG_MEMORY_ANYONE
 */
int stele_log_memory_holders(stele_log *log, const char *transactional_id, int owner);

/** Waits something of the producer to be sent, so that nothing may overtake it? */
bool stele_log_memory_is_queued(const stele_log_producer *producer);

/** The last stable offset and the high watermark of a partition; 0 if it is not there. */
void stele_log_memory_ends(stele_log *log, stele_partition partition, int64_t *stable,
                           int64_t *end);

/** Does a reader of what is committed get a record at that offset? */
bool stele_log_memory_is_visible(stele_log *log, stele_partition partition, int64_t offset);

#endif
