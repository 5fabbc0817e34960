/* SPDX-License-Identifier: MIT
 * The inside of the log in memory: what its files share. One monitor guards all of it; functions
 * are called with the monitor held unless they say otherwise. */
#ifndef STELE_KAFKA_MEMORY_STATE_H
#define STELE_KAFKA_MEMORY_STATE_H

#include "core/monitor.h"
#include "kafka/log_port.h"
#include "kafka/memory_log.h"

/* ---- records (memory_partition.c) ---- */

/** What a record carries, in one block of memory. Immutable. */
typedef struct memory_payload {
    stele_bytes key;
    stele_bytes value;
    size_t size; /* of key, value and headers */
    size_t header_count;
    stele_header headers[];
} memory_payload;

/** A copy; caller owns, release with free. Needs no monitor. */
memory_payload *stele_memory_payload_copy(stele_bytes key, stele_bytes value,
                                          const stele_header *headers, size_t header_count);

typedef struct memory_record {
    int64_t offset;
    int64_t timestamp_ms;
    int64_t transaction;     /* its number; 0: none */
    bool aborted;            /* by its transaction */
    int64_t horizon_ms;      /* when cleaning may take a tombstone; 0: it has not met it yet */
    memory_payload *payload; /* owned; NULL: a marker of an end of transaction */
} memory_record;

/** An open transaction that has records in a partition. */
typedef struct memory_open {
    int64_t transaction;
    int64_t first_offset;
} memory_open;

typedef struct memory_partition {
    memory_record *records; /* by offset, with holes */
    size_t count;
    size_t capacity;
    int64_t start; /* first offset of the log */
    int64_t end;   /* the high watermark: the next offset */
    memory_open *opens;
    size_t open_count;
} memory_partition;

/** Append; takes `payload` over. @param transaction  0: none @return the offset */
int64_t stele_memory_append(memory_partition *partition, memory_payload *payload,
                            int64_t timestamp_ms, int64_t transaction);

/** End a transaction in a partition: a marker is written, and its records are hidden if aborted. */
void stele_memory_mark(memory_partition *partition, int64_t transaction, bool committed,
                       int64_t timestamp_ms);

/** The end at an isolation: the last stable offset, or the high watermark. */
int64_t stele_memory_end(const memory_partition *partition, stele_isolation isolation);

/** Index of the first record at or past `offset`; `count` if there is none. */
size_t stele_memory_find_record(const memory_partition *partition, int64_t offset);

/** May a reader of this isolation see it, below the end? */
bool stele_memory_is_visible(const memory_record *record, stele_isolation isolation);

void stele_memory_delete_before(memory_partition *partition, int64_t before);
void stele_memory_compact_partition(memory_partition *partition, int64_t now_ms,
                                    int64_t retention_ms);
void stele_memory_partition_clear(memory_partition *partition);

/* ---- topics (memory_topic.c) ---- */

typedef struct memory_setting {
    char *name;
    char *value;
} memory_setting;

typedef struct memory_topic {
    struct memory_topic *next;
    char *name;
    int16_t replication;
    memory_setting *settings;
    size_t setting_count;
    memory_partition *partitions;
    int32_t partition_count;
} memory_topic;

typedef struct memory_log memory_log;

/** The topic; NULL if there is none. */
memory_topic *stele_memory_find_topic(const memory_log *log, const char *name);

/** The partition; NULL if there is none. Valid until the monitor is given up. */
memory_partition *stele_memory_find_partition(const memory_log *log, stele_partition partition);

/** What a topic says to a setting: its own value or Kafka's default; NULL: no such setting. */
const char *stele_memory_setting(const memory_topic *topic, const char *name);

stele_status stele_memory_fail_no_topic(stele_error *err, const char *name);
void stele_memory_topic_free(memory_topic *topic);

/* ---- groups (memory_group.c) ---- */

/** A set of partitions; owns the names. */
typedef struct memory_partitions {
    stele_partition *items;
    size_t count;
} memory_partitions;

void stele_memory_partitions_add(memory_partitions *set, stele_partition partition);
bool stele_memory_partitions_has(const memory_partitions *set, stele_partition partition);
void stele_memory_partitions_remove(memory_partitions *set, stele_partition partition);
void stele_memory_partitions_clear(memory_partitions *set);

typedef struct memory_offset {
    char *topic;
    int32_t index;
    int64_t offset;
} memory_offset;

struct memory_member;

/** A group as its coordinator knows it. It lives as long as the log. */
typedef struct memory_group {
    struct memory_group *next;
    char *name;
    int32_t generation;
    bool rebalancing; /* waits until every member has joined again */
    struct memory_member *members;
    memory_offset *offsets;
    size_t offset_count;
} memory_group;

typedef struct memory_member {
    stele_log_member base;
    memory_log *log;
    memory_group *group;
    struct memory_member *next; /* of the group's, while it is in the group */
    char **topics;
    size_t topic_count;
    char *client;
    bool eager;
    int session_timeout_ms;
    stele_log_member_events events;

    /* What the coordinator knows. */
    int64_t id; /* 0: not in the group */
    bool joined;
    bool polled;              /* at this moment */
    int64_t seen_ns;          /* when that was so last */
    memory_partitions target; /* of the group's generation */

    /* What the member was told. */
    int32_t generation;
    bool lost; /* the coordinator gave it up, and it has not heard of it */
    memory_partitions owned;
} memory_member;

/** The group of that name, made if it is not there. */
memory_group *stele_memory_group(memory_log *log, const char *name);
void stele_memory_group_free(memory_group *group);

