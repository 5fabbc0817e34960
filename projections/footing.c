/* SPDX-License-Identifier: MIT
 * Looking at what a partition's work rests on. */
#include "projections/footing.h"

#include "core/alloc.h"
#include "core/bug.h"
#include "stores/kafka_sink.h"

enum {
    ASK_MS = 1000,
    READ_MS = 2000 /* for one record */
};

struct stele_footing {
    stele_question base;
    stele_last_event last; /* what must be there; offset -1: there was none yet */
    stele_registry *registry;
    stele_partition snapshots; /* topic NULL: it has none */
    int64_t snapshots_end;     /* there must be as much; 0: nothing was written yet */
    bool compared;
    stele_error answer;
};

/* ---- in the asker's thread ---- */

static void compare(void *context, const stele_batch *batch)
{
    stele_footing *self = context;
    stele_last_event_check(&self->last, batch, &self->compared, &self->answer);
}

/* The log does not hold that offset: retention has deleted what is old, or it was lost. */
static stele_status explain_missing(stele_footing *self, stele_log *log, stele_error *err)
{
    int64_t start;
    int64_t end;
    stele_status status = stele_log_bounds(log, self->last.source, STELE_READ_UNCOMMITTED, READ_MS,
                                           &start, &end, err);
    if (status < 0 || self->last.offset < start) return status;
    stele_batch none = {.partition = self->last.source, .next_offset = self->last.offset + 1};
    return stele_last_event_check(&self->last, &none, &self->compared, err);
}

static void judge(stele_footing *self, stele_log *log, const stele_look *look)
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
        count += ((stele_footing *)each)->last.offset >= 0;
    stele_look *looks = stele_alloc_array(count + 1, sizeof *looks);
    size_t filled = 0;
    for (stele_question *each = questions; each != NULL; each = each->next) {
        stele_footing *self = (stele_footing *)each;
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

static stele_status fail_deleted(const stele_footing *self, stele_error *err)
{
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_ABORT,
                      "%s was deleted while it was used: it is made again from the events",
                      self->snapshots.topic);
}

static stele_status look_at_topic(const stele_footing *self, stele_log *log, stele_error *err)
{
    stele_log_topic topic;
    if (self->snapshots.topic == NULL) return STELE_OK;
    stele_status status = stele_log_topic_describe(log, self->snapshots.topic, ASK_MS, &topic, err);
    return status == STELE_E_NOT_FOUND ? fail_deleted(self, err) : status;
}

/* No one but the partition's owner writes there, so one that ends earlier is another one. */
static stele_status judge_snapshots(const stele_footing *self, const stele_asked_partition *found,
                                    stele_error *err)
{
    if (found->error.status == STELE_E_NOT_FOUND) return fail_deleted(self, err);
    if (found->error.status < 0) *err = found->error;
    if (found->error.status < 0 || found->offset >= self->snapshots_end) return found->error.status;
    return stele_kafka_sink_fail_anew(self->snapshots, self->snapshots_end, err);
}

static void look_at_snapshots(stele_question *questions, stele_log *log)
{
    size_t count = 0;
    if (STELE_BUG("snapshots made anew are not noticed")) return;
    for (const stele_question *each = questions; each != NULL; each = each->next)
        count += ((const stele_footing *)each)->snapshots_end > 0;
    stele_asked_partition *list = stele_alloc_array(count + 1, sizeof *list);
    size_t filled = 0;
    for (const stele_question *each = questions; each != NULL; each = each->next) {
        const stele_footing *self = (const stele_footing *)each;
        if (self->snapshots_end > 0) list[filled++].partition = self->snapshots;
    }
    stele_log_bounds_of_all(log, list, count, STELE_READ_UNCOMMITTED, READ_MS);
    filled = 0;
    for (stele_question *each = questions; each != NULL; each = each->next) {
        stele_footing *self = (stele_footing *)each;
        if (self->snapshots_end > 0) judge_snapshots(self, &list[filled++], &self->answer);
    }
    free(list);
}

/* Of all partitions that ask at the same time; registry and snapshots' topic are theirs together.
 */
static void ask(stele_question *questions, stele_asker *asker)
{
    const stele_footing *first = (const stele_footing *)questions;
    stele_log *log = stele_asker_log(asker);
    stele_error failure = {0};
    if (stele_registry_confirm(first->registry, ASK_MS, &failure) == STELE_OK)
        look_at_topic(first, log, &failure);
    for (stele_question *each = questions; each != NULL; each = each->next)
        ((stele_footing *)each)->answer = failure;
    if (failure.status < 0) return;
    look_at_snapshots(questions, log);
    look_at_log(questions, asker);
}

/* ---- in the worker's thread ---- */

stele_footing *stele_footing_new(const stele_footing_options *options)
{
    stele_footing *self = stele_alloc(sizeof *self);
    self->base.ask = ask;
    self->base.together = true;
    self->last = (stele_last_event){.source = options->source, .group = options->group};
    self->registry = options->registry;
    self->snapshots = options->snapshots;
    return self;
}

bool stele_footing_ask(stele_footing *self, stele_asker *asker, const stele_mark *witness,
                       int64_t snapshots_end)
{
    if (stele_asker_state(asker, &self->base) != STELE_QUESTION_IDLE) return false;
    self->last.offset = witness->last_offset;
    self->last.hash = witness->last_hash;
    self->snapshots_end = snapshots_end;
    stele_asker_ask(asker, &self->base);
    return true;
}

bool stele_footing_take(stele_footing *self, stele_asker *asker, stele_error *answer)
{
    if (stele_asker_state(asker, &self->base) != STELE_QUESTION_ANSWERED) return false;
    self->base.state = STELE_QUESTION_IDLE;
    *answer = self->answer;
    return true;
}

void stele_footing_forget(stele_footing *self, stele_asker *asker)
{
    if (self != NULL) stele_asker_forget(asker, &self->base);
}
