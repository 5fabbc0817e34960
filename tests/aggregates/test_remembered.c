/* SPDX-License-Identifier: MIT
 * Commands that are remembered: made from events, found again, within their limits, and through
 * bytes that may be anything. */
#include "aggregates/remembered.h"

#include "consumer/event.h"
#include "core/alloc.h"
#include "tests/support/random.h"
#include "tests/support/test.h"

#define TIME INT64_C(1700000000000)

static const stele_remembered_limits four = {.count_max = 4};

static stele_uuid uuid(unsigned number)
{
    char text[STELE_UUID_TEXT_SIZE + 1];
    stele_uuid made;
    snprintf(text, sizeof text, "017f22e2-79b0-7cc3-98c4-%08x0000", number);
    assert_int_equal(stele_uuid_parse(stele_text(text), &made, NULL), STELE_OK);
    return made;
}

/* Event `index` of a command's unit. */
static void see(stele_remembered *into, const stele_remembered_limits *limits, const char *command,
                unsigned first_id, unsigned index, int64_t version, int64_t time_ms)
{
    char id[STELE_UUID_TEXT_SIZE + 1];
    stele_uuid first = uuid(first_id);
    stele_uuid own = stele_uuid_plus(&first, index);
    stele_uuid_format(&own, id);
    stele_header headers[] = {{"ce_id", stele_text(id)}, {"ce_causationid", stele_text(command)}};
    stele_event_record record = {.headers = headers, .header_count = command == NULL ? 1 : 2};
    stele_event event = {
        .version = version, .offset = 10 * version, .time_ms = time_ms, .source = &record};
    stele_remembered_see(into, limits, &event);
}

static const stele_remembered_command *find(const stele_remembered *in,
                                            const stele_remembered_limits *limits,
                                            const char *command, int64_t now_ms)
{
    stele_command_key key = stele_command_key_of(stele_text(command));
    return stele_remembered_find(in, limits, &key, now_ms);
}

static void a_command_is_found_with_its_result(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_remembered) commands = {NULL};
    assert_null(find(&commands, &four, "c1", TIME));
    see(&commands, &four, "c1", 1, 0, 1, TIME);
    see(&commands, &four, "c2", 2, 0, 2, TIME + 5);
    see(&commands, &four, "c2", 2, 1, 3, TIME + 5);
    see(&commands, &four, "c2", 2, 2, 4, TIME + 5);

    const stele_remembered_command *one = find(&commands, &four, "c1", TIME);
    assert_int_equal(one->version, 1);
    assert_int_equal(one->count, 1);
    const stele_remembered_command *two = find(&commands, &four, "c2", TIME);
    assert_int_equal(two->version, 4);
    assert_int_equal(two->offset, 40);
    assert_int_equal(two->count, 3);
    assert_int_equal(two->time_ms, TIME + 5);
    stele_uuid first = uuid(2);
    assert_memory_equal(two->first_id.bytes, first.bytes, sizeof first.bytes);
    assert_null(find(&commands, &four, "c3", TIME));
    assert_int_equal(stele_remembered_count(&commands), 2);
}

static void an_event_without_a_command_is_passed_over(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_remembered) commands = {NULL};
    see(&commands, &four, NULL, 1, 0, 1, TIME);
    stele_remembered_see(&commands, &four, &(stele_event){.version = 2});
    assert_int_equal(stele_remembered_count(&commands), 0);
    assert_null(commands.ring);
}

static void a_uuid_is_the_same_command_in_either_case(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_remembered) commands = {NULL};
    see(&commands, &four, "0190a2b4-7c1e-7d3f-8a5b-1c2d3e4f5a6b", 1, 0, 1, TIME);

    assert_non_null(find(&commands, &four, "0190A2B4-7C1E-7D3F-8A5B-1C2D3E4F5A6B", TIME));
    assert_null(find(&commands, &four, "0190a2b4-7c1e-7d3f-8a5b-1c2d3e4f5a6c", TIME));
    assert_null(find(&commands, &four, "0190a2b47c1e7d3f8a5b1c2d3e4f5a6b", TIME));
}

