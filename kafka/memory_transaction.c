/* SPDX-License-Identifier: MIT
 * A producer's transactions in memory: the calls that lead to the coordinator, and what they are
 * answered. */
#include <assert.h>

#include "core/bug.h"
#include "kafka/memory_ops.h"
#include "kafka/memory_producer.h"

/* ---- init ---- */

/* Whoever begins where a decided end is not visible yet waits for it (CONCURRENT_TRANSACTIONS). */
static stele_status await_end(memory_producer *self, stele_deadline deadline, stele_error *err)
{
    memory_log *log = self->log;
    stele_status status = stele_memory_await_room(log, deadline, err);
    while (status == STELE_OK && self->transactional != NULL && self->transactional->ending)
        status = stele_memory_wait(log, deadline)
                     ? stele_memory_await_room(log, deadline, err)
                     : stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                                  "%s: the markers of the transaction before are not written yet",
                                  self->transactional->id);
    return status;
}

static void fence(memory_producer *self)
{
    memory_transactional *transactional = self->transactional;
    if (STELE_BUG("init does not fence") && transactional->epoch > 0) {
        self->epoch = transactional->epoch;
        return;
    }
    self->epoch = ++transactional->epoch;
    stele_memory_end_transaction(self->log, transactional, false);
    transactional->timeout_ms = self->transaction_timeout_ms;
}

static stele_status init(stele_log_producer *base, const char *topic, int timeout_ms,
                         stele_error *err)
{
    memory_producer *self = (memory_producer *)base;
    memory_log *log = self->log;
    stele_memory_enter(log);
    stele_status status = stele_memory_check_producer(self, err);
    if (status == STELE_OK) status = await_end(self, stele_memory_deadline(log, timeout_ms), err);
    if (status == STELE_OK && self->transactional != NULL && self->epoch == 0) fence(self);
    if (status == STELE_OK && topic != NULL && stele_memory_find_topic(log, topic) == NULL)
        status =
            stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, "there is no topic %s", topic);
    stele_memory_exit(log);
    return status;
}

/* ---- a transaction ---- */

/* What every call within a transaction begins with. */
static stele_status enter_transaction(memory_producer *self, stele_error *err)
{
    stele_memory_enter(self->log);
    if (self->transactional == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "this producer has no transactional id");
    stele_status status = stele_memory_check_producer(self, err);
    if (status < 0 || self->in_transaction) return status;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s: no transaction was begun",
                      self->transactional->id);
}

/* What the producer has heard of; the broker is not asked. */
static stele_status check_begin(const memory_producer *self, stele_error *err)
{
    if (self->death.status != STELE_OK) {
        if (err != NULL) *err = self->death;
        return self->death.status;
    }
    if (self->transactional == NULL || self->epoch == 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "only an initialised producer with a transactional id begins one");
    if (self->in_transaction)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s: the transaction before has not ended", self->transactional->id);
    return STELE_OK;
}

static stele_status begin(stele_log_producer *base, stele_error *err)
{
    memory_producer *self = (memory_producer *)base;
    stele_memory_enter(self->log);
    stele_status status = check_begin(self, err);
    if (status == STELE_OK) {
        assert(self->epoch <= self->transactional->epoch);
        self->in_transaction = true;
        self->at_coordinator = false;
        self->broken = (stele_error){0};
    }
    stele_memory_exit(self->log);
    return status;
}

static stele_status fail_broken(const memory_producer *self, stele_error *err)
{
    if (self->broken.status != STELE_OK && err != NULL) *err = self->broken;
    return self->broken.status;
}

