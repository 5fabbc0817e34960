/* SPDX-License-Identifier: MIT
 * Events that are set aside: which, in which order, and what becomes of them. */
#include "bank.h"

#include <inttypes.h>

#include <stele/codec.h>
#include <stele/schema.h>

#include <dead_letter.h>

#include "core/names.h"
#include "kafka/bounded_read.h"
#include "kafka/topic_spec.h"
#include "projections/orders.h"
#include "projections/query.h"
#include "projections/verify.h"

enum { WAIT_MS = 20000, ASK_MS = 10000 };

#define CONTROL "balances.v1.control"

static bool refuses; /* what is bad; else it is applied */

static stele_status apply_deposited(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    test_account *account = state;
    const test_deposited *deposited = data;
    (void)event;
    account->balance += deposited->amount;
    if (refuses && stele_bytes_equal(deposited->memo, stele_text("bad")))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "a bad deposit");
    /* Of the order: the last amount. */
    test_account_memos_add(&account->memos, stele_text("last"))->value = deposited->amount;
    return STELE_OK;
}

static const stele_handler handlers[] = {
    {&test_deposited_type, apply_deposited},
    {&test_named_type, NULL},
    {&test_noted_type, NULL},
    {NULL, NULL},
};

static const stele_projection balances = {
    .name = "balances",
    .version = 1,
    .source = &bank_account,
    .state = &test_account_type,
    .handlers = handlers,
};

static const teller_options parking = {.projection = &balances, .parks = true};

static void report(void *context, const stele_verify_finding *finding)
{
    (void)context;
    fail_msg("%.*s: %s", (int)finding->id.size, (const char *)finding->id.data, finding->text);
}

/* A replay makes the same, but for what is set aside. @return how many events are */
static int64_t verify(bank *of)
{
    stele_error err;
    stele_verify_counts counts;
    stele_verify_options options = {.projection = &balances,
                                    .log = of->log,
                                    .registry = of->registry,
                                    .parks = true,
                                    .deadline = stele_deadline_after(stele_clock_system(), WAIT_MS),
                                    .each = report};
    if (stele_verify(&options, &counts, &err) < 0) fail_msg("%s", err.text);
    return counts.set_aside;
}

static void order(bank *of, int32_t partitions, int64_t offset, stele_order_kind kind)
{
    stele_error err;
    stele_log_topic_options topic = {.name = CONTROL, .partitions = partitions};
    stele_status status = stele_log_topic_create(of->log, &topic, ASK_MS, &err);
    assert_true(status == STELE_OK || status == STELE_E_EXISTS);
    char key[64];
    snprintf(key, sizeof key, BANK_EVENTS "/0/%" PRId64, offset);
    stele_header why = {STELE_ORDER_REASON, stele_text("because I say so")};
    bank_append(of, CONTROL, 0, stele_text(key), stele_text(stele_order_kind_name(kind)), &why, 1);
}

static int64_t balance_of(bank *of, const char *id)
{
    char *states = bank_states(of, BANK_SNAPSHOTS);
    char start[32];
    snprintf(start, sizeof start, "0/%s v", id);
    const char *found = strstr(states, start);
    /* The state begins with the balance, an Avro long of one byte here. */
    unsigned byte = 0;
    if (found != NULL) {
        size_t line = strcspn(found, "\n");
        while (found[line] != ' ')
            line--;
        assert_int_equal(sscanf(found + line + 1, "%2x", &byte), 1);
    }
    bool is_there = found != NULL;
    free(states);
    return is_there ? (int64_t)(byte >> 1) : -1;
}

static void turn_for_a_while(teller *worker)
{
    for (int i = 0; i < 3000; i++)
        teller_turn(worker);
}

static void what_is_refused_is_set_aside_with_all_behind_it(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 1, "x");
    bank_deposit(of, 0, "a", 2, "bad");
    bank_deposit(of, 0, "b", 5, "x");
    bank_deposit(of, 0, "a", 4, "x");

    bank_run(of, parking);

    assert_int_equal(balance_of(of, "a"), 1);
    assert_int_equal(balance_of(of, "b"), 5);
    assert_int_equal(bank_group_offset(of, 0), 4);
    assert_int_equal(verify(of), 2);
    bank_free(of);
}

