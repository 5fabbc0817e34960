/* SPDX-License-Identifier: MIT
 * An event that was set aside and is larger than a record of the snapshots may be is stored without
 * its value. Before it is tried again, that is read where it always was, in the log. */
#include <string.h>

#include "projections/fold_internal.h"

enum { READ_MS = 2000 };

/* The value comes behind it. */
typedef struct fold_fetch {
    stele_asking base;
    stele_partition source; /* of the fold, which outlives the worker */
    int64_t offset;
    size_t size;
    stele_error failure; /* why it could not be read, and asking again is of no use */
    bool is_there;
    uint8_t value[];
} fold_fetch;

static void take(void *context, const stele_batch *batch)
{
    fold_fetch *self = context;
    if (batch->count == 0) return;
    const stele_record *record = &batch->records[0];
    self->is_there = record->offset == self->offset && record->value.size == self->size;
    if (self->is_there) memcpy(self->value, record->value.data, self->size);
}

/* @locality the asker's thread */
static void ask(stele_question *base, stele_asker *asker)
{
    fold_fetch *self = (fold_fetch *)base;
    stele_look look = {
        .partition = self->source, .offset = self->offset, .take = take, .context = self};
    self->is_there = false;
    stele_asker_look(asker, &look, 1, READ_MS);
    /* What is not there any more is an answer, too, and so is a failure for good. */
    bool is_answer = look.error.next != STELE_NEXT_RETRY;
    bool is_gone = look.error.status == STELE_E_HOLE || look.error.status == STELE_E_NOT_FOUND;
    self->base.error = is_answer ? (stele_error){0} : look.error;
    self->failure = is_answer && !is_gone ? look.error : (stele_error){0};
}

void fold_fetch_forget(fold_task *task)
{
    if (task->fetch != NULL)
        stele_asker_forget(stele_worker_asker(task->worker), &task->fetch->base.base);
    task->fetch = NULL;
}

static void begin(fold_task *task, const stele_dead_event *letter)
{
    fold_fetch *made = stele_alloc(sizeof *made + letter->left_out);
    made->base.base.ask = ask;
    made->source = task->source;
    made->offset = letter->offset;
    made->size = letter->left_out;
    task->fetch = made;
}

/* Is the letter that is being read still one that is to be tried again? */
static bool is_wanted(const fold_task *task)
{
    const stele_parked_key *of = stele_parked_find_first(task->parked, task->fetch->offset);
    return of != NULL && of->is_due && of->first->left_out > 0 &&
           of->first->state != STELE_DEAD_STATE_DISCARDED;
}

stele_status fold_fetch_value(fold_task *task, stele_dead_event *letter, stele_error *err)
{
    bool is_another = task->fetch != NULL && task->fetch->offset != letter->offset;
    if (is_another && is_wanted(task))
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                          "another large event is being read from the log");
    if (is_another) fold_fetch_forget(task);
    if (task->fetch == NULL) begin(task, letter);
    stele_status status =
        stele_asker_insist(stele_worker_asker(task->worker), &task->fetch->base, err);
    if (status < 0) return status;
    if (task->fetch->is_there)
        stele_parked_fill(task->parked, letter,
                          stele_bytes_of(task->fetch->value, task->fetch->size));
    bool is_there = task->fetch->is_there;
    stele_error failure = task->fetch->failure;
    fold_fetch_forget(task);
    if (is_there) return STELE_OK;
    if (failure.status < 0)
        return stele_fail_cause(err, failure.status, failure.next, failure.cause,
                                "%s/%d: the event at offset %lld, which was set aside, cannot be "
                                "read from the log: %s",
                                task->source.topic, (int)task->source.index,
                                (long long)letter->offset, failure.text);
    return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                      "%s/%d: the event at offset %lld, which was set aside, is not in the log any "
                      "more, and was too large to be stored elsewhere: discard it",
                      task->source.topic, (int)task->source.index, (long long)letter->offset);
}
