/* SPDX-License-Identifier: MIT
 * core/buffer.c: appending bytes and text. */
#include "tests/support/test.h"

#include "core/alloc.h"

static void an_empty_buffer_views_as_empty_not_null(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) buffer = {0};

    assert_non_null(stele_buffer_view(&buffer).data);
    assert_int_equal(stele_buffer_view(&buffer).size, 0);
    assert_string_equal(stele_buffer_text(&buffer), "");
}

static void what_is_appended_is_there_in_order(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) buffer = {0};

    for (int i = 0; i < 1000; i++) {
        stele_buffer_append(&buffer, stele_text("ab"));
        stele_buffer_push(&buffer, 'c');
        stele_buffer_format(&buffer, "%03d", i);
    }

    assert_int_equal(buffer.size, 6000);
    assert_memory_equal(buffer.data, "abc000abc001", 12);
    assert_memory_equal(buffer.data + 5994, "abc999", 6);
    assert_int_equal(strlen(stele_buffer_text(&buffer)), 6000);
    assert_int_equal(buffer.size, 6000);
}

static void text_longer_than_the_room_is_whole(void **state)
{
    (void)state;
    char text[500];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';

    for (int size = 0; size < 499; size++) {
        STELE_AUTO_VALUE(stele_buffer) buffer = {0};
        stele_buffer_format(&buffer, "%.*s", size, text);
        assert_int_equal(buffer.size, size);
        assert_memory_equal(stele_buffer_text(&buffer), text, (size_t)size);
    }
}

static void a_reset_keeps_the_memory(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) buffer = {0};
    stele_buffer_reserve(&buffer, 10000);
    const uint8_t *before = buffer.data;

    stele_buffer_push(&buffer, 1);
    stele_buffer_reset(&buffer);

    assert_int_equal(buffer.size, 0);
    assert_ptr_equal(stele_buffer_reserve(&buffer, 10000), before);
}

static void appending_nothing_is_fine(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) buffer = {0};

    stele_buffer_append(&buffer, stele_bytes_of(NULL, 0));
    stele_buffer_append(&buffer, stele_text(""));

    assert_int_equal(buffer.size, 0);
}

static void null_equals_null_only(void **state)
{
    (void)state;
    assert_true(stele_bytes_equal(stele_text(NULL), stele_text(NULL)));
    assert_false(stele_bytes_equal(stele_text(NULL), stele_text("")));
    assert_true(stele_bytes_equal(stele_text(""), stele_text("")));
    assert_false(stele_bytes_equal(stele_text("a"), stele_text("b")));
    assert_false(stele_bytes_equal(stele_text("a"), stele_text("aa")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_views_as_empty_not_null),
        cmocka_unit_test(what_is_appended_is_there_in_order),
        cmocka_unit_test(text_longer_than_the_room_is_whole),
        cmocka_unit_test(a_reset_keeps_the_memory),
        cmocka_unit_test(appending_nothing_is_fine),
        cmocka_unit_test(null_equals_null_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
