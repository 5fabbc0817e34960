/* SPDX-License-Identifier: MIT
 * core/message.c: what is inserted gives way, the message's own words do not. And every format of
 * the tree, with names as long as anybody can make them (formats.py finds them). */
#include "tests/support/test.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/types.h>

#include <stele/error.h>
#include <stele/type.h>

#include "core/message.h"
#include "core/text.h"
#include "schemas/value_path.h"

static void a_message_that_fits_is_what_printf_makes(void **state)
{
    (void)state;
    char room[80];

    stele_message_format(room, sizeof room, "%s/%d at %" PRId64 ", %5.1f%%, %c", "a.events", 3,
                         INT64_C(1042), 12.5, 'x');

    assert_string_equal(room, "a.events/3 at 1042,  12.5%, x");
}

static void the_middle_of_a_long_name_is_left_out(void **state)
{
    (void)state;
    char room[40];

    stele_message_format(room, sizeof room, "topic %s: run topics create",
                         "abcdefghijklmnopqrstuvwxyz.events");

    assert_string_equal(room, "topic abcdef…vents: run topics create");
    assert_int_equal(strlen(room), sizeof room - 1);
}

static void short_names_stay_whole_beside_a_long_one(void **state)
{
    (void)state;
    char room[32];

    stele_message_format(room, sizeof room, "%s: %s (%s)", "k1", "0123456789012345678901234567890",
                         "v2");

    assert_string_equal(room, "k1: 0123456789…234567890 (v2)");
}

static void numbers_of_every_size_come_through_a_long_message(void **state)
{
    (void)state;
    char name[400];
    memset(name, 'n', sizeof name);
    char room[200];

    stele_message_format(room, sizeof room,
                         "%.*s %d %u %ld %lu %lld %llu %zu %" PRId64 " %" PRIu8 " %03d %.*g %x %c",
                         (int)sizeof name, name, -1, 2U, -3L, 4UL, -5LL, 6ULL, (size_t)7,
                         INT64_C(-8), (uint8_t)9, 10, 3, 1.5, 0xbU, 'c');

    assert_non_null(strstr(room, "n -1 2 -3 4 -5 6 7 -8 9 010 1.5 b c"));
    assert_int_equal(strlen(room), sizeof room - 1);
}

static void a_name_is_never_cut_within_a_character(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "é", "€", "𝄞"};

    for (size_t i = 0; i < COUNT_OF(characters); i++) {
        char name[401] = "";
        size_t width = strlen(characters[i]);
        for (size_t at = 0; at + width < sizeof name; at += width)
            memcpy(name + at, characters[i], width);
        for (size_t size = 1; size < 100; size++) {
            char room[100];
            stele_message_format(room, size, "<%s|%s>", name, name);
            assert_true(stele_utf8_is_valid(stele_text(room)));
            assert_true(strlen(room) < size);
        }
    }
}

static void words_that_are_too_long_themselves_end_with_a_whole_character(void **state)
{
    (void)state;
    char room[6];

    stele_message_format(room, sizeof room, "abc€€");

    assert_string_equal(room, "abc");
}

static void the_arguments_can_be_used_again(void **state)
{
    (void)state;
    stele_error err;

    stele_fail(&err, STELE_E_INVALID, STELE_NEXT_STOP, "%s", "x");
    stele_fail(&err, STELE_E_INVALID, STELE_NEXT_STOP, "%s: %s", err.text, err.text);

    assert_string_equal(err.text, "x: x");
}

/* ---- all formats of the tree ---- */

enum { LONG = 3000 };
static char long_name[LONG + 1];

/* The words between the directives of `format`, in order, each as it is in `text`. */
static void check_words(const char *where, const char *format, const char *text)
{
    const char *at = text;
    while (*format != '\0') {
        char words[2048];
        size_t size = 0;
        while (*format != '\0' && (*format != '%' || format[1] == '%')) {
            format += *format == '%';
            words[size++] = *format++;
        }
        words[size] = '\0';
        const char *found = strstr(at, words);
        if (found == NULL) fail_msg("%s: \"%s\" is missing in: %s", where, words, text);
        at = found + size;
        if (*format == '%') {
            format++;
            format += strspn(format, "-+ #0123456789.*hlzjt");
            if (*format != '\0') format++;
        }
    }
}

static void STELE_PRINTF(3, 4) check(const char *where, size_t room_size, const char *format, ...)
{
    char *room = malloc(room_size); /* its own, so that the sanitizer sees its end */
    assert_non_null(room);
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(room, room_size, format, arguments);
    va_end(arguments);
    check_words(where, format, room);
    free(room);
}

static void the_way_out_survives_every_long_name(void **state)
{
    (void)state;
    memset(long_name, '%', LONG);
#include "formats.inc"
    assert_true(FORMATS > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_that_fits_is_what_printf_makes),
        cmocka_unit_test(the_middle_of_a_long_name_is_left_out),
        cmocka_unit_test(short_names_stay_whole_beside_a_long_one),
        cmocka_unit_test(numbers_of_every_size_come_through_a_long_message),
        cmocka_unit_test(a_name_is_never_cut_within_a_character),
        cmocka_unit_test(words_that_are_too_long_themselves_end_with_a_whole_character),
        cmocka_unit_test(the_arguments_can_be_used_again),
        cmocka_unit_test(the_way_out_survives_every_long_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
