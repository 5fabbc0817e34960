/* SPDX-License-Identifier: MIT
 * The inside of the audit: what its files share. audit.c walks, audit_events.c looks at records one
 * by one, audit_versions.c at what they are to one another; all hand what they find to
 * audit_findings.c. */
#ifndef STELE_CONSUMER_AUDIT_INSIDE_H
#define STELE_CONSUMER_AUDIT_INSIDE_H

#include "consumer/audit.h"
#include "consumer/decoder.h"
#include "consumer/value_reader.h"
#include "core/fingerprints.h"
#include "core/table.h"

/* A schema id that cannot be read: why, when it was met first. */
typedef struct stele_audit_refusal {
    stele_audit_kind kind;
    char why[sizeof((stele_error *)0)->text];
} stele_audit_refusal;

/* Where something was first. */
typedef struct stele_audit_place {
    int32_t partition;
    bool is_set;
    int64_t offset;
} stele_audit_place;

typedef struct stele_audit_run {
    const stele_audit_options *options;
    stele_audit_counts *counts;
    int32_t partitions;

    /* Of the partition that is being read. */
    stele_partition source;
    int64_t log_start;
    int64_t settled;              /* the last stable offset when the audit began … */
    int64_t visible;              /* … and how many records below it can be seen */
    stele_table *aggregates;      /* what is known of each, by id */
    stele_fingerprints *commands; /* units, by aggregate and command */

    /* Of all. */
    stele_value_reader *reader;
    stele_decoder *decoder;    /* to the aggregate's types; NULL: they are not known */
    stele_table *refused;      /* schema ids that cannot be read, and why */
    stele_table *others;       /* types that the aggregate does not list: int64_t, by name */
    stele_fingerprints *ids;   /* of events */
    stele_fingerprints *twice; /* ids and commands that may have been there before */
    bool is_naming;            /* the second time: where exactly what may be there twice is */
    stele_table *named;        /* its first places, by kind and text */
} stele_audit_run;

/** What is looked at of a record's headers. Null: it has none. */
typedef struct stele_audit_headers {
    stele_bytes id;
    stele_bytes version;
    stele_bytes command;
} stele_audit_headers;

void stele_audit_find(stele_audit_run *run, stele_audit_kind kind, int64_t offset, stele_bytes id,
                      const char *format, ...) STELE_PRINTF(5, 6);

/** How long what is asked for now may take. */
stele_deadline stele_audit_patience(const stele_audit_run *run);

/** A batch of records that can be seen, in order. A take of a bounded read. */
int stele_audit_take(void *run, const stele_batch *batch, stele_error *err);

/** Between two partitions: what is known of aggregates is of one partition. */
void stele_audit_forget_aggregates(stele_audit_run *run);

/** An event of an aggregate, in the partition where it belongs. */
void stele_audit_look_at_event(stele_audit_run *run, const stele_record *record,
                               const stele_audit_headers *headers);

#endif