static void letters_are_restored_and_more_go_behind_them(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 1, "x");
    bank_deposit(of, 0, "a", 2, "bad");
    bank_run(of, parking);

    bank_deposit(of, 0, "a", 4, "x");
    bank_deposit(of, 0, "b", 5, "x");
    bank_run(of, parking);

    assert_int_equal(balance_of(of, "a"), 1);
    assert_int_equal(balance_of(of, "b"), 5);
    assert_int_equal(verify(of), 2);
    bank_free(of);
}

static void a_redrive_applies_them_in_order(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 1, "x");
    bank_deposit(of, 0, "a", 2, "bad");
    bank_deposit(of, 0, "a", 4, "x");
    bank_deposit(of, 0, "a", 8, "x");
    bank_run(of, parking);
    assert_int_equal(balance_of(of, "a"), 1);

    refuses = false;
    order(of, 1, 1, STELE_ORDER_REDRIVE);
    bank_run(of, parking);

    assert_int_equal(balance_of(of, "a"), 15);
    assert_int_equal(verify(of), 0);
    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_non_null(strstr(states, "0/a v4 o4 "));
    free(states);
    bank_free(of);
}

static void an_order_is_carried_out_while_the_worker_runs(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 1, "x");
    bank_deposit(of, 0, "a", 2, "bad");
    bank_deposit(of, 0, "a", 4, "x");
    teller worker = teller_open(of, parking);
    teller_catch_up(&worker);

    refuses = false;
    order(of, 1, 1, STELE_ORDER_REDRIVE);
    for (int i = 0; i < 3000; i++)
        teller_turn(&worker);

    assert_int_equal(balance_of(of, "a"), 7);
    teller_close(&worker);
    assert_int_equal(verify(of), 0);
    bank_free(of);
}

static void a_redrive_ends_at_the_first_that_is_refused_again(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 1, "bad");
    bank_deposit(of, 0, "a", 4, "x");
    bank_run(of, parking);

    order(of, 1, 0, STELE_ORDER_REDRIVE);
    bank_run(of, parking);

    assert_int_equal(balance_of(of, "a"), -1);
    assert_int_equal(verify(of), 2);
    bank_free(of);
}

static void what_is_discarded_counts_and_changes_nothing(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 1, "x");
    bank_deposit(of, 0, "a", 2, "bad");
    bank_deposit(of, 0, "a", 4, "x");
    bank_run(of, parking);

    order(of, 1, 1, STELE_ORDER_DISCARD);
    bank_run(of, parking);

    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_non_null(strstr(states, "0/a v3 o3 "));
    free(states);
    assert_int_equal(balance_of(of, "a"), 5);
    assert_int_equal(verify(of), 0);
    bank_deposit(of, 0, "a", 8, "x");
    bank_run(of, parking);
    assert_int_equal(balance_of(of, "a"), 13);
    assert_int_equal(verify(of), 0);
    bank_free(of);
}

static stele_status add_line(void *context, const stele_query_state *found, stele_error *err)
{
    (void)err;
    const test_account *account = found->state;
    stele_buffer_format(context, "%.*s v%" PRId64 " %" PRId64 "\n", (int)found->id.size,
                        (const char *)found->id.data, found->version, account->balance);
    return STELE_OK;
}

/* @return its state in that version, 0: in the last one; "": it has none */
static const char *ask(bank *of, const char *id, int64_t version, stele_buffer *out)
{
    stele_error err;
    stele_query_options options = {.projection = &balances,
                                   .log = of->log,
                                   .registry = of->registry,
                                   .id = stele_text(id),
                                   .at_version = version,
                                   .parks = true,
                                   .deadline = stele_deadline_after(stele_clock_system(), WAIT_MS),
                                   .each = add_line,
                                   .context = out};
    stele_buffer_reset(out);
    stele_status status = stele_query(&options, &err);
    if (status < 0 && status != STELE_E_NOT_FOUND) fail_msg("%s", err.text);
    return stele_buffer_text(out);
}

