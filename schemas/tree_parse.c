/* SPDX-License-Identifier: MIT
 * From JSON text to a tree. Recursion is as deep as the text is nested, which is limited. */
#include "schemas/tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"

enum { NESTING_MAX = 2048 };

/* Values that are read and wait for the end of the array or object that they are in. */
typedef struct pile {
    stele_tree *values;
    stele_bytes *names;
    size_t count;
    size_t room;
} pile;

typedef struct parser {
    const char *start;
    const char *at;
    const char *end;
    size_t line;
    unsigned depth;
    bool comments;
    stele_arena *arena;
    pile pile;
    stele_buffer text; /* of the string that is being read */
    stele_tree_problem *problem;
} parser;

static STELE_PRINTF(2, 3) bool fail(parser *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->problem->why, sizeof p->problem->why, format, arguments);
    va_end(arguments);
    p->problem->line = p->line;
    p->problem->byte = (size_t)(p->at - p->start);
    return false;
}

static char peek(const parser *p)
{
    return p->at < p->end ? *p->at : '\0';
}

static bool skip_comment(parser *p)
{
    if (p->at + 1 < p->end && p->at[1] == '/') {
        while (p->at < p->end && *p->at != '\n' && *p->at != '\r')
            p->at++;
        return true;
    }
    if (p->at + 1 >= p->end || p->at[1] != '*') return fail(p, "a lone /");
    for (const char *at = p->at + 2; at + 1 < p->end; at++) {
        if (at[0] != '*' || at[1] != '/') continue;
        for (; p->at < at; p->at++)
            p->line += *p->at == '\n';
        p->at += 2;
        return true;
    }
    return fail(p, "a comment without its end");
}

static bool skip_blanks(parser *p)
{
    for (; p->at < p->end; p->at++) {
        if (*p->at == '\n') p->line++;
        if (*p->at == ' ' || *p->at == '\t' || *p->at == '\r' || *p->at == '\n') continue;
        if (*p->at != '/' || !p->comments) return true;
        if (!skip_comment(p)) return false;
        p->at--;
    }
    return true;
}

/* What is here instead of what was expected. */
static bool fail_at(parser *p, const char *expected)
{
    if (p->at == p->end) return fail(p, "it ends where %s was expected", expected);
    return fail(
        p, "%s was expected, not %s", expected,
        stele_quote(
            stele_bytes_of(p->at, (size_t)(p->end - p->at) < 12 ? (size_t)(p->end - p->at) : 12))
            .text);
}

/* ---- strings ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The four digits behind \u, which are passed over; negative: they are none. */
static int32_t read_unit(const char **at, const char *end)
{
    int32_t unit = 0;
    if (end - *at < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value((*at)[i]);
        if (digit < 0) return -1;
        unit = unit << 4 | digit;
    }
    *at += 4;
    return unit;
}

