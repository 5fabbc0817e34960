/* SPDX-License-Identifier: MIT
 * The watch for partitions that stand still. */
#include "consumer/watch.h"

#include <assert.h>
#include <inttypes.h>

enum { ASK_MS = 1000 };

/* Where the log of a partition ends. */
typedef struct ends {
    int64_t stable; /* what can be read now */
    int64_t all;    /* with what open transactions hold back */
} ends;

static bool has_moved(slot *self)
{
    stele_progress now = slot_progress(self);
    bool moved = now.position != self->progress.position || now.applied != self->progress.applied;
    assert(self->phase != SLOT_RUNNING || now.position >= self->progress.position);
    assert(now.applied >= 0);
    self->progress = now;
    return moved;
}

static bool ask_ends(const slot_host *host, const slot *self, ends *out)
{
    stele_partition source = {host->options->topic, self->index};
    int64_t start;
    return stele_log_bounds(host->log, source, STELE_READ_COMMITTED, ASK_MS, &start, &out->stable,
                            NULL) == STELE_OK &&
           stele_log_bounds(host->log, source, STELE_READ_UNCOMMITTED, ASK_MS, &start, &out->all,
                            NULL) == STELE_OK;
}

static void set_held_back(const slot_host *host, slot *self, const ends *log)
{
    stele_fail(&self->stalled, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
               "%s/%d: %" PRId64 " records from offset %" PRId64
               " on are held back by another program's open transaction; it ends with that "
               "program's time-out, or by `kafka-transactions.sh find-hanging` and `abort`",
               host->options->topic, (int)self->index, log->all - self->progress.position,
               self->progress.position);
}

static void set_stalled(const slot_host *host, slot *self, const ends *log)
{
    int stalled_s = host->options->stall_timeout_ms / 1000;
    if (self->phase == SLOT_PREPARING)
        stele_fail(&self->stalled, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                   "restoring has made no progress for %d s; beginning again", stalled_s);
    else
        stele_fail(&self->stalled, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                   "no event %s for %d s at %s/%d/%" PRId64 ", the log ends at %" PRId64 "%s",
                   self->has_batch ? "was applied" : "came", stalled_s, host->options->topic,
                   (int)self->index, self->progress.position, log->all,
                   self->has_batch ? "" : "; reading again");
}

static bool waits(const slot_host *host, const slot *self)
{
    for (int i = 0; i < SLOT_CALLS; i++)
        if (self->waits[i].why.status < 0) return true;
    return !stele_log_is_up(host->log);
}

bool watch_slot(const slot_host *host, slot *self)
{
    int64_t now_ns = slot_now(host);
    bool watched = self->phase == SLOT_RUNNING || self->phase == SLOT_PREPARING;
    if (!watched || has_moved(self)) {
        self->stalled = (stele_error){0};
        self->progress_ns = now_ns;
        return false;
    }
    /* What waits has said why; a wait is not a stall. */
    if (waits(host, self)) self->progress_ns = now_ns;
    if (now_ns < after_ms(self->progress_ns, host->options->stall_timeout_ms)) return false;

    self->progress_ns = now_ns; /* the next look is a time-out later */
    ends log = {0};
    if (self->phase == SLOT_RUNNING &&
        (!ask_ends(host, self, &log) || log.all <= self->progress.position)) {
        self->stalled = (stele_error){0};
        return false;
    }
    if (self->phase == SLOT_RUNNING && log.stable <= self->progress.position) {
        set_held_back(host, self, &log);
        return false;
    }
    set_stalled(host, self, &log);
    return !self->has_batch;
}
