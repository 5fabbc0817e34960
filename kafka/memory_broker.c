/* SPDX-License-Identifier: MIT
 * The broker of the log in memory: its lock, the waits for it, and what happens by time alone. */
#include "kafka/memory_broker.h"

enum { LOOK_MS = 20 }; /* a wait looks that often what time has done */

/* A broker that is away gives no one up. */
void stele_memory_expire(memory_log *log)
{
    stele_memory_land(log);
    if (!log->up) return;
    stele_memory_expire_members(log);
    stele_memory_expire_transactions(log);
}

void stele_memory_enter(memory_log *log)
{
    stele_monitor_lock(&log->monitor);
    stele_memory_expire(log);
}

void stele_memory_exit(memory_log *log)
{
    stele_monitor_unlock(&log->monitor);
}

stele_deadline stele_memory_deadline(const memory_log *log, int timeout_ms)
{
    return stele_deadline_after(stele_log_clock(&log->base), timeout_ms);
}

bool stele_memory_wait(memory_log *log, stele_deadline deadline)
{
    int wait_ms = stele_deadline_remaining_ms(deadline, LOOK_MS);
    if (wait_ms == 0) return false;
    stele_monitor_wait(&log->monitor, stele_memory_deadline(log, wait_ms));
    stele_memory_expire(log);
    return true;
}

/* ---- calls of who does not reach it ---- */

stele_status stele_memory_fail_away(stele_error *err)
{
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                      "the log in memory plays a broker that is away");
}

stele_status stele_memory_await_up(memory_log *log, stele_deadline deadline, stele_error *err)
{
    while (!stele_memory_is_reached(log, stele_memory_owner(log)))
        if (log->closed || !stele_memory_wait(log, deadline)) return stele_memory_fail_away(err);
    return STELE_OK;
}

stele_status stele_memory_await_room(memory_log *log, stele_deadline deadline, stele_error *err)
{
    for (;;) {
        stele_status status = stele_memory_await_up(log, deadline, err);
        if (status < 0 || !log->disk_is_full) return status;
        if (log->closed || !stele_memory_wait(log, deadline))
            return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                              "the log in memory plays a broker whose disk is full");
    }
}
