/* SPDX-License-Identifier: MIT
 * Who goes with which request. It knows nothing of what is asked. */
#include "kafka/rounds.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "core/bug.h"

enum {
    SLOW_MS = 100,   /* what lasts longer holds up no other */
    SILENT_MS = 500, /* a request for many that fails after so long had no answer: … */
    APART_MS = 1000  /* … then each asks by itself for so long */
};

/* One who waits. What is in a list is not in anyone's stack, for a process of a simulation ends
 * without taking itself out: what is of another process is not looked at. */
typedef struct waiter {
    struct waiter *next;
    uint64_t process;
    stele_asked *asked;
} waiter;

/* A request under way. */
typedef struct round {
    struct round *next;
    uint64_t process;
    stele_asked *of; /* the first of those that it is for */
    stele_deadline slow_at;
} round;

void stele_rounds_init(stele_rounds *rounds, stele_runtime runtime)
{
    *rounds = (stele_rounds){0};
    stele_monitor_init(&rounds->monitor, runtime);
    rounds->apart_until = stele_deadline_after(stele_runtime_clock(runtime), 0);
}

void stele_rounds_clear(stele_rounds *rounds)
{
    while (rounds->waiting != NULL) { /* of processes that have ended, as what follows */
        waiter *left = rounds->waiting;
        rounds->waiting = left->next;
        free(left);
    }
    while (rounds->open != NULL) {
        round *left = rounds->open;
        rounds->open = left->next;
        free(left);
    }
    stele_monitor_clear(&rounds->monitor);
}

static stele_deadline after(const stele_rounds *rounds, int timeout_ms)
{
    return stele_deadline_after(stele_runtime_clock(rounds->monitor.runtime), timeout_ms);
}

static bool joins(const stele_asked *a, const stele_asked *b)
{
    return a->kind == b->kind && a->kind->joins(a, b);
}

/* ---- who waits; the monitor is held ---- */

static void add(stele_rounds *rounds, stele_asked *mine)
{
    waiter **at = &rounds->waiting;
    while (*at != NULL)
        at = &(*at)->next;
    *at = stele_alloc(sizeof **at);
    **at = (waiter){.process = mine->process, .asked = mine};
}

static void take_out(stele_rounds *rounds, const stele_asked *mine)
{
    waiter **at = &rounds->waiting;
    while ((*at)->asked != mine || (*at)->process != mine->process)
        at = &(*at)->next;
    waiter *out = *at;
    *at = out->next;
    free(out);
}

/* Those who go with this one; it is among them. */
static stele_asked *take_joining(stele_rounds *rounds, const stele_asked *mine, size_t *count)
{
    stele_asked *first = NULL;
    stele_asked **end = &first;
    waiter **at = &rounds->waiting;
    *count = 0;
    while (*at != NULL) {
        waiter *each = *at;
        if (each->process != mine->process || !joins(each->asked, mine)) {
            at = &each->next;
            continue;
        }
        each->asked->next = NULL;
        each->asked->state = STELE_ASKED_SENT;
        *end = each->asked;
        end = &each->asked->next;
        ++*count;
        *at = each->next;
        free(each);
    }
    return first;
}

static bool is_for(const round *each, const stele_asked *mine)
{
    return each->process == mine->process && joins(each->of, mine);
}

/* @param look_at  when it is not held up any longer, if nothing else comes before */
static bool is_held_up(const stele_rounds *rounds, const stele_asked *mine, stele_deadline *look_at)
{
    bool held_up = false;
    for (const round *each = rounds->open; each != NULL; each = each->next) {
        if (!is_for(each, mine) || stele_deadline_passed(each->slow_at)) continue;
        held_up = true;
        if (each->slow_at.end_ns < look_at->end_ns) *look_at = each->slow_at;
    }
    return held_up;
}

/* ---- requests ---- */

/* No one waits for longer than was asked for. */
static int time_for(const stele_asked *first)
{
    int timeout_ms = 1 << 30;
    for (const stele_asked *each = first; each != NULL; each = each->next)
        timeout_ms = stele_deadline_remaining_ms(each->until, timeout_ms);
    return timeout_ms;
}