static void headers_of_an_event_may_be_many(void **state)
{
    (void)state;
    stele_header headers[40];
    STELE_AUTO_VALUE(stele_remembered) commands = {NULL};
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        headers[i] = (stele_header){"other", stele_text("x")};
    headers[20] = (stele_header){"ce_causationid", stele_text("c1")};
    headers[30] = (stele_header){"ce_id", stele_text("0190a2b4-7c1e-7d3f-8a5b-1c2d3e4f5a6b")};
    stele_event_record record = {.headers = headers, .header_count = COUNT_OF(headers)};

    stele_remembered_see(&commands, &four, &(stele_event){.version = 1, .source = &record});

    assert_non_null(find(&commands, &four, "c1", TIME));
}

static void it_is_known_what_more_commands_would_push_out(void **state)
{
    (void)state;
    const stele_remembered_limits aged = {.count_max = 4, .age_max_ms = 100};
    STELE_AUTO_VALUE(stele_remembered) commands = {NULL};
    assert_int_equal(stele_remembered_forgets(&commands, &four, 4, TIME), -1);
    assert_int_equal(stele_remembered_forgets(&commands, &four, 5, TIME), INT64_MAX);

    for (int i = 1; i <= 3; i++)
        see(&commands, &four, (const char *[]){"c1", "c2", "c3"}[i - 1], (uint8_t)i, 0, i,
            TIME + 50 * i);

    static const struct {
        size_t more;
        int64_t after_ms;
        bool is_aged;
        int64_t newest; /* that is forgotten: -1: none, 0: one of the new ones, too */
    } cases[] = {{1, 0, false, -1},  {2, 0, false, 1},  {4, 0, false, 3},  {5, 0, false, 0},
                 {1, 150, true, -1}, {1, 151, true, 1}, {2, 201, true, 2}, {1, 999, true, 3}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const stele_remembered_command *newest =
            cases[i].newest <= 0 ? NULL : stele_remembered_at(&commands, cases[i].newest);
        int64_t expected = newest != NULL ? newest->offset : cases[i].newest == 0 ? INT64_MAX : -1;
        assert_int_equal(stele_remembered_forgets(&commands, cases[i].is_aged ? &aged : &four,
                                                  cases[i].more, TIME + cases[i].after_ms),
                         expected);
    }
}

static void an_id_that_is_used_again_after_it_was_forgotten_is_a_new_command(void **state)
{
    (void)state;
    const stele_remembered_limits second = {.count_max = 4, .age_max_ms = 1000};
    STELE_AUTO_VALUE(stele_remembered) commands = {NULL};
    see(&commands, &second, "c1", 1, 0, 1, TIME);
    assert_null(find(&commands, &second, "c1", TIME + 1001));

    see(&commands, &second, "c1", 7, 0, 2, TIME + 1001);

    const stele_remembered_command *found = find(&commands, &second, "c1", TIME + 1001);
    assert_int_equal(found->version, 2);
    assert_int_equal(found->count, 1);
    assert_int_equal(stele_remembered_count(&commands), 1);
}

static void the_oldest_go_first(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_remembered) commands = {NULL};
    for (unsigned i = 1; i <= 11; i++) {
        char id[8];
        snprintf(id, sizeof id, "c%u", i);
        see(&commands, &four, id, i, 0, i, TIME);
        assert_int_equal(stele_remembered_count(&commands), i < 4 ? i : 4);
        assert_int_equal(find(&commands, &four, id, TIME)->version, i);
    }
    assert_null(find(&commands, &four, "c7", TIME));
    assert_int_equal(find(&commands, &four, "c8", TIME)->version, 8);
}

static void age_is_that_of_the_events_and_of_the_repeat(void **state)
{
    (void)state;
    const stele_remembered_limits second = {.count_max = 4, .age_max_ms = 1000};
    STELE_AUTO_VALUE(stele_remembered) commands = {NULL};
    see(&commands, &second, "c1", 1, 0, 1, TIME);

    assert_non_null(find(&commands, &second, "c1", TIME + 1000));
    assert_null(find(&commands, &second, "c1", TIME + 1001));
    assert_non_null(find(&commands, &second, "c1", TIME - 5000)); /* a clock that went back */

    see(&commands, &second, "c2", 2, 0, 2, TIME + 1001);
    assert_int_equal(stele_remembered_count(&commands), 1);
}

/* ---- bytes ---- */

static void assert_same(const stele_remembered *a, const stele_remembered *b)
{
    STELE_AUTO_VALUE(stele_buffer) one = {0};
    STELE_AUTO_VALUE(stele_buffer) other = {0};
    stele_remembered_write(a, &one);
    stele_remembered_write(b, &other);
    assert_true(stele_bytes_equal(stele_buffer_view(&one), stele_buffer_view(&other)));
}

