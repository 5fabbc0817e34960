/* SPDX-License-Identifier: MIT
 * What kafka/log.h promises of consumer groups: who owns what, and whose offsets count. */
#include "log_contract.h"

enum { PARTITIONS = 4, POLL_MS = 20 };

/* A member, and what its callbacks said. */
typedef struct watched {
    stele_log_member *member;
    bool owns[PARTITIONS];
    size_t owned;
    size_t revoked;
    bool lost; /* the last revocation */
} watched;

static void on_assigned(void *context, const stele_partition *partitions, size_t count)
{
    watched *it = context;
    for (size_t i = 0; i < count; i++) {
        assert_false(it->owns[partitions[i].index]);
        it->owns[partitions[i].index] = true;
        it->owned++;
    }
}

static void on_revoked(void *context, const stele_partition *partitions, size_t count, bool lost)
{
    watched *it = context;
    for (size_t i = 0; i < count; i++) {
        assert_true(it->owns[partitions[i].index]);
        it->owns[partitions[i].index] = false;
        it->owned--;
    }
    it->revoked += count;
    it->lost = lost;
}

static void join(stele_log *log, watched *it, const char *group, const char *topic, bool eager)
{
    const char *const topics[] = {topic, NULL};
    stele_log_member_options options = {
        .group = group,
        .topics = topics,
        .eager = eager,
        .session_timeout_ms = 1000,
        .events = {.assigned = on_assigned, .revoked = on_revoked, .context = it}};
    *it = (watched){0};
    MUST(stele_log_member_open(log, &options, &it->member, &err));
}

static void leave(watched *it)
{
    stele_log_member_close(it->member, PATIENCE_MS);
    assert_int_equal(it->owned, 0);
}

static void poll(watched *it)
{
    MUST(stele_log_member_poll(it->member, POLL_MS, &err));
}

static void poll_until_owns(watched *it, size_t count)
{
    for (int64_t until = now_ms() + PATIENCE_MS; it->owned != count && now_ms() < until;)
        poll(it);
    assert_int_equal(it->owned, count);
}

/* Until they own all partitions, half of them each. */
static void poll_until_shared(watched *a, watched *b)
{
    for (int64_t until = now_ms() + PATIENCE_MS;
         (a->owned != PARTITIONS / 2 || b->owned != PARTITIONS / 2) && now_ms() < until;) {
        poll(a);
        for (size_t i = 0; i < PARTITIONS; i++)
            assert_false(a->owns[i] && b->owns[i]);
        poll(b);
    }
    assert_int_equal(a->owned, PARTITIONS / 2);
    assert_int_equal(b->owned, PARTITIONS / 2);
}

static int64_t offset_of(const char *group, const char *topic)
{
    int64_t offset;
    MUST(stele_log_group_offset(the_log, group, (stele_partition){topic, 0}, PATIENCE_MS, &offset,
                                &err));
    return offset;
}

/* In a transaction of its own, with this metadata. */
static stele_status send_offset(stele_log_producer *producer, stele_log_group *group,
                                const char *topic, int64_t offset)
{
    MUST(stele_log_producer_begin(producer, &err));
    return stele_log_producer_send_offset(producer, group, (stele_partition){topic, 0}, offset,
                                          PATIENCE_MS, &err);
}

static void expect_not_owner(stele_log_producer *producer, stele_log_group *group,
                             const char *topic)
{
    MUST_FAIL(send_offset(producer, group, topic, 666), STELE_E_NOT_OWNER, STELE_NEXT_ABORT);
    MUST(stele_log_producer_abort(producer, PATIENCE_MS, &err));
}

static void commit_offset(stele_log_producer *producer, stele_log_group *group, const char *topic,
                          int64_t offset)
{
    MUST(send_offset(producer, group, topic, offset));
    MUST(stele_log_producer_commit(producer, PATIENCE_MS, &err));
}

