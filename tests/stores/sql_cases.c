/* SPDX-License-Identifier: MIT
 * The SQL port's contract. */
#include "sql_cases.h"

#include <stele/buffer.h>

static sql_stage (*begin_stage)(void);
static void (*end_stage)(void *self);

/* A database with a connection that is set up. */
typedef struct scene {
    sql_stage stage;
    stele_sql_store *store;
    size_t insert;
} scene;

static const stele_sql_place place = {"sums.v1", {"account.events", 1}};

/* What the cases say to the database. */
typedef struct words {
    const char *setup;
    const char *same; /* but for spaces and comments */
    const char *other;
    const char *insert;
} words;

static const words of_sql = {"CREATE TABLE r (a INTEGER, b TEXT);",
                             "  CREATE TABLE r (a INTEGER, -- a number\n b TEXT);\n\n",
                             "CREATE TABLE r (a INTEGER, b TEXT, c TEXT);",
                             "INSERT INTO r VALUES ($1, $2)"};
static const words of_states = {"states of accounts", "states of -- a comment\n accounts\n",
                                "states of shops", "PUT sums"};
static const words of_hashes = {"states of accounts", "states of -- a comment\n accounts\n",
                                "states of shops", "PUT sums stele_id stele_partition"};
static const words *say = &of_sql;
static stele_sql_setup setup = {"sums", 1, NULL};

static void open_store(stele_sql_store *store, size_t *insert)
{
    static const stele_sql_type types[] = {STELE_SQL_TYPE_LONG, STELE_SQL_TYPE_TEXT};
    const stele_sql_query query = {say->insert, types, 2, false};
    stele_error err;
    size_t at = 0;
    if (stele_sql_store_open(store, &err) < 0) fail_msg("%s", err.text);
    if (stele_sql_store_setup(store, &setup, &at, &err) < 0) fail_msg("%s", err.text);
    if (stele_sql_store_prepare(store, &query, insert, &at, &err) < 0) fail_msg("%s", err.text);
}

static int begin_scene(void **state)
{
    scene *own = calloc(1, sizeof *own);
    own->stage = begin_stage();
    say = own->stage.has_fields ? &of_hashes : own->stage.has_no_sql ? &of_states : &of_sql;
    setup.script = say->setup;
    own->store = own->stage.connect(own->stage.self);
    open_store(own->store, &own->insert);
    *state = own;
    return 0;
}

static int end_scene(void **state)
{
    scene *own = *state;
    stele_sql_store_free(own->store);
    end_stage(own->stage.self);
    free(own);
    return 0;
}

static stele_sql_claim claim_place(stele_sql_store *store)
{
    stele_sql_claim found;
    stele_error err;
    if (stele_sql_store_claim(store, &place, 4, "genesis", &found, &err) < 0)
        fail_msg("%s", err.text);
    return found;
}

static stele_status begin_at(stele_sql_store *store, int64_t term, int64_t from, int64_t to)
{
    stele_mark mark = {.position = to, .last_offset = to - 1, .last_hash = 7 * to};
    return stele_sql_store_begin(store, &place, term, from, &mark, NULL);
}

static void insert(stele_sql_store *store, size_t statement, int64_t number)
{
    stele_error err;
    char id[24];
    snprintf(id, sizeof id, "%d", (int)number);
    stele_sql_value values[] = {
        {.kind = STELE_SQL_INTEGER, .as.integer = number},
        {.kind = STELE_SQL_TEXT, .as.bytes = stele_text("text")},
    };
    if (say != &of_sql) {
        values[0] = (stele_sql_value){.kind = STELE_SQL_TEXT, .as.bytes = stele_text(id)};
        values[1] = (stele_sql_value){.kind = STELE_SQL_INTEGER, .as.integer = 1};
    }
    if (stele_sql_store_execute(store, statement, values, 2, &err) < 0) fail_msg("%s", err.text);
}

static void store_row(scene *own, int64_t term, int64_t from, int64_t to)
{
    assert_int_equal(begin_at(own->store, term, from, to), STELE_OK);
    insert(own->store, own->insert, to);
    assert_int_equal(stele_sql_store_commit(own->store, NULL), STELE_OK);
}