static void they_go_through_bytes(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_remembered) commands = {NULL};
    STELE_AUTO_VALUE(stele_remembered) back = {NULL};
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    stele_remembered_write(&commands, &bytes);
    assert_int_equal(bytes.size, 0);
    assert_int_equal(stele_remembered_read(&back, &four, stele_buffer_view(&bytes), NULL),
                     STELE_OK);
    assert_int_equal(stele_remembered_read(&back, &four, (stele_bytes){0}, NULL), STELE_OK);
    assert_null(back.ring);

    for (unsigned i = 1; i <= 6; i++) {
        char id[8];
        snprintf(id, sizeof id, "c%u", i);
        see(&commands, &four, id, i, 0, 2 * i, TIME - 7 * i); /* a clock that goes back */
        see(&commands, &four, id, i, 1, 2 * i + 1, TIME - 7 * i);
    }
    stele_remembered_write(&commands, &bytes);
    assert_int_equal(stele_remembered_read(&back, &four, stele_buffer_view(&bytes), NULL),
                     STELE_OK);
    assert_same(&commands, &back);
    assert_int_equal(find(&back, &four, "c6", TIME)->version, 13);

    const stele_remembered_limits two = {.count_max = 2};
    assert_int_equal(stele_remembered_read(&back, &two, stele_buffer_view(&bytes), NULL), STELE_OK);
    assert_int_equal(stele_remembered_count(&back), 2);
    assert_non_null(find(&back, &two, "c5", TIME));
    assert_null(find(&back, &two, "c4", TIME));
}

static void the_bytes_are_as_documented(void **state)
{
    (void)state;
    static const char golden[] = "01"                               /* version */
                                 "04"                               /* two of them */
                                 "d0f631ca1ddba8db3bcfcb9e057cdc98" /* SHA-256 of "c1" */
                                 "017f22e279b07cc398c4000000010000"
                                 "02"           /* version 1 */
                                 "14"           /* offset 10 */
                                 "80a0abfef962" /* the time */
                                 "02"           /* one event */
                                 "9c0abe51c6e6655d81de2d044d4fb194"
                                 "017f22e279b07cc398c4000000020000"
                                 "04"   /* two versions later */
                                 "28"   /* twenty offsets later */
                                 "d00f" /* a second later */
                                 "04";  /* two events */
    STELE_AUTO_VALUE(stele_remembered) commands = {NULL};
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    STELE_AUTO_VALUE(stele_buffer) hex = {0};
    see(&commands, &four, "c1", 1, 0, 1, TIME);
    see(&commands, &four, "c2", 2, 0, 2, TIME + 1000);
    see(&commands, &four, "c2", 2, 1, 3, TIME + 1000);

    stele_remembered_write(&commands, &bytes);

    for (size_t i = 0; i < bytes.size; i++)
        stele_buffer_format(&hex, "%02x", bytes.data[i]);
    assert_string_equal(stele_buffer_text(&hex), golden);
}

static void refuse(const stele_buffer *bytes, stele_status status, const char *text)
{
    stele_error err;
    STELE_AUTO_VALUE(stele_remembered) out = {NULL};
    see(&out, &four, "before", 1, 0, 1, TIME);

    assert_int_equal(stele_remembered_read(&out, &four, stele_buffer_view(bytes), &err), status);

    if (strstr(err.text, text) == NULL) fail_msg("\"%s\" does not say \"%s\"", err.text, text);
    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_non_null(find(&out, &four, "before", TIME)); /* unchanged */
}

static void damaged_bytes_are_refused(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_remembered) commands = {NULL};
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    see(&commands, &four, "c1", 1, 0, 1, TIME);
    see(&commands, &four, "c2", 2, 0, 2, TIME);
    stele_remembered_write(&commands, &bytes);
    size_t size = bytes.size;

    for (bytes.size = 1; bytes.size < size; bytes.size++)
        refuse(&bytes, STELE_E_INVALID, "remembered commands: ");
    stele_buffer_push(&bytes, 0);
    refuse(&bytes, STELE_E_INVALID, "there is more behind them");
    bytes.size = size;
    bytes.data[size - 1] = 0; /* a command without events */
    refuse(&bytes, STELE_E_INVALID, "they are cut off, or go back");
    bytes.data[1] = 0;
    refuse(&bytes, STELE_E_INVALID, "their count is wrong");
    bytes.data[0] = 0;
    refuse(&bytes, STELE_E_INVALID, "they do not begin with their version");
    bytes.data[0] = 2;
    refuse(&bytes, STELE_E_INCOMPATIBLE, "run a newer one");
}