static void put_character(stele_buffer *out, uint32_t c)
{
    if (c < 0x80) {
        stele_buffer_push(out, (uint8_t)c);
        return;
    }
    if (c < 0x800) {
        stele_buffer_push(out, (uint8_t)(0xc0 | c >> 6));
    } else if (c < 0x10000) {
        stele_buffer_push(out, (uint8_t)(0xe0 | c >> 12));
        stele_buffer_push(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
    } else {
        stele_buffer_push(out, (uint8_t)(0xf0 | c >> 18));
        stele_buffer_push(out, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        stele_buffer_push(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
    }
    stele_buffer_push(out, (uint8_t)(0x80 | (c & 0x3f)));
}

/* Behind \u. Two halves of a surrogate pair are one character; a half alone stays one. */
static bool read_unicode(parser *p)
{
    int32_t unit = read_unit(&p->at, p->end);
    if (unit < 0) return fail(p, "\\u is not followed by four hexadecimal digits");
    uint32_t c = (uint32_t)unit;
    if (c >= 0xd800 && c < 0xdc00 && p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u') {
        const char *behind = p->at + 2;
        int32_t low = read_unit(&behind, p->end);
        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
            p->at = behind;
        }
    }
    put_character(&p->text, c);
    return true;
}

static bool read_escape(parser *p)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    char c = peek(p);
    if (c == 'u') {
        p->at++;
        return read_unicode(p);
    }
    const char *found = c == '\0' ? NULL : strchr(from, c);
    if (found == NULL) return fail(p, "a \\ is not followed by what JSON knows");
    stele_buffer_push(&p->text, (uint8_t)to[found - from]);
    p->at++;
    return true;
}

/* From the quote on; a copy in the arena. */
static bool read_string(parser *p, stele_bytes *out)
{
    stele_buffer_reset(&p->text);
    p->at++;
    for (;;) {
        const char *run = p->at;
        while (p->at < p->end && *p->at != '"' && *p->at != '\\' && (unsigned char)*p->at >= ' ')
            p->at++;
        stele_buffer_append(&p->text, stele_bytes_of(run, (size_t)(p->at - run)));
        if (p->at == p->end) return fail(p, "a string without its closing quote");
        if (*p->at == '"') break;
        if (*p->at != '\\') {
            return fail(p, "the control character \\x%02x in a string; write it with a \\",
                        (unsigned)(unsigned char)*p->at);
        }
        p->at++;
        if (!read_escape(p)) return false;
    }
    p->at++;
    char *copy = stele_arena_take(p->arena, p->text.size + 1);
    if (p->text.size != 0) memcpy(copy, p->text.data, p->text.size);
    copy[p->text.size] = '\0';
    *out = stele_bytes_of(copy, p->text.size);
    return true;
}

/* ---- numbers and words ---- */

static size_t count_digits(const parser *p, const char *at)
{
    size_t count = 0;
    while (at + count < p->end && at[count] >= '0' && at[count] <= '9')
        count++;
    return count;
}

static bool read_number(parser *p, stele_bytes *out)
{
    const char *at = p->at + (*p->at == '-');
    size_t whole = count_digits(p, at);
    if (whole == 0) return fail_at(p, "a value");
    if (whole > 1 && *at == '0') return fail(p, "a number that begins with 0");
    at += whole;
    if (at < p->end && *at == '.') {
        size_t fraction = count_digits(p, ++at);
        if (fraction == 0) return fail(p, "a number without digits behind its point");
        at += fraction;
    }
    if (at < p->end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < p->end && (*at == '+' || *at == '-');
        size_t exponent = count_digits(p, at);
        if (exponent == 0) return fail(p, "a number without digits behind its e");
        at += exponent;
    }
    size_t size = (size_t)(at - p->at);
    char *copy = stele_arena_take(p->arena, size + 1);
    memcpy(copy, p->at, size);
    copy[size] = '\0';
    *out = stele_bytes_of(copy, size);
    p->at = at;
    return true;
}

static bool read_word(parser *p, stele_tree_kind *kind)
{
    static const struct {
        const char *word;
        stele_tree_kind kind;
    } words[] = {{"null", STELE_TREE_NULL}, {"false", STELE_TREE_FALSE}, {"true", STELE_TREE_TRUE}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t size = strlen(words[i].word);
        if ((size_t)(p->end - p->at) < size || memcmp(p->at, words[i].word, size) != 0) continue;
        p->at += size;
        *kind = words[i].kind;
        return true;
    }
    return fail_at(p, "a value");
}

/* ---- arrays and objects ---- */

static bool read_value(parser *p, stele_tree *out);

static void push(pile *on, stele_bytes name, stele_tree value)
{
    if (on->count == on->room) {
        on->room = on->room == 0 ? 64 : 2 * on->room;
        on->values = stele_realloc_array(on->values, on->room, sizeof *on->values);
        on->names = stele_realloc_array(on->names, on->room, sizeof *on->names);
    }
    on->names[on->count] = name;
    on->values[on->count++] = value;
}

typedef struct placed {
    stele_bytes name;
    uint32_t index;
} placed;

static int compare_placed(const void *a, const void *b)
{
    return stele_tree_compare(((const placed *)a)->name, ((const placed *)b)->name);
}

/* Sort the names of an object; false if two are the same. */
static bool sort_names(parser *p, stele_tree *object)
{
    size_t count = object->count;
    placed *names = stele_alloc_array(count + 1, sizeof *names);
    uint32_t *sorted = stele_arena_take(p->arena, count * sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        names[i] = (placed){object->names[i], (uint32_t)i};
    if (count > 1) qsort(names, count, sizeof *names, compare_placed);
    bool unique = true;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = names[i].index;
        if (i == 0 || !unique || compare_placed(&names[i - 1], &names[i]) != 0) continue;
        unique =
            fail(p, "the name %s is there twice in one object", stele_quote(names[i].name).text);
    }
    free(names);
    object->sorted = sorted;
    return unique;
}

/* Take what is on the pile from `first` on into an array or object. */
static bool close_values(parser *p, size_t first, stele_tree *out)
{
    size_t count = p->pile.count - first;
    p->pile.count = first;
    out->count = count;
    stele_tree *items = stele_arena_take(p->arena, count * sizeof *items);
    if (count > 0) memcpy(items, p->pile.values + first, count * sizeof *items);
    out->items = items;
    if (out->kind == STELE_TREE_ARRAY) return true;
    stele_bytes *names = stele_arena_take(p->arena, count * sizeof *names);
    if (count > 0) memcpy(names, p->pile.names + first, count * sizeof *names);
    out->names = names;
    return sort_names(p, out);
}

static bool read_name(parser *p, stele_bytes *name)
{
    if (peek(p) != '"') return fail_at(p, "a name in quotes");
    if (!read_string(p, name) || !skip_blanks(p)) return false;
    if (peek(p) != ':') return fail_at(p, "a colon");
    p->at++;
    return skip_blanks(p);
}

/* From the bracket on. */
static bool read_values(parser *p, stele_tree *out)
{
    bool object = *p->at == '{';
    const char closing = object ? '}' : ']';
    size_t first = p->pile.count;
    out->kind = object ? STELE_TREE_OBJECT : STELE_TREE_ARRAY;
    if (p->depth == NESTING_MAX) return fail(p, "nested more than %d deep", NESTING_MAX);
    p->depth++;
    p->at++;
    if (!skip_blanks(p)) return false;
    while (peek(p) != closing || p->pile.count > first) {
        stele_bytes name = {0};
        stele_tree value;
        if (object && !read_name(p, &name)) return false;
        if (!read_value(p, &value) || !skip_blanks(p)) return false;
        push(&p->pile, name, value);
        if (peek(p) == closing) break;
        if (peek(p) != ',') return fail_at(p, object ? "a comma or }" : "a comma or ]");
        p->at++;
        if (!skip_blanks(p)) return false;
    }
    p->at++;
    p->depth--;
    return close_values(p, first, out);
}

static bool read_value(parser *p, stele_tree *out)
{
    *out = (stele_tree){.line = (uint32_t)p->line};
    char c = peek(p);
    if (c == '{' || c == '[') return read_values(p, out);
    if (c == '"') {
        out->kind = STELE_TREE_STRING;
        return read_string(p, &out->text);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        out->kind = STELE_TREE_NUMBER;
        return read_number(p, &out->text);
    }
    return read_word(p, &out->kind);
}

/* The first byte that is not UTF-8, or the end. */
static size_t valid_size(stele_bytes text)
{
    size_t at = 0;
    for (size_t size; (size = stele_utf8_size(text, at)) != 0;)
        at += size;
    return at;
}

static bool read_all(parser *p, stele_tree *out)
{
    size_t size = (size_t)(p->end - p->start);
    size_t valid = valid_size(stele_bytes_of(p->start, size));
    if (valid < size) {
        for (; p->at < p->start + valid; p->at++)
            p->line += *p->at == '\n';
        return fail(p, "it is not UTF-8");
    }
    if (size >= 3 && memcmp(p->start, "\xef\xbb\xbf", 3) == 0) {
        return fail(p, "it begins with a byte order mark; save it as UTF-8 without one");
    }
    if (!skip_blanks(p) || !read_value(p, out) || !skip_blanks(p)) return false;
    return p->at == p->end || fail_at(p, "the end");
}

const stele_tree *stele_tree_parse(stele_bytes text, const stele_tree_options *options,
                                   stele_arena *arena, stele_tree_problem *problem)
{
    const char *start = text.data == NULL ? "" : (const char *)text.data;
    parser p = {.start = start,
                .at = start,
                .end = start + text.size,
                .line = 1,
                .comments = options != NULL && options->comments,
                .arena = arena,
                .problem = problem};
    stele_tree *tree = stele_arena_take(arena, sizeof *tree);
    bool good = read_all(&p, tree);
    free(p.pile.values);
    free(p.pile.names);
    stele_buffer_clear(&p.text);
    return good ? tree : NULL;
}
