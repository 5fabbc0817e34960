/* SPDX-License-Identifier: MIT
 * The thread that asks. */
#include "consumer/asker.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "core/monitor.h"

/* Of the reader, which reads one record at a time: what comes with it is fetched, unpacked and
 * dropped. */
enum { QUEUE_BYTES = 1 << 20, FETCH_BYTES = 1 << 10, BATCH_RECORDS = 1 };

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
    stele_question *asked; /* being asked */
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

/* The monitor is held. @return NULL: closing */
static stele_question *take_next(stele_asker *asker)
{
    stele_deadline never = stele_deadline_after(stele_log_clock(asker->log), -1);
    while (!asker->closing && asker->first == NULL)
        stele_monitor_wait(&asker->monitor, never);
    if (asker->closing) return NULL;
    stele_question *question = asker->first;
    asker->first = question->next;
    if (asker->first == NULL) asker->end = &asker->first;
    return question;
}

static void run(void *context)
{
    stele_asker *asker = context;
    stele_monitor_lock(&asker->monitor);
    while ((asker->asked = take_next(asker)) != NULL) {
        stele_question *question = asker->asked;
        stele_monitor_unlock(&asker->monitor);
        question->ask(question, asker);
        stele_monitor_lock(&asker->monitor);
        asker->asked = NULL;
        question->state = STELE_QUESTION_ANSWERED;
        if (question->forgotten) free(question);
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
    question->forgotten = asker->asked == question;
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

static stele_status read_first(stele_asker *asker, stele_deadline until,
                               void (*take)(void *context, const stele_batch *batch), void *context,
                               stele_error *err)
{
    for (;;) {
        stele_batch batch;
        int left_ms = stele_deadline_remaining_ms(until, 1 << 30);
        stele_status status = stele_log_reader_next(asker->reader, left_ms, &batch, err);
        if (status == STELE_E_TIMED_OUT)
            return stele_fail(err, status, STELE_NEXT_RETRY, "the broker gave no record in time");
        if (status < 0) return status;
        bool ends = batch.status < 0 || batch.count > 0 || batch.at_end;
        if (batch.status < 0)
            *err = batch.error;
        else if (ends)
            take(context, &batch);
        status = batch.status;
        stele_log_batch_release(&batch);
        if (ends) return status;
    }
}

stele_status stele_asker_read(stele_asker *asker, stele_partition partition, int64_t offset,
                              int timeout_ms, void (*take)(void *context, const stele_batch *batch),
                              void *context, stele_error *err)
{
    stele_status status = STELE_OK;
    stele_log_reader_options options = {
        .queue_max = QUEUE_BYTES, .batch_max = BATCH_RECORDS, .fetch_max = FETCH_BYTES};
    if (asker->reader == NULL)
        status = stele_log_reader_open(asker->log, &options, &asker->reader, err);
    if (status == STELE_OK) status = stele_log_reader_start(asker->reader, partition, offset, err);
    if (status < 0) return status;
    stele_deadline until = stele_deadline_after(stele_log_clock(asker->log), timeout_ms);
    status = read_first(asker, until, take, context, err);
    stele_log_reader_stop(asker->reader, partition);
    return status;
}
