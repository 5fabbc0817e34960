/* SPDX-License-Identifier: MIT
 * A heap by the time at which they are due, a list of those that are parked, and a table to find
 * both by id. */
#include "aggregates/timers.h"

#include <assert.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "core/table.h"

/* Timers in an array; each knows its place there. */
typedef struct timer_array {
    stele_timer **at;
    size_t count;
    size_t capacity;
} timer_array;

struct stele_timers {
    stele_table *table;
    timer_array heap;
    timer_array parked;
    int64_t until_ns; /* none that is parked until some time is to be looked at before it */
};

stele_timers *stele_timers_new(uint64_t seed)
{
    stele_timers *timers = stele_alloc(sizeof *timers);
    timers->table = stele_table_new(sizeof(stele_timer), seed);
    timers->until_ns = INT64_MAX;
    return timers;
}

void stele_timers_free(stele_timers *timers)
{
    if (timers == NULL) return;
    stele_table_free(timers->table);
    free(timers->heap.at);
    free(timers->parked.at);
    free(timers);
}

/* ---- arrays ---- */

static void put(timer_array *array, size_t at, stele_timer *timer)
{
    array->at[at] = timer;
    timer->at = at;
}

static void push(timer_array *array, stele_timer *timer)
{
    if (array->count == array->capacity) {
        array->capacity = array->capacity == 0 ? 16 : 2 * array->capacity;
        array->at = stele_realloc_array(array->at, array->capacity, sizeof(stele_timer *));
    }
    put(array, array->count++, timer);
}

/* Its place gets the last one. */
static void drop(timer_array *array, const stele_timer *timer)
{
    assert(timer->at < array->count && array->at[timer->at] == timer);
    stele_timer *last = array->at[--array->count];
    if (last != timer) put(array, timer->at, last);
}

/* ---- the heap ---- */

static void sift_up(timer_array *heap, stele_timer *timer)
{
    size_t at = timer->at;
    while (at > 0 && heap->at[(at - 1) / 2]->due_ms > timer->due_ms) {
        put(heap, at, heap->at[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(heap, at, timer);
}

static void sift_down(timer_array *heap, stele_timer *timer)
{
    size_t at = timer->at;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count) break;
        if (child + 1 < heap->count && heap->at[child + 1]->due_ms < heap->at[child]->due_ms)
            child++;
        if (heap->at[child]->due_ms >= timer->due_ms) break;
        put(heap, at, heap->at[child]);
        at = child;
    }
    put(heap, at, timer);
}

static void add_to_heap(stele_timers *timers, stele_timer *timer)
{
    timer->is_parked = false;
    push(&timers->heap, timer);
    sift_up(&timers->heap, timer);
}

static void take_out(stele_timers *timers, stele_timer *timer)
{
    size_t at = timer->at;
    if (timer->is_parked) {
        drop(&timers->parked, timer);
        return;
    }
    drop(&timers->heap, timer);
    if (at >= timers->heap.count) return;
    sift_up(&timers->heap, timers->heap.at[at]);
    sift_down(&timers->heap, timers->heap.at[at]);
}

/* ---- timers ---- */

stele_timer *stele_timers_set(stele_timers *timers, stele_bytes id, int64_t due_ms)
{
    bool is_new = false;
    stele_timer *timer =
        due_ms > 0 ? stele_table_insert(timers->table, id, &is_new) : stele_timers_find(timers, id);
    if (timer == NULL) return NULL;
    if (!is_new) take_out(timers, timer);
    if (due_ms <= 0) {
        stele_table_remove(timers->table, id);
        return NULL;
    }
    timer->due_ms = due_ms;
    add_to_heap(timers, timer);
    return timer;
}

stele_timer *stele_timers_find(const stele_timers *timers, stele_bytes id)
{
    return stele_table_find(timers->table, id);
}

stele_timer *stele_timers_first(const stele_timers *timers)
{
    return timers->heap.count == 0 ? NULL : timers->heap.at[0];
}

stele_bytes stele_timers_id(const stele_timers *timers, const stele_timer *timer)
{
    return stele_table_key(timers->table, timer);
}

void stele_timers_park(stele_timers *timers, stele_timer *timer, int64_t until_ns)
{
    take_out(timers, timer);
    timer->is_parked = true;
    timer->until_ns = until_ns;
    push(&timers->parked, timer);
    if (until_ns > 0 && until_ns < timers->until_ns) timers->until_ns = until_ns;
}

void stele_timers_unpark(stele_timers *timers, int64_t now_ns)
{
    size_t kept = 0;
    timers->until_ns = INT64_MAX;
    for (size_t i = 0; i < timers->parked.count; i++) {
        stele_timer *each = timers->parked.at[i];
        if (each->until_ns <= now_ns) {
            add_to_heap(timers, each);
            continue;
        }
        if (each->until_ns < timers->until_ns) timers->until_ns = each->until_ns;
        put(&timers->parked, kept++, each);
    }
    timers->parked.count = kept;
}

int64_t stele_timers_parked_until(const stele_timers *timers)
{
    return timers->until_ns;
}

size_t stele_timers_count(const stele_timers *timers)
{
    return stele_table_count(timers->table);
}