/* The answer of the group's coordinator. What it refuses can only be aborted. */
static stele_status add_offset(memory_producer *self, const memory_captured *captured,
                               stele_partition partition, int64_t offset, stele_error *err)
{
    stele_error refusal;
    stele_memory_open(self->log, self->transactional);
    self->at_coordinator = true;
    stele_status status = stele_memory_check_captured(self->log, captured, &refusal);
    if (status == STELE_OK && stele_memory_find_partition(self->log, partition) == NULL)
        status = stele_fail(&refusal, STELE_E_NOT_FOUND, STELE_NEXT_ABORT,
                            "there is no partition %s/%d", partition.topic, (int)partition.index);
    if (status == STELE_OK) {
        stele_memory_add_pending(self->transactional,
                                 stele_memory_group(self->log, captured->group), partition, offset);
        return STELE_OK;
    }
    self->broken = refusal;
    return fail_broken(self, err);
}

static stele_status send_offset(stele_log_producer *base, const stele_log_group *group,
                                stele_partition partition, int64_t offset, int timeout_ms,
                                stele_error *err)
{
    memory_producer *self = (memory_producer *)base;
    stele_status status = enter_transaction(self, err);
    if (status == STELE_OK) status = fail_broken(self, err);
    if (status == STELE_OK)
        status = await_end(self, stele_memory_deadline(self->log, timeout_ms), err);
    if (status == STELE_OK) status = stele_memory_check_producer(self, err);
    if (status == STELE_OK)
        status = add_offset(self, (const memory_captured *)group, partition, offset, err);
    stele_memory_exit(self->log);
    return status;
}

/* Leave the commit unanswered, as it was asked for. */
static stele_status doubt(memory_producer *self, stele_error *err)
{
    bool is_done = self->log->doubt == STELE_LOG_MEMORY_DONE;
    self->log->doubt = 0;
    if (is_done) stele_memory_end_transaction(self->log, self->transactional, true);
    stele_error unknown;
    stele_fail(&unknown, STELE_E_TIMED_OUT, STELE_NEXT_STOP,
               "%s: the broker did not answer an end of transaction, so its outcome is not known; "
               "make a new producer and restore",
               self->transactional->id);
    return stele_memory_kill_producer(self, &unknown, err);
}

/* Nothing went out, so nothing needs to be told: as librdkafka, which then asks no broker. */
static stele_status end_at_coordinator(memory_producer *self, bool committed,
                                       stele_deadline deadline, stele_error *err)
{
    if (self->at_coordinator) {
        stele_status status = stele_memory_await_room(self->log, deadline, err);
        if (status == STELE_OK) status = stele_memory_check_producer(self, err);
        if (status == STELE_OK && committed && self->log->doubt != 0) status = doubt(self, err);
        if (status < 0) return status;
        stele_memory_end_transaction(self->log, self->transactional, committed);
    }
    self->in_transaction = false;
    return STELE_OK;
}

static stele_status commit(stele_log_producer *base, int timeout_ms, stele_error *err)
{
    memory_producer *self = (memory_producer *)base;
    stele_deadline deadline = stele_memory_deadline(self->log, timeout_ms);
    stele_status status = enter_transaction(self, err);
    stele_memory_exit(self->log);
    if (status == STELE_OK)
        status = stele_memory_producer_flush(self, stele_deadline_remaining_ms(deadline, INT32_MAX),
                                             err);
    if (status < 0) return status;

    stele_memory_enter(self->log);
    status = fail_broken(self, err);
    if (status == STELE_OK) status = end_at_coordinator(self, true, deadline, err);
    stele_memory_exit(self->log);
    return status;
}

static stele_status abort_transaction(stele_log_producer *base, int timeout_ms, stele_error *err)
{
    memory_producer *self = (memory_producer *)base;
    stele_status status = enter_transaction(self, err);
    if (status == STELE_OK) {
        stele_memory_purge(self);
        status = end_at_coordinator(self, false, stele_memory_deadline(self->log, timeout_ms), err);
    }
    stele_memory_exit(self->log);
    stele_memory_serve(self);
    return status;
}

const stele_transaction_ops stele_memory_transaction_ops = {
    .init = init,
    .begin = begin,
    .send_offset = send_offset,
    .commit = commit,
    .abort = abort_transaction,
};
