/* SPDX-License-Identifier: MIT
 * Queues of events in chunks: written at the end, released at the head. */
#include "producer/pending.h"

#include <assert.h>

#include "core/alloc.h"

enum {
    CHUNK_SIZE = 128 * 1024,
    FREE_MAX = 64, /* chunks kept for the next events */
    ALIGN = _Alignof(max_align_t)
};

struct stele_pending_chunk {
    stele_pending_chunk *next;
    size_t used;
    size_t size;
    _Alignas(max_align_t) uint8_t bytes[];
};

static stele_pending_chunk *take_chunk(stele_pending_pool *pool, size_t size)
{
    if (size <= CHUNK_SIZE && pool->free != NULL) {
        stele_pending_chunk *chunk = pool->free;
        pool->free = chunk->next;
        pool->free_count--;
        chunk->next = NULL;
        chunk->used = 0;
        return chunk;
    }
    if (size < CHUNK_SIZE) size = CHUNK_SIZE;
    stele_pending_chunk *chunk = stele_realloc(NULL, sizeof *chunk + size);
    *chunk = (stele_pending_chunk){.size = size};
    return chunk;
}

static void give_chunk(stele_pending_pool *pool, stele_pending_chunk *chunk)
{
    if (chunk->size != CHUNK_SIZE || pool->free_count == FREE_MAX) {
        free(chunk);
        return;
    }
    chunk->next = pool->free;
    pool->free = chunk;
    pool->free_count++;
}

size_t stele_pending_size(const stele_pending_parts *parts)
{
    size_t size = sizeof(stele_pending) + parts->key.size + parts->value.size +
                  parts->correlation.size + parts->causation.size + parts->traceparent.size;
    return (size + ALIGN - 1) / ALIGN * ALIGN;
}

static uint8_t *copy(uint8_t *at, stele_bytes bytes)
{
    if (bytes.size != 0) memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

stele_pending *stele_pending_append(stele_pending_pool *pool, stele_pending_queue *queue,
                                    const stele_pending_parts *parts)
{
    size_t size = stele_pending_size(parts);
    if (queue->last == NULL || queue->last->size - queue->last->used < size) {
        stele_pending_chunk *chunk = take_chunk(pool, size);
        if (queue->last == NULL) {
            queue->first = chunk;
            queue->read_at = 0;
        } else {
            queue->last->next = chunk;
        }
        queue->last = chunk;
    }
    stele_pending *pending = (stele_pending *)(void *)(queue->last->bytes + queue->last->used);
    queue->last->used += size;
    queue->count++;
    *pending = (stele_pending){.key_size = (uint32_t)parts->key.size,
                               .value_size = (uint32_t)parts->value.size,
                               .correlation_size = (uint32_t)parts->correlation.size,
                               .causation_size = (uint32_t)parts->causation.size,
                               .traceparent_size = (uint32_t)parts->traceparent.size,
                               .size = (uint32_t)size};
    uint8_t *at = copy((uint8_t *)(pending + 1), parts->key);
    at = copy(at, parts->value);
    at = copy(at, parts->correlation);
    at = copy(at, parts->causation);
    copy(at, parts->traceparent);
    return pending;
}

void stele_pending_take_back(stele_pending_queue *queue, stele_pending *pending)
{
    assert(queue->last->bytes + queue->last->used == (uint8_t *)pending + pending->size);
    queue->last->used -= pending->size;
    queue->count--;
}

static stele_bytes part(const uint8_t **at, uint32_t size)
{
    stele_bytes bytes = size == 0 ? (stele_bytes){0} : stele_bytes_of(*at, size);
    *at += size;
    return bytes;
}

stele_pending_parts stele_pending_view(const stele_pending *pending)
{
    const uint8_t *at = (const uint8_t *)(pending + 1);
    stele_pending_parts parts;
    parts.key = part(&at, pending->key_size);
    parts.value = part(&at, pending->value_size);
    parts.correlation = part(&at, pending->correlation_size);
    parts.causation = part(&at, pending->causation_size);
    parts.traceparent = part(&at, pending->traceparent_size);
    return parts;
}

/* The chunk at the head is used up. A queue keeps its last one for the next event. */
static void drop_first(stele_pending_pool *pool, stele_pending_queue *queue)
{
    stele_pending_chunk *chunk = queue->first;
    queue->read_at = 0;
    if (chunk == queue->last && chunk->size == CHUNK_SIZE) {
        chunk->used = 0;
        return;
    }
    if (chunk == queue->last) queue->last = NULL;
    queue->first = chunk->next;
    give_chunk(pool, chunk);
}

size_t stele_pending_done(stele_pending_pool *pool, stele_pending_queue *queue,
                          stele_pending *pending)
{
    size_t released = 0;
    assert(queue->count > 0 && pending->state != STELE_PENDING_DONE);
    pending->state = STELE_PENDING_DONE;
    queue->count--;
    while (queue->first != NULL) {
        if (queue->read_at == queue->first->used) {
            if (queue->read_at == 0) break; /* empty, and kept */
            drop_first(pool, queue);
            continue;
        }
        stele_pending *oldest = (stele_pending *)(void *)(queue->first->bytes + queue->read_at);
        if (oldest->state != STELE_PENDING_DONE) break;
        queue->read_at += oldest->size;
        released += oldest->size;
    }
    return released;
}

stele_pending *stele_pending_next(const stele_pending_queue *queue, stele_pending_chunk **chunk,
                                  size_t *at)
{
    if (*chunk == NULL) {
        *chunk = queue->first;
        *at = queue->read_at;
    }
    while (*chunk != NULL) {
        while (*at < (*chunk)->used) {
            stele_pending *pending = (stele_pending *)(void *)((*chunk)->bytes + *at);
            *at += pending->size;
            if (pending->state != STELE_PENDING_DONE) return pending;
        }
        if ((*chunk)->next == NULL) return NULL;
        *chunk = (*chunk)->next;
        *at = 0;
    }
    return NULL;
}

void stele_pending_queue_clear(stele_pending_queue *queue)
{
    for (stele_pending_chunk *chunk = queue->first; chunk != NULL;) {
        stele_pending_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    *queue = (stele_pending_queue){0};
}

void stele_pending_pool_clear(stele_pending_pool *pool)
{
    for (stele_pending_chunk *chunk = pool->free; chunk != NULL;) {
        stele_pending_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    *pool = (stele_pending_pool){0};
}
