/* SPDX-License-Identifier: MIT
 * The line of a value in JSON text. jansson keeps no positions, so a failure looks for the value in
 * the document and then scans the text again up to the same place. */
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "schemas/schema_object.h"

/* The way from the top to a value: at each level the position within an object or array. */
typedef struct trail {
    size_t *steps;
    size_t count;
    size_t capacity;
} trail;

static void push(trail *t, size_t step)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity == 0 ? 16 : 2 * t->capacity;
        t->steps = stele_realloc_array(t->steps, t->capacity, sizeof *t->steps);
    }
    t->steps[t->count++] = step;
}

/* jansson's parser has limited the depth, and keeps members in the order of the text. */
static bool find(trail *t, const json_t *in, const json_t *at)
{
    if (in == at) return true;
    size_t step = 0;
    if (json_is_array(in)) {
        for (; step < json_array_size(in); step++) {
            push(t, step);
            if (find(t, json_array_get(in, step), at)) return true;
            t->count--;
        }
    } else if (json_is_object(in)) {
        void *place = json_object_iter((json_t *)in);
        for (; place != NULL; step++, place = json_object_iter_next((json_t *)in, place)) {
            push(t, step);
            if (find(t, json_object_iter_value(place), at)) return true;
            t->count--;
        }
    }
    return false;
}

static bool find_member(trail *t, const json_t *object, const char *key)
{
    size_t step = 0;
    void *place = json_object_iter((json_t *)object);
    for (; place != NULL; step++, place = json_object_iter_next((json_t *)object, place)) {
        if (strcmp(json_object_iter_key(place), key) != 0) continue;
        push(t, step);
        return true;
    }
    return false;
}

typedef struct scanner {
    const char *at;
    const char *end;
    size_t line;
} scanner;

static void skip_space(scanner *s)
{
    for (; s->at < s->end && strchr(" \t\r\n", *s->at) != NULL && *s->at != '\0'; s->at++)
        s->line += *s->at == '\n';
}

static void skip_string(scanner *s)
{
    for (s->at++; s->at < s->end && *s->at != '"'; s->at++)
        s->at += *s->at == '\\';
    if (s->at < s->end) s->at++;
}

/* A whole value: brackets are counted, strings are jumped over. */
static void skip_value(scanner *s)
{
    size_t depth = 0;
    do {
        skip_space(s);
        if (s->at >= s->end) return;
        char c = *s->at;
        if (c == '"') {
            skip_string(s);
        } else if (c == '{' || c == '[') {
            depth++;
            s->at++;
        } else if (c == '}' || c == ']') {
            depth--;
            s->at++;
        } else if (c == ',' || c == ':') {
            s->at++;
        } else {
            do
                s->at++;
            while (s->at < s->end && strchr(" \t\r\n,:]}", *s->at) == NULL);
        }
    } while (depth > 0);
}

static void skip_key(scanner *s)
{
    skip_space(s);
    skip_string(s);
    skip_space(s);
    s->at++; /* the colon */
}

static void enter(scanner *s, size_t step)
{
    skip_space(s);
    bool object = s->at < s->end && *s->at == '{';
    s->at++;
    for (size_t i = 0; i < step && s->at < s->end; i++) {
        if (object) skip_key(s);
        skip_value(s);
        skip_space(s);
        s->at++; /* the comma */
    }
    if (object) skip_key(s);
    skip_space(s);
}

size_t stele_json_line(stele_bytes text, const json_t *document, const json_t *at, const char *key)
{
    if (document == NULL || at == NULL || text.size == 0) return 1;
    trail t = {0};
    if (find(&t, document, at) && key != NULL) find_member(&t, at, key);

    scanner s = {(const char *)text.data, (const char *)text.data + text.size, 1};
    skip_space(&s);
    for (size_t i = 0; i < t.count; i++)
        enter(&s, t.steps[i]);
    free(t.steps);
    return s.line;
}
