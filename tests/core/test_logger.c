/* SPDX-License-Identifier: MIT
 * core/logger.c: lines as text and JSON, and what strangers cannot do to them. */
#include "tests/support/test.h"

#include <unistd.h>

#include "core/logger.h"
#include "core/text.h"

typedef struct capture {
    stele_manual_clock clock;
    stele_logger logger;
    FILE *file;
    char text[8192];
} capture;

static void capture_init(capture *c, stele_logger_format format)
{
    *c = (capture){.file = tmpfile()};
    assert_non_null(c->file);
    stele_manual_clock_set(&c->clock, 1714555800123);
    c->logger = (stele_logger){.clock = stele_clock_manual(&c->clock),
                               .fd = fileno(c->file),
                               .least = STELE_LOGGER_INFO,
                               .format = format};
}

static const char *capture_read(capture *c)
{
    rewind(c->file);
    c->text[fread(c->text, 1, sizeof c->text - 1, c->file)] = '\0';
    fclose(c->file);
    return c->text;
}

static void a_line_is_key_and_value(void **state)
{
    (void)state;
    capture c;
    capture_init(&c, STELE_LOGGER_TEXT);

    stele_logger_write(&c.logger, STELE_LOGGER_WARN, "partition waits",
                       STELE_LOGGER_FIELDS(stele_logger_text("topic", "account.events"),
                                           stele_logger_int("partition", -3),
                                           stele_logger_text("reason", "schema id 7 is unknown"),
                                           stele_logger_text("empty", NULL)));
    stele_logger_write(&c.logger, STELE_LOGGER_ERROR, "stopped", NULL);

    assert_string_equal(
        capture_read(&c),
        "time=2024-05-01T09:30:00.123Z level=warn message=\"partition waits\" "
        "topic=account.events partition=-3 reason=\"schema id 7 is unknown\" empty=\"\"\n"
        "time=2024-05-01T09:30:00.123Z level=error message=stopped\n");
}

static void a_line_is_a_json_object(void **state)
{
    (void)state;
    capture c;
    capture_init(&c, STELE_LOGGER_JSON);

    stele_logger_write(
        &c.logger, STELE_LOGGER_INFO, "restored",
        STELE_LOGGER_FIELDS(stele_logger_text("topic", "a.events"), stele_logger_int("events", 12),
                            stele_logger_bytes("id", stele_bytes_of("4711xxxx", 4))));

    assert_string_equal(capture_read(&c),
                        "{\"time\":\"2024-05-01T09:30:00.123Z\",\"level\":\"info\","
                        "\"message\":\"restored\",\"topic\":\"a.events\",\"events\":12,"
                        "\"id\":\"4711\"}\n");
}

static void foreign_text_cannot_break_a_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"a b", "\"a b\""},
        {"x\nlevel=error", "\"x\\nlevel=error\""},
        {"\r\t\x1b[2J", "\"\\u000d\\u0009\\u001b[2J\""},
        {"say \"hi\" \\", "\"say \\\"hi\\\" \\\\\""},
        {"a=b", "\"a=b\""},
        {"é", "\"é\""},
        {"\xFFz", "\"\\\\xffz\""},
        {"\xE2\x82", "\"\\\\xe2\\\\x82\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (stele_logger_format format = STELE_LOGGER_TEXT; format <= STELE_LOGGER_JSON;
             format++) {
            capture c;
            capture_init(&c, format);
            stele_logger_write(&c.logger, STELE_LOGGER_INFO, "m",
                               STELE_LOGGER_FIELDS(stele_logger_text("v", cases[i].text)));

            char expected[200];
            snprintf(expected, sizeof expected,
                     format == STELE_LOGGER_JSON ? ",\"v\":%s}\n" : " v=%s\n", cases[i].expected);
            const char *line = capture_read(&c);
            assert_non_null(strstr(line, expected));
            assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        }
    }
}

static void long_text_is_cut(void **state)
{
    (void)state;
    capture c;
    capture_init(&c, STELE_LOGGER_TEXT);
    static char text[100001];
    memset(text, 'x', sizeof text - 1);

    stele_logger_write(&c.logger, STELE_LOGGER_INFO, "m",
                       STELE_LOGGER_FIELDS(stele_logger_text("v", text)));

    const char *line = capture_read(&c);
    assert_in_range(strlen(line), 2000, 2100);
    assert_string_equal(line + strlen(line) - 6, "x…\"\n");
}

static void lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    capture c;
    capture_init(&c, STELE_LOGGER_TEXT);
    c.logger.least = STELE_LOGGER_WARN;

    stele_logger_write(&c.logger, STELE_LOGGER_INFO, "fine", NULL);
    stele_logger_write(NULL, STELE_LOGGER_ERROR, "nobody listens", NULL);

    assert_string_equal(capture_read(&c), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_key_and_value),
        cmocka_unit_test(a_line_is_a_json_object),
        cmocka_unit_test(foreign_text_cannot_break_a_line),
        cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(lines_below_the_level_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
