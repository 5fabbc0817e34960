/* SPDX-License-Identifier: MIT
 * The progress line: on a terminal only, not too often, and gone before a message. */
#include "cli/meter.h"

#include "tests/support/test.h"

typedef struct screen {
    char *text;
    size_t size;
    stele_manual_clock time;
    stele_meter meter;
} screen;

static void open_screen(screen *s, bool terminal, int64_t total)
{
    *s = (screen){0};
    s->meter = (stele_meter){.out = open_memstream(&s->text, &s->size),
                             .verb = "published",
                             .unit = "events",
                             .total = total,
                             .terminal = terminal};
    stele_meter_begin(&s->meter, stele_clock_manual(&s->time));
}

static void show_after(screen *s, int64_t ms, int64_t done)
{
    stele_manual_clock_advance(&s->time, ms);
    stele_meter_show(&s->meter, stele_clock_manual(&s->time), done);
    fflush(s->meter.out);
}

static void close_screen(screen *s)
{
    fclose(s->meter.out);
    free(s->text);
}

static void nothing_is_drawn_without_a_terminal(void **state)
{
    (void)state;
    screen s;
    open_screen(&s, false, 0);
    show_after(&s, 5000, 100);
    stele_meter_clear(&s.meter);
    fflush(s.meter.out);
    assert_int_equal(s.size, 0);
    close_screen(&s);
}

static void a_line_says_how_many_and_how_fast(void **state)
{
    (void)state;
    screen s;
    open_screen(&s, true, 0);
    show_after(&s, 2000, 3000);
    assert_string_equal(s.text, "\r\x1b[K3000 events published, 1500/s");
    close_screen(&s);
}

static void a_known_total_makes_a_bar_and_a_time(void **state)
{
    (void)state;
    screen s;
    open_screen(&s, true, 4000);
    show_after(&s, 1000, 1000);
    assert_non_null(strstr(s.text, "[#######.......................] 1000 events published"));
    assert_non_null(strstr(s.text, ", 3 s left"));
    close_screen(&s);
}

static void more_than_the_total_is_a_full_bar(void **state)
{
    (void)state;
    screen s;
    open_screen(&s, true, 10);
    show_after(&s, 1000, 25);
    assert_non_null(strstr(s.text, "[##############################] 25 events"));
    assert_null(strstr(s.text, "left"));
    close_screen(&s);
}

static void it_is_drawn_ten_times_a_second_at_most(void **state)
{
    (void)state;
    screen s;
    open_screen(&s, true, 0);
    show_after(&s, 99, 1);
    assert_int_equal(s.size, 0);
    show_after(&s, 1, 2);
    size_t once = s.size;
    assert_true(once > 0);
    show_after(&s, 50, 3);
    assert_int_equal(s.size, once);
    close_screen(&s);
}

static void a_message_finds_the_line_gone(void **state)
{
    (void)state;
    screen s;
    open_screen(&s, true, 0);
    stele_meter_clear(&s.meter); /* nothing to take away yet */
    fflush(s.meter.out);
    assert_int_equal(s.size, 0);
    show_after(&s, 100, 1);
    size_t drawn = s.size;
    stele_meter_clear(&s.meter);
    assert_string_equal(s.text + drawn, "\r\x1b[K");
    close_screen(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_drawn_without_a_terminal),
        cmocka_unit_test(a_line_says_how_many_and_how_fast),
        cmocka_unit_test(a_known_total_makes_a_bar_and_a_time),
        cmocka_unit_test(more_than_the_total_is_a_full_bar),
        cmocka_unit_test(it_is_drawn_ten_times_a_second_at_most),
        cmocka_unit_test(a_message_finds_the_line_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
