/* SPDX-License-Identifier: MIT
 * What a state rests on is looked at while it is used, not only when it is restored: before a
 * checkpoint is committed, the record that the last one was made after must still be in the log,
 * the snapshots topic must be there, and the registry the same that ids were found out from.
 * Somebody may have deleted a topic and made it again, with other records at the same offsets,
 * between two fetches. */
#include "core/bug.h"
#include "projections/fold_internal.h"
#include "snapshots/last_event.h"

enum {
    READ_MS = 2000,  /* for one record */
    IDLE_MS = 30000, /* how often one partition of a fold that writes nothing looks */
    PAUSE_MS = 500   /* between two attempts that were not answered */
};

struct fold_footing {
    stele_question base;
    stele_last_event last; /* what must be there; offset -1: there was none yet */
    stele_registry *registry;
    stele_partition snapshots;
    int64_t snapshots_end; /* there must be as much; 0: nothing was written yet */
    bool compared;
    stele_error answer;
};

/* ---- in the asker's thread ---- */

static void compare(void *context, const stele_batch *batch)
{
    fold_footing *self = context;
    stele_last_event_check(&self->last, batch, &self->compared, &self->answer);
}

/* The log does not hold that offset: retention has deleted what is old, or it was lost. */
static stele_status explain_missing(fold_footing *self, stele_log *log, stele_error *err)
{
    int64_t start;
    int64_t end;
    stele_status status = stele_log_bounds(log, self->last.source, STELE_READ_UNCOMMITTED, READ_MS,
                                           &start, &end, err);
    if (status < 0 || self->last.offset < start) return status;
    stele_batch none = {.partition = self->last.source, .next_offset = self->last.offset + 1};
    return stele_last_event_check(&self->last, &none, &self->compared, err);
}

static void judge(fold_footing *self, stele_log *log, const stele_look *look)
{
    if (self->answer.status < 0) return;
    stele_error failure = look->error;
    stele_status status = failure.status;
    if (status == STELE_E_HOLE || (status == STELE_OK && !self->compared))
        status = explain_missing(self, log, &failure);
    if (status == STELE_OK) return;
    /* That the topic is gone is for its reader to find out, who asks twice. */
    if (status != STELE_E_HOLE) failure.next = STELE_NEXT_RETRY;
    self->answer = failure;
}

static void look_at_log(stele_question *questions, stele_asker *asker)
{
    size_t count = 0;
    for (stele_question *each = questions; each != NULL; each = each->next)
        count += ((fold_footing *)each)->last.offset >= 0;
    stele_look *looks = stele_alloc_array(count + 1, sizeof *looks);
    size_t filled = 0;
    for (stele_question *each = questions; each != NULL; each = each->next) {
        fold_footing *self = (fold_footing *)each;
        self->compared = false;
        if (self->last.offset < 0) continue;
        looks[filled++] = (stele_look){.partition = self->last.source,
                                       .offset = self->last.offset,
                                       .take = compare,
                                       .context = self};
    }
    stele_asker_look(asker, looks, count, READ_MS);
    for (size_t i = 0; i < count; i++)
        judge(looks[i].context, stele_asker_log(asker), &looks[i]);
    free(looks);
}

static stele_status fail_deleted(const fold_footing *self, stele_error *err)
{
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_ABORT,
                      "%s was deleted while it was used: it is made again from the events",
                      self->snapshots.topic);
}

static stele_status look_at_topic(const fold_footing *self, stele_log *log, stele_error *err)
{
    stele_log_topic topic;
    stele_status status = stele_log_topic_describe(log, self->snapshots.topic, ASK_MS, &topic, err);
    return status == STELE_E_NOT_FOUND ? fail_deleted(self, err) : status;
}