/* By itself: what the request comes to is its answer. */
static void ask_alone(stele_asked *mine)
{
    mine->next = NULL;
    mine->error = (stele_error){0};
    stele_error failure = {0};
    if (mine->kind->ask(mine, time_for(mine), &failure) < 0) mine->error = failure;
    mine->state = STELE_ASKED_ANSWERED;
}

static round *open_round(stele_rounds *rounds, stele_asked *first)
{
    round *opened = stele_alloc(sizeof *opened);
    *opened = (round){.next = rounds->open,
                      .process = first->process,
                      .of = first,
                      .slow_at = after(rounds, SLOW_MS)};
    rounds->open = opened;
    return opened;
}

static void close_round(stele_rounds *rounds, round *ended)
{
    round **at = &rounds->open;
    while (*at != ended)
        at = &(*at)->next;
    *at = ended->next;
    free(ended);
}

/* With the monitor held, which is let go meanwhile. */
static void lead(stele_rounds *rounds, const stele_asked *mine)
{
    size_t count;
    stele_error failure = {0};
    stele_deadline silent_at = after(rounds, SILENT_MS);
    stele_asked *first = take_joining(rounds, mine, &count);
    round *here = open_round(rounds, first);
    stele_monitor_unlock(&rounds->monitor);
    stele_status status = mine->kind->ask(first, time_for(first), &failure);
    stele_monitor_lock(&rounds->monitor);
    close_round(rounds, here);
    if (status < 0 && count > 1 && stele_deadline_passed(silent_at))
        rounds->apart_until = after(rounds, APART_MS);
    while (first != NULL) {
        stele_asked *each = first;
        first = each->next;
        if (status < 0) each->error = failure;
        each->state = status < 0 && count > 1 ? STELE_ASKED_ALONE : STELE_ASKED_ANSWERED;
    }
    stele_monitor_wake(&rounds->monitor);
}

/* The planted bug. */
static void go_with_what_was_sent(const stele_rounds *rounds, stele_asked *mine)
{
    for (const round *each = rounds->open; each != NULL; each = each->next) {
        if (!is_for(each, mine)) continue;
        stele_asked *last = each->of;
        while (last->next != NULL)
            last = last->next;
        mine->next = NULL;
        mine->state = STELE_ASKED_SENT;
        last->next = mine;
        return;
    }
}

/* @return false: its time was up before it could be asked */
static bool await_answer(stele_rounds *rounds, stele_asked *mine)
{
    while (mine->state == STELE_ASKED_WAITS || mine->state == STELE_ASKED_SENT) {
        stele_deadline look_at = after(rounds, -1);
        if (mine->state == STELE_ASKED_WAITS) {
            if (!is_held_up(rounds, mine, &look_at)) {
                lead(rounds, mine);
                continue;
            }
            if (stele_deadline_passed(mine->until)) {
                take_out(rounds, mine);
                return false;
            }
            if (mine->until.end_ns < look_at.end_ns) look_at = mine->until;
        }
        stele_monitor_wait(&rounds->monitor, look_at);
    }
    return true;
}

stele_status stele_rounds_ask(stele_rounds *rounds, stele_asked *mine, int timeout_ms,
                              stele_error *err)
{
    mine->until = after(rounds, timeout_ms);
    mine->process = stele_runtime_process(rounds->monitor.runtime);
    mine->state = STELE_ASKED_WAITS;
    stele_monitor_lock(&rounds->monitor);
    if (STELE_BUG("question goes with a request that was sent before"))
        go_with_what_was_sent(rounds, mine);
    if (mine->state == STELE_ASKED_WAITS && !stele_deadline_passed(rounds->apart_until))
        mine->state = STELE_ASKED_ALONE;
    if (mine->state == STELE_ASKED_WAITS) add(rounds, mine);
    bool answered = await_answer(rounds, mine);
    stele_monitor_unlock(&rounds->monitor);
    if (!answered)
        return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                          "the broker has not answered what was asked before this in time");
    if (mine->state == STELE_ASKED_ALONE) ask_alone(mine);
    if (mine->error.status < 0 && err != NULL) *err = mine->error;
    return mine->error.status;
}