static void a_query_leaves_out_what_was_discarded_and_tells_of_no_other_aggregate(void **state)
{
    (void)state;
    refuses = true;
    STELE_AUTO_VALUE(stele_buffer) found = {0};
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 1, "x");
    bank_deposit(of, 0, "a", 2, "bad");
    bank_deposit(of, 0, "a", 4, "x");
    bank_deposit(of, 0, "b", 8, "x");
    bank_run(of, parking);
    order(of, 1, 1, STELE_ORDER_DISCARD);
    bank_run(of, parking);

    assert_string_equal(ask(of, "a", 0, &found), "a v3 5\n");
    assert_string_equal(ask(of, "a", 1, &found), "a v1 1\n");
    assert_string_equal(ask(of, "a", 2, &found), "a v2 1\n");
    assert_string_equal(ask(of, "a", 3, &found), "a v3 5\n");
    assert_string_equal(ask(of, "b", 0, &found), "b v1 8\n");
    assert_string_equal(ask(of, "b", 1, &found), "b v1 8\n");
    assert_string_equal(ask(of, "c", 0, &found), "");
    bank_free(of);
}

static void an_event_that_stops_its_partition_is_set_aside_by_order(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    teller_options stopping = {.projection = &balances};
    bank_deposit(of, 0, "a", 2, "bad");
    bank_deposit(of, 0, "b", 5, "x");
    char *reason = bank_run_to_stop(of, stopping, 0);
    assert_non_null(strstr(reason, "; or set it aside: `dlq park`"));
    free(reason);

    order(of, 1, 0, STELE_ORDER_PARK);
    bank_run(of, stopping);

    assert_int_equal(balance_of(of, "b"), 5);
    assert_int_equal(balance_of(of, "a"), -1);
    assert_int_equal(verify(of), 1);
    order(of, 1, 0, STELE_ORDER_DISCARD);
    bank_run(of, stopping);
    assert_int_equal(verify(of), 0);
    bank_free(of);
}

/* The projection does not say that this event may be refused, so as a rule it is applied in place.
 */
static void a_redrive_that_is_refused_changes_nothing(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    teller_options stopping = {.projection = &balances};
    bank_deposit(of, 0, "a", 1, "x");
    bank_deposit(of, 0, "a", 2, "bad"); /* which has changed the state when it refuses */
    free(bank_run_to_stop(of, stopping, 0));
    order(of, 1, 1, STELE_ORDER_PARK);
    bank_run(of, stopping);

    teller worker = teller_open(of, stopping);
    teller_catch_up(&worker);
    static const stele_order_kind orders[] = {STELE_ORDER_REDRIVE, STELE_ORDER_DISCARD};
    for (size_t k = 0; k < 2; k++) {
        order(of, 1, 1, orders[k]);
        for (int i = 0; i < 3000; i++)
            teller_turn(&worker);
    }
    bank_deposit(of, 0, "a", 4, "x");
    teller_catch_up(&worker);
    teller_close(&worker);
    bank_run(of, stopping);

    assert_int_equal(balance_of(of, "a"), 5);
    assert_int_equal(verify(of), 0);
    bank_free(of);
}

static void an_event_may_be_discarded_before_it_comes(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 2, "bad");
    bank_deposit(of, 0, "a", 5, "x");
    order(of, 1, 0, STELE_ORDER_DISCARD);

    bank_run(of, (teller_options){.projection = &balances});

    assert_int_equal(balance_of(of, "a"), 5);
    assert_int_equal(verify(of), 0);
    bank_free(of);
}

/* A worker with room for one aggregate, which "a" has taken: "b" waits, and what comes behind it.
 */
static teller open_full(bank *of, const char *behind)
{
    teller_options options = parking;
    options.parked_max = 1;
    refuses = true;
    bank_deposit(of, 0, "a", 2, "bad");
    bank_deposit(of, 0, "b", 3, "bad");
    bank_deposit(of, 0, behind, 4, "x");
    teller worker = teller_open(of, options);
    turn_for_a_while(&worker);
    assert_int_equal(teller_state(&worker, 0), STELE_STATE_WAITING);
    return worker;
}

