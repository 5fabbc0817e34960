/* SPDX-License-Identifier: MIT
 * What kafka/log.h promises of questions that many threads ask at once. */
#include "log_contract.h"

#include "core/runtime.h"

enum { PARTITIONS = 8, EACH = 3, ASKERS = PARTITIONS * EACH };

/* One thread's questions about one partition. */
typedef struct asker {
    stele_partition partition;
    const char *group;
    stele_isolation isolation;
    stele_status bounds;
    int64_t start;
    int64_t end;
    stele_status group_offset;
    int64_t offset;
    stele_thread thread;
} asker;

static void run_asker(void *context)
{
    asker *self = context;
    self->bounds = stele_log_bounds(the_log, self->partition, self->isolation, PATIENCE_MS,
                                    &self->start, &self->end, NULL);
    self->group_offset = stele_log_group_offset(the_log, self->group, self->partition, PATIENCE_MS,
                                                &self->offset, NULL);
}

static void ask_all(asker *askers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(stele_thread_start(stele_log_runtime(the_log), &askers[i].thread, "asker",
                                            run_asker, &askers[i]),
                         0);
    for (size_t i = 0; i < count; i++)
        stele_thread_join(askers[i].thread);
}

/* So many records in each partition as its number. */
static void fill(const char *topic)
{
    stele_log_producer *producer = open_plain(topic);
    for (int32_t index = 0; index < PARTITIONS; index++)
        for (int32_t i = 0; i < index; i++) {
            stele_log_entry entry = {.partition = {topic, index}, .value = stele_text("value")};
            MUST(stele_log_producer_put(producer, &entry, &err));
        }
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
    stele_log_producer_close(producer);
}

void many_who_ask_at_once_are_each_told_their_own(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    const char *group = fresh_name("group");
    asker askers[ASKERS + 1];
    fill(topic);
    for (int32_t i = 1; i < PARTITIONS; i++)
        MUST(stele_log_group_offset_set(the_log, group, (stele_partition){topic, i}, i - 1,
                                        PATIENCE_MS, &err));
    for (int32_t i = 0; i < ASKERS; i++)
        askers[i] =
            (asker){.partition = {topic, i % PARTITIONS},
                    .group = group,
                    .isolation = i < ASKERS / 2 ? STELE_READ_COMMITTED : STELE_READ_UNCOMMITTED};
    askers[ASKERS] = (asker){.partition = {topic, PARTITIONS}, .group = group};

    ask_all(askers, ASKERS + 1);

    for (int32_t i = 0; i < ASKERS; i++) {
        const asker *it = &askers[i];
        assert_int_equal(it->bounds, STELE_OK);
        assert_int_equal(it->start, 0);
        assert_int_equal(it->end, it->partition.index);
        assert_int_equal(it->group_offset, STELE_OK);
        assert_int_equal(it->offset,
                         it->partition.index == 0 ? STELE_OFFSET_NONE : it->partition.index - 1);
    }
    assert_int_equal(askers[ASKERS].bounds, STELE_E_NOT_FOUND);
}

void bounds_of_many_partitions_are_asked_for_at_once(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    stele_asked_partition asked[PARTITIONS + 1];
    memset(asked, 0, sizeof asked);
    fill(topic);
    for (int32_t i = 0; i <= PARTITIONS; i++)
        asked[i].partition = (stele_partition){topic, i};

    stele_log_bounds_of_all(the_log, asked, PARTITIONS, STELE_READ_UNCOMMITTED, PATIENCE_MS);

    for (int32_t i = 0; i < PARTITIONS; i++) {
        assert_int_equal(asked[i].error.status, STELE_OK);
        assert_int_equal(asked[i].start, 0);
        assert_int_equal(asked[i].offset, i);
    }

    stele_log_bounds_of_all(the_log, asked, PARTITIONS + 1, STELE_READ_UNCOMMITTED, PATIENCE_MS);

    for (int32_t i = 0; i < PARTITIONS; i++)
        assert_int_equal(asked[i].error.status, STELE_OK);
    assert_int_equal(asked[PARTITIONS].error.status, STELE_E_NOT_FOUND);
}

void a_pending_offset_holds_up_no_other_question(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    const char *group = fresh_name("group");
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    stele_log_member *member;
    stele_log_member_options options = {.group = group,
                                        .topics = (const char *const[]){topic, NULL}};
    MUST(stele_log_member_open(the_log, &options, &member, &err));
    stele_log_group *captured = NULL;
    for (int64_t until = now_ms() + PATIENCE_MS; captured == NULL && now_ms() < until;) {
        MUST(stele_log_member_poll(member, 20, &err));
        captured = stele_log_member_group(member);
    }
    assert_non_null(captured);
    MUST(stele_log_producer_begin(producer, &err));
    MUST(stele_log_producer_send_offset(producer, captured, (stele_partition){topic, 0}, 7,
                                        PATIENCE_MS, &err));
    asker pending = {.partition = {topic, 0}, .group = group};
    assert_int_equal(stele_thread_start(stele_log_runtime(the_log), &pending.thread, "asker",
                                        run_asker, &pending),
                     0);

    for (int i = 0; i < 20; i++) {
        int64_t offset;
        MUST(stele_log_group_offset(the_log, group, (stele_partition){topic, 1}, PATIENCE_MS,
                                    &offset, &err));
        assert_int_equal(offset, STELE_OFFSET_NONE);
    }

    MUST(stele_log_producer_commit(producer, PATIENCE_MS, &err));
    stele_thread_join(pending.thread);
    assert_int_equal(pending.group_offset, STELE_OK);
    assert_int_equal(pending.offset, 7);
    stele_log_group_free(captured);
    stele_log_producer_close(producer);
    stele_log_member_close(member, PATIENCE_MS);
}
