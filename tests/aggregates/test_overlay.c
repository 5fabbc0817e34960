/* SPDX-License-Identifier: MIT
 * States with what is on its way. */
#include "aggregates/overlay.h"

#include "state.h"
#include "tests/support/test.h"

static stele_manual_clock clock_of_test;

static stele_overlay *overlay_of_accounts(void)
{
    return stele_overlay_new(&test_account_type, stele_runtime_manual(&clock_of_test));
}

static stele_overlay_entry *add(stele_overlay *overlay, const char *id, int64_t cents,
                                const char *owner, int64_t version)
{
    test_account account = {.cents = cents};
    stele_text_set(&account.owner, stele_text(owner));
    stele_overlay_entry *entry =
        stele_overlay_add(overlay, stele_text(id), &account, version, overlay);
    assert_null(account.owner.data); /* taken over */
    return entry;
}

static const test_account *account_of(stele_overlay *overlay, const char *id)
{
    return stele_overlay_state(stele_overlay_find(overlay, stele_text(id)));
}

static void an_aggregate_is_there_until_its_last_unit_is_released(void **state)
{
    (void)state;
    stele_overlay *overlay = overlay_of_accounts();
    assert_null(stele_overlay_find(overlay, stele_text("a")));

    stele_overlay_entry *entry = add(overlay, "a", 5, "Ann", 1);
    add(overlay, "b", 9, "Bob", 4);
    assert_ptr_equal(add(overlay, "a", 7, "Anna", 3), entry);

    assert_int_equal(entry->version, 3);
    assert_int_equal(entry->units, 2);
    assert_ptr_equal(entry->last_batch, overlay);
    assert_int_equal(account_of(overlay, "a")->cents, 7);
    assert_true(stele_bytes_equal(account_of(overlay, "a")->owner, stele_text("Anna")));
    stele_overlay_release(overlay, entry);
    assert_int_equal(account_of(overlay, "a")->cents, 7);
    stele_overlay_release(overlay, entry);
    assert_null(stele_overlay_find(overlay, stele_text("a")));
    assert_int_equal(account_of(overlay, "b")->cents, 9);
    assert_int_equal(stele_overlay_count(overlay), 1);
    stele_overlay_free(overlay);
}

static void the_end_of_a_life_leaves_an_empty_state(void **state)
{
    (void)state;
    stele_overlay *overlay = overlay_of_accounts();
    add(overlay, "a", 5, "Ann", 1);

    stele_overlay_entry *entry = stele_overlay_add(overlay, stele_text("a"), NULL, 2, overlay);

    assert_true(entry->is_finished);
    assert_int_equal(account_of(overlay, "a")->cents, 0);
    assert_null(account_of(overlay, "a")->owner.data);
    stele_overlay_free(overlay);
}

static void what_is_aborted_is_gone_as_a_whole(void **state)
{
    (void)state;
    stele_overlay *overlay = overlay_of_accounts();
    add(overlay, "a", 5, "Ann", 1);
    add(overlay, "b", 5, "Bob", 1);

    stele_overlay_clear(overlay);

    assert_int_equal(stele_overlay_count(overlay), 0);
    assert_int_equal(add(overlay, "a", 6, "Ann", 1)->units, 1);
    stele_overlay_free(overlay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_aggregate_is_there_until_its_last_unit_is_released),
        cmocka_unit_test(the_end_of_a_life_leaves_an_empty_state),
        cmocka_unit_test(what_is_aborted_is_gone_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
