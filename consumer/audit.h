/* SPDX-License-Identifier: MIT
 * The audit of an events topic: is it what writers and publishers promise? Reads every record that
 * can be seen, and looks at what is open or was aborted. Knows no projections.
 *
 * Who wrote a record, producer and epoch, is in the batches of the log and is handed out by no
 * client library, so it is not seen here: what a zombie appended is found by what it breaks, the
 * versions of its aggregate. */
#ifndef STELE_CONSUMER_AUDIT_H
#define STELE_CONSUMER_AUDIT_H

#include <stdatomic.h>

#include <stele/aggregate.h>

#include "core/deadline.h"
#include "kafka/log.h"
#include "registry/registry.h"

/** What can be wrong. */
typedef enum stele_audit_kind {
    STELE_AUDIT_HOLE = 0,     /* the log has lost its beginning, or an aggregate a version */
    STELE_AUDIT_FORK,         /* a version that was there already: two have appended to one place */
    STELE_AUDIT_FOREIGN,      /* no version, in an aggregate that a writer owns */
    STELE_AUDIT_BAD_VERSION,  /* a version that is no number from 1 on */
    STELE_AUDIT_DUPLICATE_ID, /* an event id that another record has */
    STELE_AUDIT_COMMAND_TWICE,   /* a command id in two units of one aggregate */
    STELE_AUDIT_WRONG_PARTITION, /* a key that belongs elsewhere */
    STELE_AUDIT_NO_KEY,
    STELE_AUDIT_NO_VALUE,
    STELE_AUDIT_RESERVED_ID, /* an id that no aggregate may have: stele:…, or an empty one */
    STELE_AUDIT_UNDECODABLE, /* not the wire format, an unknown schema, or bytes not of it */
    STELE_AUDIT_UNREADABLE,  /* what the program's own types cannot be read from */
    STELE_AUDIT_HANGING,     /* a transaction that does not end */
    STELE_AUDIT_KINDS
} stele_audit_kind;

/** "hole", "wrong-partition" */
const char *stele_audit_kind_name(stele_audit_kind kind);

/** Borrowed for the call. */
typedef struct stele_audit_finding {
    stele_audit_kind kind;
    stele_partition partition;
    int64_t offset;
    stele_bytes id;   /* of the aggregate; null: none */
    const char *text; /* what it means */
} stele_audit_finding;

typedef struct stele_audit_counts {
    int32_t partitions;
    int64_t events;      /* that can be seen */
    int64_t aggregates;  /* in all partitions */
    int64_t unversioned; /* events without a version: facts, whose versions are counted */
    int64_t no_id;       /* events without an id, or one that is no UUID */
    int64_t aborted;     /* records of aborted transactions, which no one sees */
    int64_t held_back;   /* records behind a transaction that was open */
    int64_t findings[STELE_AUDIT_KINDS];
    int64_t unnamed; /* duplicates that were counted only: there are too many */
} stele_audit_counts;

/** Borrowed for the call; functions may be NULL. */
typedef struct stele_audit_options {
    stele_log *log;
    stele_registry *registry;
    const char *topic;                /* of events */
    const stele_aggregate *aggregate; /* its types are tried, too; NULL: each event is read by the
                                         schema that it was written with */
    int32_t partition;                /* STELE_AUDIT_ALL, or only this one */
    bool skip_ids;                    /* neither event ids nor command ids are kept and compared */
    int settle_ms;                    /* how long an open transaction may stand still; 0: 20,000 */
    int patience_ms; /* how long a read or the registry may stand still; 0: 30,000 */
    const atomic_bool *stop;
    void (*each)(void *context, const stele_audit_finding *finding);
    /** Of events whose type the aggregate does not list. @param count  of them */
    void (*note)(void *context, const char *type, int64_t count);
    /** @param done  offsets that are behind it, of `total`, which may grow */
    void (*progress)(void *context, int64_t done, int64_t total);
    void *context;
} stele_audit_options;

#define STELE_AUDIT_ALL (-1)

/**
 * Read the topic to the end that it had when each partition was begun. Writers may go on meanwhile.
 *
 * Memory: the aggregates of one partition at a time (their ids and 64 bytes each); where ids are
 * compared, 9 to 14 bytes for each event of the topic, and for each command of one partition.
 *
 * @param out  filled as far as it came, also where it fails
 * @return STELE_E_NOT_FOUND  there is no such topic or partition
 *         STELE_E_INTERRUPTED, STELE_E_TIMED_OUT, failures of log and registry; findings are none
 */
stele_status stele_audit(const stele_audit_options *options, stele_audit_counts *out,
                         stele_error *err);

#endif