/* Orders are what makes room, so they are read and carried out while there is none. */
static void a_full_set_holds_the_partition_until_there_is_room(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller worker = open_full(of, "c");
    assert_non_null(strstr(teller_reason(&worker, 0),
                           "1 events of 1 aggregates are set aside already, which is parked_max: "
                           "see `dlq list balances`, redrive or discard them, or raise it: "));

    order(of, 1, 0, STELE_ORDER_DISCARD);
    teller_catch_up(&worker);

    teller_close(&worker);
    assert_int_equal(balance_of(of, "c"), 4);
    assert_int_equal(verify(of), 1);
    bank_free(of);
}

static void the_event_that_waits_for_room_can_be_discarded(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller worker = open_full(of, "b");

    order(of, 1, 1, STELE_ORDER_DISCARD);
    teller_catch_up(&worker);

    teller_close(&worker);
    assert_int_equal(balance_of(of, "b"), 4);
    bank_free(of);
}

/* The next event is refused at once, and what makes room for it was ordered before. */
static void a_full_set_is_emptied_by_whoever_takes_the_partition(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    teller_options options = parking;
    options.parked_max = 1;
    bank_deposit(of, 0, "a", 2, "bad");
    bank_run(of, options);
    bank_deposit(of, 0, "b", 3, "bad");
    order(of, 1, 0, STELE_ORDER_DISCARD);

    bank_run(of, options);

    assert_int_equal(bank_group_offset(of, 0), 2);
    assert_int_equal(verify(of), 1);
    bank_free(of);
}

static void what_is_set_aside_is_limited_in_bytes(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    teller_options options = parking;
    options.parked_size_max = 1;
    bank_deposit(of, 0, "a", 2, "bad");
    bank_deposit(of, 0, "a", 3, "x");
    bank_deposit(of, 0, "c", 4, "x");
    teller worker = teller_open(of, options);
    turn_for_a_while(&worker);
    assert_int_equal(teller_state(&worker, 0), STELE_STATE_WAITING);
    assert_non_null(strstr(teller_reason(&worker, 0), "which is parked_max_mb: see `dlq list"));

    refuses = false;
    order(of, 1, 0, STELE_ORDER_REDRIVE);
    teller_catch_up(&worker);

    teller_close(&worker);
    assert_int_equal(balance_of(of, "a"), 5);
    assert_int_equal(balance_of(of, "c"), 4);
    bank_free(of);
}

/* It is not lost: the redrive of those before it ends at it. */
static void an_event_behind_another_is_set_aside_by_order(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 1, "bad");
    bank_deposit(of, 0, "a", 2, "x");
    bank_deposit(of, 0, "a", 4, "x");
    bank_deposit(of, 0, "a", 8, "x");
    order(of, 1, 2, STELE_ORDER_PARK); /* before it has come */
    teller worker = teller_open(of, parking);
    teller_catch_up(&worker);
    turn_for_a_while(&worker);

    refuses = false;
    order(of, 1, 0, STELE_ORDER_REDRIVE);
    turn_for_a_while(&worker);
    assert_int_equal(balance_of(of, "a"), 3);
    assert_int_equal(verify(of), 2);

    order(of, 1, 2, STELE_ORDER_REDRIVE);
    turn_for_a_while(&worker);
    teller_close(&worker);
    assert_int_equal(balance_of(of, "a"), 15);
    assert_int_equal(verify(of), 0);
    bank_free(of);
}

static void an_event_whose_key_is_too_long_is_set_aside(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    char *key = stele_alloc(STELE_TABLE_KEY_MAX + 1);
    memset(key, 'k', STELE_TABLE_KEY_MAX + 1);
    bank_append(of, BANK_EVENTS, 0, stele_bytes_of(key, STELE_TABLE_KEY_MAX + 1), stele_text("x"),
                NULL, 0);
    bank_deposit(of, 0, "b", 5, "x");
    order(of, 1, 0, STELE_ORDER_PARK);

    bank_run(of, (teller_options){.projection = &balances});

    assert_int_equal(balance_of(of, "b"), 5);
    free(key);
    bank_free(of);
}

