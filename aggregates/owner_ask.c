/* SPDX-License-Identifier: MIT
 * What is asked of the broker while the partition is ours: in the worker's asker, which may block.
 */
#include "aggregates/ownership_inside.h"

#include "core/alloc.h"

enum {
    ASK_MS = 1000,   /* one question to the broker */
    READ_MS = 5000,  /* all of the owners' topic */
    PAUSE_MS = 500,  /* before a question that failed is asked again */
    PROVEN_MS = 1500 /* so long a proof holds: less than a member may be silent for */
};

/* A question and when it may be asked again. */
typedef struct asking {
    stele_question base;
    int64_t again_ns;
    stele_error error; /* of the answer */
} asking;

struct terms {
    asking asking;
    const char *topic;
    uint64_t asked;    /* how often */
    uint64_t answered; /* number of the one whose answer is below */
    int32_t count;
    int64_t terms[]; /* by partition */
};

struct visibility {
    asking asking;
    stele_partition partition;
    int64_t end;
};

stele_status owner_not_yet(stele_error *err)
{
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "%s", "");
}

static int64_t now_of(const owner_task *self)
{
    return stele_clock_monotonic_ns(stele_worker_clock(self->worker));
}

/* ---- asking ---- */

/* Ask it, if it is time to.
 * @return STELE_OK  it is answered, and may be asked again */
static stele_status ask(const owner_task *self, asking *question, stele_error *err)
{
    stele_asker *asker = stele_worker_asker(self->worker);
    stele_question_state state = stele_asker_state(asker, &question->base);
    if (state == STELE_QUESTION_ANSWERED) {
        question->base.state = STELE_QUESTION_IDLE;
        if (question->error.status == STELE_OK) return STELE_OK;
        question->again_ns = now_of(self) + (int64_t)PAUSE_MS * 1000000;
    } else if (state == STELE_QUESTION_IDLE && now_of(self) >= question->again_ns) {
        stele_asker_ask(asker, &question->base);
        return owner_not_yet(err);
    }
    if (state == STELE_QUESTION_WAITING || question->error.status == STELE_OK)
        return owner_not_yet(err);
    *err = question->error;
    return err->status;
}

/* ---- terms ---- */

/* @locality the asker's thread */
static void read_terms(stele_question *base, stele_asker *asker)
{
    terms *self = (terms *)base;
    stele_log *log = stele_asker_log(asker);
    self->asking.error = (stele_error){0};
    stele_owners_read_terms(log, self->topic, stele_deadline_after(stele_log_clock(log), READ_MS),
                            self->terms, self->count, &self->asking.error);
}

/* Many partitions are taken at a time, and one reading tells the terms of all. It has to begin
 * after the fence: what an earlier owner has written by then is there. */
stele_status owner_learn_term(owner_task *self, stele_error *err)
{
    stele_ownership *of = self->of;
    if (of->terms == NULL) {
        int32_t count = stele_worker_partition_count(self->worker);
        of->terms = stele_alloc(sizeof *of->terms + (size_t)count * sizeof(int64_t));
        of->terms->asking.base.ask = read_terms;
        of->terms->topic = of->topic;
        of->terms->count = count;
    }
    terms *all = of->terms;
    if (self->asked == 0) self->asked = all->asked + 1;
    while (all->answered < self->asked) {
        bool is_idle = stele_asker_state(stele_worker_asker(self->worker), &all->asking.base) ==
                       STELE_QUESTION_IDLE;
        if (is_idle) all->asked++;
        stele_status status = ask(self, &all->asking, err);
        if (status < 0) return status;
        all->answered = all->asked;
    }
    self->term = all->terms[self->source.index] + 1;
    return STELE_OK;
}

/* ---- up to where it is visible ---- */

/* @locality the asker's thread */
static void look(stele_question *base, stele_asker *asker)
{
    visibility *self = (visibility *)base;
    int64_t start;
    self->asking.error = (stele_error){0};
    stele_log_bounds(stele_asker_log(asker), self->partition, STELE_READ_COMMITTED, ASK_MS, &start,
                     &self->end, &self->asking.error);
}

stele_status owner_ask_visible(owner_task *self, int64_t *position, stele_error *err)
{
    if (self->visible == NULL) {
        self->visible = stele_alloc(sizeof *self->visible);
        self->visible->asking.base.ask = look;
        self->visible->partition = self->source;
    }
    stele_status status = ask(self, &self->visible->asking, err);
    if (status == STELE_OK) *position = self->visible->end;
    return status;
}

/* ---- is it still ours? ---- */

struct proof {
    asking asking;
    stele_partition partition;
    int64_t asked_ns;
    int64_t end; /* of the partition then */
    bool is_answered;
};

/* Up to the high watermark, for others may answer for what is committed and not visible yet.
 * @locality the asker's thread */
static void look_for_others(stele_question *base, stele_asker *asker)
{
    proof *self = (proof *)base;
    int64_t start;
    stele_log *log = stele_asker_log(asker);
    self->asking.error = (stele_error){0};
    self->asked_ns = stele_clock_monotonic_ns(stele_log_clock(log));
    stele_log_bounds(log, self->partition, STELE_READ_UNCOMMITTED, ASK_MS, &start, &self->end,
                     &self->asking.error);
}

/* A process that was frozen for longer than its session does not know of it for a moment. No append
 * of its gets past the fence, but a state, or a no that is said because of one, is not appended. */
stele_status owner_prove(owner_task *self, stele_error *err)
{
    const int64_t holds_ns = (int64_t)PROVEN_MS * 1000000;
    if (now_of(self) - self->proven_ns < holds_ns) return STELE_OK;
    if (self->proof == NULL) {
        self->proof = stele_alloc(sizeof *self->proof);
        self->proof->asking.base.ask = look_for_others;
        self->proof->partition = self->source;
    }
    proof *of = self->proof;
    if (!of->is_answered) {
        stele_status status = ask(self, &of->asking, err);
        if (status < 0) return status;
        of->is_answered = true;
    }
    if (now_of(self) - of->asked_ns >= holds_ns) { /* too late: it is asked again */
        of->is_answered = false;
        stele_worker_call_again(self->worker);
        return owner_not_yet(err);
    }
    if (of->end > stele_fold_position(self->fold)) return owner_not_yet(err);
    of->is_answered = false;
    self->proven_ns = of->asked_ns;
    return STELE_OK;
}

void owner_forget_questions(owner_task *self)
{
    if (self->proof != NULL)
        stele_asker_forget(stele_worker_asker(self->worker), &self->proof->asking.base);
    self->proof = NULL;
    if (self->visible != NULL)
        stele_asker_forget(stele_worker_asker(self->worker), &self->visible->asking.base);
    self->visible = NULL;
}
