/* SPDX-License-Identifier: MIT
 * schemas/upcast.c: the life of an account's events. In version 1 an event had the owner's name in
 * one field; version 2 split it; then the event was renamed and its amount became cents. Another
 * event was only renamed. */
#include "tests/support/test.h"

#include "closed.h"
#include "money_paid_in.h"
#include "v1_deposited_v1.h"
#include "v2_deposited_v2.h"

#include "core/alloc.h"
#include "schemas/scopes.h"
#include "schemas/upcast.h"

static stele_status split_name(const void *from, void *to, stele_arena *arena, const void *context,
                               stele_error *err)
{
    (void)arena;
    (void)context;
    const v1_account_deposited *old = from;
    v2_account_deposited *next = to;
    const uint8_t *blank =
        old->owner.size == 0 ? NULL : memchr(old->owner.data, ' ', old->owner.size);
    if (blank == NULL) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "owner: a name of one word");
    }
    size_t first = (size_t)(blank - old->owner.data);
    next->first_name = stele_bytes_of(old->owner.data, first);
    next->last_name = stele_bytes_of(blank + 1, old->owner.size - first - 1);
    next->amount = old->amount;
    return STELE_OK;
}

static stele_status count_cents(const void *from, void *to, stele_arena *arena, const void *context,
                                stele_error *err)
{
    (void)arena;
    (void)err;
    const double *factor = context;
    const v2_account_deposited *old = from;
    account_money_paid_in *next = to;
    next->first_name = old->first_name;
    next->last_name = old->last_name;
    next->amount_cents = (int64_t)(old->amount * *factor + 0.5);
    return STELE_OK;
}

static const double cents_per_unit = 100;

static const stele_upcaster upcasters[] = {
    {&v1_account_deposited_type, &v2_account_deposited_type, split_name, NULL},
    {&v2_account_deposited_type, &account_money_paid_in_type, count_cents, &cents_per_unit},
    {NULL, NULL, NULL, NULL},
};

static const stele_type *const events[] = {&account_closed_type, &account_money_paid_in_type, NULL};

typedef struct reading {
    stele_arena *arena;
    stele_buffer data;
    stele_upcast *upcast;
    account_money_paid_in paid_in;
    account_closed closed;
    stele_error err;
} reading;

static void reading_clear(reading *r)
{
    stele_arena_free(r->arena);
    stele_buffer_clear(&r->data);
    stele_upcast_free(r->upcast);
}

STELE_VALUE_SCOPE(reading, reading_clear);

/* Read what a writer with this schema wrote. */
static stele_status read_event(reading *r, const char *writer, const stele_type *type,
                               const void *value)
{
    STELE_AUTO(stele_schema) schema = NULL;
    assert_int_equal(stele_schema_parse(stele_text(writer), NULL, &schema, &r->err), STELE_OK);
    r->arena = stele_arena_new();
    if (type != NULL) assert_int_equal(stele_encode(type, value, &r->data, NULL), STELE_OK);
    stele_status status = stele_upcast_new(schema, events, upcasters, NULL, &r->upcast, &r->err);
    if (status < 0) return status;
    void *out = stele_upcast_index(r->upcast) == 0 ? (void *)&r->closed : (void *)&r->paid_in;
    return stele_upcast_decode(r->upcast, stele_buffer_view(&r->data), out, r->arena, &r->err);
}

static void assert_text(stele_bytes found, const char *wanted)
{
    assert_true(stele_bytes_equal(found, stele_text(wanted)));
}

static void the_current_event_is_read_as_it_is(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(reading) r = {0};
    account_money_paid_in value = {stele_text("Ada"), stele_text("Byron"), 1250, true,
                                   stele_text("web")};

    assert_int_equal(
        read_event(&r, account_money_paid_in_type.schema, &account_money_paid_in_type, &value),
        STELE_OK);

    assert_int_equal(stele_upcast_index(r.upcast), 1);
    assert_true(account_money_paid_in_equal(&r.paid_in, &value));
}