/* With the metadata of `a`, captured again as long as the group is still rebalancing. */
static void commit_when_stable(stele_log_producer *producer, watched *a, watched *b,
                               const char *topic, int64_t offset)
{
    stele_status status = STELE_E_NOT_OWNER;
    for (int64_t until = now_ms() + PATIENCE_MS; status < 0 && now_ms() < until;) {
        poll(a);
        poll(b);
        stele_log_group *captured = stele_log_member_group(a->member);
        status = send_offset(producer, captured, topic, offset);
        stele_log_group_free(captured);
        if (status < 0) MUST(stele_log_producer_abort(producer, PATIENCE_MS, &err));
    }
    assert_int_equal(status, STELE_OK);
    MUST(stele_log_producer_commit(producer, PATIENCE_MS, &err));
}

/* ---- who owns what ---- */

void who_has_not_joined_has_no_metadata(void)
{
    const char *topic = make_topic(the_log, 1);
    const char *const topics[] = {topic, NULL};
    stele_log_member *member = NULL;
    stele_log_member_options options = {.group = fresh_name("group"), .topics = topics};
    MUST(stele_log_member_open(the_log, &options, &member, &err));

    assert_null(stele_log_member_group(member));

    stele_log_member_close(member, PATIENCE_MS);
}

void a_lone_member_gets_all_partitions(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    watched a;
    join(the_log, &a, fresh_name("group"), topic, false);
    assert_int_equal(a.owned, 0);

    poll_until_owns(&a, PARTITIONS);

    leave(&a);
    assert_int_equal(a.revoked, PARTITIONS);
}

void two_cooperative_members_share_and_keep_what_they_can(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    const char *group = fresh_name("group");
    watched a;
    watched b;
    join(the_log, &a, group, topic, false);
    poll_until_owns(&a, PARTITIONS);

    join(the_log, &b, group, topic, false);
    poll_until_shared(&a, &b);

    assert_int_equal(a.revoked, PARTITIONS / 2);
    assert_false(a.lost);
    leave(&a);
    leave(&b);
}

void two_eager_members_share_after_giving_up_all(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    const char *group = fresh_name("group");
    watched a;
    watched b;
    join(the_log, &a, group, topic, true);
    poll_until_owns(&a, PARTITIONS);

    join(the_log, &b, group, topic, true);
    poll_until_shared(&a, &b);

    assert_int_equal(a.revoked, PARTITIONS);
    assert_false(a.lost);
    leave(&a);
    leave(&b);
}

void whoever_stays_takes_over_from_whoever_leaves(void)
{
    static const bool protocols[] = {false, true};
    for (size_t i = 0; i < COUNT_OF(protocols); i++) {
        const char *topic = make_topic(the_log, PARTITIONS);
        const char *group = fresh_name("group");
        watched a;
        watched b;
        join(the_log, &a, group, topic, protocols[i]);
        join(the_log, &b, group, topic, protocols[i]);
        poll_until_shared(&a, &b);

        leave(&a);
        poll_until_owns(&b, PARTITIONS);
        leave(&b);
    }
}

void a_lost_member_is_told_and_its_metadata_refused(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    const char *group = fresh_name("group");
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    stele_log *impatient = subject->open_impatient();
    watched a;
    watched b;
    join(impatient, &a, group, topic, false);
    poll_until_owns(&a, PARTITIONS);
    stele_log_group *captured = stele_log_member_group(a.member);

    join(the_log, &b, group, topic, false);
    poll_until_owns(&b, PARTITIONS); /* and no one polls the other one */
    assert_int_equal(a.owned, PARTITIONS);
    expect_not_owner(producer, captured, topic);
    poll_until_owns(&a, 0);
    assert_true(a.lost);

    poll_until_shared(&a, &b); /* it joins again by itself */
    stele_log_group_free(captured);
    stele_log_producer_close(producer);
    leave(&a);
    leave(&b);
    subject->close_impatient(impatient);
}

void two_groups_do_not_see_each_other(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    watched a;
    watched b;
    join(the_log, &a, fresh_name("group"), topic, false);
    join(the_log, &b, fresh_name("group"), topic, false);
    poll_until_owns(&a, PARTITIONS);
    poll_until_owns(&b, PARTITIONS);
    leave(&a);
    leave(&b);
}

