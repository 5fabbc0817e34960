/* SPDX-License-Identifier: MIT
 * The thread that asks. */
#include "consumer/asker.h"

#include <stdlib.h>

#include "consumer/task.h"
#include "core/alloc.h"
#include "core/monitor.h"

/* Of the reader, which reads one record at a time: what comes with it is fetched, unpacked and
 * dropped. */
enum { QUEUE_BYTES = 1 << 20, FETCH_BYTES = 16 << 10, BATCH_RECORDS = 1 };

enum { PAUSE_MS = 500 }; /* before a question that failed is asked again */

struct stele_asker {
    stele_log *log;
    void (*wake)(void *context);
    void *context;

    stele_log_reader *reader; /* of the thread; NULL until it is needed */

    stele_monitor monitor;
    stele_thread thread;
    bool started;
    bool closing;
    stele_question *first; /* waiting, in order */
    stele_question **end;
};

stele_asker *stele_asker_open(stele_log *log, void (*wake)(void *context), void *context)
{
    stele_asker *asker = stele_alloc(sizeof *asker);
    asker->log = log;
    asker->wake = wake;
    asker->context = context;
    asker->end = &asker->first;
    stele_monitor_init(&asker->monitor, stele_log_runtime(log));
    return asker;
}

/* ---- the thread ---- */

/* The monitor is held. @return a list of those that are asked together; NULL: closing */
static stele_question *take_next(stele_asker *asker)
{
    stele_deadline never = stele_deadline_after(stele_log_clock(asker->log), -1);
    while (!asker->closing && asker->first == NULL)
        stele_monitor_wait(&asker->monitor, never);
    if (asker->closing) return NULL;
    stele_question *first = asker->first;
    stele_question *last = first;
    last->is_asked = true;
    while (first->together && last->next != NULL && last->next->ask == first->ask) {
        last = last->next;
        last->is_asked = true;
    }
    asker->first = last->next;
    last->next = NULL;
    if (asker->first == NULL) asker->end = &asker->first;
    return first;
}

/* The monitor is held. */
static void set_answered(stele_question *asked)
{
    while (asked != NULL) {
        stele_question *next = asked->next;
        asked->is_asked = false;
        asked->state = STELE_QUESTION_ANSWERED;
        if (asked->forgotten) free(asked);
        asked = next;
    }
}

static void run(void *context)
{
    stele_asker *asker = context;
    stele_monitor_lock(&asker->monitor);
    stele_question *asked;
    while ((asked = take_next(asker)) != NULL) {
        stele_monitor_unlock(&asker->monitor);
        asked->ask(asked, asker);
        stele_monitor_lock(&asker->monitor);
        set_answered(asked);
        if (!asker->closing) asker->wake(asker->context);
    }
    stele_monitor_unlock(&asker->monitor);
    stele_log_reader_close(asker->reader);
}

/* ---- the owner ---- */

void stele_asker_ask(stele_asker *asker, stele_question *question)
{
    stele_monitor_lock(&asker->monitor);
    if (!asker->started && !asker->closing)
        asker->started = stele_thread_start(stele_log_runtime(asker->log), &asker->thread,
                                            "stele-ask", run, asker) == 0;
    if (asker->started && question->state != STELE_QUESTION_WAITING) {
        question->state = STELE_QUESTION_WAITING;
        question->next = NULL;
        *asker->end = question;
        asker->end = &question->next;
        stele_monitor_wake(&asker->monitor);
    }
    stele_monitor_unlock(&asker->monitor);
}

stele_question_state stele_asker_state(stele_asker *asker, const stele_question *question)
{
    stele_monitor_lock(&asker->monitor);
    stele_question_state state = question->state;
    stele_monitor_unlock(&asker->monitor);
    return state;
}

stele_status stele_asker_insist(stele_asker *asker, stele_asking *asking, stele_error *err)
{
    stele_clock clock = stele_log_clock(asker->log);
    stele_question_state state = stele_asker_state(asker, &asking->base);
    if (state == STELE_QUESTION_ANSWERED) {
        asking->base.state = STELE_QUESTION_IDLE;
        if (asking->error.status == STELE_OK) return STELE_OK;
        asking->again_ns = stele_clock_monotonic_ns(clock) + (int64_t)PAUSE_MS * 1000000;
    } else if (state == STELE_QUESTION_IDLE &&
               stele_clock_monotonic_ns(clock) >= asking->again_ns) {
        stele_asker_ask(asker, &asking->base);
        return stele_task_not_yet(err);
    }
    if (state == STELE_QUESTION_WAITING || asking->error.status == STELE_OK)
        return stele_task_not_yet(err);
    *err = asking->error;
    return err->status;
}

