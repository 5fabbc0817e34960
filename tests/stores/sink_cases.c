/* SPDX-License-Identifier: MIT
 * The cases. */
#include "sink_cases.h"

#include "core/deadline.h"

enum { WAIT_MS = 20000 };

/* ---- what is kept beside the states ---- */

static void write_beside(const void *context, const void *companion, stele_buffer *out)
{
    (void)context;
    stele_buffer_append(out, stele_text(((const sink_beside *)companion)->text));
}

/* Sinks write only. */
const stele_companion sink_companion = {
    .header = "stele_beside", .size = sizeof(sink_beside), .align = 1, .write = write_beside};

sink_beside sink_beside_of(stele_bytes bytes)
{
    sink_beside beside = {0};
    assert_true(bytes.size < sizeof beside.text);
    if (bytes.size > 0) memcpy(beside.text, bytes.data, bytes.size);
    return beside;
}

/* ---- states ---- */

static sink_stage (*begin_stage)(void);
static void (*end_stage)(void *self);
static sink_stage the;

static int begin(void **state)
{
    (void)state;
    the = begin_stage();
    return 0;
}

static int end(void **state)
{
    (void)state;
    end_stage(the.self);
    return 0;
}

#define MARK(at) (&(stele_mark){.position = (at), .last_offset = (at)-1, .last_hash = 7})

static stele_sink_entry entry(const char *id, const test_account *account, int64_t offset)
{
    static sink_beside beside;
    snprintf(beside.text, sizeof beside.text, "at %d", (int)offset);
    return (stele_sink_entry){.id = stele_text(id),
                              .state = account,
                              .companion = &beside,
                              .version = offset,
                              .offset = offset};
}

static stele_status put(stele_sink *sink, const char *id, int64_t balance, int64_t offset,
                        bool is_stored)
{
    test_account account = {.balance = balance};
    stele_sink_entry of = entry(id, &account, offset);
    of.is_stored = is_stored;
    stele_error err;
    stele_status status = stele_sink_put(sink, &of, &err);
    if (status < 0 && status != STELE_E_FULL) fail_msg("%s", err.text);
    return status;
}

static void must_put(stele_sink *sink, const char *id, int64_t balance, int64_t offset)
{
    assert_int_equal(put(sink, id, balance, offset, false), STELE_OK);
}

/* Until the cycle is closed, or fails for good. */
static stele_status await_closed(stele_sink *sink)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    for (;;) {
        bool closed = false;
        stele_error err;
        stele_status status = stele_sink_outcome(sink, &closed, &err);
        if (closed) return STELE_OK;
        if (status < 0 && (status == STELE_E_FENCED || err.next != STELE_NEXT_RETRY)) return status;
        if (stele_deadline_passed(until)) fail_msg("never closed: %s", status < 0 ? err.text : "");
    }
}

static void close_cycle(stele_sink *sink)
{
    stele_sink_close(sink);
    assert_int_equal(await_closed(sink), STELE_OK);
}

static void assert_stored(const char *id, int64_t balance, int64_t offset)
{
    stored found;
    assert_true(the.find(the.self, id, &found));
    assert_int_equal(found.balance, balance);
    assert_int_equal(found.offset, offset);
    assert_int_equal(found.version, offset);
}

static void what_was_put_is_stored_once_its_cycle_is_closed(void **state)
{
    (void)state;
    stele_sink *sink = the.open(the.self);
    stele_sink_begin(sink, MARK(5));
    must_put(sink, "a", 10, 4);
    must_put(sink, "b", 20, 7); /* ahead of the mark */
    close_cycle(sink);

    assert_stored("a", 10, 4);
    assert_stored("b", 20, 7);
    assert_int_equal(the.position(the.self), 5);
    the.let_go(the.self);
}

static void a_state_is_copied_when_it_is_put(void **state)
{
    (void)state;
    stele_sink *sink = the.open(the.self);
    stele_sink_begin(sink, MARK(5));
    test_account account = {.balance = 10};
    stele_sink_entry of = entry("a", &account, 4);
    stele_error err;
    assert_int_equal(stele_sink_put(sink, &of, &err), STELE_OK);
    account.balance = 99;
    close_cycle(sink);

    assert_stored("a", 10, 4);
    the.let_go(the.self);
}

static void a_cycle_that_is_not_closed_moves_no_position(void **state)
{
    (void)state;
    stele_sink *sink = the.open(the.self);
    stele_sink_begin(sink, MARK(5));
    must_put(sink, "a", 10, 4);
    close_cycle(sink);
    stele_sink_begin(sink, MARK(9));
    assert_int_equal(put(sink, "a", 11, 8, true), STELE_OK);
    bool closed;
    stele_error err;
    for (int i = 0; i < 20; i++)
        assert_int_equal(stele_sink_outcome(sink, &closed, &err), STELE_OK);
    the.let_go(the.self);

    assert_int_equal(the.position(the.self), 5);
    sink = the.open(the.self);
    stele_sink_begin(sink, MARK(9));
    assert_int_equal(put(sink, "a", 11, 8, true), STELE_OK);
    close_cycle(sink);
    assert_stored("a", 11, 8);
    assert_int_equal(the.position(the.self), 9);
    the.let_go(the.self);
}

