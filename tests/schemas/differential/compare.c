/* SPDX-License-Identifier: MIT
 * Reads the cases that Reference.java writes and does the same with Stele. Prints a line for each
 * difference that differences.tsv does not explain: the number of the case, what differs, and both
 * sides.
 *
 * compare differences.tsv < cases.jsonl */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <stele/codec.h>

#include "core/alloc.h"
#include "schemas/scopes.h"

STELE_SCOPE(json_t, json_decref);

enum { KNOWN_MAX = 32, COLUMNS = 3, LINE_SIZE = 1024 };

/* A line of differences.tsv: what differs, and a part of what each side has; "*" is anything. */
typedef struct known {
    char columns[COLUMNS][LINE_SIZE];
    size_t count;
} known;

typedef struct totals {
    size_t pairs;
    size_t data;
    size_t read; /* data that both can read */
    size_t explained;
    size_t differences;
    known known[KNOWN_MAX];
    size_t known_count;
} totals;

static void load_known(totals *t, const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    char line[LINE_SIZE];
    while (fgets(line, sizeof line, file) != NULL && t->known_count < KNOWN_MAX) {
        if (line[0] == '#' || line[0] == '\n') continue;
        char *at = line;
        for (size_t i = 0; i < COLUMNS; i++) {
            size_t size = strcspn(at, "\t");
            memcpy(t->known[t->known_count].columns[i], at, size);
            at += size + (at[size] == '\t');
        }
        t->known_count++;
    }
    fclose(file);
}

static bool has(const char *text, const char *part)
{
    return strcmp(part, "*") == 0 || strstr(text, part) != NULL;
}

static bool is_known(totals *t, const char *what, const char *java, const char *stele)
{
    for (size_t i = 0; i < t->known_count; i++) {
        known *k = &t->known[i];
        if (strcmp(k->columns[0], what) != 0) continue;
        if (!has(java, k->columns[1]) || !has(stele, k->columns[2])) continue;
        k->count++;
        return true;
    }
    return false;
}

static void differ(totals *t, const json_t *pair, const char *what, const char *java,
                   const char *stele)
{
    bool decimals = json_is_true(json_object_get(pair, "decimals"));
    if (is_known(t, decimals ? "decimals" : what, java, stele)) {
        t->explained++;
        return;
    }
    t->differences++;
    printf("%" JSON_INTEGER_FORMAT "\t%s\tAvro Java: %s\tStele: %s\n",
           json_integer_value(json_object_get(pair, "number")), what, java, stele);
}

static const char *text(const json_t *pair, const char *key)
{
    return json_string_value(json_object_get(pair, key));
}

static stele_schema *parse(totals *t, const json_t *pair, const char *key)
{
    stele_error err;
    stele_schema *schema = NULL;
    stele_schema_options options = {.name = key};
    if (stele_schema_parse(stele_text(text(pair, key)), &options, &schema, &err) < 0) {
        differ(t, pair, "parse", "a schema", err.text);
        return NULL;
    }
    return schema;
}

static void compare_form(totals *t, const json_t *pair, const char *key, const stele_schema *schema)
{
    STELE_AUTO(char) canonical = stele_strdup_format("%s_canonical", key);
    STELE_AUTO(char) print = stele_strdup_format("%s_crc64", key);
    STELE_AUTO_VALUE(stele_buffer) form = {0};
    stele_schema_canonical(schema, &form);
    if (strcmp(text(pair, canonical), stele_buffer_text(&form)) != 0) {
        differ(t, pair, "canonical form", text(pair, canonical), stele_buffer_text(&form));
    }
    STELE_AUTO(char) crc = stele_strdup_format("%016" PRIx64, stele_schema_crc64(schema));
    if (strcmp(text(pair, print), crc) != 0) differ(t, pair, "crc64", text(pair, print), crc);
}

static void add_kind(void *context, const stele_finding *finding)
{
    json_object_set_new(context, finding->kind, json_true());
}

/* What Avro Java throws is a finding here. */
static json_t *java_kinds(const json_t *pair, const char *key)
{
    json_t *kinds = json_object();
    size_t i;
    json_t *kind;
    json_array_foreach(json_object_get(pair, key), i, kind)
        json_object_set_new(kinds, json_string_value(kind), json_true());
    return kinds;
}

static void compare_verdict(totals *t, const json_t *pair, const char *key,
                            const stele_schema *reader, const stele_schema *writer)
{
    STELE_AUTO(json_t) kinds = json_object();
    STELE_AUTO(json_t) expected = java_kinds(pair, key);
    stele_schema_check(reader, &writer, 1, STELE_COMPATIBILITY_BACKWARD, add_kind, kinds);
    if (json_equal(expected, kinds)) return;
    STELE_AUTO(char) java = json_dumps(expected, JSON_SORT_KEYS | JSON_COMPACT);
    STELE_AUTO(char) stele = json_dumps(kinds, JSON_SORT_KEYS | JSON_COMPACT);
    differ(t, pair, key, java, stele);
}

