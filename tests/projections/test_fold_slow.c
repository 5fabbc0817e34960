/* SPDX-License-Identifier: MIT
 * Apply functions that take their time: whoever asks a worker for something meanwhile, its operator
 * or its group, waits for one event and not for a batch. */
#include "bank.h"

enum { EVENTS = 40, SLOW_MS = 1000 };

static bank *slow_in;
static atomic_bool stop;
static int applied;

static stele_status apply_slowly(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    (void)state, (void)data, (void)event, (void)err;
    stele_manual_clock_advance(&slow_in->time, SLOW_MS);
    applied++;
    return STELE_OK;
}

static stele_status apply_and_be_stopped(void *state, const void *data, const stele_event *event,
                                         stele_error *err)
{
    (void)state, (void)data, (void)event, (void)err;
    if (++applied == 3) atomic_store(&stop, true);
    return STELE_OK;
}

static stele_projection with(const stele_handler *handlers)
{
    stele_projection projection = bank_balances;
    projection.handlers = handlers;
    applied = 0;
    atomic_store(&stop, false);
    return projection;
}

static bank *bank_with_one_batch(void)
{
    bank *of = slow_in = bank_new(1);
    for (int i = 0; i < EVENTS; i++)
        bank_deposit(of, 0, "a", 1, "x");
    return of;
}

static void a_batch_is_left_where_it_stands_when_its_worker_is_to_stop(void **state)
{
    (void)state;
    const stele_handler handlers[] = {{&test_deposited_type, apply_and_be_stopped}, {NULL, NULL}};
    stele_projection projection = with(handlers);
    bank *of = bank_with_one_batch();
    teller worker = teller_open(of, (teller_options){.projection = &projection});
    stele_error err;

    assert_int_equal(stele_worker_run(worker.worker, &stop, &err), STELE_OK);

    assert_int_equal(applied, 3);
    assert_int_equal(bank_group_offset(of, 0), 3); /* with a last snapshot */
    teller_close(&worker);
    bank_free(of);
}

static void the_group_is_served_between_two_slow_events(void **state)
{
    (void)state;
    const stele_handler handlers[] = {{&test_deposited_type, apply_slowly}, {NULL, NULL}};
    stele_projection projection = with(handlers);
    bank *of = bank_with_one_batch();
    teller worker = teller_open(of, (teller_options){.projection = &projection});
    teller_until(&worker, 0, STELE_STATE_RUNNING);

    int most = 0;
    while (applied < EVENTS) {
        int before = applied;
        teller_turn(&worker);
        if (applied - before > most) most = applied - before;
    }

    assert_int_equal(most, 1);
    teller_close(&worker);
    bank_free(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_left_where_it_stands_when_its_worker_is_to_stop),
        cmocka_unit_test(the_group_is_served_between_two_slow_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
