/* SPDX-License-Identifier: MIT
 * Random lives of group members: whatever they do, no partition has two owners, offsets of whoever
 * lost one are refused, and those who stay end up with all of them. */
#include "kafka_test.h"

#include "kafka/memory_log.h"
#include "tests/support/random.h"

enum { ROUNDS = 60, STEPS = 300, SLOTS = 4, PARTITIONS_MAX = 12, SESSION_MS = 6000 };

typedef struct slot {
    stele_log_member *member; /* NULL: none */
    stele_log_producer *producer;
    stele_log_group *captured; /* while it owned `batch` */
    int32_t batch;
    bool owns[PARTITIONS_MAX];
    size_t owned;
    int64_t polled_ms;
} slot;

typedef struct world {
    stele_random random;
    stele_manual_clock clock;
    stele_log *log;
    bool eager;
    int32_t partitions;
    slot slots[SLOTS];
    int members; /* opened so far */
} world;

static const char topic[] = "topic";

static uint32_t below(world *w, uint32_t limit)
{
    return stele_random_below(&w->random, limit);
}

static int64_t model_now_ms(world *w)
{
    return stele_clock_monotonic_ns(stele_clock_manual(&w->clock)) / 1000000;
}

static void on_assigned(void *context, const stele_partition *partitions, size_t count)
{
    slot *it = context;
    for (size_t i = 0; i < count; i++) {
        assert_false(it->owns[partitions[i].index]);
        it->owns[partitions[i].index] = true;
        it->owned++;
    }
}

static void on_revoked(void *context, const stele_partition *partitions, size_t count, bool lost)
{
    (void)lost;
    slot *it = context;
    for (size_t i = 0; i < count; i++) {
        assert_true(it->owns[partitions[i].index]);
        it->owns[partitions[i].index] = false;
        it->owned--;
    }
}

static void open_member(world *w, slot *it)
{
    const char *const topics[] = {topic, NULL};
    char id[16];
    *it = (slot){.polled_ms = model_now_ms(w)};
    stele_log_member_options options = {
        .group = "group",
        .topics = topics,
        .eager = w->eager,
        .session_timeout_ms = SESSION_MS,
        .events = {.assigned = on_assigned, .revoked = on_revoked, .context = it}};
    MUST(stele_log_member_open(w->log, &options, &it->member, &err));
    snprintf(id, sizeof id, "member-%d", w->members++);
    it->producer = open_producer(w->log, id, topic);
}

static void close_member(slot *it)
{
    stele_log_member_close(it->member, 0);
    assert_int_equal(it->owned, 0);
    stele_log_producer_close(it->producer);
    stele_log_group_free(it->captured);
    *it = (slot){0};
}

static void poll_member(world *w, slot *it)
{
    MUST(stele_log_member_poll(it->member, 0, &err));
    it->polled_ms = model_now_ms(w);
}

/* Was it polled lately enough not to be given up? */
static bool is_alive(world *w, const slot *it)
{
    return it->member != NULL && model_now_ms(w) - it->polled_ms < SESSION_MS;
}

static void expect_one_owner(world *w, int32_t partition)
{
    int owners = 0;
    for (size_t i = 0; i < SLOTS; i++)
        owners += is_alive(w, &w->slots[i]) && w->slots[i].owns[partition];
    assert_true(owners <= 1);
}

/* As a worker does that reads a batch: the metadata of this moment. */
static void capture(world *w, slot *it)
{
    it->batch = (int32_t)below(w, (uint32_t)w->partitions);
    stele_log_group_free(it->captured);
    it->captured = it->owns[it->batch] ? stele_log_member_group(it->member) : NULL;
}

/* However late it comes: if the offset is accepted, no one else owns the partition. */
static void send_captured(world *w, slot *it)
{
    if (it->captured == NULL) return;
    MUST(stele_log_producer_begin(it->producer, &err));
    stele_status status = stele_log_producer_send_offset(
        it->producer, it->captured, (stele_partition){topic, it->batch}, 1, 0, &err);
    if (status == STELE_OK) {
        for (size_t i = 0; i < SLOTS; i++)
            assert_false(&w->slots[i] != it && is_alive(w, &w->slots[i]) &&
                         w->slots[i].owns[it->batch]);
        assert_true(is_alive(w, it));
    } else {
        assert_int_equal(status, STELE_E_NOT_OWNER);
        assert_int_equal(err.next, STELE_NEXT_ABORT);
    }
    MUST(stele_log_producer_abort(it->producer, 0, &err));
}

static void step(world *w)
{
    slot *it = &w->slots[below(w, SLOTS)];
    uint32_t way = below(w, 100);
    if (it->member == NULL) {
        if (way < 20) open_member(w, it);
    } else if (way < 55) {
        poll_member(w, it);
    } else if (way < 70) {
        capture(w, it);
    } else if (way < 85) {
        send_captured(w, it);
    } else if (way < 88) {
        close_member(it);
    } else if (way < 99) {
        stele_manual_clock_advance(&w->clock, 1 + below(w, 2500));
    } else if (w->partitions < PARTITIONS_MAX) {
        MUST(stele_log_memory_partitions_raise(w->log, topic, ++w->partitions, &err));
    }
    for (int32_t p = 0; p < w->partitions; p++)
        expect_one_owner(w, p);
}

/* Left in peace, those who are there own all, in even shares. */
static void expect_peace(world *w)
{
    size_t members = 0;
    size_t owned = 0;
    for (size_t turn = 0; turn < 12; turn++)
        for (size_t i = 0; i < SLOTS; i++)
            if (w->slots[i].member != NULL) poll_member(w, &w->slots[i]);
    for (size_t i = 0; i < SLOTS; i++) {
        members += w->slots[i].member != NULL;
        owned += w->slots[i].owned;
    }
    assert_int_equal(owned, members == 0 ? 0 : w->partitions);
    for (size_t i = 0; i < SLOTS; i++)
        if (w->slots[i].member != NULL)
            assert_in_range(w->slots[i].owned, (size_t)w->partitions / members,
                            ((size_t)w->partitions + members - 1) / members);
}

static void members_share_whatever_they_do(void **state)
{
    (void)state;
    static world w;
    stele_random random = stele_random_from_environment();
    for (size_t round = 0; round < ROUNDS; round++) {
        w = (world){
            .random = {stele_random_next(&random)}, .eager = round % 2 == 1, .partitions = 5};
        stele_log_memory_options options = {.runtime = stele_runtime_manual(&w.clock)};
        MUST(stele_log_memory_new(&options, &w.log, &err));
        stele_log_topic_options made = {.name = topic, .partitions = w.partitions};
        MUST(stele_log_topic_create(w.log, &made, 0, &err));
        for (size_t i = 0; i < STEPS; i++) {
            step(&w);
            if (i % 100 == 99) expect_peace(&w);
        }
        for (size_t i = 0; i < SLOTS; i++)
            if (w.slots[i].member != NULL) close_member(&w.slots[i]);
        stele_log_free(w.log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(members_share_whatever_they_do)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