static stele_bytes from_hex(const char *hex, stele_buffer *out)
{
    stele_buffer_reset(out);
    for (; hex[0] != '\0'; hex += 2) {
        unsigned byte = 0;
        sscanf(hex, "%2x", &byte);
        stele_buffer_push(out, (uint8_t)byte);
    }
    return stele_buffer_view(out);
}

static void to_hex(stele_bytes bytes, stele_buffer *out)
{
    stele_buffer_reset(out);
    for (size_t i = 0; i < bytes.size; i++)
        stele_buffer_format(out, "%02x", bytes.data[i]);
}

static bool is_error(const char *result)
{
    return strncmp(result, "error: ", 7) == 0;
}

/* What the reader sees of one datum, as the bytes that it would write itself. */
static stele_status convert(const stele_plan *plan, const stele_type *type, stele_bytes datum,
                            stele_arena *arena, stele_buffer *out, stele_error *err)
{
    stele_arena_reset(arena);
    stele_buffer_reset(out);
    STELE_AUTO(uint8_t) value = stele_alloc(type->layout->size);
    stele_status status = stele_plan_decode(plan, datum, value, arena, err);
    return status < 0 ? status : stele_encode(type, value, out, err);
}

static void compare_data(totals *t, const json_t *pair, const stele_schema *writer,
                         const stele_type *reader)
{
    stele_error refusal;
    STELE_AUTO(stele_plan) plan = NULL;
    if (stele_plan_new(writer, reader, NULL, &plan, &refusal) < 0) plan = NULL;

    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO_VALUE(stele_buffer) datum = {0};
    STELE_AUTO_VALUE(stele_buffer) seen = {0};
    STELE_AUTO_VALUE(stele_buffer) hex = {0};
    size_t i;
    json_t *each;
    json_array_foreach(json_object_get(pair, "data"), i, each)
    {
        t->data++;
        const char *java = json_string_value(json_array_get(each, 1));
        stele_error err = refusal;
        stele_status status = STELE_E_INCOMPATIBLE;
        if (plan != NULL) {
            stele_bytes bytes = from_hex(json_string_value(json_array_get(each, 0)), &datum);
            status = convert(plan, reader, bytes, arena, &seen, &err);
        }
        if (status < 0) {
            STELE_AUTO(char) why = stele_strdup_format("error: %s", err.text);
            if (!is_error(java)) differ(t, pair, "datum", java, why);
            continue;
        }
        to_hex(stele_buffer_view(&seen), &hex);
        if (strcmp(java, stele_buffer_text(&hex)) != 0) {
            differ(t, pair, "datum", java, stele_buffer_text(&hex));
        } else {
            t->read++;
        }
    }
}

static void compare(totals *t, const json_t *pair)
{
    t->pairs++;
    STELE_AUTO(stele_schema) writer = parse(t, pair, "writer");
    STELE_AUTO(stele_schema) reader = parse(t, pair, "reader");
    if (writer == NULL || reader == NULL) return;
    compare_form(t, pair, "writer", writer);
    compare_form(t, pair, "reader", reader);
    compare_verdict(t, pair, "backward", reader, writer);
    compare_verdict(t, pair, "forward", writer, reader);

    stele_error err;
    STELE_AUTO(stele_type) type = NULL;
    if (stele_type_new(reader, &type, &err) < 0) {
        differ(t, pair, "type", "a schema", err.text);
        return;
    }
    compare_data(t, pair, writer, type);
}

int main(int argc, char **argv)
{
    static totals t;
    if (argc != 2) {
        fprintf(stderr, "usage: compare differences.tsv < cases.jsonl\n");
        return 2;
    }
    load_known(&t, argv[1]);
    json_error_t problem;
    for (int c; (c = getchar()) != EOF;) {
        ungetc(c, stdin);
        STELE_AUTO(json_t) pair = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, &problem);
        if (pair == NULL) {
            fprintf(stderr, "case %zu: %s\n", t.pairs + 1, problem.text);
            return 2;
        }
        compare(&t, pair);
        while ((c = getchar()) == '\n')
            continue;
        if (c != EOF) ungetc(c, stdin);
    }
    fprintf(stderr, "%zu pairs, %zu data, %zu read alike, %zu explained, %zu differences\n",
            t.pairs, t.data, t.read, t.explained, t.differences);
    for (size_t i = 0; i < t.known_count; i++) {
        const known *k = &t.known[i];
        fprintf(stderr, "  %6zu  %s: %s, %s\n", k->count, k->columns[0], k->columns[1],
                k->columns[2]);
    }
    return t.differences == 0 ? 0 : 3;
}
