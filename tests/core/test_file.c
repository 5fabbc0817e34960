/* SPDX-License-Identifier: MIT
 * core/file.c: reading small files. */
#include "tests/support/test.h"
#include "tests/support/temporary.h"

#include <errno.h>

#include "core/alloc.h"
#include "core/file.h"

static void a_file_is_appended_whole(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) expected = {0}, out = {0};
    for (int i = 0; i < 50000; i++)
        stele_buffer_format(&expected, "%d,", i);
    temporary file = temporary_write(expected.data, expected.size);
    stele_buffer_push(&out, '>');

    assert_int_equal(stele_file_read(file.path, expected.size, &out, NULL), STELE_OK);

    assert_int_equal(out.size, expected.size + 1);
    assert_memory_equal(out.data + 1, expected.data, expected.size);
    temporary_clear(&file);
}

static void an_empty_file_is_fine(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    temporary file = temporary_write("", 0);

    assert_int_equal(stele_file_read(file.path, 0, &out, NULL), STELE_OK);

    assert_int_equal(out.size, 0);
    temporary_clear(&file);
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    temporary file = temporary_write("12345", 5);
    stele_error err;

    assert_int_equal(stele_file_read(file.path, 4, &out, &err), STELE_E_LIMIT);
    assert_int_equal(stele_file_read("/dev/zero", 1000000, &out, &err), STELE_E_LIMIT);

    assert_int_equal(out.size, 0);
    temporary_clear(&file);
}

static void what_cannot_be_read_says_why(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    stele_error err;

    assert_int_equal(stele_file_read("/nonexistent/x", 10, &out, &err), STELE_E_NOT_FOUND);
    assert_int_equal(err.cause, ENOENT);
    assert_string_equal(err.text, "/nonexistent/x cannot be opened: No such file or directory");
    assert_int_equal(stele_file_read("", 10, &out, &err), STELE_E_NOT_FOUND);
    assert_string_equal(err.text, "a file's name is empty");
    assert_int_equal(stele_file_read("/tmp", 10, &out, &err), STELE_E_NOT_FOUND);
    assert_int_equal(err.cause, EISDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_appended_whole),
        cmocka_unit_test(an_empty_file_is_fine),
        cmocka_unit_test(a_file_that_is_too_large_is_refused),
        cmocka_unit_test(what_cannot_be_read_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