/* As after a crash between the two. */
static void a_letter_that_is_there_still_is_no_difference(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 1, "bad");
    bank_deposit(of, 0, "a", 2, "x");
    bank_run(of, parking);
    refuses = false;
    order(of, 1, 0, STELE_ORDER_REDRIVE);
    bank_run(of, parking);

    stele_buffer bytes = {0};
    stele_dead_event letter = {.offset = 0, .key = stele_text("a"), .reason = "it was bad"};
    stele_dead_event_write(&letter, 0, &bytes);
    char *key = stele_dead_key(BANK_EVENTS, 0, 0);
    bank_append(of, BANK_SNAPSHOTS, 0, stele_text(key), stele_buffer_view(&bytes), NULL, 0);

    assert_int_equal(verify(of), 0);
    free(key);
    stele_buffer_clear(&bytes);
    bank_free(of);
}

static void what_cannot_be_decoded_is_set_aside_as_it_was(void **state)
{
    (void)state;
    refuses = true;
    bank *of = bank_new(1);
    stele_header header = {"traceparent", stele_text("00-1-2-3")};
    bank_append(of, BANK_EVENTS, 0, stele_text("a"), stele_text("no event"), &header, 1);
    bank_append(of, BANK_EVENTS, 0, (stele_bytes){0}, stele_text("nor this"), NULL, 0);
    bank_deposit(of, 0, "b", 5, "x");

    bank_run(of, parking);

    assert_int_equal(balance_of(of, "b"), 5);
    assert_int_equal(verify(of), 2);
    bank_free(of);
}

/* After a crash its letter may be stored, and events before it come again. */
static void nothing_is_tried_again_before_all_that_is_before_it_has_come(void **state)
{
    (void)state;
    stele_parked *parked = stele_parked_new(NULL, 0);
    stele_dead_event *letter = stele_alloc(sizeof *letter);
    letter->offset = 17;
    letter->reason = stele_strdup("");
    assert_int_equal(stele_parked_add(parked, letter, NULL), STELE_OK);
    stele_parked_key *of = stele_parked_find_first(parked, 17);
    stele_parked_set_due(parked, of, true);

    assert_null(stele_parked_next_due(parked, 17));
    assert_ptr_equal(stele_parked_next_due(parked, 18), of);
    stele_parked_free(parked);
}

/* ---- the letter ---- */

static void a_letter_comes_back_byte_for_byte(void **state)
{
    (void)state;
    stele_header headers[] = {{"a", stele_bytes_of("\0\1", 2)}, {"b", {0}}};
    stele_dead_event letter = {.offset = 7,
                               .timestamp_ms = 12,
                               .key = stele_text("k"),
                               .headers = headers,
                               .header_count = 2,
                               .state = STELE_DEAD_STATE_BEHIND,
                               .reason = "why",
                               .attempts = 3,
                               .first_failed_ms = 13,
                               .last_failed_ms = 14};
    stele_buffer bytes = {0};
    stele_dead_event_write(&letter, 0, &bytes);
    stele_dead_event *read;
    stele_error err;
    assert_int_equal(stele_dead_event_read(7, stele_buffer_view(&bytes), &read, &err), STELE_OK);

    assert_int_equal(read->state, STELE_DEAD_STATE_BEHIND);
    assert_string_equal(read->reason, "why");
    assert_true(stele_bytes_equal(read->key, letter.key));
    assert_null(read->value.data);
    assert_int_equal(read->header_count, 2);
    assert_true(stele_bytes_equal(read->headers[0].value, headers[0].value));
    assert_null(read->headers[1].value.data);
    assert_int_equal(read->attempts, 3);
    assert_int_equal(read->last_failed_ms, 14);
    stele_dead_event_free(read);

    bytes.data[3] ^= 1;
    assert_int_equal(stele_dead_event_read(7, stele_buffer_view(&bytes), &read, &err),
                     STELE_E_INVALID);
    stele_buffer_clear(&bytes);
}

