/* SPDX-License-Identifier: MIT
 * A few threads that do what a loop must not wait for. The queue is bounded, and so is the number
 * of threads that work which usually waits may occupy: what is quick always finds a thread. */
#ifndef STELE_SERVER_WORK_POOL_H
#define STELE_SERVER_WORK_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/scope.h"

/** A piece of work, part of a struct of the caller's. */
typedef struct stele_work {
    void (*run)(struct stele_work *work); /* in a thread of the pool; the pool forgets it before */
    bool waits;
    struct stele_work *next; /* the pool's */
} stele_work;

typedef struct stele_work_pool stele_work_pool;

/**
 * @param threads    at least 2; a quarter of them is kept for work that does not wait
 * @param queue_max  pieces that may be queued; a quarter is kept likewise
 * @return caller owns, release with stele_work_pool_close; NULL: the system gives no threads
 */
stele_work_pool *stele_work_pool_new(size_t threads, size_t queue_max);

/** Queue it. Any thread. @return false: the queue is full, and the caller still owns `work` */
bool stele_work_pool_add(stele_work_pool *pool, stele_work *work);

/** Take back a piece that no thread has begun. @return NULL: there is none */
stele_work *stele_work_pool_take_back(stele_work_pool *pool);

/** Wait for what is running and release the pool. Nothing is queued any more. */
void stele_work_pool_close(stele_work_pool *pool);
STELE_SCOPE(stele_work_pool, stele_work_pool_close);

#endif
