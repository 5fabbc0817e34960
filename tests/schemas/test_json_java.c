/* SPDX-License-Identifier: MIT
 * Avro's JSON encoding against Avro Java 1.11.4: golden/json_java.tsv has a type, a text, and the
 * bytes and the text that Java makes of it, or "error" (golden/JsonReference.java wrote it). Where
 * Stele differs, golden/json_differences.tsv has type, text, what Stele does, and why. */
#include "tests/support/test.h"

#include <stele/json.h>

#include "core/alloc.h"
#include "core/file.h"
#include "schemas/scopes.h"

enum { COLUMNS_MAX = 4, LINES_MAX = 1000 };

typedef struct table {
    stele_buffer text;
    char *cells[LINES_MAX][COLUMNS_MAX];
    size_t count;
} table;

static void read_table(table *t, const char *path)
{
    stele_error err;
    memset(t, 0, sizeof *t);
    if (stele_file_read(path, 1024 * 1024, &t->text, &err) < 0) fail_msg("%s", err.text);
    stele_buffer_text(&t->text);
    for (char *line = (char *)t->text.data; *line != '\0'; t->count++) {
        assert_true(t->count < LINES_MAX);
        char *next = line + strcspn(line, "\n");
        if (*next == '\n') *next++ = '\0';
        for (size_t i = 0; i < COLUMNS_MAX && line != NULL; i++) {
            t->cells[t->count][i] = line;
            line = strchr(line, '\t');
            if (line != NULL) *line++ = '\0';
        }
        line = next;
    }
}

static stele_type *type_with(const char *field_type)
{
    STELE_AUTO(char)
    text = stele_strdup_format("{\"type\":\"record\",\"name\":\"R\",\"namespace\":"
                               "\"n\",\"fields\":[{\"name\":\"f\",\"type\":%s}]}",
                               field_type);
    STELE_AUTO(stele_schema) schema = NULL;
    stele_type *type;
    stele_error err;
    if (stele_schema_parse(stele_text(text), NULL, &schema, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(stele_type_new(schema, &type, NULL), STELE_OK);
    return type;
}

/* The bytes in hex of a value read from text, or "error"; `json` gets it as we write it. */
static char *bytes_of(const stele_type *type, const char *text, stele_buffer *json)
{
    STELE_AUTO(char) document = stele_strdup_format("{\"f\":%s}", text);
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO(uint8_t) value = stele_alloc(type->layout->size);
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    STELE_AUTO_VALUE(stele_buffer) hex = {0};
    if (stele_json_read(type, stele_text(document), STELE_JSON_AVRO, NULL, value, arena, NULL) <
            0 ||
        stele_encode(type, value, &bytes, NULL) < 0 ||
        stele_json_write(type, value, STELE_JSON_AVRO, json, NULL) < 0) {
        return stele_strdup("error");
    }
    for (size_t i = 0; i < bytes.size; i++)
        stele_buffer_format(&hex, "%02x", bytes.data[i]);
    return stele_strdup(stele_buffer_text(&hex));
}

static const char *wanted_of(const table *differences, char *const *line, bool *seen)
{
    for (size_t i = 0; i < differences->count; i++) {
        char *const *difference = differences->cells[i];
        if (strcmp(difference[0], line[0]) != 0 || strcmp(difference[1], line[1]) != 0) continue;
        assert_string_not_equal(difference[2], line[2]);
        assert_non_null(difference[3]);
        seen[i] = true;
        return difference[2];
    }
    return line[2];
}

/* Is there one text only? Numbers with fractions, map entries and characters past U+FFFF can be
 * written in several ways. */
static bool has_one_text(char *const *line)
{
    return strstr(line[0], "float") == NULL && strstr(line[0], "double") == NULL &&
           strstr(line[0], "map") == NULL && strstr(line[3], "\\uD") == NULL;
}

static void json_is_read_and_written_as_avro_java_does(void **state)
{
    (void)state;
    static table golden;
    static table differences;
    static bool seen[LINES_MAX];
    read_table(&golden, "tests/schemas/golden/json_java.tsv");
    read_table(&differences, "tests/schemas/golden/json_differences.tsv");
    assert_true(golden.count > 100);
    for (size_t i = 0; i < golden.count; i++) {
        char *const *line = golden.cells[i];
        STELE_AUTO(stele_type) type = type_with(line[0]);
        STELE_AUTO_VALUE(stele_buffer) json = {0};
        STELE_AUTO_VALUE(stele_buffer) unused = {0};

        STELE_AUTO(char) ours = bytes_of(type, line[1], &json);

        const char *wanted = wanted_of(&differences, line, seen);
        if (strcmp(ours, wanted) != 0) fail_msg("line %zu: %s, wanted %s", i + 1, ours, wanted);
        if (line[3] == NULL || wanted != line[2]) continue;
        STELE_AUTO(char) again = bytes_of(type, line[3], &unused);
        assert_string_equal(again, line[2]);
        if (!has_one_text(line)) continue;
        STELE_AUTO(char) document = stele_strdup_format("{\"f\":%s}", line[3]);
        assert_string_equal(stele_buffer_text(&json), document);
    }
    for (size_t i = 0; i < differences.count; i++)
        assert_true(seen[i]); /* a difference that is none any more has no place in the list */
    stele_buffer_clear(&golden.text);
    stele_buffer_clear(&differences.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read_and_written_as_avro_java_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