static void the_first_version_goes_through_both_steps(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(reading) r = {0};
    v1_account_deposited value = {stele_text("Ada Byron King"), 12.5};

    assert_int_equal(
        read_event(&r, v1_account_deposited_type.schema, &v1_account_deposited_type, &value),
        STELE_OK);

    assert_int_equal(stele_upcast_index(r.upcast), 1);
    assert_text(r.paid_in.first_name, "Ada");
    assert_text(r.paid_in.last_name, "Byron King");
    assert_int_equal(r.paid_in.amount_cents, 1250);
    assert_false(r.paid_in.has_channel);
}

static void the_second_version_goes_through_one(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(reading) r = {0};
    v2_account_deposited value = {stele_text("Ada"), stele_text("Byron"), 0.29};

    assert_int_equal(
        read_event(&r, v2_account_deposited_type.schema, &v2_account_deposited_type, &value),
        STELE_OK);

    assert_text(r.paid_in.last_name, "Byron");
    assert_int_equal(r.paid_in.amount_cents, 29);
}

/* A version between, which no program has a type for: Avro resolves it to the nearest. */
static void a_version_between_is_resolved_to_the_nearest(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(reading) r = {0};
    const char *writer = "{\"type\":\"record\",\"name\":\"account.Deposited\",\"fields\":["
                         "{\"name\":\"note\",\"type\":\"string\"},"
                         "{\"name\":\"amount\",\"type\":\"float\"},"
                         "{\"name\":\"owner\",\"type\":\"string\"}]}";
    static const uint8_t data[] = {2, 'n', 0, 0, 0x20, 0x40, 6, 'A', ' ', 'B'}; /* 2.5 */
    stele_buffer_append(&r.data, stele_bytes_of(data, sizeof data));

    assert_int_equal(read_event(&r, writer, NULL, NULL), STELE_OK);

    assert_text(r.paid_in.first_name, "A");
    assert_int_equal(r.paid_in.amount_cents, 250);
}

/* The next version of the current event, written by a program that is newer than this one. */
static void a_newer_version_is_resolved_to_the_current_one(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(reading) r = {0};
    const char *writer = "{\"type\":\"record\",\"name\":\"account.MoneyPaidIn\",\"fields\":["
                         "{\"name\":\"first_name\",\"type\":\"string\"},"
                         "{\"name\":\"last_name\",\"type\":\"string\"},"
                         "{\"name\":\"amount_cents\",\"type\":\"int\"},"
                         "{\"name\":\"currency\",\"type\":\"string\"}]}";
    static const uint8_t data[] = {2, 'A', 2, 'B', 14, 6, 'E', 'U', 'R'};
    stele_buffer_append(&r.data, stele_bytes_of(data, sizeof data));

    assert_int_equal(read_event(&r, writer, NULL, NULL), STELE_OK);

    assert_int_equal(r.paid_in.amount_cents, 7);
}

static void an_event_that_was_renamed_is_found_by_its_alias(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(reading) r = {0};
    const char *writer = "{\"type\":\"record\",\"name\":\"account.AccountClosed\",\"fields\":["
                         "{\"name\":\"reason\",\"type\":\"string\"}]}";
    static const uint8_t data[] = {6, 'd', 'u', 'e'};
    stele_buffer_append(&r.data, stele_bytes_of(data, sizeof data));

    assert_int_equal(read_event(&r, writer, NULL, NULL), STELE_OK);

    assert_int_equal(stele_upcast_index(r.upcast), 0);
    assert_text(r.closed.reason, "due");
}

static void what_a_convert_function_refuses_is_refused(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(reading) r = {0};
    v1_account_deposited value = {stele_text("Ada"), 1};

    assert_int_equal(
        read_event(&r, v1_account_deposited_type.schema, &v1_account_deposited_type, &value),
        STELE_E_INVALID);
    assert_int_equal(r.err.next, STELE_NEXT_REJECT);
    assert_string_equal(r.err.text, "owner: a name of one word");
}

