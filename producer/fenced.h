/* SPDX-License-Identifier: MIT
 * The fenced transaction: how the owner of a partition writes, and how no one else can.
 *
 * One transactional producer per partition, its id the partition's. Opening it fences the holder
 * before and aborts what that one left open. It has a thread of its own, because begin, flush, send
 * offsets and commit block: the fold goes on while a transaction is in flight, and what queues up
 * meanwhile goes into the next one (group commit). Requests and outcomes are messages between the
 * two threads. A transaction that does not commit takes those behind it along: what was built while
 * it was in flight may rest on it.
 *
 * Who writes things that do not rest on each other, as an owner's events and its snapshots, gives
 * each its lane: transactions are begun one after the other, those that wait in different lanes in
 * turn, and each lane has outcomes of its own. Death ends all lanes. KIP-98, KIP-447. */
#ifndef STELE_PRODUCER_FENCED_H
#define STELE_PRODUCER_FENCED_H

#include "kafka/log.h"

typedef struct stele_fenced stele_fenced;

typedef struct stele_fenced_options {
    const char *transactional_id; /* "<projection>.v<n>-<topic>-<partition>" */
    const char *topic;            /* where it writes, for the metadata; copied */
    const char *const *others;    /* further topics that it writes to; NULL-terminated; or NULL */
    const char *group;            /* whose offsets it moves; NULL: none */
    size_t batch_max;             /* what each of them takes as one batch; 0: not known */
    int timeout_ms;               /* transaction.timeout.ms; 0: 10,000 */
    int patience_ms;              /* fencing that lasts longer is said as a failure; 0: 5,000 */
    int lanes;                    /* how many there are; 0: 1 */
    int together; /* so many are opened at about the same time, so each takes longer; 0: 1 */
    /**
     * A partition that the owner writes to, and reads, and of which it tells stele_fenced_visible:
     * the next transaction begins when what was committed there is visible, instead of 2 ms later.
     * Topic NULL: none. The topic is copied.
     */
    stele_partition follows;
    /**
     * Called from the writer's thread whenever there is an outcome, or the state has changed; not
     * after stele_fenced_end or _close. It may not call the writer. NULL: no one waits.
     */
    void (*wake)(void *context);
    void *context;
} stele_fenced_options;

typedef enum stele_fenced_state {
    STELE_FENCED_INIT = 0, /* fencing the holder before; retried while the broker is away */
    STELE_FENCED_READY,    /* the fence holds, no transaction is in flight */
    STELE_FENCED_BUSY,     /* a transaction is in flight */
    STELE_FENCED_DEAD      /* fenced, or an outcome that is not known: close it; see the failure */
} stele_fenced_state;

/** Open and begin to fence, without waiting. @param out caller owns; release with
 * stele_fenced_close */
stele_status stele_fenced_open(stele_log *log, const stele_fenced_options *options,
                               stele_fenced **out, stele_error *err);

/** How far it is. @param failure  filled when DEAD, and while INIT lasts longer than it should;
 * or NULL */
stele_fenced_state stele_fenced_poll(stele_fenced *fenced, stele_error *failure);

/** As _poll, after waiting up to timeout_ms while it is INIT and nothing is to be said of it. */
stele_fenced_state stele_fenced_await(stele_fenced *fenced, int timeout_ms, stele_error *failure);

/** One transaction's content. Used by one thread at a time. */
typedef struct stele_transaction stele_transaction;

/** Caller owns; release with stele_transaction_free, or hand it over with stele_fenced_submit. */
stele_transaction *stele_transaction_new(void);

/** Release it with all it holds. NULL is fine. */
void stele_transaction_free(stele_transaction *transaction);

STELE_SCOPE(stele_transaction, stele_transaction_free);

/** Add a record; topic, key, value and headers are copied. Null value: tombstone. */
void stele_transaction_put(stele_transaction *transaction, stele_partition partition,
                           stele_bytes key, stele_bytes value, const stele_header *headers,
                           size_t header_count);

/** The time of the records that are put from now on, Unix; 0: when they are written. */
void stele_transaction_time(stele_transaction *transaction, int64_t time_ms);

