/* SPDX-License-Identifier: MIT
 * May it be gone on from a checkpoint? Each rule once, beside a case that passes. */
#include "snapshots/restore.h"

#include "tests/support/test.h"

static const stele_restore_facts sound_facts = {.projection = "balances",
                                                .version = 1,
                                                .source = {"account.events", 3},
                                                .partitions = 4,
                                                .genesis = "g1",
                                                .log_start = 0,
                                                .log_end = 2000,
                                                .group_offset = 1042,
                                                .aggregates = 100,
                                                .finished = 2};

static stele_checkpoint sound_checkpoint(void)
{
    return (stele_checkpoint){.topic = stele_text("account.events"),
                              .partitions = 4,
                              .next_offset = 1042,
                              .last_offset = 1040,
                              .last_hash = 77,
                              .version = 1,
                              .genesis = stele_text("g1"),
                              .aggregates = 100,
                              .finished = 2};
}

static void it_goes_on_at_the_checkpoint_and_reads_its_last_event_again(void **state)
{
    (void)state;
    stele_checkpoint checkpoint = sound_checkpoint();
    stele_resume resume;
    assert_int_equal(stele_restore_validate(&checkpoint, &sound_facts, &resume, NULL), STELE_OK);
    assert_int_equal(resume.position, 1042);
    assert_int_equal(resume.read_from, 1040);
    assert_int_equal(resume.last_offset, 1040);
    assert_int_equal(resume.last_hash, 77);
}

static void what_was_applied_may_be_deleted_from_the_log(void **state)
{
    (void)state;
    const int64_t starts[] = {1041, 1042};
    for (size_t i = 0; i < 2; i++) {
        stele_checkpoint checkpoint = sound_checkpoint();
        stele_restore_facts facts = sound_facts;
        facts.log_start = starts[i];
        stele_resume resume;
        assert_int_equal(stele_restore_validate(&checkpoint, &facts, &resume, NULL), STELE_OK);
        assert_int_equal(resume.read_from, 1042);
    }
}

static void a_group_offset_may_have_expired(void **state)
{
    (void)state;
    stele_checkpoint checkpoint = sound_checkpoint();
    stele_restore_facts facts = sound_facts;
    facts.group_offset = STELE_OFFSET_NONE;
    stele_resume resume;
    assert_int_equal(stele_restore_validate(&checkpoint, &facts, &resume, NULL), STELE_OK);
}

static void without_a_checkpoint_a_whole_log_is_replayed(void **state)
{
    (void)state;
    stele_restore_facts facts = sound_facts;
    facts.aggregates = facts.finished = 0;
    const int64_t offsets[] = {STELE_OFFSET_NONE, 1042};
    for (size_t i = 0; i < 2; i++) {
        facts.group_offset = offsets[i];
        stele_resume resume;
        assert_int_equal(stele_restore_validate(NULL, &facts, &resume, NULL), STELE_OK);
        assert_int_equal(resume.position, 0);
        assert_int_equal(resume.read_from, 0);
        assert_int_equal(resume.last_offset, -1);
    }
}

/* One thing that is wrong in an else sound picture. */
typedef struct wrong {
    const char *what;
    stele_checkpoint checkpoint;
    stele_restore_facts facts;
    bool no_checkpoint;
    stele_status status;
    const char *text;
} wrong;