/* No one but the partition's owner writes there, so one that ends earlier is another one. */
static stele_status look_at_snapshots(const fold_footing *self, stele_log *log, stele_error *err)
{
    int64_t start;
    int64_t end;
    if (self->snapshots_end == 0 || STELE_BUG("snapshots made anew are not noticed"))
        return STELE_OK;
    stele_status status =
        stele_log_bounds(log, self->snapshots, STELE_READ_UNCOMMITTED, READ_MS, &start, &end, err);
    if (status == STELE_E_NOT_FOUND) return fail_deleted(self, err);
    if (status < 0 || end >= self->snapshots_end) return status;
    return stele_kafka_sink_fail_anew(self->snapshots, self->snapshots_end, err);
}

/* Of all partitions that ask at the same time; registry and snapshots' topic are theirs together.
 */
static void ask(stele_question *questions, stele_asker *asker)
{
    const fold_footing *first = (const fold_footing *)questions;
    stele_log *log = stele_asker_log(asker);
    stele_error failure = {0};
    if (stele_registry_confirm(first->registry, ASK_MS, &failure) == STELE_OK)
        look_at_topic(first, log, &failure);
    for (stele_question *each = questions; each != NULL; each = each->next) {
        fold_footing *self = (fold_footing *)each;
        self->answer = failure;
        if (failure.status == STELE_OK) look_at_snapshots(self, log, &self->answer);
    }
    if (failure.status == STELE_OK) look_at_log(questions, asker);
}

/* ---- in the worker's thread ---- */

static int64_t now_of(const fold_task *task)
{
    return stele_clock_monotonic_ns(stele_worker_clock(task->worker));
}

void fold_footing_see(fold_task *task, const stele_record *first)
{
    if (task->witness.last_offset >= 0) return;
    task->witness.last_offset = first->offset;
    task->witness.last_hash = stele_event_hash(first);
}

static void ask_again(fold_task *task)
{
    fold_footing *self = task->footing;
    if (self == NULL) {
        self = task->footing = stele_alloc(sizeof *self);
        self->base.ask = ask;
        self->base.together = true;
        self->last = (stele_last_event){.source = task->source, .group = task->fold->group};
        self->registry = task->fold->options.registry;
        self->snapshots = task->snapshots;
    }
    stele_asker *asker = stele_worker_asker(task->worker);
    if (stele_asker_state(asker, &self->base) != STELE_QUESTION_IDLE) return;
    self->last.offset = task->witness.last_offset;
    self->last.hash = task->witness.last_hash;
    self->snapshots_end = stele_kafka_sink_end(task->writing.sink);
    task->fold->looked_ns = now_of(task);
    stele_asker_ask(asker, &self->base);
}

void fold_footing_ask(fold_task *task)
{
    task->is_sure = false;
    task->asks_at_ns = 0;
}

/* What the answer means. A fold whose snapshots are gone begins again with all its partitions. */
static stele_status take_answer(fold_task *task, stele_error *err)
{
    const stele_error *answer = &task->footing->answer;
    if (answer->status == STELE_OK) {
        task->is_sure = true;
        return STELE_OK;
    }
    if (answer->next == STELE_NEXT_ABORT) fold_forget_snapshots(task->fold);
    task->asks_at_ns = now_of(task) + (int64_t)PAUSE_MS * 1000000;
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
    int64_t now_ns = now_of(task);
    bool is_idle_look = now_ns - fold->looked_ns >= (int64_t)IDLE_MS * 1000000 &&
                        stele_kafka_sink_end(task->writing.sink) > 0;
    if (is_idle_look || (!task->is_sure && now_ns >= task->asks_at_ns)) ask_again(task);
    if (task->footing == NULL) return STELE_OK;
    stele_asker *asker = stele_worker_asker(task->worker);
    if (stele_asker_state(asker, &task->footing->base) != STELE_QUESTION_ANSWERED) return STELE_OK;
    task->footing->base.state = STELE_QUESTION_IDLE;
    return take_answer(task, err);
}

void fold_footing_forget(fold_task *task)
{
    if (task->footing != NULL)
        stele_asker_forget(stele_worker_asker(task->worker), &task->footing->base);
    task->footing = NULL;
}
