/* SPDX-License-Identifier: MIT
 * Records from CSV and JSON lines: each line by itself, its number, and what is wrong with it. */
#include "cli/record_source.h"

#include <stele/schema.h>

#include "tests/support/test.h"

static const char schema_text[] =
    "{\"type\": \"record\", \"name\": \"test.Item\", \"fields\": ["
    "{\"name\": \"id\", \"type\": \"string\"}, {\"name\": \"count\", \"type\": \"int\"},"
    "{\"name\": \"note\", \"type\": [\"null\", \"string\"], \"default\": null},"
    "{\"name\": \"rank\", \"type\": \"int\", \"default\": 7}]}";

/* As the layout of that type. */
typedef struct bench {
    stele_schema *schema;
    stele_type *type;
    FILE *file;
    stele_record_source *source;
    char *value;
    stele_error error;
} bench;

static void open_bench_of(bench *b, stele_bytes text)
{
    *b = (bench){0};
    assert_int_equal(stele_schema_parse(stele_text(schema_text), NULL, &b->schema, &b->error), 0);
    assert_int_equal(stele_type_new(b->schema, &b->type, &b->error), 0);
    b->file = tmpfile();
    assert_non_null(b->file);
    fwrite(text.data, 1, text.size, b->file);
    fflush(b->file);
    rewind(b->file);
    b->value = calloc(1, b->type->layout->size);
    assert_non_null(b->value);
}

static void open_bench(bench *b, const char *text)
{
    open_bench_of(b, stele_text(text));
}

static stele_status open_csv(bench *b, const char *text)
{
    open_bench(b, text);
    return stele_record_source_csv(b->file, b->type, &b->source, &b->error);
}

static void open_json(bench *b, const char *text)
{
    open_bench(b, text);
    b->source = stele_record_source_json(b->file, b->type);
}

static void close_bench(bench *b)
{
    stele_record_source_free(b->source);
    fclose(b->file);
    stele_type_free(b->type);
    stele_schema_free(b->schema);
    free(b->value);
}

static const void *field(const bench *b, uint32_t index)
{
    return b->value + b->type->layout->members[index].offset;
}

static void assert_next(bench *b, int64_t line, const char *id, int32_t count, int32_t rank)
{
    memset(b->value, 0, b->type->layout->size);
    if (stele_record_source_next(b->source, b->value, &b->error) != 1)
        fail_msg("line %d: %s", (int)line, b->error.text);
    assert_int_equal(stele_record_source_line(b->source), line);
    stele_bytes text;
    memcpy(&text, field(b, 0), sizeof text);
    assert_true(stele_bytes_equal(text, stele_text(id)));
    assert_int_equal(*(const int32_t *)field(b, 1), count);
    assert_int_equal(*(const int32_t *)field(b, 3), rank);
}

static void assert_bad(bench *b, int64_t line, const char *reason)
{
    assert_true(stele_record_source_next(b->source, b->value, &b->error) < 0);
    assert_int_equal(b->error.next, STELE_NEXT_REJECT);
    assert_int_equal(stele_record_source_line(b->source), line);
    if (strstr(b->error.text, reason) == NULL) fail_msg("said: %s", b->error.text);
}

static void assert_end(bench *b)
{
    assert_int_equal(stele_record_source_next(b->source, b->value, &b->error), 0);
}

static void columns_are_fields_by_name_and_the_rest_has_its_default(void **state)
{
    (void)state;
    bench b;
    assert_int_equal(open_csv(&b, "count,id\n3,a\n\n4,\"b\nb\"\r\n5,c"), STELE_OK);
    assert_next(&b, 2, "a", 3, 7);
    assert_next(&b, 4, "b\nb", 4, 7);
    assert_next(&b, 6, "c", 5, 7);
    assert_end(&b);
    assert_end(&b);
    close_bench(&b);
}

static void a_bad_record_of_csv_is_a_failure_of_its_line_alone(void **state)
{
    (void)state;
    bench b;
    assert_int_equal(open_csv(&b, "id,count,rank\na,many,1\nb,2\nc,3,1,4\nd,4,5\n"), STELE_OK);
    assert_bad(&b, 2, "count: \"many\"");
    assert_bad(&b, 3, "2 cells, and the header has 3 columns");
    assert_bad(&b, 4, "4 cells, and the header has 3 columns");
    assert_next(&b, 5, "d", 4, 5);
    assert_end(&b);
    close_bench(&b);
}

