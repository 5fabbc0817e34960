/* SPDX-License-Identifier: MIT
 * Reads the texts that OddSchemas.java writes, and parses them with Stele. Prints a line for each
 * difference that odd_differences.tsv does not explain: what Avro Java and Stele say, and the text.
 *
 * compare_odd odd_differences.tsv < odd.jsonl */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "core/alloc.h"
#include "schemas/scopes.h"

STELE_SCOPE(json_t, json_decref);

enum { KNOWN_MAX = 64, COLUMNS = 2, LINE_SIZE = 2048 };

/* A line of odd_differences.tsv: what each side says: "accepts", or a part of its error. */
typedef struct known {
    char columns[COLUMNS][LINE_SIZE];
    size_t count;
} known;

typedef struct totals {
    size_t texts;
    size_t accepted; /* by both */
    size_t explained;
    size_t differences;
    known known[KNOWN_MAX];
    size_t known_count;
} totals;

static void load_known(totals *t, const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    char line[LINE_SIZE];
    while (fgets(line, sizeof line, file) != NULL && t->known_count < KNOWN_MAX) {
        if (line[0] == '#') continue;
        known *next = &t->known[t->known_count];
        if (sscanf(line, "%2047[^\t]\t%2047[^\t]\t", next->columns[0], next->columns[1]) == COLUMNS)
            t->known_count++;
    }
    fclose(file);
}

static bool has(const char *text, const char *part)
{
    bool refuses = strncmp(text, "error: ", 7) == 0;
    return strcmp(part, "accepts") == 0 ? !refuses : refuses && strstr(text, part) != NULL;
}

static bool is_explained(totals *t, const char *java, const char *stele)
{
    for (size_t i = 0; i < t->known_count; i++) {
        known *line = &t->known[i];
        if (!has(java, line->columns[0]) || !has(stele, line->columns[1])) continue;
        line->count++;
        return true;
    }
    return false;
}

/* What Stele says of a text: its canonical form, or "error: …". Caller owns. */
static char *parsed(stele_bytes text)
{
    STELE_AUTO(stele_schema) schema = NULL;
    STELE_AUTO_VALUE(stele_buffer) canonical = {0};
    stele_error err = {0};
    if (stele_schema_parse(text, NULL, &schema, &err) < 0)
        return stele_strdup_format("error: %s", err.text);
    stele_schema_canonical(schema, &canonical);
    return stele_strdup(stele_buffer_text(&canonical));
}

static void compare(totals *t, const json_t *line)
{
    const json_t *text = json_object_get(line, "text");
    const char *java = json_string_value(json_object_get(line, "java"));
    STELE_AUTO(char)
    stele = parsed(stele_bytes_of(json_string_value(text), json_string_length(text)));
    t->texts++;
    bool java_refuses = strncmp(java, "error: ", 7) == 0;
    bool stele_refuses = strncmp(stele, "error: ", 7) == 0;
    if (!java_refuses && strcmp(java, stele) == 0) t->accepted++;
    if (java_refuses ? stele_refuses : strcmp(java, stele) == 0) return;
    if (is_explained(t, java, stele)) {
        t->explained++;
        return;
    }
    t->differences++;
    printf("java   %s\nstele  %s\ntext   %s\n\n", java, stele, json_string_value(text));
}

int main(int argc, char **argv)
{
    static totals t;
    if (argc != 2) {
        fprintf(stderr, "usage: compare_odd odd_differences.tsv < odd.jsonl\n");
        return 2;
    }
    load_known(&t, argv[1]);
    for (;;) {
        json_error_t problem;
        STELE_AUTO(json_t)
        line = json_loadf(stdin, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &problem);
        if (line == NULL) break;
        compare(&t, line);
    }
    printf("%zu odd texts, %zu accepted by both, %zu differences explained, %zu not\n", t.texts,
           t.accepted, t.explained, t.differences);
    for (size_t i = 0; i < t.known_count; i++)
        printf("%6zu  %s | %s\n", t.known[i].count, t.known[i].columns[0], t.known[i].columns[1]);
    return t.texts == 0 || t.differences > 0;
}