static void bytes_that_are_cut_off_never_reach_a_convert_function(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(reading) r = {0};
    static const uint8_t data[] = {6, 'A', ' '};
    stele_buffer_append(&r.data, stele_bytes_of(data, sizeof data));

    assert_int_equal(read_event(&r, v1_account_deposited_type.schema, NULL, NULL), STELE_E_INVALID);
    assert_int_equal(r.err.next, STELE_NEXT_REJECT);
}

static void an_event_that_nobody_knows_is_not_found(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(reading) r = {0};
    assert_int_equal(read_event(&r,
                                "{\"type\":\"record\",\"name\":\"account.Frozen\",\"fields\":[]}",
                                NULL, NULL),
                     STELE_E_NOT_FOUND);
    assert_string_equal(r.err.text, "no type and no upcaster reads account.Frozen");
}

static void an_event_that_cannot_be_resolved_says_so(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(reading) r = {0};
    assert_int_equal(read_event(&r,
                                "{\"type\":\"record\",\"name\":\"account.Closed\",\"fields\":[]}",
                                NULL, NULL),
                     STELE_E_INCOMPATIBLE);
    assert_non_null(strstr(r.err.text, "reason"));
}

/* Tables that cannot be right. */

static const stele_upcaster in_a_circle[] = {
    {&v1_account_deposited_type, &v2_account_deposited_type, split_name, NULL},
    {&v2_account_deposited_type, &v1_account_deposited_type, count_cents, &cents_per_unit},
    {NULL, NULL, NULL, NULL},
};
static const stele_upcaster to_nowhere[] = {
    {&v1_account_deposited_type, &v2_account_deposited_type, split_name, NULL},
    {NULL, NULL, NULL, NULL},
};
static const stele_upcaster twice[] = {
    {&v2_account_deposited_type, &account_money_paid_in_type, count_cents, &cents_per_unit},
    {&v2_account_deposited_type, &account_closed_type, count_cents, &cents_per_unit},
    {NULL, NULL, NULL, NULL},
};
static const stele_upcaster from_current[] = {
    {&account_closed_type, &account_money_paid_in_type, count_cents, &cents_per_unit},
    {NULL, NULL, NULL, NULL},
};

static void tables_that_cannot_be_right_are_refused_at_once(void **state)
{
    (void)state;
    static const struct {
        const stele_upcaster *upcasters;
        const char *error;
    } tables[] = {
        {in_a_circle, "go in a circle"},
        {to_nowhere, "no current type and has no upcaster"},
        {twice, "two upcasters convert from account.Deposited"},
        {from_current, "account.Closed is a current type and has an upcaster"},
    };
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        stele_error err;
        assert_int_equal(stele_upcasters_check(events, tables[i].upcasters, &err), STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_STOP);
        assert_non_null(strstr(err.text, tables[i].error));
    }
    assert_int_equal(stele_upcasters_check(events, upcasters, NULL), STELE_OK);
    assert_int_equal(stele_upcasters_check(events, NULL, NULL), STELE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_current_event_is_read_as_it_is),
        cmocka_unit_test(the_first_version_goes_through_both_steps),
        cmocka_unit_test(the_second_version_goes_through_one),
        cmocka_unit_test(a_version_between_is_resolved_to_the_nearest),
        cmocka_unit_test(a_newer_version_is_resolved_to_the_current_one),
        cmocka_unit_test(an_event_that_was_renamed_is_found_by_its_alias),
        cmocka_unit_test(what_a_convert_function_refuses_is_refused),
        cmocka_unit_test(bytes_that_are_cut_off_never_reach_a_convert_function),
        cmocka_unit_test(an_event_that_nobody_knows_is_not_found),
        cmocka_unit_test(an_event_that_cannot_be_resolved_says_so),
        cmocka_unit_test(tables_that_cannot_be_right_are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