static void take_out(stele_asker *asker, const stele_question *question)
{
    stele_question **at = &asker->first;
    while (*at != question)
        at = &(*at)->next;
    *at = question->next;
    if (*at == NULL) asker->end = at;
}

void stele_asker_forget(stele_asker *asker, stele_question *question)
{
    if (question == NULL) return;
    stele_monitor_lock(&asker->monitor);
    question->forgotten = question->is_asked;
    bool frees = !question->forgotten;
    if (frees && question->state == STELE_QUESTION_WAITING) take_out(asker, question);
    stele_monitor_unlock(&asker->monitor);
    if (frees) free(question);
}

void stele_asker_close(stele_asker *asker)
{
    if (asker == NULL) return;
    stele_monitor_lock(&asker->monitor);
    asker->closing = true;
    stele_monitor_wake(&asker->monitor);
    stele_monitor_unlock(&asker->monitor);
    if (asker->started) stele_thread_join(asker->thread);
    stele_monitor_clear(&asker->monitor);
    free(asker);
}

/* ---- for questions ---- */

stele_log *stele_asker_log(stele_asker *asker)
{
    return asker->log;
}

static stele_look *find_look(stele_look *looks, size_t count, stele_partition partition)
{
    for (size_t i = 0; i < count; i++)
        if (looks[i].partition.index == partition.index &&
            strcmp(looks[i].partition.topic, partition.topic) == 0)
            return &looks[i];
    return NULL;
}

static void take_look(stele_look *look, const stele_batch *batch)
{
    if (look == NULL || look->is_done) return;
    look->is_done = batch->status < 0 || batch->count > 0 || batch->at_end;
    if (batch->status < 0)
        look->error = batch->error;
    else if (look->is_done)
        look->take(look->context, batch);
}

/* Until each has its first batch. What has is not read on. */
static stele_status read_firsts(stele_asker *asker, stele_look *looks, size_t count,
                                stele_deadline until, stele_error *err)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        left += !looks[i].is_done;
    while (left > 0) {
        stele_batch batch;
        int left_ms = stele_deadline_remaining_ms(until, 1 << 30);
        stele_status status = stele_log_reader_next(asker->reader, left_ms, &batch, err);
        if (status == STELE_E_TIMED_OUT)
            return stele_fail(err, status, STELE_NEXT_RETRY, "the broker gave no record in time");
        if (status < 0) return status;
        stele_look *look = find_look(looks, count, batch.partition);
        take_look(look, &batch);
        stele_log_batch_release(&batch);
        if (look == NULL || !look->is_done) continue;
        stele_log_reader_stop(asker->reader, look->partition);
        left--;
    }
    return STELE_OK;
}

void stele_asker_look(stele_asker *asker, stele_look *looks, size_t count, int timeout_ms)
{
    stele_error failure = {0};
    stele_log_reader_options options = {
        .queue_max = QUEUE_BYTES, .batch_max = BATCH_RECORDS, .fetch_max = FETCH_BYTES};
    if (count == 0) return;
    if (asker->reader == NULL)
        stele_log_reader_open(asker->log, &options, &asker->reader, &failure);
    for (size_t i = 0; asker->reader != NULL && i < count; i++)
        looks[i].is_done = stele_log_reader_start(asker->reader, looks[i].partition,
                                                  looks[i].offset, &looks[i].error) < 0;
    stele_deadline until = stele_deadline_after(stele_log_clock(asker->log), timeout_ms);
    if (asker->reader != NULL) read_firsts(asker, looks, count, until, &failure);
    for (size_t i = 0; i < count; i++) {
        if (looks[i].is_done) continue;
        looks[i].error = failure;
        if (asker->reader != NULL) stele_log_reader_stop(asker->reader, looks[i].partition);
    }
}
