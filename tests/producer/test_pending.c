/* SPDX-License-Identifier: MIT
 * The queues of events that are not acknowledged yet. */
#include "producer/pending.h"

#include "core/alloc.h"
#include "tests/support/test.h"

typedef struct queues {
    stele_pending_pool pool;
    stele_pending_queue queue;
} queues;

static int queues_made(void **state)
{
    *state = stele_alloc(sizeof(queues));
    return 0;
}

static int queues_cleared(void **state)
{
    queues *own = *state;
    stele_pending_queue_clear(&own->queue);
    stele_pending_pool_clear(&own->pool);
    free(own);
    return 0;
}

static stele_pending *append(queues *own, intptr_t number, size_t value_size)
{
    STELE_AUTO(uint8_t) value = stele_alloc(value_size);
    memset(value, (int)(number & 0xff), value_size);
    stele_pending_parts parts = {.key = stele_text("key"),
                                 .value = stele_bytes_of(value, value_size)};
    stele_pending *pending = stele_pending_append(&own->pool, &own->queue, &parts);
    pending->opaque = (void *)number;
    return pending;
}

static void assert_queue(const queues *own, const intptr_t *numbers, size_t count)
{
    stele_pending_chunk *chunk = NULL;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        stele_pending *pending = stele_pending_next(&own->queue, &chunk, &at);
        assert_non_null(pending);
        assert_int_equal((intptr_t)pending->opaque, numbers[i]);
    }
    assert_null(stele_pending_next(&own->queue, &chunk, &at));
    assert_int_equal(own->queue.count, count);
}

static void an_event_is_kept_whole(void **state)
{
    queues *own = *state;
    stele_pending_parts given = {.key = stele_text("k"),
                                 .value = stele_text("value"),
                                 .correlation = stele_text("corr"),
                                 .traceparent = stele_text("trace")};

    stele_pending *pending = stele_pending_append(&own->pool, &own->queue, &given);
    stele_pending_parts parts = stele_pending_view(pending);

    assert_true(stele_bytes_equal(parts.key, given.key));
    assert_true(stele_bytes_equal(parts.value, given.value));
    assert_true(stele_bytes_equal(parts.correlation, given.correlation));
    assert_null(parts.causation.data);
    assert_true(stele_bytes_equal(parts.traceparent, given.traceparent));
    assert_true(pending->size >= stele_pending_size(&given));
}

static void memory_is_released_from_the_oldest_on(void **state)
{
    queues *own = *state;
    stele_pending *events[3];
    for (intptr_t i = 0; i < 3; i++)
        events[i] = append(own, i, 10);
    size_t size = events[0]->size;

    assert_int_equal(stele_pending_done(&own->pool, &own->queue, events[1]), 0);
    assert_queue(own, (intptr_t[]){0, 2}, 2);
    assert_int_equal(stele_pending_done(&own->pool, &own->queue, events[0]), 2 * size);
    assert_queue(own, (intptr_t[]){2}, 1);
    assert_int_equal(stele_pending_done(&own->pool, &own->queue, events[2]), size);
    assert_queue(own, NULL, 0);
    append(own, 3, 10);
    assert_queue(own, (intptr_t[]){3}, 1);
}

static void what_was_appended_last_can_be_taken_back(void **state)
{
    queues *own = *state;
    stele_pending *first = append(own, 0, 10);
    stele_pending_take_back(&own->queue, append(own, 1, 10));
    assert_queue(own, (intptr_t[]){0}, 1);
    stele_pending_take_back(&own->queue, append(own, 2, 300000)); /* a chunk of its own */
    assert_queue(own, (intptr_t[]){0}, 1);

    stele_pending *last = append(own, 3, 200);
    assert_queue(own, (intptr_t[]){0, 3}, 2);
    stele_pending_done(&own->pool, &own->queue, first);
    stele_pending_done(&own->pool, &own->queue, last);
    assert_queue(own, NULL, 0);
    append(own, 4, 10);
    assert_queue(own, (intptr_t[]){4}, 1);
}

/* Events of many sizes come and go in a random order: the queue holds what a list would. */
static void any_order_of_coming_and_going_is_right(void **state)
{
    enum { ALIVE = 400, STEPS = 20000 };
    queues *own = *state;
    stele_pending *events[ALIVE];
    size_t count = 0;
    size_t bytes = 0;
    uint32_t random = 12345;
    for (intptr_t step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        size_t choice = random >> 8;
        if (count == 0 || (count < ALIVE && choice % 2 == 0)) {
            size_t size = choice % 97 == 0 ? 200000 : choice % 5000;
            events[count] = append(own, step, size);
            bytes += events[count++]->size;
        } else {
            size_t index = choice % 4 == 1 ? choice % count : 0; /* mostly the oldest */
            bytes -= stele_pending_done(&own->pool, &own->queue, events[index]);
            count--;
            memmove(&events[index], &events[index + 1], (count - index) * sizeof *events);
        }
        if (step % 512 != 0) continue;
        intptr_t numbers[ALIVE];
        for (size_t i = 0; i < count; i++) {
            stele_bytes value = stele_pending_view(events[i]).value;
            numbers[i] = (intptr_t)events[i]->opaque;
            for (size_t n = 0; n < value.size; n += 499)
                assert_int_equal(value.data[n], numbers[i] & 0xff);
        }
        assert_queue(own, numbers, count);
    }
    for (size_t i = 0; i < count; i++)
        bytes -= stele_pending_done(&own->pool, &own->queue, events[i]);
    assert_int_equal(bytes, 0);
    assert_queue(own, NULL, 0);
}

#define QUEUES(test) cmocka_unit_test_setup_teardown(test, queues_made, queues_cleared)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUEUES(an_event_is_kept_whole),
        QUEUES(memory_is_released_from_the_oldest_on),
        QUEUES(what_was_appended_last_can_be_taken_back),
        QUEUES(any_order_of_coming_and_going_is_right),
    };
    return cmocka_run_group_tests_name("producer/pending", tests, NULL, NULL);
}
