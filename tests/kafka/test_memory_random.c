/* SPDX-License-Identifier: MIT
 * Random schedules of producers, zombies among them, against a model that is plain enough to be
 * believed: lists of what is in each partition. */
#include "kafka_test.h"

#include "kafka/memory_log.h"
#include "tests/support/random.h"

enum {
    ROUNDS = 60,
    STEPS = 400,
    PARTITIONS = 3,
    IDS = 3,
    HOLDERS = 4,  /* of an id, at a time: the last one, and zombies */
    PLACES = 4096 /* of a partition; more than the steps of a round can fill */
};

/* ---- the model ---- */

typedef enum fate { OPEN = 0, COMMITTED, ABORTED, MARKER } fate;

typedef struct place {
    uint32_t value;
    fate fate;
} place;

typedef struct model_transaction {
    size_t places[STEPS][2]; /* partition, offset */
    size_t count;
    bool touched[PARTITIONS];
    int64_t offset; /* of the group; -1: none */
} model_transaction;

typedef struct holder {
    stele_log_producer *producer; /* NULL: none */
    bool in_transaction;
    model_transaction transaction;
} holder;

typedef struct world {
    stele_random random;
    stele_log *log;
    const char *topic;
    stele_log_producer *plain;
    stele_log_member *member;
    place places[PARTITIONS][PLACES];
    size_t ends[PARTITIONS];
    int64_t offset; /* of the group in partition 0 */
    holder holders[IDS][HOLDERS];
    size_t last[IDS]; /* index of the last holder of an id */
    uint32_t values;

    stele_log_reader *reader; /* committed, all partitions, from the beginning to the end */
    size_t seen[PARTITIONS];  /* its position */
} world;

static size_t below(world *w, size_t limit)
{
    return stele_random_below(&w->random, (uint32_t)limit);
}

static void add_place(world *w, size_t partition, uint32_t value, fate its_fate)
{
    assert_true(w->ends[partition] < PLACES);
    w->places[partition][w->ends[partition]++] = (place){value, its_fate};
}

static void end_transaction(world *w, holder *h, fate outcome)
{
    model_transaction *t = &h->transaction;
    for (size_t i = 0; i < t->count; i++)
        w->places[t->places[i][0]][t->places[i][1]].fate = outcome;
    for (size_t p = 0; p < PARTITIONS; p++)
        if (t->touched[p]) add_place(w, p, 0, MARKER);
    if (outcome == COMMITTED && t->offset >= 0) w->offset = t->offset;
    *t = (model_transaction){.offset = -1};
    h->in_transaction = false;
}

static size_t stable_end(const world *w, size_t partition)
{
    for (size_t i = 0; i < w->ends[partition]; i++)
        if (w->places[partition][i].fate == OPEN) return i;
    return w->ends[partition];
}

/* ---- the steps ---- */

static stele_status put(world *w, stele_log_producer *producer, size_t partition, uint32_t value)
{
    stele_log_entry entry = {.partition = {w->topic, (int32_t)partition},
                             .value = stele_bytes_of(&value, sizeof value)};
    return stele_log_producer_put(producer, &entry, &err);
}

static void close_holder(holder *h)
{
    stele_log_producer_close(h->producer);
    *h = (holder){.transaction = {.offset = -1}};
}

/* A new holder of an id fences the one before, whose open transaction is aborted. */
static void take_over(world *w, size_t id)
{
    size_t index = (w->last[id] + 1) % HOLDERS;
    holder *before = &w->holders[id][w->last[id]];
    holder *h = &w->holders[id][index];
    char name[16];
    snprintf(name, sizeof name, "id-%zu", id);
    close_holder(h);
    h->producer = open_producer(w->log, name, w->topic);
    if (before->producer != NULL && before->in_transaction) {
        end_transaction(w, before, ABORTED);
        before->in_transaction = true; /* it does not know yet */
    }
    w->last[id] = index;
}