/** Bytes so far, keys, values and headers with what a record costs beside them; and records. */
size_t stele_transaction_size(const stele_transaction *transaction);
size_t stele_transaction_count(const stele_transaction *transaction);

/**
 * Add the group's offset in a source; one of another source goes beside it, one of the same source
 * takes its place. `group` is taken over: the metadata of a moment at which the member was asked,
 * and owned the source. The last one given counts for all.
 */
void stele_transaction_offset(stele_transaction *transaction, stele_log_group *group,
                              stele_partition source, int64_t offset);

/**
 * No record of it in that partition, to which no one else writes, can be below `offset`, nor below
 * one that was put before it. One that is shows that the topic was deleted and made again: the
 * transaction is aborted, and its outcome is STELE_E_HOLE (next = ABORT). The partition's name is
 * copied; the last one given counts.
 */
void stele_transaction_above(stele_transaction *transaction, stele_partition partition,
                             int64_t offset);

/**
 * Make it one that is written and then aborted: nothing of it is ever seen, but with its end the
 * broker ends what it holds open of this transactional id in the partitions and the group that it
 * goes to. Its outcome is STELE_OK once it is aborted. For what a broker has forgotten to end.
 */
void stele_transaction_abort(stele_transaction *transaction);

/**
 * Hand a transaction over; it begins when none is in flight, the fence holds, and it is the turn
 * of its lane.
 *
 * As long as an outcome of this lane that is not STELE_OK has not been taken, what is submitted in
 * it is handed back unbegun (next = ABORT), like what was waiting behind the one that failed.
 *
 * @param lane         from 0 to below stele_fenced_options.lanes; used by one thread at a time
 * @param transaction  taken over on success only
 * @return STELE_E_FULL    one is waiting already in this lane (next = RETRY)
 *         STELE_E_FENCED  it is dead (next = STOP)
 */
stele_status stele_fenced_submit(stele_fenced *fenced, int lane, stele_transaction *transaction,
                                 stele_error *err);

/** Where the record at `index` is, once its transaction is committed; offset -1 if that is not
 * known. The topic is a view into the transaction. */
stele_position stele_transaction_position(const stele_transaction *transaction, size_t index);

/** What became of a transaction that was submitted. */
typedef struct stele_outcome {
    stele_transaction *transaction; /* handed back; caller frees */
    stele_status status; /* STELE_OK: done as asked for. next ABORT: aborted, nothing of it is
                            visible, submit again if still owned. next REJECT: a record was too
                            large (STELE_E_LIMIT). next STOP: dead */
    stele_error error;
    size_t rejected; /* STELE_E_LIMIT: index of the record that was too large */
} stele_outcome;

/**
 * The oldest outcome of a lane that was not taken yet, in the order of submission.
 *
 * @return false: none, after waiting up to timeout_ms for one that can come
 */
bool stele_fenced_outcome(stele_fenced *fenced, int lane, int timeout_ms, stele_outcome *out);

/**
 * Readers of what is committed see this partition up to `offset` (not included): the position
 * behind each batch of the owner's reader. From any thread, also before the commit is answered,
 * which readers may be ahead of. What is told of a partition that it does not follow is used, too,
 * if it concerns what was committed last.
 *
 * What was committed there and does not become visible hangs, as its marker was lost. The next
 * commit ends it, as committed, too: so if there is one waiting it begins after 20 ms. If there is
 * none for a second, the broker is asked; and if it does not show it either, the writer dies, and
 * whoever opens the next one ends what hangs by an abort.
 */
void stele_fenced_visible(stele_fenced *fenced, stele_partition partition, int64_t offset);

/**
 * The first step of closing, from any thread, without waiting: abort what is in flight (or wait for
 * the commit under way) and destroy the producer, within timeout_ms. Only a close may follow. NULL
 * is fine.
 */
void stele_fenced_end(stele_fenced *fenced, int timeout_ms);

/**
 * End it, join the thread; outcomes not taken are dropped. Bounded by timeout_ms, for it is called
 * in the rebalance callback: a thread that is still within a commit then ends by itself once that
 * is answered, at the latest after the transaction's time-out, and the log must outlive it. What it
 * left open is the broker's to time out, fenced by whoever comes next. NULL is fine.
 */
void stele_fenced_close(stele_fenced *fenced, int timeout_ms);

#endif
