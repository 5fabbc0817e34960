/* SPDX-License-Identifier: MIT
 * The watch for partitions that stand still. */
#include "consumer/watch.h"

#include <assert.h>
#include <inttypes.h>

#include "core/alloc.h"
#include "core/names.h"

enum {
    ASK_MS = 1000,
    LOOK_MS = 10000 /* how long a partition does not move before it is asked why; half of the stall
                       time if that is less */
};

/* Where the log of a partition ends. */
typedef struct ends_question {
    stele_question base;
    stele_partition source;
    bool is_known;
    int64_t stable; /* what can be read now */
    int64_t all;    /* with what open transactions hold back */
} ends_question;

/* @locality the asker's thread */
static void ask_ends(stele_question *base, stele_asker *asker)
{
    ends_question *self = (ends_question *)base;
    stele_log *log = stele_asker_log(asker);
    int64_t start;
    self->is_known = stele_log_bounds(log, self->source, STELE_READ_COMMITTED, ASK_MS, &start,
                                      &self->stable, NULL) == STELE_OK &&
                     stele_log_bounds(log, self->source, STELE_READ_UNCOMMITTED, ASK_MS, &start,
                                      &self->all, NULL) == STELE_OK;
}

/* Also when the stall time is over. */
static int64_t next_look(const slot_host *host, const slot *self)
{
    int stall_ms = host->stall_timeout_ms;
    int64_t look_ns = after_ms(self->looked_ns, stall_ms / 2 < LOOK_MS ? stall_ms / 2 : LOOK_MS);
    int64_t stall_ns = after_ms(self->progress_ns, stall_ms);
    return stall_ns > self->looked_ns && stall_ns < look_ns ? stall_ns : look_ns;
}

/* Ask where the log ends, once it is time. @return the answer, once; or NULL */
static const ends_question *look(const slot_host *host, slot *self)
{
    if (self->question == NULL) {
        ends_question *made = stele_alloc(sizeof *made);
        made->base.ask = ask_ends;
        made->source = (stele_partition){host->topic, self->index};
        self->question = &made->base;
    }
    switch (stele_asker_state(host->asker, self->question)) {
    case STELE_QUESTION_IDLE:
        if (slot_now(host) >= next_look(host, self)) stele_asker_ask(host->asker, self->question);
        return NULL;
    case STELE_QUESTION_WAITING:
        return NULL;
    case STELE_QUESTION_ANSWERED:
        break;
    }
    self->question->state = STELE_QUESTION_IDLE;
    self->looked_ns = slot_now(host);
    return (ends_question *)self->question;
}

static bool has_moved(slot *self)
{
    stele_progress now = slot_progress(self);
    bool moved = now.position != self->progress.position || now.applied != self->progress.applied;
    assert(self->phase != SLOT_RUNNING || now.position >= self->progress.position);
    assert(now.applied >= 0);
    self->progress = now;
    return moved;
}

static void set_held_back(const slot_host *host, slot *self, const ends_question *log)
{
    stele_fail(&self->held_back, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
               "%s/%d: %" PRId64 " records from offset %" PRId64
               " on are held back by another program's open transaction; it ends with that "
               "program's time-out, or by `kafka-transactions.sh find-hanging` and `abort`",
               host->topic, (int)self->index, log->all - self->progress.position,
               self->progress.position);
}

static void set_stalled(const slot_host *host, slot *self, int64_t end)
{
    int stalled_s = host->stall_timeout_ms / 1000;
    if (self->phase == SLOT_PREPARING)
        stele_fail(&self->stalled, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                   "restoring has made no progress for %d s; beginning again", stalled_s);
    else
        stele_fail(&self->stalled, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                   "no event %s for %d s at %s, the log ends at %" PRId64 "%s",
                   self->has_batch ? "was applied" : "came", stalled_s,
                   stele_position_format(host->topic, self->index, self->progress.position).text,
                   end, self->has_batch ? "" : "; reading again");
}

static bool waits(const slot_host *host, const slot *self)
{
    for (int i = 0; i < SLOT_CALLS; i++)
        if (self->waits[i].why.status < 0) return true;
    return !stele_log_is_up(host->log);
}

/* @return it needs another reader */
static bool judge(const slot_host *host, slot *self, const ends_question *log, bool is_overdue)
{
    int64_t position = self->progress.position;
    if (!log->is_known) return false;
    if (log->all <= position) { /* there is nothing to do */
        self->stalled = self->held_back = (stele_error){0};
        self->progress_ns = slot_now(host);
        return false;
    }
    if (log->stable <= position) {
        set_held_back(host, self, log);
        return false;
    }
    if (!is_overdue) return false;
    self->progress_ns = slot_now(host); /* the next is a time-out later */
    set_stalled(host, self, log->all);
    return !self->has_batch;
}

bool watch_slot(const slot_host *host, slot *self)
{
    int64_t now_ns = slot_now(host);
    bool watched = self->phase == SLOT_RUNNING || self->phase == SLOT_PREPARING;
    if (!watched || has_moved(self) || slot_pause(self) != NULL) {
        self->stalled = self->held_back = (stele_error){0};
        self->progress_ns = self->looked_ns = now_ns;
        return false;
    }
    /* What waits has said why; a wait is not a stall. */
    if (waits(host, self)) self->progress_ns = now_ns;
    bool is_overdue = now_ns >= after_ms(self->progress_ns, host->stall_timeout_ms);
    if (is_overdue && self->held_back.status < 0) self->stalled = self->held_back;
    if (self->phase == SLOT_RUNNING) {
        const ends_question *log = look(host, self);
        return log != NULL && judge(host, self, log, is_overdue);
    }
    if (!is_overdue) return false;
    self->progress_ns = now_ns;
    set_stalled(host, self, -1);
    return !self->has_batch;
}