static void what_is_wrong_is_refused_with_the_way_out(void **state)
{
    (void)state;
    wrong cases[] = {
        {.what = "partition count",
         .status = STELE_E_CONFLICT,
         .text = "account.events had 5 partitions at the checkpoint of balances.v1 and has 4: keys "
                 "have moved, so states would be split in two; copy its events to a new topic"},
        {.what = "version",
         .status = STELE_E_INVALID,
         .text =
             "the checkpoint of balances.v1 says version 2: snapshots of two versions are mixed; "
             "delete balances.v1.snapshots to replay all events"},
        {.what = "genesis",
         .status = STELE_E_INVALID,
         .text =
             "balances.v1 was written with the schema registry \"g2\", and this is another one, "
             "\"g1\": schema ids mean something else here; point [registry] url at that one, or "
             "bring its topic back"},
        {.what = "no genesis any more",
         .status = STELE_E_INVALID,
         .text = "balances.v1 was written with the schema registry \"g1\", and this is another "
                 "one, (unnamed): schema ids mean something else here; point [registry] url at "
                 "that one, or bring its topic back"},
        {.what = "hole",
         .status = STELE_E_HOLE,
         .text =
             "account.events/3 begins at offset 1043, past the checkpoint of balances.v1 at 1042: "
             "the events between were deleted before they were applied; bring them back, and "
             "keep retention.ms=-1"},
        {.what = "cut",
         .status = STELE_E_HOLE,
         .text =
             "account.events/3 ends at offset 1041, before the checkpoint of balances.v1 at 1042: "
             "events were lost or the topic was made again; raise the version of projection "
             "balances to replay what is there"},
        {.what = "a snapshot past the end",
         .status = STELE_E_HOLE,
         .text = "balances.v1.snapshots/3 holds a snapshot of \"a\" behind offset 2001, and "
                 "account.events/3 ends at 2000: events were lost or the topic was made again; "
                 "raise the version of projection balances to replay what is there"},
        {.what = "reset",
         .status = STELE_E_INVALID,
         .text =
             "offset reset: group balances.v1 is at 0 in account.events/3 and its checkpoint at "
             "1042; set the group's offset to that again, or raise the version of projection "
             "balances"},
        {.what = "snapshots gone",
         .status = STELE_E_INVALID,
         .text =
             "balances.v1.snapshots/3 has a checkpoint of 100 aggregates and holds 99: snapshots "
             "are missing; raise the version of projection balances, or delete that topic, to "
             "replay all events"},
        {.what = "tombstones gone",
         .status = STELE_E_INVALID,
         .text = "balances.v1.snapshots/3 has a checkpoint of 2 finished aggregates and holds 0 "
                 "tombstones: raise delete.retention.ms, and the version of projection balances to "
                 "replay all "
                 "events"},
        {.what = "checkpoint gone",
         .no_checkpoint = true,
         .status = STELE_E_INVALID,
         .text =
             "balances.v1.snapshots/3 holds 102 snapshots and no checkpoint: something else has "
             "written there; delete that topic to replay all events"},
        {.what = "beginning gone",
         .no_checkpoint = true,
         .status = STELE_E_HOLE,
         .text =
             "account.events/3 begins at offset 5 and balances.v1 has no checkpoint: the events "
             "before it are gone, so no state can be right; bring them back, or copy what is "
             "left to a new topic"},
    };
    size_t count = sizeof cases / sizeof cases[0];
    for (size_t i = 0; i < count; i++) {
        cases[i].checkpoint = sound_checkpoint();
        cases[i].facts = sound_facts;
    }
    cases[0].checkpoint.partitions = 5;
    cases[1].checkpoint.version = 2;
    cases[2].checkpoint.genesis = stele_text("g2");
    cases[3].facts.genesis = "";
    cases[4].facts.log_start = 1043;
    cases[5].facts.log_end = 1041;
    cases[6].facts.furthest = 2001;
    cases[6].facts.furthest_id = stele_text("a");
    cases[7].facts.group_offset = 0;
    cases[8].facts.aggregates = 99;
    cases[9].facts.finished = 0;
    cases[11].facts.aggregates = cases[11].facts.finished = 0;
    cases[11].facts.log_start = 5;

    for (size_t i = 0; i < count; i++) {
        stele_resume resume;
        stele_error err = {0};
        stele_status status = stele_restore_validate(
            cases[i].no_checkpoint ? NULL : &cases[i].checkpoint, &cases[i].facts, &resume, &err);
        if (status != cases[i].status) fail_msg("%s: %s", cases[i].what, err.text);
        assert_int_equal(err.next, STELE_NEXT_STOP);
        assert_string_equal(err.text, cases[i].text);
    }
}

/* States in a file or a database: no topic of snapshots is there to be deleted. */
static void what_is_wrong_with_a_store_names_the_store(void **state)
{
    (void)state;
    struct {
        stele_checkpoint checkpoint;
        stele_restore_facts facts;
        bool is_new;
        const char *text;
    } cases[] = {
        {.text = "account.events had 5 partitions at the position of balances.v1 in lmdb:b.lmdb "
                 "and has 4: keys have moved, so states would be split in two; copy its events to "
                 "a new topic"},
        {.text = "account.events/3 begins at offset 1043, past the position of balances.v1 in "
                 "lmdb:b.lmdb at 1042: the events between were deleted before they were applied; "
                 "bring them back, and keep retention.ms=-1"},
        {.text = "account.events/3 ends at offset 1041, before the position of balances.v1 in "
                 "lmdb:b.lmdb at 1042: events were lost or the topic was made again; reset "
                 "balances --to beginning to replay what is there"},
        {.text = "lmdb:b.lmdb holds a state of \"a\" behind offset 2001, and account.events/3 "
                 "ends at 2000: events were lost or the topic was made again; reset balances --to "
                 "beginning to replay what is there"},
        {.is_new = true,
         .text = "account.events/3 begins at offset 5 and balances.v1 has no position: the events "
                 "before it are gone, so no state can be right; bring them back, or copy what is "
                 "left to a new topic"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cases[i].checkpoint = sound_checkpoint();
        cases[i].facts = sound_facts;
        cases[i].facts.store = "lmdb:b.lmdb";
        cases[i].facts.group_offset = STELE_OFFSET_NONE;
    }
    cases[0].checkpoint.partitions = 5;
    cases[1].facts.log_start = 1043;
    cases[2].facts.log_end = 1041;
    cases[3].facts.furthest = 2001;
    cases[3].facts.furthest_id = stele_text("a");
    cases[4].facts.aggregates = cases[4].facts.finished = 0;
    cases[4].facts.log_start = 5;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_resume resume;
        stele_error err = {0};
        assert_true(stele_restore_validate(cases[i].is_new ? NULL : &cases[i].checkpoint,
                                           &cases[i].facts, &resume, &err) < 0);
        assert_string_equal(err.text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_on_at_the_checkpoint_and_reads_its_last_event_again),
        cmocka_unit_test(what_was_applied_may_be_deleted_from_the_log),
        cmocka_unit_test(a_group_offset_may_have_expired),
        cmocka_unit_test(without_a_checkpoint_a_whole_log_is_replayed),
        cmocka_unit_test(what_is_wrong_is_refused_with_the_way_out),
        cmocka_unit_test(what_is_wrong_with_a_store_names_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
