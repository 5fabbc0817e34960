/* SPDX-License-Identifier: MIT
 * core/csv.c: records of RFC 4180 from a pipe that gives a few bytes at a time. */
#include "tests/support/test.h"

#include <sys/wait.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/csv.h"

/* A pipe that a child writes `text` into, `step` bytes at a time. */
static int pipe_of(const char *text, size_t size, size_t step, pid_t *child)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    *child = fork();
    if (*child == 0) {
        close(ends[0]);
        for (size_t at = 0; at < size; at += step) {
            size_t part = size - at < step ? size - at : step;
            if (write(ends[1], text + at, part) != (ssize_t)part) _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

/* Every record as "line:<cell><cell>" and every failure as "line!"; what the cases compare. */
static void read_all(const char *text, size_t size, size_t step, const stele_csv_options *options,
                     stele_buffer *out)
{
    pid_t child;
    int fd = pipe_of(text, size, step, &child);
    STELE_AUTO(stele_csv) csv = stele_csv_new(fd, options);
    for (;;) {
        stele_csv_record record;
        stele_error err;
        stele_status status = stele_csv_next(csv, &record, &err);
        if (status == STELE_E_INTERRUPTED) continue;
        if (status < 0) {
            assert_int_equal(err.next, STELE_NEXT_REJECT);
            stele_buffer_format(out, "%d!", (int)stele_csv_line(csv));
            continue;
        }
        if (record.cells == NULL) break;
        stele_buffer_format(out, "%d:", (int)record.line);
        for (size_t i = 0; i < record.count; i++) {
            stele_buffer_format(out, "<%.*s>", (int)record.cells[i].size,
                                (const char *)record.cells[i].data);
        }
    }
    close(fd);
    waitpid(child, NULL, 0);
}

static const struct {
    const char *text;
    const char *records;
} cases[] = {
    {"", ""},
    {"\n\n", ""},
    {"a", "1:<a>"},
    {"a,b\n", "1:<a><b>"},
    {"a,b\r\nc,d\r\n", "1:<a><b>2:<c><d>"},
    {"a,\n,b\n,\n", "1:<a><>2:<><b>3:<><>"},
    {"\xef\xbb\xbf"
     "id,x\n1,2",
     "1:<id><x>2:<1><2>"},
    {"\"a,b\",\"c \"\"d\"\"\",\"\"\n", "1:<a,b><c \"d\"><>"},
    {"\"two\nlines\",x\nnext\n", "1:<two\nlines><x>3:<next>"},
    {"\"two\r\nlines\"\r\nnext\r\n", "1:<two\r\nlines>3:<next>"},
    {"5\" pipe,a\"b\"\n", "1:<5\" pipe><a\"b\">"},
    {"a\n\nb\n", "1:<a>3:<b>"},
    {"\"a\"b,c\nd\n", "1!2:<d>"},
    {"\"a\"\rb\nd\n", "1!2:<d>"},
    {"\"a\"\r", "1:<a>"},
    {"a\n\"open,b\nc,d\n", "1:<a>2!3:<c><d>"},
    {"\"", "1!"},
    {"1,2,3,4\n5\n", "1!2:<5>"},
    {"\"1\n\",\"2\",3,4\n5\n", "1!3:<5>"},
    {"123456789012345678901\nb\n", "1!2:<b>"},
    {"caf\xc3\xa9,\xe2\x82\xac\n", "1:<caf\xc3\xa9><\xe2\x82\xac>"},
};

static void records_are_as_rfc_4180_says_however_the_bytes_arrive(void **state)
{
    (void)state;
    const stele_csv_options options = {.record_max = 20, .fields_max = 3};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t step = 1; step <= 4; step++) {
            STELE_AUTO_VALUE(stele_buffer) out = {0};
            read_all(cases[i].text, strlen(cases[i].text), step, &options, &out);
            assert_string_equal(stele_buffer_text(&out), cases[i].records);
        }
    }
}

static void a_record_of_many_blocks_is_whole(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_buffer_format(&text, "\"");
    for (int i = 0; i < 100000; i++)
        stele_buffer_format(&text, "x\"\"\n");
    stele_buffer_format(&text, "\",end\n");
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    STELE_AUTO_VALUE(stele_buffer) wanted = {0};
    stele_buffer_format(&wanted, "1:<");
    for (int i = 0; i < 100000; i++)
        stele_buffer_format(&wanted, "x\"\n");
    stele_buffer_format(&wanted, "><end>");

    read_all(stele_buffer_text(&text), text.size, 4096, NULL, &out);

    assert_int_equal(out.size, wanted.size);
    assert_string_equal(stele_buffer_text(&out), stele_buffer_text(&wanted));
}

static void another_delimiter_is_an_option(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    read_all("a;b,c\n", 6, 6, &(stele_csv_options){.delimiter = ';'}, &out);
    assert_string_equal(stele_buffer_text(&out), "1:<a><b,c>");
}

static void utf_16_is_named_and_stops(void **state)
{
    (void)state;
    pid_t child;
    int fd = pipe_of("\xff\xfe"
                     "a\0",
                     4, 4, &child);
    STELE_AUTO(stele_csv) csv = stele_csv_new(fd, NULL);
    stele_csv_record record;
    stele_error err;

    assert_int_equal(stele_csv_next(csv, &record, &err), STELE_E_INVALID);

    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_non_null(strstr(err.text, "iconv"));
    close(fd);
    waitpid(child, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_as_rfc_4180_says_however_the_bytes_arrive),
        cmocka_unit_test(a_record_of_many_blocks_is_whole),
        cmocka_unit_test(another_delimiter_is_an_option),
        cmocka_unit_test(utf_16_is_named_and_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
