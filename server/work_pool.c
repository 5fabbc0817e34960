/* SPDX-License-Identifier: MIT
 * Threads, one queue, and who may take what of it. */
#include "server/work_pool.h"

#include <assert.h>

#include "core/alloc.h"
#include "core/monitor.h"

struct stele_work_pool {
    stele_monitor monitor;
    stele_thread *threads;
    size_t thread_count;
    stele_work *first;
    stele_work **end; /* where the next one goes */
    size_t queued;
    size_t queued_waits; /* of them, those that wait */
    size_t queue_max;
    size_t running_waits;
    bool is_closing;
};

static size_t three_quarters(size_t count)
{
    return count - (count + 3) / 4;
}

/* With the lock held. @return NULL: there is nothing that this moment allows */
static stele_work *take(stele_work_pool *pool, bool any)
{
    bool may_wait = any || pool->running_waits < three_quarters(pool->thread_count);
    for (stele_work **at = &pool->first; *at != NULL; at = &(*at)->next) {
        stele_work *work = *at;
        if (work->waits && !may_wait) continue;
        *at = work->next;
        if (work->next == NULL) pool->end = at;
        assert(pool->queued > 0 && pool->queued_waits >= (work->waits ? 1 : 0));
        pool->queued--;
        pool->queued_waits -= work->waits ? 1 : 0;
        return work;
    }
    return NULL;
}

static void work_on(void *context)
{
    stele_work_pool *pool = context;
    stele_deadline never = {.end_ns = INT64_MAX};
    stele_monitor_lock(&pool->monitor);
    while (!pool->is_closing) {
        stele_work *work = take(pool, false);
        if (work == NULL) {
            stele_monitor_wait(&pool->monitor, never);
            continue;
        }
        size_t waits = work->waits ? 1 : 0;
        pool->running_waits += waits;
        assert(pool->running_waits <= pool->thread_count);
        stele_monitor_unlock(&pool->monitor);
        work->run(work);
        stele_monitor_lock(&pool->monitor);
        pool->running_waits -= waits;
        if (waits > 0) stele_monitor_wake(&pool->monitor);
    }
    stele_monitor_unlock(&pool->monitor);
}

stele_work_pool *stele_work_pool_new(size_t threads, size_t queue_max)
{
    stele_work_pool *pool = stele_alloc(sizeof *pool);
    pool->end = &pool->first;
    pool->queue_max = queue_max;
    pool->threads = stele_alloc_array(threads, sizeof *pool->threads);
    stele_monitor_init(&pool->monitor, stele_runtime_system());
    while (pool->thread_count < threads) {
        if (stele_thread_start(stele_runtime_system(), &pool->threads[pool->thread_count],
                               "http-worker", work_on, pool) != 0) {
            stele_work_pool_close(pool);
            return NULL;
        }
        stele_monitor_lock(&pool->monitor);
        pool->thread_count++;
        stele_monitor_unlock(&pool->monitor);
    }
    return pool;
}

bool stele_work_pool_add(stele_work_pool *pool, stele_work *work)
{
    stele_monitor_lock(&pool->monitor);
    bool fits = pool->queued < pool->queue_max &&
                (!work->waits || pool->queued_waits < three_quarters(pool->queue_max));
    if (fits) {
        work->next = NULL;
        *pool->end = work;
        pool->end = &work->next;
        pool->queued++;
        pool->queued_waits += work->waits ? 1 : 0;
        stele_monitor_wake(&pool->monitor);
    }
    stele_monitor_unlock(&pool->monitor);
    return fits;
}

stele_work *stele_work_pool_take_back(stele_work_pool *pool)
{
    stele_monitor_lock(&pool->monitor);
    stele_work *work = take(pool, true);
    stele_monitor_unlock(&pool->monitor);
    return work;
}

void stele_work_pool_close(stele_work_pool *pool)
{
    if (pool == NULL) return;
    stele_monitor_lock(&pool->monitor);
    pool->is_closing = true;
    stele_monitor_wake(&pool->monitor);
    stele_monitor_unlock(&pool->monitor);
    for (size_t i = 0; i < pool->thread_count; i++)
        stele_thread_join(pool->threads[i]);
    stele_monitor_clear(&pool->monitor);
    free(pool->threads);
    free(pool);
}