static int count(const scene *own)
{
    return own->stage.count(own->stage.self);
}

/* ---- cases ---- */

static void a_partition_that_is_new_has_no_position(void **state)
{
    scene *own = *state;

    stele_sql_claim found = claim_place(own->store);

    assert_int_equal(found.mark.position, -1);
    assert_int_equal(found.mark.last_offset, -1);
    assert_int_equal(found.partitions, 4);
    assert_string_equal(found.genesis, "genesis");
}

static void rows_and_position_are_stored_together(void **state)
{
    scene *own = *state;
    stele_sql_claim found = claim_place(own->store);

    store_row(own, found.term, -1, 5);

    found = claim_place(own->store);
    assert_int_equal(found.mark.position, 5);
    assert_int_equal(found.mark.last_offset, 4);
    assert_int_equal(found.mark.last_hash, 35);
    assert_int_equal(count(own), 1);
}

static void what_is_rolled_back_is_not_there(void **state)
{
    scene *own = *state;
    stele_sql_claim found = claim_place(own->store);
    assert_int_equal(begin_at(own->store, found.term, -1, 5), STELE_OK);
    insert(own->store, own->insert, 5);

    stele_sql_store_rollback(own->store);
    stele_sql_store_rollback(own->store);

    assert_int_equal(count(own), 0);
    assert_int_equal(claim_place(own->store).mark.position, -1);
}

static void what_is_open_when_a_store_closes_is_not_there(void **state)
{
    scene *own = *state;
    stele_sql_claim found = claim_place(own->store);
    assert_int_equal(begin_at(own->store, found.term, -1, 5), STELE_OK);
    insert(own->store, own->insert, 5);

    stele_sql_store_close(own->store);
    open_store(own->store, &own->insert);

    assert_int_equal(count(own), 0);
    found = claim_place(own->store);
    store_row(own, found.term, -1, 6);
    assert_int_equal(count(own), 1);
}

static void whoever_claims_a_partition_fences_the_one_before(void **state)
{
    scene *own = *state;
    stele_sql_store *other = own->stage.connect(own->stage.self);
    size_t other_insert;
    open_store(other, &other_insert);
    stele_sql_claim first = claim_place(own->store);

    stele_sql_claim second = claim_place(other);

    assert_true(second.term > first.term);
    assert_int_equal(begin_at(own->store, first.term, -1, 5), STELE_E_FENCED);
    assert_int_equal(begin_at(other, second.term, -1, 3), STELE_OK);
    insert(other, other_insert, 3);
    assert_int_equal(stele_sql_store_commit(other, NULL), STELE_OK);
    assert_int_equal(count(own), 1);
    stele_sql_store_free(other);
}

static void a_transaction_from_another_position_is_fenced(void **state)
{
    scene *own = *state;
    stele_sql_claim found = claim_place(own->store);
    store_row(own, found.term, -1, 5);

    assert_int_equal(begin_at(own->store, found.term, -1, 5), STELE_E_FENCED);
    assert_int_equal(begin_at(own->store, found.term, 4, 6), STELE_E_FENCED);

    store_row(own, found.term, 5, 6);
    assert_int_equal(count(own), 2);
}

static void a_partition_that_no_one_has_claimed_is_fenced(void **state)
{
    scene *own = *state;

    assert_int_equal(begin_at(own->store, 1, -1, 5), STELE_E_FENCED);
}

static void partitions_stand_for_themselves(void **state)
{
    scene *own = *state;
    stele_sql_place neighbour = {"sums.v1", {"account.events", 2}};
    stele_sql_place stranger = {"other.v1", {"account.events", 1}};
    stele_sql_claim found = claim_place(own->store);
    stele_sql_claim there;
    store_row(own, found.term, -1, 5);

    assert_int_equal(stele_sql_store_claim(own->store, &neighbour, 4, "genesis", &there, NULL),
                     STELE_OK);
    assert_int_equal(there.mark.position, -1);
    assert_int_equal(stele_sql_store_claim(own->store, &stranger, 4, "genesis", &there, NULL),
                     STELE_OK);
    assert_int_equal(there.mark.position, -1);
    store_row(own, found.term, 5, 6);
}