static void whatever_is_read_is_read_back_alike(void **state)
{
    (void)state;
    stele_random random = stele_random_from_environment();
    STELE_AUTO_VALUE(stele_remembered) commands = {NULL};
    STELE_AUTO_VALUE(stele_buffer) sound = {0};
    for (unsigned i = 1; i <= 4; i++)
        see(&commands, &four, "c", i, 0, i, TIME + i);
    stele_remembered_write(&commands, &sound);

    int taken = 0;
    for (int round = 0; round < 20000; round++) {
        STELE_AUTO_VALUE(stele_buffer) bytes = {0};
        STELE_AUTO_VALUE(stele_remembered) read = {NULL};
        stele_buffer_append(&bytes, stele_buffer_view(&sound));
        for (uint32_t flips = stele_random_below(&random, 4); flips > 0; flips--)
            bytes.data[stele_random_below(&random, (uint32_t)bytes.size)] =
                (uint8_t)stele_random_next(&random);
        if (stele_random_below(&random, 4) == 0)
            bytes.size = stele_random_below(&random, (uint32_t)bytes.size);
        if (stele_remembered_read(&read, &four, stele_buffer_view(&bytes), NULL) < 0) continue;
        STELE_AUTO_VALUE(stele_buffer) again = {0};
        STELE_AUTO_VALUE(stele_remembered) back = {NULL};
        stele_remembered_write(&read, &again);
        assert_int_equal(stele_remembered_read(&back, &four, stele_buffer_view(&again), NULL),
                         STELE_OK);
        assert_same(&read, &back);
        taken++;
    }
    assert_true(taken > 100);
}

static void an_id_of_a_command_is_a_short_text(void **state)
{
    (void)state;
    stele_error err;
    char longest[STELE_COMMAND_ID_MAX + 2];
    memset(longest, 'x', sizeof longest);

    assert_int_equal(stele_command_id_check(stele_bytes_of(longest, STELE_COMMAND_ID_MAX), &err),
                     STELE_OK);
    assert_int_equal(stele_command_id_check(stele_text("Überweisung 1"), &err), STELE_OK);
    const stele_bytes wrong[] = {stele_bytes_of(longest, STELE_COMMAND_ID_MAX + 1),
                                 stele_text(""),
                                 {0},
                                 stele_text("a\nb"),
                                 stele_text("\x7f"),
                                 stele_text("\xff")};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(stele_command_id_check(wrong[i], &err), STELE_E_INVALID);
        assert_non_null(strstr(err.text, "is no id of a command: it is 1 to 128 bytes of UTF-8"));
        assert_int_equal(err.next, STELE_NEXT_REJECT);
    }
    assert_int_equal(stele_command_id_check(stele_text("stele:due/7"), &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "those that begin with \"stele:\" are the library's own"));
}

static void limits_come_from_the_table(void **state)
{
    (void)state;
    stele_aggregate table = {.name = "account"};
    assert_int_equal(stele_remembered_limits_of(&table).count_max, 64);
    assert_int_equal(stele_remembered_limits_of(&table).age_max_ms, 0);
    table.remembered = 7;
    table.remembered_ms = 1000;
    assert_int_equal(stele_remembered_limits_of(&table).count_max, 7);
    assert_int_equal(stele_remembered_limits_of(&table).age_max_ms, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_found_with_its_result),
        cmocka_unit_test(an_event_without_a_command_is_passed_over),
        cmocka_unit_test(a_uuid_is_the_same_command_in_either_case),
        cmocka_unit_test(headers_of_an_event_may_be_many),
        cmocka_unit_test(it_is_known_what_more_commands_would_push_out),
        cmocka_unit_test(an_id_that_is_used_again_after_it_was_forgotten_is_a_new_command),
        cmocka_unit_test(the_oldest_go_first),
        cmocka_unit_test(age_is_that_of_the_events_and_of_the_repeat),
        cmocka_unit_test(they_go_through_bytes),
        cmocka_unit_test(the_bytes_are_as_documented),
        cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(whatever_is_read_is_read_back_alike),
        cmocka_unit_test(an_id_of_a_command_is_a_short_text),
        cmocka_unit_test(limits_come_from_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
