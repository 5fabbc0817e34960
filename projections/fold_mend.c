/* SPDX-License-Identifier: MIT
 * Ending a transaction that hangs. Once the fence stands, nothing of this partition's transactional
 * id is open: its coordinator has said so. What the snapshots partition or the group holds open all
 * the same was ended without their being told. Apache Kafka 4.3.0 takes a partition that has no
 * leader at that moment, as after a crash of its only broker, for a deleted one, and leaves it out
 * (KRaftMetadataCache.getPartitionLeaderEndpoint). Nobody else ends it, ever: the committed offset
 * cannot be asked for, and nothing behind it can be read.
 *
 * The next end of a transaction of the same id ends it too. It is an abort, for what hangs may be a
 * part of a transaction; what goes with it are snapshots, and the events that they were made from
 * are applied again. */
#include "projections/fold_internal.h"

enum { SETTLE_MS = 300 /* for an end to come to all replicas */ };

static stele_status submit(fold_task *task, stele_error *err)
{
    stele_log_group *group = stele_log_member_group(stele_worker_member(task->worker));
    if (group == NULL) return fold_not_yet(err); /* a poll of the member says why */
    STELE_AUTO(stele_transaction) transaction = stele_transaction_new();
    STELE_AUTO(char) key = stele_checkpoint_key(task->source.topic, task->source.index);
    stele_transaction_put(transaction, task->snapshots, stele_text(key), (stele_bytes){0}, NULL, 0);
    stele_transaction_offset(transaction, group, task->source, 0);
    stele_transaction_abort(transaction);
    stele_status status = stele_fenced_submit(task->fenced, transaction, err);
    if (status < 0) return status;
    transaction = NULL;
    task->mend.in_flight = true;
    return fold_not_yet(err);
}

static stele_status collect(fold_task *task, stele_error *err)
{
    stele_outcome outcome;
    if (!stele_fenced_outcome(task->fenced, 0, &outcome)) return fold_not_yet(err);
    task->mend.in_flight = false;
    stele_transaction_free(outcome.transaction);
    if (outcome.status == STELE_OK) return STELE_OK;
    return fold_fail_dead(&outcome.error, err);
}

stele_status fold_mend(fold_task *task, stele_error *err)
{
    if (!task->mend.in_flight) return submit(task, err);
    stele_status status = collect(task, err);
    if (status < 0) return status;
    task->mend.done = true;
    task->mend.seen = false;
    stele_worker_warn(task->worker, task->source.index, -1, "hanging transaction ended",
                      "an earlier owner's transaction had ended, but its partitions were not told "
                      "(a crash of their broker does that): it is aborted, and the events behind "
                      "the checkpoint are applied again");
    return STELE_OK;
}

/* It may be on its way still: the end is written, and not on all replicas yet. */
static bool may_settle(fold_task *task)
{
    if (!task->mend.seen)
        task->mend.until =
            stele_deadline_after(stele_log_clock(stele_worker_log(task->worker)), SETTLE_MS);
    task->mend.seen = true;
    return !stele_deadline_passed(task->mend.until);
}

stele_status fold_hangs(fold_task *task, stele_error *err)
{
    if (may_settle(task)) return fold_not_yet(err);
    task->step = FOLD_MEND;
    if (!task->mend.done) return fold_not_yet(err);
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                      "a transaction hangs in %s/%d, or holds the group's offset, and an abort of "
                      "this projection's own did not end it: find it with Kafka's "
                      "`kafka-transactions.sh find-hanging` and end it with `abort`",
                      task->snapshots.topic, (int)task->snapshots.index);
}