static void another_count_of_partitions_is_told_and_not_claimed(void **state)
{
    scene *own = *state;
    stele_sql_place neighbour = {"sums.v1", {"account.events", 4}};
    stele_sql_claim there;
    store_row(own, claim_place(own->store).term, -1, 5);

    assert_int_equal(stele_sql_store_claim(own->store, &neighbour, 5, "genesis", &there, NULL),
                     STELE_OK);

    assert_int_equal(there.partitions, 4);
    assert_int_equal(stele_sql_store_claim(own->store, &place, 5, "genesis", &there, NULL),
                     STELE_OK);
    assert_int_equal(there.partitions, 4);
    assert_int_equal(claim_place(own->store).partitions, 4);
}

static void a_claim_that_stored_nothing_decides_nothing(void **state)
{
    scene *own = *state;
    stele_sql_claim there;
    claim_place(own->store);

    assert_int_equal(stele_sql_store_claim(own->store, &place, 6, "another", &there, NULL),
                     STELE_OK);

    assert_int_equal(there.partitions, 6);
    assert_string_equal(there.genesis, "another");
}

static void a_setup_is_run_once(void **state)
{
    scene *own = *state;
    size_t at = 0;
    stele_sql_setup same = setup;
    same.script = say->same;
    stele_sql_claim found = claim_place(own->store);
    store_row(own, found.term, -1, 5);

    assert_int_equal(stele_sql_store_setup(own->store, &same, &at, NULL), STELE_OK);

    assert_int_equal(count(own), 1);
}

static void another_setup_is_refused(void **state)
{
    scene *own = *state;
    size_t at = 0;
    stele_error err;
    stele_sql_setup other = setup;
    other.script = say->other;

    assert_int_equal(stele_sql_store_setup(own->store, &other, &at, &err), STELE_E_CONFLICT);
    assert_non_null(strstr(err.text, "raise the projection's version"));
    other = setup;
    other.version = 2;
    assert_int_equal(stele_sql_store_setup(own->store, &other, &at, &err), STELE_E_CONFLICT);
    assert_non_null(strstr(err.text, "holds version 1 of sums and this is version 2"));
    assert_int_equal(err.next, STELE_NEXT_STOP);
}

static void a_teardown_forgets_the_projection(void **state)
{
    scene *own = *state;
    size_t at = 0;
    stele_sql_setup teardown = {"sums", 1, "DROP TABLE r;"};
    stele_sql_place neighbour = {"sums.vip.v1", {"account.events", 1}};
    stele_sql_claim there;
    stele_mark mark = {.position = 3, .last_offset = 2};
    stele_sql_claim found = claim_place(own->store);
    store_row(own, found.term, -1, 5);
    assert_int_equal(stele_sql_store_claim(own->store, &neighbour, 4, "genesis", &there, NULL),
                     STELE_OK);
    assert_int_equal(stele_sql_store_begin(own->store, &neighbour, there.term, -1, &mark, NULL),
                     STELE_OK);
    assert_int_equal(stele_sql_store_commit(own->store, NULL), STELE_OK);

    assert_int_equal(stele_sql_store_teardown(own->store, &teardown, &at, NULL), STELE_OK);
    assert_int_equal(stele_sql_store_teardown(own->store, &teardown, &at, NULL), STELE_OK);

    assert_int_equal(begin_at(own->store, found.term, 5, 6), STELE_E_FENCED);
    assert_int_equal(stele_sql_store_claim(own->store, &neighbour, 4, "genesis", &there, NULL),
                     STELE_OK);
    assert_int_equal(there.mark.position, 3); /* another projection's, whose name begins so */
    assert_int_equal(stele_sql_store_setup(own->store, &setup, &at, NULL), STELE_OK);
    assert_int_equal(claim_place(own->store).mark.position, -1);
}

/* ---- letters ---- */

static stele_sql_letter letter_at(int64_t offset, const char *value)
{
    return (stele_sql_letter){.offset = offset,
                              .value = value == NULL ? (stele_bytes){0} : stele_text(value),
                              .id = offset % 2 == 0 ? NULL : "a",
                              .code = "refused",
                              .reason = "it's bad",
                              .attempts = 3,
                              .first_failed_at = "2026-11-28T09:30:00.123Z"};
}