static void a_header_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "the file is empty: its first line must name the columns"},
        {"\n\n", "the file is empty: its first line must name the columns"},
        {"id,size\n", "the header's column 2 is \"size\", and test.Item has no such field"},
        {"id;count\n",
         "the header's column 1 is \"id;count\", and test.Item has no such field; columns are "
         "separated by commas"},
        {"id\tcount\n",
         "the header's column 1 is \"id\\x09count\", and test.Item has no such field; columns are "
         "separated by commas"},
        {"id\rcount\r",
         "the header's column 1 is \"id\\x0dcount\", and test.Item has no such field; lines end in "
         "a line feed"},
        {"id,count,id\n", "the header has the column id twice"},
        {"id\n", "the header has no column count, and the field has no default"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bench b;
        assert_true(open_csv(&b, cases[i].text) < 0);
        assert_int_equal(b.error.next, STELE_NEXT_STOP);
        assert_string_equal(b.error.text, cases[i].reason);
        close_bench(&b);
    }
}

static void json_lines_are_records_and_empty_ones_are_passed_over(void **state)
{
    (void)state;
    bench b;
    open_json(&b,
              "{\"id\": \"a\", \"count\": 3}\n\n\r\n{\"rank\": 1, \"count\": 4, \"id\": \"b\"}");
    assert_next(&b, 1, "a", 3, 7);
    assert_next(&b, 4, "b", 4, 1);
    assert_end(&b);
    close_bench(&b);
}

static void a_byte_order_mark_and_lines_of_blanks_are_passed_over(void **state)
{
    (void)state;
    bench b;
    open_json(&b, "\xef\xbb\xbf{\"id\": \"a\", \"count\": 3}\n   \n\t \r\n"
                  " {\"count\": 4, \"id\": \"b\"} \n\xef\xbb\xbf{}\n ");
    assert_next(&b, 1, "a", 3, 7);
    assert_next(&b, 4, "b", 4, 7);
    assert_bad(&b, 5, "a byte order mark");
    assert_end(&b);
    close_bench(&b);
    open_json(&b, "\xef\xbb\xbf\n\n");
    assert_end(&b);
    close_bench(&b);
}

static void text_of_utf_16_is_said_to_be_that(void **state)
{
    (void)state;
    bench b;
    open_json(&b, "\xff\xfe{\n");
    assert_true(stele_record_source_next(b.source, b.value, &b.error) < 0);
    assert_int_equal(b.error.next, STELE_NEXT_STOP);
    assert_non_null(strstr(b.error.text, "UTF-16"));
    close_bench(&b);
}

static void a_zero_byte_is_part_of_its_line(void **state)
{
    (void)state;
    static const char text[] = "\0\0\n{\"id\": \"a\", \"count\": 1}\0\n\0";
    bench b;
    open_bench_of(&b, stele_bytes_of(text, sizeof text - 1));
    b.source = stele_record_source_json(b.file, b.type);
    assert_bad(&b, 1, "\\x00");
    assert_bad(&b, 2, "\\x00");
    assert_bad(&b, 3, "\\x00");
    assert_end(&b);
    close_bench(&b);
}

static void a_bad_line_of_json_is_a_failure_of_its_own(void **state)
{
    (void)state;
    bench b;
    open_json(&b, "{\"id\": \"a\"}\nno json\n{\"id\": \"b\", \"count\": 1, \"more\": 2}\n[]\n"
                  "{\"id\": \"c\", \"count\": 9}\n");
    assert_bad(&b, 1, "count: missing");
    assert_bad(&b, 2, "not JSON");
    assert_bad(&b, 3, "no field \"more\"");
    assert_bad(&b, 4, "");
    assert_next(&b, 5, "c", 9, 7);
    assert_end(&b);
    close_bench(&b);
}

static void a_file_that_cannot_be_read_ends_it(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, "");
    fclose(b.file);
    b.file = fopen("/", "r"); /* a folder opens, and does not read */
    assert_non_null(b.file);
    b.source = stele_record_source_json(b.file, b.type);
    assert_true(stele_record_source_next(b.source, b.value, &b.error) < 0);
    assert_int_equal(b.error.next, STELE_NEXT_STOP);
    assert_non_null(strstr(b.error.text, "Is a directory"));
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_fields_by_name_and_the_rest_has_its_default),
        cmocka_unit_test(a_bad_record_of_csv_is_a_failure_of_its_line_alone),
        cmocka_unit_test(a_header_that_does_not_fit_is_refused),
        cmocka_unit_test(json_lines_are_records_and_empty_ones_are_passed_over),
        cmocka_unit_test(a_byte_order_mark_and_lines_of_blanks_are_passed_over),
        cmocka_unit_test(text_of_utf_16_is_said_to_be_that),
        cmocka_unit_test(a_zero_byte_is_part_of_its_line),
        cmocka_unit_test(a_bad_line_of_json_is_a_failure_of_its_own),
        cmocka_unit_test(a_file_that_cannot_be_read_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
