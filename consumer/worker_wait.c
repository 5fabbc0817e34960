/* SPDX-License-Identifier: MIT
 * How the worker waits, and who wakes it. Waiting is in one place: its reader, or without one its
 * bell. */
#include "consumer/worker_inside.h"

#include <limits.h>

enum {
    TURN_MS = 100,     /* a turn lasts no longer while something goes on, … */
    AT_REST_MS = 6000, /* … or went on so recently that tasks may still look at a clock for it */
};

/* Whoever wakes the worker wakes its reader. */
void worker_ring(stele_worker *worker)
{
    stele_monitor_lock(&worker->bell);
    worker->rung = true;
    stele_monitor_wake(&worker->bell);
    if (worker->host.reader != NULL) stele_log_reader_wake(worker->host.reader);
    stele_monitor_unlock(&worker->bell);
}

void stele_worker_wake(stele_worker *worker)
{
    atomic_store(&worker->is_called, true);
    worker_ring(worker);
}

void stele_worker_call_again(stele_worker *worker)
{
    worker->host.at_once = true;
}

void stele_worker_call_within(stele_worker *worker, int64_t ms)
{
    if (ms < worker->host.within_ms) worker->host.within_ms = ms < 0 ? 0 : (int)ms;
}

void worker_set_reader(stele_worker *worker, stele_log_reader *reader)
{
    stele_monitor_lock(&worker->bell);
    worker->host.reader = reader;
    stele_monitor_unlock(&worker->bell);
}

void stele_worker_rest(stele_worker *worker, int timeout_ms)
{
    stele_deadline until = stele_deadline_after(stele_log_clock(worker->host.log), timeout_ms);
    stele_monitor_lock(&worker->bell);
    while (!worker->rung && stele_monitor_wait(&worker->bell, until)) {
    }
    worker->rung = false;
    stele_monitor_unlock(&worker->bell);
}

/* Is there nothing under way that only a clock ends? What is due later has said so. */
static bool is_at_rest(stele_worker *worker)
{
    int64_t now_ns = stele_worker_now_ns(worker);
    bool is_quiet = worker->membership != NULL && !worker->count_unconfirmed && !worker->is_refused;
    for (int32_t i = 0; is_quiet && i < worker->slot_count; i++)
        is_quiet = slot_is_at_rest(worker->slots[i]);
    if (!is_quiet || worker->host.at_once || atomic_exchange(&worker->is_called, false))
        worker->busy_ns = now_ns;
    return now_ns >= after_ms(worker->busy_ns, AT_REST_MS);
}

/* How long to wait for something to come. */
int worker_turn_ms(stele_worker *worker, int timeout_ms)
{
    slot_host *host = &worker->host;
    for (int32_t i = 0; i < worker->slot_count; i++)
        stele_worker_call_within(worker, slot_due_in_ms(host, worker->slots[i]));
    int most_ms = host->within_ms < timeout_ms ? host->within_ms : timeout_ms;
    if (!is_at_rest(worker) && most_ms > TURN_MS) most_ms = TURN_MS;
    if (host->at_once) most_ms = 0;
    host->at_once = false;
    host->within_ms = INT_MAX;
    return most_ms;
}