/* Whoever was fenced can do nothing, whatever it tries. */
static void try_zombie(world *w, holder *h)
{
    stele_status status = STELE_OK;
    size_t way = below(w, 4);
    if (!h->in_transaction) status = stele_log_producer_begin(h->producer, &err);
    if (status == STELE_OK && (way == 0 || !h->in_transaction))
        status = put(w, h->producer, below(w, PARTITIONS), 0);
    else if (status == STELE_OK && way == 1)
        status = stele_log_producer_abort(h->producer, 0, &err);
    else if (status == STELE_OK && way == 2) {
        stele_log_group *group = stele_log_member_group(w->member);
        status = stele_log_producer_send_offset(h->producer, group, (stele_partition){w->topic, 0},
                                                999999, 0, &err);
        stele_log_group_free(group);
    } else if (status == STELE_OK)
        status = stele_log_producer_commit(h->producer, 0, &err);
    MUST_FAIL(status, STELE_E_FENCED, STELE_NEXT_STOP);
    close_holder(h);
}

static void put_in_transaction(world *w, holder *h)
{
    model_transaction *t = &h->transaction;
    size_t partition = below(w, PARTITIONS);
    uint32_t value = ++w->values;
    MUST(put(w, h->producer, partition, value));
    t->places[t->count][0] = partition;
    t->places[t->count++][1] = w->ends[partition];
    t->touched[partition] = true;
    add_place(w, partition, value, OPEN);
}

static void send_offset(world *w, holder *h)
{
    stele_log_group *group = stele_log_member_group(w->member);
    h->transaction.offset = ++w->values;
    MUST(stele_log_producer_send_offset(h->producer, group, (stele_partition){w->topic, 0},
                                        h->transaction.offset, 0, &err));
    stele_log_group_free(group);
}

static void step_holder(world *w, holder *h)
{
    if (!h->in_transaction) {
        MUST(stele_log_producer_begin(h->producer, &err));
        h->in_transaction = true;
        return;
    }
    size_t way = below(w, 10);
    if (way < 6) {
        put_in_transaction(w, h);
    } else if (way < 7) {
        send_offset(w, h);
    } else if (way < 9) {
        MUST(stele_log_producer_commit(h->producer, 0, &err));
        end_transaction(w, h, COMMITTED);
    } else {
        MUST(stele_log_producer_abort(h->producer, 0, &err));
        end_transaction(w, h, ABORTED);
    }
}

static void put_plain(world *w)
{
    size_t partition = below(w, PARTITIONS);
    uint32_t value = ++w->values;
    MUST(put(w, w->plain, partition, value));
    add_place(w, partition, value, COMMITTED);
}

/* ---- what must hold ---- */

/* The records of a batch are those of the model from `from` on; what lies between is hidden. */
static void expect_batch(const world *w, const stele_batch *batch, size_t from,
                         stele_isolation isolation)
{
    size_t partition = (size_t)batch->partition.index;
    const place *places = w->places[partition];
    size_t next = 0;
    for (size_t at = from; at < (size_t)batch->next_offset; at++) {
        bool visible = places[at].fate != MARKER &&
                       (isolation == STELE_READ_UNCOMMITTED || places[at].fate == COMMITTED);
        if (!visible) continue;
        uint32_t value;
        assert_true(next < batch->count);
        const stele_record *record = &batch->records[next++];
        assert_int_equal(record->offset, at);
        assert_int_equal(record->value.size, sizeof value);
        memcpy(&value, record->value.data, sizeof value);
        assert_int_equal(value, places[at].value);
    }
    assert_int_equal(next, batch->count);
}

static void expect_partition(const world *w, size_t partition, stele_isolation isolation)
{
    size_t end = isolation == STELE_READ_COMMITTED ? stable_end(w, partition) : w->ends[partition];
    stele_partition at = {w->topic, (int32_t)partition};
    int64_t found_start;
    int64_t found_end;
    MUST(stele_log_bounds(w->log, at, isolation, 0, &found_start, &found_end, &err));
    assert_int_equal(found_start, 0);
    assert_int_equal(found_end, end);

    stele_log_reader *reader = NULL;
    stele_log_reader_options options = {.isolation = isolation, .batch_max = 100000};
    MUST(stele_log_reader_open(w->log, &options, &reader, &err));
    MUST(stele_log_reader_start(reader, at, 0, &err));
    stele_batch batch = {0};
    MUST(stele_log_reader_next(reader, 0, &batch, &err));
    assert_true(batch.at_end);
    assert_int_equal(batch.next_offset, end);
    expect_batch(w, &batch, 0, isolation);
    stele_log_batch_release(&batch);
    stele_log_reader_close(reader);
}

