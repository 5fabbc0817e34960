/* SPDX-License-Identifier: MIT
 * Looking into a tree, and writing it. */
#include "schemas/tree.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"

enum { SORTED_MIN = 8 }; /* members that are searched by halves */

int stele_tree_compare(stele_bytes a, stele_bytes b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

bool stele_tree_is(const stele_tree *tree, stele_tree_kind kind)
{
    return tree != NULL && tree->kind == kind;
}

const stele_tree *stele_tree_get(const stele_tree *tree, const char *name)
{
    if (!stele_tree_is(tree, STELE_TREE_OBJECT)) return NULL;
    stele_bytes wanted = stele_text(name);
    if (tree->count < SORTED_MIN) {
        for (size_t i = 0; i < tree->count; i++) {
            if (stele_bytes_equal(tree->names[i], wanted)) return &tree->items[i];
        }
        return NULL;
    }
    size_t low = 0;
    for (size_t high = tree->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = stele_tree_compare(tree->names[tree->sorted[middle]], wanted);
        if (order == 0) return &tree->items[tree->sorted[middle]];
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const stele_tree *stele_tree_at(const stele_tree *tree, size_t index)
{
    return stele_tree_is(tree, STELE_TREE_ARRAY) && index < tree->count ? &tree->items[index]
                                                                        : NULL;
}

const char *stele_tree_string(const stele_tree *tree)
{
    if (!stele_tree_is(tree, STELE_TREE_STRING)) return NULL;
    const char *text = (const char *)tree->text.data;
    return strlen(text) == tree->text.size ? text : NULL;
}

bool stele_tree_is_whole(const stele_tree *tree)
{
    if (!stele_tree_is(tree, STELE_TREE_NUMBER)) return false;
    return strpbrk((const char *)tree->text.data, ".eE") == NULL;
}

bool stele_tree_integer(const stele_tree *tree, int64_t *out)
{
    return stele_tree_is_whole(tree) &&
           stele_parse_int64(tree->text, INT64_MIN, INT64_MAX, out, NULL) == STELE_OK;
}

double stele_tree_real(const stele_tree *tree)
{
    if (!stele_tree_is(tree, STELE_TREE_NUMBER)) return 0;
    /* strtod takes the point of the locale, which an application may have set. */
    STELE_AUTO(char) text = stele_strndup((const char *)tree->text.data, tree->text.size);
    char *point = strchr(text, '.');
    if (point != NULL) *point = localeconv()->decimal_point[0];
    return strtod(text, NULL);
}

/* One form for each number: what no double holds stays as it is written. */
static void write_number(const stele_tree *tree, stele_buffer *out)
{
    int64_t integer;
    double real = stele_tree_real(tree);
    if (stele_tree_integer(tree, &integer)) {
        stele_buffer_format(out, "%lld", (long long)integer);
        return;
    }
    if (stele_tree_is_whole(tree) || isinf(real)) {
        stele_buffer_append(out, tree->text);
        return;
    }
    char text[40];
    snprintf(text, sizeof text, "%.17g", real);
    char *point = strchr(text, localeconv()->decimal_point[0]);
    if (point != NULL) *point = '.';
    char *exponent = strchr(text, 'e');
    if (exponent == NULL) {
        stele_buffer_format(out, point == NULL ? "%s.0" : "%s", text);
        return;
    }
    /* 1e+05 is 1e5, 1e-05 is 1e-5 */
    const char *sign = exponent[1] == '-' ? "-" : "";
    const char *digits = exponent + 2 + strspn(exponent + 2, "0");
    *exponent = '\0';
    stele_buffer_format(out, "%se%s%s", text, sign, digits);
}

static bool equal_members(const stele_tree *a, const stele_tree *b)
{
    for (size_t i = 0; i < a->count; i++) {
        uint32_t one = a->sorted[i];
        uint32_t other = b->sorted[i];
        if (!stele_bytes_equal(a->names[one], b->names[other])) return false;
        if (!stele_tree_equal(&a->items[one], &b->items[other])) return false;
    }
    return true;
}

static bool equal_numbers(const stele_tree *a, const stele_tree *b)
{
    STELE_AUTO_VALUE(stele_buffer) one = {0};
    STELE_AUTO_VALUE(stele_buffer) other = {0};
    write_number(a, &one);
    write_number(b, &other);
    return stele_bytes_equal(stele_buffer_view(&one), stele_buffer_view(&other));
}

bool stele_tree_equal(const stele_tree *a, const stele_tree *b)
{
    if (a->kind != b->kind || a->count != b->count) return false;
    switch (a->kind) {
    case STELE_TREE_NUMBER:
        return equal_numbers(a, b);
    case STELE_TREE_STRING:
        return stele_bytes_equal(a->text, b->text);
    case STELE_TREE_OBJECT:
        return equal_members(a, b);
    case STELE_TREE_ARRAY:
        for (size_t i = 0; i < a->count; i++) {
            if (!stele_tree_equal(&a->items[i], &b->items[i])) return false;
        }
        return true;
    default:
        return true;
    }
}

/* ---- writing ---- */

/* The size of half a surrogate pair at this place, which is 3; else 0. */
static size_t half_size(stele_bytes text, size_t at)
{
    bool half = text.size - at >= 3 && text.data[at] == 0xed && text.data[at + 1] >= 0xa0;
    return half ? 3 : 0;
}

/* One character as Jackson, which Avro Java writes with, escapes it. */
static void write_escaped(uint8_t c, stele_buffer *out)
{
    static const char *const short_forms[] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};
    if (c == '"' || c == '\\') {
        stele_buffer_push(out, '\\');
        stele_buffer_push(out, c);
    } else if (c < sizeof short_forms / sizeof *short_forms && short_forms[c] != NULL) {
        stele_buffer_append(out, stele_text(short_forms[c]));
    } else {
        stele_buffer_format(out, "\\u%04X", (unsigned)c);
    }
}

void stele_tree_write_string(stele_bytes text, stele_buffer *out)
{
    stele_buffer_push(out, '"');
    for (size_t i = 0; i < text.size;) {
        size_t start = i;
        size_t half = 0;
        while (i < text.size && text.data[i] >= ' ' && text.data[i] != '"' &&
               text.data[i] != '\\' && (half = half_size(text, i)) == 0)
            i++;
        stele_buffer_append(out, stele_bytes_of(text.data + start, i - start));
        if (half != 0) {
            unsigned unit = 0xd000u | (text.data[i + 1] & 0x3fu) << 6 | (text.data[i + 2] & 0x3fu);
            stele_buffer_format(out, "\\u%04X", unit);
            i += half;
        } else if (i < text.size) {
            write_escaped(text.data[i++], out);
        }
    }
    stele_buffer_push(out, '"');
}

static void write_values(const stele_tree *tree, bool sorted, stele_buffer *out)
{
    bool object = tree->kind == STELE_TREE_OBJECT;
    stele_buffer_push(out, object ? '{' : '[');
    for (size_t i = 0; i < tree->count; i++) {
        size_t index = object && sorted ? tree->sorted[i] : i;
        if (i > 0) stele_buffer_push(out, ',');
        if (object) {
            stele_tree_write_string(tree->names[index], out);
            stele_buffer_push(out, ':');
        }
        stele_tree_write(&tree->items[index], sorted, out);
    }
    stele_buffer_push(out, object ? '}' : ']');
}

void stele_tree_write(const stele_tree *tree, bool sorted, stele_buffer *out)
{
    switch (tree->kind) {
    case STELE_TREE_NULL:
        stele_buffer_append(out, stele_text("null"));
        break;
    case STELE_TREE_FALSE:
        stele_buffer_append(out, stele_text("false"));
        break;
    case STELE_TREE_TRUE:
        stele_buffer_append(out, stele_text("true"));
        break;
    case STELE_TREE_NUMBER:
        write_number(tree, out);
        break;
    case STELE_TREE_STRING:
        stele_tree_write_string(tree->text, out);
        break;
    default:
        write_values(tree, sorted, out);
        break;
    }
}
