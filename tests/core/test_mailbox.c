/* SPDX-License-Identifier: MIT
 * Letters between threads: who gets them, when they are taken, and when they come back. */
#include "core/mailbox.h"

#include <stdatomic.h>

#include "core/alloc.h"
#include "tests/support/test.h"

enum { WAIT_MS = 30000, COUNT = 2 };

static const char balance = 'b', history = 'h'; /* kinds */

typedef struct note {
    stele_letter letter;
    int answer;
} note;

typedef struct desk {
    stele_post *post;
    stele_mailbox *box;
    atomic_int woken;
} desk;

static void wake(void *context)
{
    atomic_fetch_add(&((desk *)context)->woken, 1);
}

static stele_mailbox *box_of(desk *of, const char *name, int32_t index)
{
    return stele_mailbox_open(of->post, &(stele_mailbox_options){.name = name,
                                                                 .index = index,
                                                                 .count = COUNT,
                                                                 .kind = &balance,
                                                                 .wake = wake,
                                                                 .context = of});
}

static int desk_opened(void **state)
{
    desk *self = stele_alloc(sizeof *self);
    self->post = stele_post_new(stele_runtime_system());
    self->box = box_of(self, "balances.v1", 0);
    *state = self;
    return 0;
}

static int desk_closed(void **state)
{
    desk *self = *state;
    stele_mailbox_close(self->box);
    stele_post_free(self->post);
    free(self);
    return 0;
}

static stele_deadline in_ms(int ms)
{
    return stele_deadline_after(stele_clock_system(), ms);
}

static stele_letter_state send_to(desk *of, const char *name, const void *kind, int32_t index)
{
    note sent = {.letter.position = 1};
    return stele_post_send(of->post, name, kind, index, &sent.letter, in_ms(0));
}

/* A thread that sends one letter. */
typedef struct sender {
    desk *of;
    note sent;
    stele_letter_state state;
    stele_thread thread;
} sender;

static void send_one(void *context)
{
    sender *self = context;
    self->state = stele_post_send(self->of->post, "balances.v1", &balance, 0, &self->sent.letter,
                                  in_ms(WAIT_MS));
}

static void sender_started(sender *self, desk *of, int64_t position)
{
    int before = atomic_load(&of->woken);
    *self = (sender){.of = of, .sent.letter.position = position};
    assert_int_equal(
        stele_thread_start(stele_runtime_system(), &self->thread, "sender", send_one, self), 0);
    stele_deadline until = in_ms(WAIT_MS);
    while (atomic_load(&of->woken) == before)
        assert_false(stele_deadline_passed(until));
}

static void a_letter_without_its_box_comes_back(void **state)
{
    desk *of = *state;

    assert_int_equal(send_to(of, "balances.v2", &balance, 0), STELE_LETTER_RETURNED);
    assert_int_equal(send_to(of, "balances.v1", &balance, 1), STELE_LETTER_RETURNED);
    assert_int_equal(send_to(of, "balances.v1", &history, 0), STELE_LETTER_RETURNED);
    assert_int_equal(of->woken, 0);
}

static void a_name_says_how_many_there_are_and_which_are_here(void **state)
{
    desk *of = *state;

    assert_int_equal(stele_post_count(of->post, "balances.v1", &balance), COUNT);
    assert_int_equal(stele_post_count(of->post, "balances.v1", &history), 0);
    assert_int_equal(stele_post_count(of->post, "balances.v2", &balance), 0);
    assert_true(stele_post_has(of->post, "balances.v1", &balance, 0));
    assert_false(stele_post_has(of->post, "balances.v1", &balance, 1));
}

static void a_letter_that_no_one_takes_in_time_is_late_and_is_no_longer_there(void **state)
{
    desk *of = *state;

    assert_int_equal(send_to(of, "balances.v1", &balance, 0), STELE_LETTER_LATE);
    assert_int_equal(of->woken, 1);
    assert_null(stele_mailbox_take(of->box, 1));
}

static void a_keeper_takes_what_it_is_far_enough_for(void **state)
{
    desk *of = *state;
    sender near, far;
    sender_started(&near, of, 5);
    sender_started(&far, of, 8);

    assert_null(stele_mailbox_take(of->box, 4));
    stele_letter *list = stele_mailbox_take(of->box, 7);
    assert_ptr_equal(list, &near.sent.letter);
    assert_null(list->next);
    ((note *)list)->answer = 1;
    stele_mailbox_answer(of->box, list);
    stele_thread_join(near.thread);
    assert_int_equal(near.state, STELE_LETTER_ANSWERED);
    assert_int_equal(near.sent.answer, 1);

    list = stele_mailbox_take(of->box, 8);
    assert_ptr_equal(list, &far.sent.letter);
    stele_mailbox_answer(of->box, list);
    stele_thread_join(far.thread);
    assert_int_equal(far.state, STELE_LETTER_ANSWERED);
    assert_null(stele_mailbox_take(of->box, INT64_MAX - 1));
}

static void what_is_in_a_box_that_is_closed_comes_back(void **state)
{
    desk *of = *state;
    sender waiting;
    sender_started(&waiting, of, 5);

    stele_mailbox_close(of->box);
    of->box = NULL;

    stele_thread_join(waiting.thread);
    assert_int_equal(waiting.state, STELE_LETTER_RETURNED);
}

static void of_two_boxes_with_one_name_the_later_one_gets_the_letters(void **state)
{
    desk *of = *state;
    stele_mailbox *later = box_of(of, "balances.v1", 0);
    sender waiting;
    sender_started(&waiting, of, 5);

    assert_null(stele_mailbox_take(of->box, 5));
    stele_mailbox_answer(later, stele_mailbox_take(later, 5));
    stele_thread_join(waiting.thread);
    stele_mailbox_close(later);

    assert_int_equal(waiting.state, STELE_LETTER_ANSWERED);
}

#define AT_A_DESK(test) cmocka_unit_test_setup_teardown(test, desk_opened, desk_closed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_A_DESK(a_letter_without_its_box_comes_back),
        AT_A_DESK(a_name_says_how_many_there_are_and_which_are_here),
        AT_A_DESK(a_letter_that_no_one_takes_in_time_is_late_and_is_no_longer_there),
        AT_A_DESK(a_keeper_takes_what_it_is_far_enough_for),
        AT_A_DESK(what_is_in_a_box_that_is_closed_comes_back),
        AT_A_DESK(of_two_boxes_with_one_name_the_later_one_gets_the_letters),
    };
    return cmocka_run_group_tests_name("core/mailbox", tests, NULL, NULL);
}