/* The reader that goes along with the writers. */
static void expect_next(world *w)
{
    stele_batch batch = {0};
    if (stele_log_reader_next(w->reader, 0, &batch, &err) == STELE_E_TIMED_OUT) {
        for (size_t p = 0; p < PARTITIONS; p++)
            assert_int_equal(w->seen[p], stable_end(w, p));
        return;
    }
    size_t partition = (size_t)batch.partition.index;
    assert_int_equal(batch.status, STELE_OK);
    assert_true((size_t)batch.next_offset <= stable_end(w, partition));
    if (batch.at_end) assert_int_equal(batch.next_offset, stable_end(w, partition));
    expect_batch(w, &batch, w->seen[partition], STELE_READ_COMMITTED);
    w->seen[partition] = (size_t)batch.next_offset;
    stele_log_batch_release(&batch);
}

static void expect_offset(const world *w)
{
    bool is_pending = false;
    for (size_t id = 0; id < IDS; id++)
        is_pending = is_pending || w->holders[id][w->last[id]].transaction.offset >= 0;
    int64_t offset;
    stele_status status =
        stele_log_group_offset(w->log, "group", (stele_partition){w->topic, 0}, 0, &offset, &err);
    assert_int_equal(status, is_pending ? STELE_E_CONFLICT : STELE_OK);
    if (!is_pending) assert_int_equal(offset, w->offset);
}

static void step(world *w)
{
    size_t id = below(w, IDS);
    size_t way = below(w, 100);
    holder *last = &w->holders[id][w->last[id]];
    holder *any = &w->holders[id][below(w, HOLDERS)];
    if (way < 5 || last->producer == NULL)
        take_over(w, id);
    else if (way < 10)
        put_plain(w);
    else if (way < 15 && any != last && any->producer != NULL)
        try_zombie(w, any);
    else if (way < 75)
        step_holder(w, last);
    else if (way < 95)
        expect_next(w);
    else if (way < 98)
        expect_partition(w, below(w, PARTITIONS),
                         below(w, 2) == 0 ? STELE_READ_COMMITTED : STELE_READ_UNCOMMITTED);
    else
        expect_offset(w);
}

/* ---- a round ---- */

static void open_world(world *w)
{
    const char *const topics[] = {w->topic, NULL};
    MUST(stele_log_memory_new(NULL, &w->log, &err));
    stele_log_topic_options topic = {.name = w->topic, .partitions = PARTITIONS};
    MUST(stele_log_topic_create(w->log, &topic, 0, &err));
    w->plain = open_producer(w->log, NULL, w->topic);
    stele_log_member_options member = {
        .group = "group", .topics = topics, .session_timeout_ms = PATIENCE_MS};
    MUST(stele_log_member_open(w->log, &member, &w->member, &err));
    MUST(stele_log_member_poll(w->member, 0, &err));
    stele_log_reader_options options = {.batch_max = 1 + below(w, 20)};
    MUST(stele_log_reader_open(w->log, &options, &w->reader, &err));
    for (int32_t p = 0; p < PARTITIONS; p++)
        MUST(stele_log_reader_start(w->reader, (stele_partition){w->topic, p}, 0, &err));
    for (size_t id = 0; id < IDS; id++)
        for (size_t i = 0; i < HOLDERS; i++)
            w->holders[id][i].transaction.offset = -1;
    w->offset = STELE_OFFSET_NONE;
}

static void close_world(world *w)
{
    for (size_t id = 0; id < IDS; id++)
        for (size_t i = 0; i < HOLDERS; i++)
            stele_log_producer_close(w->holders[id][i].producer);
    stele_log_producer_close(w->plain);
    stele_log_reader_close(w->reader);
    stele_log_member_close(w->member, 0);
    stele_log_free(w->log);
}

static void random_schedules_do_as_the_model_says(void **state)
{
    (void)state;
    static world w;
    stele_random random = stele_random_from_environment();
    for (size_t round = 0; round < ROUNDS; round++) {
        w = (world){.random = {stele_random_next(&random)}, .topic = "topic"};
        open_world(&w);
        for (size_t i = 0; i < STEPS; i++)
            step(&w);
        for (size_t p = 0; p < PARTITIONS; p++) {
            expect_partition(&w, p, STELE_READ_COMMITTED);
            expect_partition(&w, p, STELE_READ_UNCOMMITTED);
        }
        expect_offset(&w);
        close_world(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_schedules_do_as_the_model_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
