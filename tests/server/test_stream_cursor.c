/* SPDX-License-Identifier: MIT
 * Cursors of streams as text, and how server-sent events are framed. */
#include "server/stream_cursor.h"

#include "core/alloc.h"
#include "server/event_stream.h"
#include "tests/support/test.h"

static void a_cursor_is_the_same_when_it_comes_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"0",
                                        "0.0",
                                        "1042.17.0.998",
                                        "3@998",
                                        "0@0",
                                        "v1-0",
                                        "v2-1042.17",
                                        "v2147483647-1@17",
                                        "9223372036854775807.0",
                                        "2147483647@9223372036854775807"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        stele_cursor cursor;
        STELE_AUTO_VALUE(stele_buffer) text = {0};
        if (!stele_cursor_parse(stele_text(texts[i]), &cursor)) fail_msg("%s", texts[i]);
        stele_cursor_write(&cursor, &text);
        assert_string_equal(stele_buffer_text(&text), texts[i]);
    }
}

static void what_is_no_cursor_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "a",
                                        ".",
                                        "1.",
                                        ".1",
                                        "1..2",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "01",
                                        "1.02",
                                        "1@",
                                        "@1",
                                        "1@2@3",
                                        "1.2@3",
                                        "1@2.3",
                                        "v",
                                        "v1",
                                        "v0-1",
                                        "v1-",
                                        "v-1",
                                        "v01-1",
                                        "1-2",
                                        "v2147483648-1",
                                        "9223372036854775808",
                                        "2147483648@1",
                                        "99999999999999999999999"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        stele_cursor cursor = {.count = 77};
        if (stele_cursor_parse(stele_text(texts[i]), &cursor)) fail_msg("%s", texts[i]);
        assert_int_equal(cursor.count, 77);
    }
}

static void a_cursor_has_its_limits(void **state)
{
    (void)state;
    stele_cursor cursor = {.version = INT32_MAX, .only = -1, .count = STELE_CURSOR_PARTITIONS_MAX};
    for (int32_t i = 0; i < cursor.count; i++)
        cursor.offsets[i] = INT64_MAX;
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_cursor_write(&cursor, &text);
    stele_cursor back;

    assert_true(text.size <= STELE_CURSOR_TEXT_MAX);
    assert_true(stele_cursor_parse(stele_buffer_view(&text), &back));
    assert_memory_equal(&cursor, &back, sizeof back);

    STELE_AUTO_VALUE(stele_buffer) more = {0};
    for (int32_t i = 0; i <= STELE_CURSOR_PARTITIONS_MAX; i++)
        stele_buffer_format(&more, "%s0", i == 0 ? "" : ".");
    assert_false(stele_cursor_parse(stele_buffer_view(&more), &back));
}

static void each_line_of_a_text_is_a_field(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fields;
    } cases[] = {
        {"", "data: \n"},
        {"a", "data: a\n"},
        {"a\nb", "data: a\ndata: b\n"},
        {"a\r\nb\rc", "data: a\ndata: b\ndata: c\n"},
        {"\n", "data: \ndata: \n"},
        {"a\n\nid: 7\n", "data: a\ndata: \ndata: id: 7\ndata: \n"},
        {"\r\n\r", "data: \ndata: \ndata: \n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(stele_buffer) out = {0};
        stele_event_stream_field(&out, "data", stele_text(cases[i].text));
        assert_string_equal(stele_buffer_text(&out), cases[i].fields);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_is_the_same_when_it_comes_back),
        cmocka_unit_test(what_is_no_cursor_is_refused),
        cmocka_unit_test(a_cursor_has_its_limits),
        cmocka_unit_test(each_line_of_a_text_is_a_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
