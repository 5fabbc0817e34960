/* SPDX-License-Identifier: MIT
 * The log in memory as data: what its broker and its operations work on, and what only touches the
 * data. One monitor guards all of it; functions are called with the monitor held unless they say
 * otherwise. */
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

/** A record that is under way, and no one waits for it. */
typedef struct memory_flight {
    struct memory_flight *next;
    char *topic;
    int32_t index;
    memory_payload *payload; /* owned */
    int64_t timestamp_ms;
    int64_t lands_ns;
} memory_flight;

/* ---- topics ---- */

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

void stele_memory_topic_free(memory_topic *topic);

/* ---- groups ---- */

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
    struct memory_member *next;      /* of the group's, while it is in the group */
    struct memory_member *next_open; /* of the log's, until it is closed */
    int owner;
    char **topics;
    size_t topic_count;
    char *client;
    bool eager;
    int session_timeout_ms;
    bool left_behind; /* closed where the broker was not reached: its session has to end */
    stele_log_member_events events;

    /* What the coordinator knows. */
    int64_t id; /* 0: not in the group */
    bool joined;
    bool polled;              /* at this moment */
    bool asleep;              /* its process: it does not beat, polled or not */
    int64_t seen_ns;          /* when it beat last */
    memory_partitions target; /* of the group's generation */
    bool *wakes; /* of the reader whose wait ends when something comes; borrowed; NULL: no one's */

    /* What the member was told. */
    int32_t generation;
    bool lost; /* the coordinator gave it up, and it has not heard of it */
    memory_partitions owned;
} memory_member;

void stele_memory_member_free(memory_member *member);

/** The group of that name, made if it is not there. */
memory_group *stele_memory_group(memory_log *log, const char *name);
void stele_memory_group_free(memory_group *group);

/** Group metadata as it was captured. */
typedef struct memory_captured {
    stele_log_group base;
    char *group;
    int64_t member;
    int32_t generation; /* -1: was in no generation */
} memory_captured;

void stele_memory_set_offset(memory_group *group, stele_partition partition, int64_t offset);

/** STELE_OFFSET_NONE if there is none. */
int64_t stele_memory_find_offset(const memory_group *group, stele_partition partition);

void stele_memory_forget_offsets(memory_log *log, const char *topic);

/* ---- transactional ids ---- */

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
    bool ending;  /* the open one is decided; a disk that is full takes no markers */
    bool commits; /* … and so decided */
    int64_t opened_ns;
    memory_partitions touched;
    memory_pending *pending;
    size_t pending_count;
} memory_transactional;

/** Has an open transaction an offset of this group in this partition? */
bool stele_memory_is_pending(const memory_log *log, const memory_group *group,
                             stele_partition partition);

/** The transactional id, made if it is not there. */
memory_transactional *stele_memory_transactional(memory_log *log, const char *id);

/** Add an offset to the open transaction. */
void stele_memory_add_pending(memory_transactional *transactional, memory_group *group,
                              stele_partition partition, int64_t offset);

void stele_memory_transactional_free(memory_transactional *transactional);

/* ---- the log ---- */

struct memory_log {
    stele_log base;
    size_t message_max_bytes;
    stele_clock clock;           /* the broker's */
    int (*owner)(void *context); /* of what is being opened, and of a call */
    bool (*reaches)(void *context, int owner);
    void *context;
    stele_monitor monitor;

    memory_topic *topics;
    memory_group *groups;
    memory_transactional *transactionals;
    struct memory_producer *producers; /* that are open */
    memory_flight *flights;
    memory_member *members;   /* likewise */
    int64_t last_transaction; /* number */
    int64_t last_member;      /* id */
    uint32_t next_keyless;    /* partition of the next record without a key */

    bool up;
    bool disk_is_full;
    char *full_topic;             /* whose disk is full; NULL: none */
    bool closed;                  /* it is about to be released, and waits for its producers only */
    stele_log_memory_doubt doubt; /* 0: none */
    uint64_t lost_markers;        /* of the next transaction that ends: STELE_LOG_MEMORY_… */
    bool refuses_readers;
    bool refuses_appends;
    uint64_t appends_to_fault; /* 0: none */
    stele_log_memory_fault fault;
};

/** Something that somebody may wait for has happened. */
static inline void stele_memory_changed(memory_log *log)
{
    stele_monitor_wake(&log->monitor);
}

/** Of what is opened now. Needs no monitor. */
int stele_memory_owner(const memory_log *log);

/** On the broker's clocks. */
int64_t stele_memory_now_ns(const memory_log *log);
int64_t stele_memory_now_ms(const memory_log *log);

/** Is the broker there, and does this owner reach it? */
bool stele_memory_is_reached(const memory_log *log, int owner);

/** Is the disk of this topic full? */
bool stele_memory_is_full(const memory_log *log, const char *topic);

#endif