static void keep_letter(scene *own, int64_t offset, const char *value)
{
    stele_error err;
    stele_sql_letter letter = letter_at(offset, value);
    if (stele_sql_store_keep(own->store, &place, &letter, &err) < 0) fail_msg("%s", err.text);
}

static void add_text(void *context, int64_t offset, stele_bytes value)
{
    stele_buffer_format(context, "%d:%.*s ", (int)offset, (int)value.size,
                        (const char *)value.data);
}

static void check_letters(scene *own, const stele_sql_place *of, const char *expected)
{
    stele_buffer found = {0};
    stele_error err;
    if (stele_sql_store_letters(own->store, of, add_text, &found, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(stele_buffer_text(&found), expected);
    stele_buffer_clear(&found);
}

static void letters_are_kept_with_the_position(void **state)
{
    scene *own = *state;
    const stele_sql_place other = {"sums.v1", {"account.events", 2}};
    stele_sql_claim found = claim_place(own->store);
    assert_int_equal(begin_at(own->store, found.term, -1, 5), STELE_OK);
    keep_letter(own, 12, "twelve");
    insert(own->store, own->insert, 5);
    keep_letter(own, 3, "three");
    assert_int_equal(stele_sql_store_commit(own->store, NULL), STELE_OK);
    check_letters(own, &place, "3:three 12:twelve ");
    check_letters(own, &other, "");

    assert_int_equal(begin_at(own->store, found.term, 5, 5), STELE_OK);
    keep_letter(own, 3, NULL);
    keep_letter(own, 12, "again");
    stele_sql_store_rollback(own->store);
    check_letters(own, &place, "3:three 12:twelve ");

    assert_int_equal(begin_at(own->store, found.term, 5, 5), STELE_OK);
    keep_letter(own, 3, NULL);
    keep_letter(own, 12, "again");
    assert_int_equal(stele_sql_store_commit(own->store, NULL), STELE_OK);
    check_letters(own, &place, "12:again ");
}

static void letters_go_with_their_projection(void **state)
{
    scene *own = *state;
    size_t at;
    stele_sql_claim found = claim_place(own->store);
    assert_int_equal(begin_at(own->store, found.term, -1, 5), STELE_OK);
    keep_letter(own, 3, "three");
    assert_int_equal(stele_sql_store_commit(own->store, NULL), STELE_OK);

    stele_sql_setup teardown = {"sums", 1, "DROP TABLE r;"};
    assert_int_equal(stele_sql_store_teardown(own->store, &teardown, &at, NULL), STELE_OK);

    claim_place(own->store);
    check_letters(own, &place, "");
}

static void add_place(void *context, const stele_sql_place *of, int64_t position)
{
    stele_buffer_format(context, "%s %s/%d %d ", of->group, of->source.topic, (int)of->source.index,
                        (int)position);
}

static void it_says_how_far_its_partitions_are(void **state)
{
    scene *own = *state;
    stele_buffer found = {0};
    stele_sql_claim claimed = claim_place(own->store);
    store_row(own, claimed.term, -1, 5);

    assert_int_equal(stele_sql_store_places(own->store, add_place, &found, NULL), STELE_OK);

    assert_string_equal(stele_buffer_text(&found), "sums.v1 account.events/1 5 ");
    stele_buffer_clear(&found);
}

static void a_reset_makes_all_again_and_fences_who_was_there(void **state)
{
    scene *own = *state;
    size_t at = 0;
    stele_error err;
    const stele_sql_reset reset = {.setup = setup, .group = "sums.v1", .teardown = "DROP TABLE r;"};
    stele_sql_claim found = claim_place(own->store);
    store_row(own, found.term, -1, 5);
    assert_int_equal(begin_at(own->store, found.term, 5, 5), STELE_OK);
    keep_letter(own, 3, "three");
    assert_int_equal(stele_sql_store_commit(own->store, NULL), STELE_OK);

    if (stele_sql_store_reset(own->store, &reset, &at, &err) < 0) fail_msg("%s", err.text);

    assert_int_equal(count(own), 0);
    check_letters(own, &place, "");
    assert_int_equal(begin_at(own->store, found.term, 5, 6), STELE_E_FENCED);
    assert_int_equal(begin_at(own->store, found.term, -1, 6), STELE_E_FENCED);
    stele_sql_claim again = claim_place(own->store);
    assert_int_equal(again.mark.position, -1);
    assert_true(again.term > found.term + 1);
    store_row(own, again.term, -1, 5);
    assert_int_equal(count(own), 1);
}

static void a_reset_takes_a_setup_that_was_changed(void **state)
{
    scene *own = *state;
    size_t at = 0;
    stele_error err;
    stele_sql_reset reset = {.setup = setup, .group = "sums.v1", .teardown = "DROP TABLE r;"};
    reset.setup.script = say->other;

    if (stele_sql_store_reset(own->store, &reset, &at, &err) < 0) fail_msg("%s", err.text);

    assert_int_equal(stele_sql_store_setup(own->store, &reset.setup, &at, NULL), STELE_OK);
    assert_int_equal(stele_sql_store_setup(own->store, &setup, &at, NULL), STELE_E_CONFLICT);
    reset.setup.version = 2;
    assert_int_equal(stele_sql_store_reset(own->store, &reset, &at, NULL), STELE_E_CONFLICT);
}

static void rows_that_stay_are_gone_back_behind(void **state)
{
    scene *own = *state;
    size_t at = 0;
    stele_error err;
    const stele_sql_return returns[] = {{place.source, 3}, {{"account.events", 2}, 3}};
    stele_sql_reset reset = {
        .setup = setup, .group = "sums.v1", .returns = returns, .return_count = 2};
    stele_sql_claim found = claim_place(own->store);
    store_row(own, found.term, -1, 5);

    if (stele_sql_store_reset(own->store, &reset, &at, &err) < 0) fail_msg("%s", err.text);

    assert_int_equal(begin_at(own->store, found.term, 5, 6), STELE_E_FENCED);
    found = claim_place(own->store);
    assert_int_equal(found.mark.position, 3);
    assert_int_equal(found.mark.last_offset, -1);
    assert_int_equal(count(own), 1);
    assert_int_equal(stele_sql_store_reset(own->store, &reset, &at, NULL), STELE_OK);
    store_row(own, found.term, 3, 4); /* it was there already, so that no one was fenced */
    assert_int_equal(count(own), 2);
}

static void a_projection_that_has_not_begun_is_reset(void **state)
{
    scene *own = *state;
    size_t at = 0;
    const stele_sql_reset reset = {
        .setup = {"others", 1, ""}, .group = "others.v1", .teardown = "DROP TABLE nothing;"};

    assert_int_equal(stele_sql_store_reset(own->store, &reset, &at, NULL), STELE_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin_scene, end_scene)

int sql_cases_run(sql_stage (*begin)(void), void (*end)(void *self))
{
    begin_stage = begin;
    end_stage = end;
    const struct CMUnitTest tests[] = {
        CASE(letters_are_kept_with_the_position),
        CASE(letters_go_with_their_projection),
        CASE(it_says_how_far_its_partitions_are),
        CASE(a_partition_that_is_new_has_no_position),
        CASE(rows_and_position_are_stored_together),
        CASE(what_is_rolled_back_is_not_there),
        CASE(what_is_open_when_a_store_closes_is_not_there),
        CASE(whoever_claims_a_partition_fences_the_one_before),
        CASE(a_transaction_from_another_position_is_fenced),
        CASE(a_partition_that_no_one_has_claimed_is_fenced),
        CASE(partitions_stand_for_themselves),
        CASE(another_count_of_partitions_is_told_and_not_claimed),
        CASE(a_claim_that_stored_nothing_decides_nothing),
        CASE(a_setup_is_run_once),
        CASE(another_setup_is_refused),
        CASE(a_teardown_forgets_the_projection),
        CASE(a_reset_makes_all_again_and_fences_who_was_there),
        CASE(a_reset_takes_a_setup_that_was_changed),
        CASE(rows_that_stay_are_gone_back_behind),
        CASE(a_projection_that_has_not_begun_is_reset),
    };
    return cmocka_run_group_tests_name("SQL contract", tests, NULL, NULL);
}
