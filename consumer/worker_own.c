/* SPDX-License-Identifier: MIT
 * The partitions that a worker has, as the group or its tasks want it: taken, given away, drained,
 * stopped, released. */
#include "consumer/worker_inside.h"

#include <assert.h>

#include "core/alloc.h"

enum {
    COMPLAIN_MS = 10000, /* how often a wait is logged */
    GIVE_MS = 2000,      /* draining what is given away */
    DRAIN_LOOK_MS = 100, /* and whenever something comes */
};

slot *worker_slot(const stele_worker *worker, int32_t partition)
{
    if (partition < 0 || partition >= worker->slot_count) return NULL;
    return worker->slots[partition];
}

slot *worker_make_slot(stele_worker *worker, int32_t index)
{
    assert(index >= 0);
    if (index >= worker->slot_count) {
        worker->slots = stele_realloc_array(worker->slots, (size_t)index + 1, sizeof(slot *));
        for (; worker->slot_count <= index; worker->slot_count++) {
            worker->slots[worker->slot_count] = stele_alloc(sizeof(slot));
            worker->slots[worker->slot_count]->index = worker->slot_count;
        }
    }
    return worker->slots[index];
}

/* Drain the partitions that are marked, in turns, until all are done or the time is up. What is
 * lost is not drained: it is a fact for whoever checks that. */
void worker_drain(stele_worker *worker, bool lost)
{
    stele_probe(stele_log_runtime(worker->host.log), &(stele_fact){.what = "draining",
                                                                   .subject = worker->name,
                                                                   .topic = worker->topic,
                                                                   .value = lost});
    int drain_ms = worker->options.drain_timeout_ms > 0 ? worker->options.drain_timeout_ms : 0;
    stele_deadline deadline = stele_deadline_after(stele_log_clock(worker->host.log), drain_ms);
    bool left = true;
    while (left && !stele_deadline_passed(deadline)) {
        left = false;
        for (int32_t i = 0; i < worker->slot_count; i++) {
            slot *each = worker->slots[i];
            if (each->draining && each->phase == SLOT_RUNNING) slot_drain(&worker->host, each);
            left = left || (each->draining && each->phase == SLOT_RUNNING);
        }
        if (left && !worker->host.at_once)
            stele_worker_rest(worker, stele_deadline_remaining_ms(deadline, DRAIN_LOOK_MS));
        worker->host.at_once = false;
    }
}

/* Once for all that ended in a part of the turn. */
void worker_await_closed(stele_worker *worker)
{
    slots_await_closed(&worker->host, worker->slots, (size_t)worker->slot_count);
}

void worker_release(stele_worker *worker, slot *const *slots, size_t count, bool lost)
{
    /* A worker that ends has said so, or why: that line is not to be deleted before the board has
     * published it. */
    for (size_t i = 0; i < count; i++)
        slots[i]->keeps_line = worker->host.stopping && (!lost || slots[i]->phase == SLOT_STOPPED);
    slots_release(&worker->host, slots, count, lost);
    for (size_t i = 0; i < count; i++)
        report_gone(&worker->told, &worker->host, slots[i]);
}

void stele_worker_stop_all(stele_worker *worker, const stele_error *reason)
{
    if (worker->stop_reason.status == STELE_OK) worker->stop_reason = *reason;
}

/* Done by the loop, not by whoever asks: that may be a task. */
void worker_stop_if_asked(stele_worker *worker)
{
    if (worker->stop_reason.status == STELE_OK) return;
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = worker->slots[i];
        if (each->phase != SLOT_FREE && each->phase != SLOT_STOPPED)
            slot_stop(&worker->host, each, &worker->stop_reason);
    }
}

void worker_complain(stele_worker *worker, const char *message, const stele_error *why)
{
    int64_t now_ns = stele_worker_now_ns(worker);
    if (worker->complained_ns != INT64_MIN && now_ns < after_ms(worker->complained_ns, COMPLAIN_MS))
        return;
    worker->complained_ns = now_ns;
    stele_logger_write(worker->options.logger, STELE_LOGGER_WARN, message,
                       STELE_LOGGER_FIELDS(stele_logger_text("worker", worker->name),
                                           stele_logger_text("topic", worker->topic),
                                           stele_logger_text("reason", why->text)));
}

/* A client of a broker that does not answer takes seconds to close, in which the worker's thread
 * would serve no one. */
void worker_retire(stele_worker *worker, void (*close)(void *what), void *what)
{
    if (!stele_retire(&worker->replaced, stele_log_runtime(worker->host.log), close, what))
        close(what);
}

/* ---- without the group ---- */

bool stele_worker_take(stele_worker *worker, int32_t partition)
{
    if (worker->membership == NULL || partition >= worker->partition_count) return false;
    slot *of = worker_make_slot(worker, partition);
    if (of->phase != SLOT_FREE && of->phase != SLOT_FENCED) return false;
    slot_assign(&worker->host, of);
    of->is_kept = !of->is_assigned;
    worker->host.at_once = true;
    return true;
}

void stele_worker_give(stele_worker *worker, int32_t partition)
{
    slot *of = worker_slot(worker, partition);
    if (of == NULL || !slot_is_served(of)) return;
    of->is_given = true;
    of->given_ns = stele_worker_now_ns(worker);
    worker->host.at_once = true;
}

/* @return it is drained, or was not prepared yet: then it is no longer ours */
static bool give_away(stele_worker *worker, slot *of)
{
    assert(of->phase != SLOT_FREE);
    bool is_late = stele_worker_now_ns(worker) >= after_ms(of->given_ns, GIVE_MS);
    of->draining = of->phase == SLOT_RUNNING && !is_late;
    if (of->draining) slot_drain(&worker->host, of);
    return !of->draining;
}

/* What was given away, and is still assigned after a whole session, is asked for again. */
void worker_serve_given(stele_worker *worker)
{
    int64_t again_ms = worker->options.session_timeout_ms;
    slot **gone = stele_alloc_array((size_t)worker->slot_count + 1, sizeof(slot *));
    size_t count = 0;
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = worker->slots[i];
        if (each->is_given && give_away(worker, each))
            gone[count++] = each;
        else if (!each->is_given && each->is_assigned && each->phase == SLOT_FREE &&
                 stele_worker_now_ns(worker) >= after_ms(each->given_ns, again_ms))
            slot_assign(&worker->host, each);
    }
    if (count > 0) worker_release(worker, gone, count, false);
    free(gone);
}
