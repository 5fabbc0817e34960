/* SPDX-License-Identifier: MIT
 * States as snapshots in a compacted topic: transactions of bounded size, one at a time, through
 * the partition's fenced writer. Each carries a checkpoint that says how many snapshots and
 * tombstones stand after it, so that a topic from which some are missing is noticed; the last one
 * of a cycle moves checkpoint and group offset to the mark. */
#ifndef STELE_STORES_KAFKA_SINK_H
#define STELE_STORES_KAFKA_SINK_H

#include <stele/type.h>

#include "producer/fenced.h"
#include "snapshots/companion.h"
#include "stores/sink.h"

typedef struct stele_kafka_sink_options {
    stele_log *log;                   /* all of this is borrowed and outlives the sink */
    stele_fenced *fenced;             /* READY; the sink submits, and takes its outcomes */
    int lane;                         /* of `fenced`, the sink's own */
    const stele_type *type;           /* of the states */
    const stele_companion *companion; /* of the states; NULL: they have none */
    stele_partition source;
    stele_partition snapshots;
    const char *group; /* "<projection>.v<n>", for messages */
    int version;
    int32_t partitions; /* of the source */
    const char *genesis;
    int32_t state_schema;
    int32_t checkpoint_schema;
    size_t transaction_max; /* states in one transaction, at most; 0: 4,000 */
    stele_mark committed;   /* of the last checkpoint */
    int64_t aggregates;     /* snapshots that are in the topic */
    int64_t finished;       /* and tombstones */
    int64_t end;            /* of the snapshots' partition, to which no one else writes */
    /** The group's metadata of this moment; NULL: the member is in no group now. */
    stele_log_group *(*take_group)(void *context);
    void *context;
} stele_kafka_sink_options;

/** @return caller owns; release with stele_sink_free, after the writer was closed */
stele_sink *stele_kafka_sink_new(const stele_kafka_sink_options *options);

/**
 * The snapshots' partition is another one than that which had so many records.
 * @return STELE_E_HOLE (next = ABORT)
 */
stele_status stele_kafka_sink_fail_anew(stele_partition snapshots, int64_t end, stele_error *err);

/** Where what it writes next comes to be, at the earliest; 0: it has never been written to. */
int64_t stele_kafka_sink_end(const stele_sink *sink);

/** What a writer's failure means for the partition. @return why->status */
stele_status stele_kafka_sink_fail_dead(const stele_error *why, stele_error *err);

#endif