/** Is `topic` one that the member reads? */
bool stele_memory_subscribes(const memory_member *member, const char *topic);

/** Join, or join again, with what it owns. A group of the other protocol lets nobody in. */
void stele_memory_join(memory_member *member);

/** Take a member out of its group; the others rebalance. */
void stele_memory_leave(memory_member *member);

/** Members that were not polled for too long are lost; the others rebalance. */
void stele_memory_expire_members(memory_log *log);

/** The broker was away: nobody is blamed for the silence. */
void stele_memory_forgive_members(memory_log *log);

/** Topics came, went or grew: groups that read `topic` rebalance. */
void stele_memory_rebalance_readers(memory_log *log, const char *topic);

/** Group metadata as it was captured. */
typedef struct memory_captured {
    stele_log_group base;
    char *group;
    int64_t member;
    int32_t generation; /* -1: was in no generation */
} memory_captured;

/** May offsets be committed with this metadata now? (GroupCoordinator's validateOffsetCommit.) */
stele_status stele_memory_check_captured(memory_log *log, const memory_captured *captured,
                                         stele_error *err);

void stele_memory_set_offset(memory_group *group, stele_partition partition, int64_t offset);
void stele_memory_forget_offsets(memory_log *log, const char *topic);

/* ---- transactions (memory_transaction.c) ---- */

/** An offset in a transaction. */
typedef struct memory_pending {
    memory_group *group;
    char *topic;
    int32_t index;
    int64_t offset;
    bool hangs; /* its transaction has ended, and the group has not heard of it */
} memory_pending;

/** A transactional id as its coordinator knows it. It lives as long as the log. */
typedef struct memory_transactional {
    struct memory_transactional *next;
    char *id;
    int64_t epoch; /* whoever has another one is fenced */
    int timeout_ms;
    int64_t open; /* number of the open transaction; 0: none */
    int64_t hung; /* number of one whose markers were lost, which all later ones share; 0: none */
    int64_t opened_ns;
    memory_partitions touched;
    memory_pending *pending;
    size_t pending_count;
} memory_transactional;

/** Begin a transaction at the coordinator if none is open. @return its number */
int64_t stele_memory_open(memory_log *log, memory_transactional *transactional);

/** End the open transaction, if there is one: markers, and offsets if it is committed. */
void stele_memory_end_transaction(memory_log *log, memory_transactional *transactional,
                                  bool committed);

/** Transactions open for too long are aborted and their holders fenced. */
void stele_memory_expire_transactions(memory_log *log);

/** Has an open transaction an offset of this group in this partition? */
bool stele_memory_is_pending(const memory_log *log, const memory_group *group,
                             stele_partition partition);

void stele_memory_transactional_free(memory_transactional *transactional);

/* ---- producers (memory_producer.c) ---- */

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
    struct memory_producer *next; /* of the log's */
    void (*delivered)(void *context, void *opaque, stele_position position,
                      const stele_error *failure);
    void *context;
    int64_t delivery_timeout_ms;
    size_t queue_max;
    bool gapless;  /* dies of a record that fails */
    char **topics; /* names in positions, valid until it closes */
    size_t topic_count;

    memory_entry *entries; /* oldest first; ended ones stand before queued ones */
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

/** STELE_OK while it lives and nobody has fenced it; else what it died of. */
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

/* ---- the log (memory_log.c) ---- */

struct memory_log {
    stele_log base;
    size_t message_max_bytes;
    stele_monitor monitor;

    memory_topic *topics;
    memory_group *groups;
    memory_transactional *transactionals;
    memory_producer *producers;
    int64_t last_transaction; /* number */
    int64_t last_member;      /* id */
    uint32_t next_keyless;    /* partition of the next record without a key */

    bool up;
    stele_log_memory_doubt doubt; /* 0: none */
    bool lose_markers;            /* of the next transaction that ends, … */
    bool spare_group;             /* … but the group hears of it */
    bool refuses_readers;
    bool refuses_appends;
    uint64_t appends_to_fault; /* 0: none */
    stele_log_memory_fault fault;
};

/** Lock, and let what is overdue happen: every operation begins so. */
void stele_memory_enter(memory_log *log);

/** Unlock; who waits looks again if anything was changed by stele_memory_changed. */
void stele_memory_exit(memory_log *log);

/** Something that somebody may wait for has happened. */
static inline void stele_memory_changed(memory_log *log)
{
    stele_monitor_wake(&log->monitor);
}

/**
 * Wait until something changes, or a moment that is short: the caller looks again.
 *
 * @return false: the deadline has passed
 */
bool stele_memory_wait(memory_log *log, stele_deadline deadline);

/** A deadline for a wait, on the runtime's clock. Needs no monitor. */
stele_deadline stele_memory_deadline(const memory_log *log, int timeout_ms);

/** Wait for the broker. @return STELE_E_UNAVAILABLE (RETRY) if it stays away */
stele_status stele_memory_await_up(memory_log *log, stele_deadline deadline, stele_error *err);

/** On the log's clock. */
int64_t stele_memory_now_ns(const memory_log *log);
int64_t stele_memory_now_ms(const memory_log *log);

/* ---- the operations of kafka/log_port.h, each in the file of its noun ---- */

extern const stele_reader_ops stele_memory_reader_ops;
extern const stele_member_ops stele_memory_member_ops;
extern const stele_producer_ops stele_memory_producer_ops;
extern const stele_transaction_ops stele_memory_transaction_ops;
extern const stele_group_ops stele_memory_group_ops;
extern const stele_topic_ops stele_memory_topic_ops;

#endif