/* ---- whose offsets count ---- */

void metadata_of_an_older_generation_is_refused(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    const char *group = fresh_name("group");
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    watched a;
    watched b;
    join(the_log, &a, group, topic, false);
    poll_until_owns(&a, PARTITIONS);
    stele_log_group *older = stele_log_member_group(a.member);
    commit_offset(producer, older, topic, 1);
    join(the_log, &b, group, topic, false);
    poll_until_shared(&a, &b);

    expect_not_owner(producer, older, topic);
    assert_int_equal(offset_of(group, topic), 1);
    commit_when_stable(producer, &a, &b, topic, 2);
    assert_int_equal(offset_of(group, topic), 2);

    stele_log_group_free(older);
    stele_log_producer_close(producer);
    leave(&a);
    leave(&b);
}

void metadata_of_a_member_that_left_is_refused(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    const char *group = fresh_name("group");
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    watched a;
    join(the_log, &a, group, topic, false);
    poll_until_owns(&a, PARTITIONS);
    stele_log_group *captured = stele_log_member_group(a.member);
    leave(&a);

    expect_not_owner(producer, captured, topic);
    assert_int_equal(offset_of(group, topic), STELE_OFFSET_NONE);
    stele_log_group_free(captured);
    stele_log_producer_close(producer);
}

void an_offset_moves_with_its_transaction(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    const char *group = fresh_name("group");
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    watched a;
    join(the_log, &a, group, topic, false);
    poll_until_owns(&a, PARTITIONS);
    stele_log_group *captured = stele_log_member_group(a.member);
    assert_int_equal(offset_of(group, topic), STELE_OFFSET_NONE);

    MUST(send_offset(producer, captured, topic, 7));
    put_text(producer, topic, "with it");
    MUST(stele_log_producer_commit(producer, PATIENCE_MS, &err));

    assert_int_equal(offset_of(group, topic), 7);
    expect_texts(topic, STELE_READ_COMMITTED, "with it,");
    commit_offset(producer, captured, topic, 3);
    assert_int_equal(offset_of(group, topic), 3);
    stele_log_group_free(captured);
    stele_log_producer_close(producer);
    leave(&a);
}

void an_offset_does_not_move_with_an_aborted_transaction(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    const char *group = fresh_name("group");
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    watched a;
    join(the_log, &a, group, topic, false);
    poll_until_owns(&a, PARTITIONS);
    stele_log_group *captured = stele_log_member_group(a.member);
    commit_offset(producer, captured, topic, 1);

    MUST(send_offset(producer, captured, topic, 2));
    MUST(stele_log_producer_abort(producer, PATIENCE_MS, &err));
    assert_int_equal(offset_of(group, topic), 1);

    MUST(send_offset(producer, captured, topic, 3));
    stele_log_producer *successor = open_producer(the_log, topic, topic);
    assert_int_equal(offset_of(group, topic), 1);
    MUST_FAIL(stele_log_producer_commit(producer, PATIENCE_MS, &err), STELE_E_FENCED,
              STELE_NEXT_STOP);
    assert_int_equal(offset_of(group, topic), 1);
    stele_log_group_free(captured);
    stele_log_producer_close(producer);
    stele_log_producer_close(successor);
    leave(&a);
}

void a_pending_offset_is_waited_for(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    const char *group = fresh_name("group");
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    watched a;
    join(the_log, &a, group, topic, false);
    poll_until_owns(&a, PARTITIONS);
    stele_log_group *captured = stele_log_member_group(a.member);
    MUST(send_offset(producer, captured, topic, 7));

    int64_t offset = -5;
    MUST_FAIL(
        stele_log_group_offset(the_log, group, (stele_partition){topic, 0}, 600, &offset, &err),
        STELE_E_CONFLICT, STELE_NEXT_RETRY);
    assert_int_equal(offset, -5);

    MUST(stele_log_producer_commit(producer, PATIENCE_MS, &err));
    assert_int_equal(offset_of(group, topic), 7);
    stele_log_group_free(captured);
    stele_log_producer_close(producer);
    leave(&a);
}

