/* SPDX-License-Identifier: MIT
 * A small bank for the tests of projections: a log in memory, the `kafka:` registry on it, accounts
 * with a few events, and workers that run a fold over them. Time stands still unless it is moved.
 */
#ifndef STELE_TESTS_BANK_H
#define STELE_TESTS_BANK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "kafka/bounded_read.h"
#include "kafka/memory_log.h"
#include "projections/fold.h"
#include "registry/registry.h"
#include "snapshots/format.h"
#include "tests/support/manual_time.h"

#include "account.h"
#include "closed.h"
#include "deposited.h"
#include "named.h"
#include "noted.h"

#define BANK_EVENTS    "account.events"
#define BANK_SNAPSHOTS "balances.v1.snapshots"
#define BANK_GROUP     "balances.v1"

/** Deposits are added up, owners named, a closed account is finished, notes are ignored. A deposit
 * with the memo "bad" is refused. */
extern const stele_projection bank_balances;
extern const stele_aggregate bank_account;
extern const stele_handler bank_handlers[];

typedef struct bank {
    stele_log *log;
    stele_manual_clock time;
    stele_registry *registry;
    int32_t deposited;
    int32_t named;
    int32_t closed;
    int32_t noted;
    stele_log_producer *producer;
} bank;

bank *bank_new(int32_t partitions);
/** The same on another log, which it owns from then on, with the `kafka:` registry. */
bank *bank_new_on(stele_log *log, int32_t partitions);
void bank_free(bank *self);
stele_clock bank_clock(bank *self);

/** Append one event. */
void bank_deposit(bank *self, int32_t partition, const char *id, int64_t amount, const char *memo);
void bank_name(bank *self, int32_t partition, const char *id, const char *owner);
void bank_close(bank *self, int32_t partition, const char *id);
void bank_note(bank *self, int32_t partition, const char *id);
void bank_append(bank *self, const char *topic, int32_t partition, stele_bytes key,
                 stele_bytes value, const stele_header *headers, size_t header_count);

/** Register a schema for the events topic. @return its id */
int32_t bank_register(bank *self, const char *text);

/** A worker with a fold. */
typedef struct teller {
    bank *of;
    stele_fold *fold;
    stele_worker *worker;
} teller;

typedef struct teller_options {
    const stele_projection *projection; /* NULL: bank_balances */
    int64_t snapshot_events;            /* 0: 10 */
    int snapshot_interval_ms;
    size_t transaction_snapshots;
    bool parks;
    size_t parked_max;
    size_t parked_size_max;
    bool eager;
    bool status;
    bool abrupt; /* it does not drain when it closes */
    const stele_fold_owner *owner;
    const stele_fold_table *table;
    const stele_task_ops *ops; /* of tasks around the fold's, … */
    void *self;                /* … and what they are opened with */
    const stele_logger *logger;
} teller_options;

teller teller_open(bank *of, teller_options options);
/** Drain and leave. */
void teller_close(teller *self);

/** One turn, and a few milliseconds of the bank's time. */
void teller_turn(teller *self);
/** Turns until the partition is in that state. */
void teller_until(teller *self, int32_t partition, stele_partition_state state);
/** Turns until all events of the partitions that it owns are applied. */
void teller_catch_up(teller *self);
const char *teller_reason(const teller *self, int32_t partition);
stele_partition_state teller_state(const teller *self, int32_t partition);

/** Open, catch up, close: as a worker that runs while nothing happens. */
void bank_run(bank *self, teller_options options);
/** Open, and turn until the partition is stopped. @return its reason; caller frees */
char *bank_run_to_stop(bank *self, teller_options options, int32_t partition);

/** All of a topic that is committed, in batches. */
void bank_read(bank *self, const char *topic, stele_bounded_read_take *take, void *context);

/** What is in a snapshots topic, as lines of text sorted by key: one for each aggregate, with
 * its headers and its state, and one for each checkpoint. Caller frees. */
char *bank_snapshots(bank *self, const char *topic);
/** Where the first checkpoint in BANK_SNAPSHOTS is, of one partition; STELE_OFFSET_NONE if there is
 * none. */
int64_t bank_first_checkpoint(bank *self);
/** The lines that one replay of all events makes, without checkpoints. Caller frees. */
char *bank_replay(bank *self, const stele_projection *projection);
/** Lines of bank_snapshots without the checkpoints. Caller frees. */
char *bank_states(bank *self, const char *topic);

/** Committed offset of BANK_GROUP, or of another group. */
int64_t bank_group_offset(bank *self, int32_t partition);
int64_t bank_offset_of(bank *self, const char *group, int32_t partition);
/** Records in a partition that a reader sees. */
int64_t bank_count(bank *self, stele_partition partition, stele_isolation isolation);

#endif