static void a_letter_that_is_too_large_is_stored_without_its_value(void **state)
{
    (void)state;
    char value[2000];
    memset(value, 'v', sizeof value);
    stele_header header = {"a", stele_text("1")};
    stele_dead_event letter = {.offset = 7,
                               .key = stele_text("k"),
                               .value = stele_bytes_of(value, sizeof value),
                               .headers = &header,
                               .header_count = 1,
                               .reason = "why"};
    stele_buffer bytes = {0}, again = {0};
    stele_dead_event *read;
    stele_error err;
    stele_dead_event_write(&letter, 1000, &bytes);

    assert_true(bytes.size < 1000);
    assert_int_equal(stele_dead_event_read(7, stele_buffer_view(&bytes), &read, &err), STELE_OK);
    assert_int_equal(read->left_out, sizeof value);
    assert_int_equal(read->header_count, 1);
    assert_null(read->value.data);
    stele_dead_event_write(read, 0, &again);
    assert_true(stele_bytes_equal(stele_buffer_view(&again), stele_buffer_view(&bytes)));

    stele_dead_event_fill(read, letter.value);
    assert_int_equal(read->left_out, 0);
    assert_true(stele_bytes_equal(read->value, letter.value));
    stele_dead_event_free(read);
    stele_buffer_clear(&bytes);
    stele_buffer_clear(&again);
}

static int take_size(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    *(size_t *)context = batch->records[0].value.size;
    return STELE_BOUNDED_READ_ENOUGH;
}

/* Of the first event. */
static size_t value_size(bank *of)
{
    size_t size = 0;
    stele_error err;
    stele_bounded_read_start start = {{BANK_EVENTS, 0}, 0};
    stele_bounded_read_options options = {.starts = &start,
                                          .count = 1,
                                          .deadline =
                                              stele_deadline_after(stele_clock_system(), WAIT_MS),
                                          .take = take_size,
                                          .context = &size};
    assert_int_equal(stele_bounded_read(of->log, &options, &err), STELE_OK);
    return size;
}

/* Two events of "a", of which the first was set aside, and its letter has not its value, of so many
 * bytes; as after a restart. */
static void leave_out(bank *of, size_t more)
{
    refuses = true;
    bank_deposit(of, 0, "a", 1, "bad");
    bank_deposit(of, 0, "a", 2, "x");
    bank_run(of, parking);
    stele_dead_event letter = {
        .offset = 0, .key = stele_text("a"), .reason = "it was bad", .attempts = 3};
    letter.left_out = value_size(of) + more;
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    stele_dead_event_write(&letter, 0, &bytes);
    STELE_AUTO(char) key = stele_dead_key(BANK_EVENTS, 0, 0);
    bank_append(of, BANK_SNAPSHOTS, 0, stele_text(key), stele_buffer_view(&bytes), NULL, 0);
}

static void what_was_left_out_and_is_nowhere_can_be_discarded(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    leave_out(of, 1); /* the log has another event there */

    order(of, 1, 0, STELE_ORDER_DISCARD);
    teller worker = teller_open(of, parking);
    teller_catch_up(&worker);
    for (int i = 0; i < 20 && balance_of(of, "a") != 2; i++)
        turn_for_a_while(&worker);

    assert_int_equal(balance_of(of, "a"), 2);
    teller_close(&worker);
    bank_free(of);
}

static void what_was_left_out_is_read_from_the_log_before_it_is_tried(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    leave_out(of, 0);

    refuses = false;
    order(of, 1, 0, STELE_ORDER_REDRIVE);
    teller worker = teller_open(of, parking);
    teller_catch_up(&worker);
    for (int i = 0; i < 1000 && balance_of(of, "a") != 3; i++)
        turn_for_a_while(&worker);

    assert_int_equal(balance_of(of, "a"), 3);
    teller_close(&worker);
    assert_int_equal(verify(of), 0);
    bank_free(of);
}

static stele_status add_letter(stele_parked *parked, const char *key, int64_t offset)
{
    stele_dead_event letter = {.offset = offset, .key = stele_text(key), .reason = "why"};
    stele_dead_event *copy = stele_dead_event_copy(&letter);
    stele_status status = stele_parked_add(parked, copy, NULL);
    if (status < 0) stele_dead_event_free(copy);
    return status;
}

/* As after a crash between the letters and the position: an event below all of them comes again. */
static void a_full_set_of_letters_that_no_order_can_reach_makes_no_one_wait(void **state)
{
    (void)state;
    STELE_AUTO(stele_parked)
    parked = stele_parked_new(&(stele_parked_limits){.projection = "p", .key_max = 1}, 1);
    assert_int_equal(add_letter(parked, "later", 9), STELE_OK);

    assert_int_equal(add_letter(parked, "a", 3), STELE_OK);
    assert_int_equal(add_letter(parked, "b", 5), STELE_E_LIMIT); /* the one at 3 can be redriven */
}

