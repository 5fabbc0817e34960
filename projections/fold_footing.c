/* SPDX-License-Identifier: MIT
 * What a state rests on is looked at while it is used, not only when it is restored: before a
 * checkpoint is committed, the record that the last one was made after must still be in the log,
 * the snapshots topic must be there, and the registry the same that ids were found out from. */
#include "core/bug.h"
#include "projections/fold_internal.h"

enum {
    IDLE_MS = 30000, /* how often one partition of a fold that writes nothing looks */
    PAUSE_MS = 500   /* between two attempts that were not answered */
};

void fold_footing_see(fold_task *task, const stele_record *first)
{
    if (task->witness.last_offset >= 0) return;
    task->witness.last_offset = first->offset;
    task->witness.last_hash = stele_event_hash(first);
}

/* Where its snapshots end; of a table there are none. */
static int64_t snapshots_end(const fold_task *task)
{
    return task->fold->options.table != NULL ? 0 : stele_kafka_sink_end(task->writing.sink);
}

static void ask_again(fold_task *task)
{
    stele_fold *fold = task->fold;
    bool is_table = fold->options.table != NULL;
    if (task->footing == NULL)
        task->footing = stele_footing_new(&(stele_footing_options){
            .registry = fold->options.registry,
            .source = task->source,
            .group = fold->group,
            .snapshots = is_table ? (stele_partition){0} : task->snapshots});
    if (stele_footing_ask(task->footing, stele_worker_asker(task->worker), &task->witness,
                          snapshots_end(task)))
        fold->looked_ns = stele_worker_now_ns(task->worker);
}

void fold_footing_ask(fold_task *task)
{
    task->is_sure = false;
    task->asks_at_ns = 0;
}

/* What the answer means. A fold whose snapshots are gone begins again with all its partitions. */
static stele_status take_answer(fold_task *task, const stele_error *answer, stele_error *err)
{
    if (answer->status == STELE_OK) {
        task->is_sure = true;
        return STELE_OK;
    }
    if (answer->next == STELE_NEXT_ABORT) fold_forget_snapshots(task->fold);
    task->asks_at_ns = stele_worker_now_ns(task->worker) + (int64_t)PAUSE_MS * 1000000;
    *err = *answer;
    return answer->status;
}

stele_status fold_footing_check(fold_task *task, stele_error *err)
{
    stele_fold *fold = task->fold;
    if (STELE_BUG("topic made anew is not noticed")) return STELE_OK;
    if (task->generation != fold->generation)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_ABORT,
                          "%s was deleted while it was used", fold->snapshots);
    int64_t now_ns = stele_worker_now_ns(task->worker);
    bool is_idle_look = now_ns - fold->looked_ns >= (int64_t)IDLE_MS * 1000000 &&
                        (fold->options.table != NULL || snapshots_end(task) > 0);
    if (is_idle_look || (!task->is_sure && now_ns >= task->asks_at_ns)) ask_again(task);
    stele_error answer;
    if (task->footing == NULL ||
        !stele_footing_take(task->footing, stele_worker_asker(task->worker), &answer))
        return STELE_OK;
    return take_answer(task, &answer, err);
}

void fold_footing_forget(fold_task *task)
{
    stele_footing_forget(task->footing, stele_worker_asker(task->worker));
    task->footing = NULL;
}