void an_offset_is_set_by_hand_only_without_members(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    const char *group = fresh_name("group");
    stele_partition partition = {topic, 0};
    MUST(stele_log_group_offset_set(the_log, group, partition, 5, PATIENCE_MS, &err));
    assert_int_equal(offset_of(group, topic), 5);
    watched a;
    join(the_log, &a, group, topic, false);
    poll_until_owns(&a, PARTITIONS);

    MUST_FAIL(stele_log_group_offset_set(the_log, group, partition, 6, PATIENCE_MS, &err),
              STELE_E_CONFLICT, STELE_NEXT_STOP);
    assert_int_equal(offset_of(group, topic), 5);

    leave(&a);
    MUST(stele_log_group_offset_set(the_log, group, partition, 6, PATIENCE_MS, &err));
    assert_int_equal(offset_of(group, topic), 6);
}

void who_is_refused_as_a_member_is_told_why(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    watched first;
    watched other;
    join(the_log, &first, topic, topic, false);
    poll_until_owns(&first, PARTITIONS);
    assert_int_equal(stele_log_member_problem(first.member, &err), STELE_OK);

    join(the_log, &other, topic, topic, true);
    for (int64_t until = now_ms() + PATIENCE_MS; now_ms() < until;) {
        poll(&other);
        poll(&first);
        if (stele_log_member_problem(other.member, &err) < 0) break;
    }

    assert_int_equal(err.status, STELE_E_CONFLICT);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_non_null(strstr(err.text, "worker.assignment"));
    assert_int_equal(stele_log_member_problem(first.member, &err), STELE_OK);
    leave(&first);
    poll_until_owns(&other, PARTITIONS);
    assert_int_equal(stele_log_member_problem(other.member, &err), STELE_OK);
    leave(&other);
}

/* Until the group is there: such a commit is not waited for. */
static void expect_offset(const char *group, stele_partition partition, int64_t expected)
{
    int64_t offset = STELE_OFFSET_NONE;
    for (int64_t until = now_ms() + PATIENCE_MS; offset != expected && now_ms() < until;)
        MUST(stele_log_group_offset(the_log, group, partition, PATIENCE_MS, &offset, &err));
    assert_int_equal(offset, expected);
}

void a_member_commits_an_offset_of_what_it_owns_only(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    watched it;
    join(the_log, &it, topic, topic, false);
    MUST_FAIL(stele_log_member_commit(it.member, (stele_partition){topic, 1}, 5, &err),
              STELE_E_NOT_OWNER, STELE_NEXT_RETRY);
    poll_until_owns(&it, PARTITIONS);

    MUST(stele_log_member_commit(it.member, (stele_partition){topic, 1}, 5, &err));

    expect_offset(topic, (stele_partition){topic, 1}, 5);
    MUST(stele_log_member_commit(it.member, (stele_partition){topic, 1}, 9, &err));
    expect_offset(topic, (stele_partition){topic, 1}, 9);
    leave(&it);
}

void commits_of_members_do_not_disturb_a_rebalance(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    watched first;
    watched second;
    join(the_log, &first, topic, topic, false);
    poll_until_owns(&first, PARTITIONS);
    join(the_log, &second, topic, topic, false);

    for (int64_t until = now_ms() + PATIENCE_MS;
         (first.owned != PARTITIONS / 2 || second.owned != PARTITIONS / 2) && now_ms() < until;) {
        for (int32_t i = 0; i < PARTITIONS; i++)
            if (first.owns[i])
                MUST(stele_log_member_commit(first.member, (stele_partition){topic, i}, 1, &err));
        poll(&first);
        poll(&second);
    }

    assert_int_equal(first.owned, PARTITIONS / 2);
    assert_int_equal(second.owned, PARTITIONS / 2);
    leave(&second);
    leave(&first);
}

typedef struct census {
    size_t members;
    size_t partitions;
    bool is_named;
} census;