static void one_that_waits_holds_up_no_other(void **state)
{
    (void)state;
    STELE_AUTO(stele_parked) parked = stele_parked_new(NULL, 1);
    static const char *const ids[] = {"a", "b", "c"};
    for (int64_t i = 0; i < 3; i++) {
        add_letter(parked, ids[i], i);
        stele_parked_set_due(parked, stele_parked_find(parked, stele_text(ids[i])), true);
    }
    stele_parked_key *first = stele_parked_next_due(parked, 9);
    stele_parked_set_waiting(parked, first);
    stele_parked_key *second = stele_parked_next_due(parked, 9);
    assert_ptr_not_equal(second, first);
    stele_parked_set_waiting(parked, second);
    stele_parked_drop_first(parked, stele_parked_next_due(parked, 9));
    assert_null(stele_parked_next_due(parked, 9));

    stele_parked_end_turn(parked);

    assert_non_null(stele_parked_next_due(parked, 9));
    assert_int_equal(parked->waiting_count, 0);
}

static void its_fingerprint_is_that_of_the_schema(void **state)
{
    (void)state;
    stele_schema *schema;
    stele_error err;
    assert_int_equal(
        stele_schema_parse(stele_text(stele_dead_letter_type.schema), NULL, &schema, &err),
        STELE_OK);
    stele_buffer bytes = {0};
    stele_dead_event letter = {.reason = ""};
    stele_dead_event_write(&letter, 0, &bytes);
    uint64_t crc;
    stele_bytes datum;
    assert_int_equal(stele_single_object_open(stele_buffer_view(&bytes), &crc, &datum, &err),
                     STELE_OK);
    assert_true(crc == stele_schema_crc64(schema));
    stele_buffer_clear(&bytes);
    stele_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused_is_set_aside_with_all_behind_it),
        cmocka_unit_test(letters_are_restored_and_more_go_behind_them),
        cmocka_unit_test(a_redrive_applies_them_in_order),
        cmocka_unit_test(an_order_is_carried_out_while_the_worker_runs),
        cmocka_unit_test(a_redrive_ends_at_the_first_that_is_refused_again),
        cmocka_unit_test(what_is_discarded_counts_and_changes_nothing),
        cmocka_unit_test(a_query_leaves_out_what_was_discarded_and_tells_of_no_other_aggregate),
        cmocka_unit_test(an_event_that_stops_its_partition_is_set_aside_by_order),
        cmocka_unit_test(a_redrive_that_is_refused_changes_nothing),
        cmocka_unit_test(an_event_may_be_discarded_before_it_comes),
        cmocka_unit_test(a_full_set_holds_the_partition_until_there_is_room),
        cmocka_unit_test(the_event_that_waits_for_room_can_be_discarded),
        cmocka_unit_test(a_full_set_is_emptied_by_whoever_takes_the_partition),
        cmocka_unit_test(what_is_set_aside_is_limited_in_bytes),
        cmocka_unit_test(an_event_behind_another_is_set_aside_by_order),
        cmocka_unit_test(an_event_whose_key_is_too_long_is_set_aside),
        cmocka_unit_test(a_letter_that_is_there_still_is_no_difference),
        cmocka_unit_test(what_cannot_be_decoded_is_set_aside_as_it_was),
        cmocka_unit_test(nothing_is_tried_again_before_all_that_is_before_it_has_come),
        cmocka_unit_test(a_letter_comes_back_byte_for_byte),
        cmocka_unit_test(a_letter_that_is_too_large_is_stored_without_its_value),
        cmocka_unit_test(what_was_left_out_and_is_nowhere_can_be_discarded),
        cmocka_unit_test(what_was_left_out_is_read_from_the_log_before_it_is_tried),
        cmocka_unit_test(a_full_set_of_letters_that_no_order_can_reach_makes_no_one_wait),
        cmocka_unit_test(one_that_waits_holds_up_no_other),
        cmocka_unit_test(its_fingerprint_is_that_of_the_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
