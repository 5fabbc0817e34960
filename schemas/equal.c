/* SPDX-License-Identifier: MIT
 * Equality of schemas in all that decoding can see. */
#include <string.h>

#include "core/table.h"
#include "schemas/model.h"

/** One comparison. */
typedef struct comparison {
    stele_table *seen; /* pairs of records */
    bool reading; /* does what says how to read other schemas count: aliases, defaults of enums? */
} comparison;

static bool same(comparison *c, const stele_node *a, const stele_node *b);

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_names(const char *const *a, size_t a_count, const char *const *b, size_t b_count)
{
    if (a_count != b_count) return false;
    for (size_t i = 0; i < a_count; i++) {
        if (strcmp(a[i], b[i]) != 0) return false;
    }
    return true;
}

static bool same_fields(comparison *c, const stele_node *a, const stele_node *b)
{
    for (size_t i = 0; i < a->count; i++) {
        const stele_field *one = &a->fields[i];
        const stele_field *other = &b->fields[i];
        if (strcmp(one->name, other->name) != 0) return false;
        if (c->reading &&
            !same_names(one->aliases, one->alias_count, other->aliases, other->alias_count)) {
            return false;
        }
        if ((one->standard == NULL) != (other->standard == NULL)) return false;
        if (one->standard != NULL && !stele_tree_equal(one->standard, other->standard))
            return false;
        if (!same(c, one->type, other->type)) return false;
    }
    return true;
}

static bool same_branches(comparison *c, const stele_node *a, const stele_node *b)
{
    for (size_t i = 0; i < a->count; i++) {
        if (!same(c, a->branches[i], b->branches[i])) return false;
    }
    return true;
}

/* A pair of records that is being compared, or was, counts as equal: if it is not, that is found
 * where it came up first. The parser has limited how deep this goes. */
static bool same(comparison *c, const stele_node *a, const stele_node *b)
{
    if (a == b) return true;
    if (a->kind != b->kind || a->logical != b->logical || a->precision != b->precision ||
        a->scale != b->scale || a->fixed_size != b->fixed_size || a->count != b->count ||
        !same_text(a->name, b->name) ||
        (c->reading && !same_names(a->aliases, a->alias_count, b->aliases, b->alias_count))) {
        return false;
    }
    switch (a->kind) {
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        return same(c, a->item, b->item);
    case STELE_KIND_UNION:
        return same_branches(c, a, b);
    case STELE_KIND_ENUM:
        return (!c->reading || a->standard == b->standard) &&
               same_names(a->symbols, a->count, b->symbols, b->count);
    case STELE_KIND_RECORD: {
        const stele_node *pair[2] = {a, b};
        bool is_new;
        stele_table_insert(c->seen, stele_bytes_of(pair, sizeof pair), &is_new);
        return !is_new || same_fields(c, a, b);
    }
    default:
        return true;
    }
}

bool stele_node_equal(const stele_node *a, const stele_node *b, bool reading)
{
    STELE_AUTO(stele_table) seen = stele_table_new(1, 0);
    comparison c = {.seen = seen, .reading = reading};
    return same(&c, a, b);
}

bool stele_schema_equal(const stele_schema *a, const stele_schema *b)
{
    return stele_node_equal(stele_schema_root(a), stele_schema_root(b), true);
}