static void a_close_alone_moves_the_position(void **state)
{
    (void)state;
    stele_sink *sink = the.open(the.self);
    for (int64_t at = 3; at <= 5; at++) {
        stele_sink_begin(sink, MARK(at));
        close_cycle(sink);
        assert_int_equal(the.position(the.self), at);
    }
    the.let_go(the.self);
}

static void what_is_finished_says_so_and_is_removed_with_a_close(void **state)
{
    (void)state;
    stele_sink *sink = the.open(the.self);
    test_account account = {.balance = 10};
    stele_sink_entry of = entry("a", &account, 6);
    of.is_finished = true;
    stele_error err;
    stele_sink_begin(sink, MARK(5));
    assert_int_equal(stele_sink_put(sink, &of, &err), STELE_OK);
    close_cycle(sink);
    stored found;
    assert_true(the.find(the.self, "a", &found));
    assert_true(found.is_finished);

    of.is_stored = true;
    stele_sink_begin(sink, MARK(8));
    assert_int_equal(stele_sink_remove(sink, &of, &err), STELE_OK);
    close_cycle(sink);

    assert_false(the.find(the.self, "a", &found));
    assert_int_equal(the.position(the.self), 8);
    the.let_go(the.self);
}

static void what_is_kept_beside_a_state_goes_with_it_and_stays_when_it_is_removed(void **state)
{
    (void)state;
    stele_sink *sink = the.open(the.self);
    test_account account = {.balance = 10};
    stele_error err;
    stored found;
    stele_sink_begin(sink, MARK(5));
    must_put(sink, "b", 1, 3);
    stele_sink_entry of = entry("a", &account, 4);
    assert_int_equal(stele_sink_put(sink, &of, &err), STELE_OK);
    entry("", &account, 9); /* the next one has the same place in memory */
    close_cycle(sink);
    assert_true(the.find(the.self, "a", &found));
    assert_string_equal(found.beside.text, "at 4");
    assert_true(the.find(the.self, "b", &found));
    assert_string_equal(found.beside.text, "at 3");

    of = entry("a", &account, 7);
    of.is_finished = of.is_stored = true;
    stele_sink_begin(sink, MARK(8));
    assert_int_equal(stele_sink_remove(sink, &of, &err), STELE_OK);
    close_cycle(sink);

    assert_false(the.find(the.self, "a", &found));
    assert_string_equal(found.beside.text, "at 7");
    the.let_go(the.self);
}

static void a_full_sink_takes_more_after_an_outcome(void **state)
{
    (void)state;
    enum { COUNT = 5 * SINK_QUEUE_MAX };
    static char ids[COUNT][16]; /* keys do not move */
    stele_sink *sink = the.open(the.self);
    int full = 0;
    stele_sink_begin(sink, MARK(COUNT));
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    for (int i = 0; i < COUNT;) {
        snprintf(ids[i], sizeof ids[i], "k%d", i);
        if (put(sink, ids[i], i, i + 1, false) == STELE_OK) {
            i++;
            continue;
        }
        bool closed;
        stele_error err;
        assert_int_equal(stele_sink_outcome(sink, &closed, &err), STELE_OK);
        assert_false(closed);
        assert_false(stele_deadline_passed(until));
        full++;
    }
    close_cycle(sink);

    assert_true(full > 0);
    for (int i = 0; i < COUNT; i++)
        assert_stored(ids[i], i, i + 1);
    assert_int_equal(the.position(the.self), COUNT);
    the.let_go(the.self);
}

static void a_full_sink_takes_no_removal_of_a_letter_either(void **state)
{
    (void)state;
    enum { COUNT = 5 * SINK_QUEUE_MAX };
    if (!the.has_letters) skip();
    stele_sink *sink = the.open(the.self);
    int full = 0;
    stele_sink_begin(sink, MARK(COUNT));
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    for (int i = 0; i < COUNT;) {
        stele_error err;
        bool closed;
        stele_status status = stele_sink_keep(sink, &(stele_sink_letter){.offset = i}, &err);
        if (status == STELE_OK) {
            i++;
            continue;
        }
        assert_int_equal(status, STELE_E_FULL);
        assert_int_equal(stele_sink_outcome(sink, &closed, &err), STELE_OK);
        assert_false(closed);
        assert_false(stele_deadline_passed(until));
        full++;
    }
    close_cycle(sink);

    assert_true(full > 0);
    assert_int_equal(the.position(the.self), COUNT);
    the.let_go(the.self);
}

int sink_cases_run(sink_stage (*begin_with)(void), void (*end_with)(void *self))
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(what_was_put_is_stored_once_its_cycle_is_closed),
        CASE(a_state_is_copied_when_it_is_put),
        CASE(a_cycle_that_is_not_closed_moves_no_position),
        CASE(a_close_alone_moves_the_position),
        CASE(what_is_finished_says_so_and_is_removed_with_a_close),
        CASE(what_is_kept_beside_a_state_goes_with_it_and_stays_when_it_is_removed),
        CASE(a_full_sink_takes_more_after_an_outcome),
        CASE(a_full_sink_takes_no_removal_of_a_letter_either),
    };
    begin_stage = begin_with;
    end_stage = end_with;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