static void count_member(void *context, const stele_log_group_member *member)
{
    census *seen = context;
    seen->members++;
    seen->partitions += member->partition_count;
    seen->is_named = strcmp(member->client, "bank-1@host-a:8080") == 0 && member->host != NULL;
}

void a_group_names_its_members_and_what_they_own(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    const char *const topics[] = {topic, NULL};
    watched it = {0};
    census seen = {0};
    stele_log_member_options options = {
        .group = topic,
        .topics = topics,
        .client = "bank-1@host-a:8080",
        .session_timeout_ms = 1000,
        .events = {.assigned = on_assigned, .revoked = on_revoked, .context = &it}};
    MUST(stele_log_group_describe(the_log, topic, PATIENCE_MS, count_member, &seen, &err));
    assert_int_equal(seen.members, 0);
    MUST(stele_log_member_open(the_log, &options, &it.member, &err));
    poll_until_owns(&it, PARTITIONS);

    MUST(stele_log_group_describe(the_log, topic, PATIENCE_MS, count_member, &seen, &err));

    assert_int_equal(seen.members, 1);
    assert_int_equal(seen.partitions, PARTITIONS);
    assert_true(seen.is_named);
    leave(&it);
}

void a_group_that_no_one_is_in_can_be_removed(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    const stele_partition first = {topic, 0};
    watched it;
    int64_t offset = 0;
    MUST_FAIL(stele_log_group_remove(the_log, topic, PATIENCE_MS, &err), STELE_E_NOT_FOUND,
              STELE_NEXT_STOP);
    MUST(stele_log_group_offset_set(the_log, topic, first, 0, PATIENCE_MS, &err));
    join(the_log, &it, topic, topic, false);
    poll_until_owns(&it, PARTITIONS);
    MUST_FAIL(stele_log_group_remove(the_log, topic, PATIENCE_MS, &err), STELE_E_CONFLICT,
              STELE_NEXT_STOP);
    leave(&it);

    MUST(stele_log_group_remove(the_log, topic, PATIENCE_MS, &err));

    MUST(stele_log_group_offset(the_log, topic, first, PATIENCE_MS, &offset, &err));
    assert_int_equal(offset, STELE_OFFSET_NONE);
    MUST_FAIL(stele_log_group_remove(the_log, topic, PATIENCE_MS, &err), STELE_E_NOT_FOUND,
              STELE_NEXT_STOP);
}

/* Nothing is read: only the member can end the wait. */
static void await_wake(stele_log_reader *reader)
{
    stele_batch batch;
    int64_t begun_ms = now_ms();
    assert_int_equal(stele_log_reader_next(reader, PATIENCE_MS, &batch, &err), STELE_E_TIMED_OUT);
    assert_true(now_ms() - begun_ms < PATIENCE_MS * 9 / 10);
}

void what_comes_for_a_member_ends_the_wait_of_its_reader(void)
{
    const char *topic = make_topic(the_log, PARTITIONS);
    stele_log_reader *before = NULL;
    stele_log_reader *reader = NULL;
    watched first;
    watched second;
    MUST(stele_log_reader_open(the_log, NULL, &before, &err));
    MUST(stele_log_reader_open(the_log, NULL, &reader, &err));
    join(the_log, &first, topic, topic, false);
    stele_log_member_wakes(first.member, before);
    stele_log_member_wakes(first.member, reader);
    stele_log_reader_close(before);

    MUST(stele_log_member_poll(first.member, 0, &err));
    while (first.owned == 0) {
        await_wake(reader);
        MUST(stele_log_member_poll(first.member, 0, &err));
    }

    join(the_log, &second, topic, topic, false);
    poll(&second);
    while (first.owned == PARTITIONS) {
        await_wake(reader);
        poll(&first);
    }

    poll_until_shared(&first, &second);
    stele_log_member_wakes(second.member, reader);
    leave(&first);
    while (second.owned < PARTITIONS) {
        await_wake(reader);
        poll(&second);
    }
    leave(&second);
    stele_log_reader_close(reader);
}
