/* SPDX-License-Identifier: MIT
 * Records that contain one another. Those that could never end are refused; the others form groups
 * whose members hold one another by pointer. Groups are the strongly connected components of the
 * records' graph, found by Tarjan's algorithm with a stack of its own. */
#include <stdlib.h>

#include "core/alloc.h"
#include "schemas/schema_object.h"

/* Types that lead from one to the next, which later walks follow by recursion. */
enum { CHAIN_MAX = 1000 };

typedef struct visit {
    stele_node *record;
    size_t field;
    size_t branch;
} visit;

typedef struct walk {
    const stele_schema *schema;
    bool must;       /* follow only what a value cannot do without */
    uint32_t *order; /* by serial: when it was reached, from 1; 0: not yet */
    uint32_t *low;
    bool *open; /* by serial: on the stack of records whose group is not known */
    stele_node **stack;
    size_t stack_count;
    visit *path;
    size_t depth;
    uint32_t reached;
} walk;

static bool is_own(const walk *w, const stele_node *node)
{
    return node->kind == STELE_KIND_RECORD && node->serial < w->schema->record_count &&
           w->schema->records[node->serial] == node;
}

/* The next record that the one on top of the path contains in place, or NULL. */
static const stele_node *next_inner(const walk *w, visit *v)
{
    while (v->field < v->record->count) {
        const stele_node *type = v->record->fields[v->field].type;
        size_t branch = v->branch++;
        bool is_union = type->kind == STELE_KIND_UNION;
        if (is_union && branch < type->count && !(w->must && type->count > 1)) {
            if (is_own(w, type->branches[branch])) return type->branches[branch];
        } else if (!is_union && branch == 0) {
            if (is_own(w, type)) return type;
        } else {
            v->field++;
            v->branch = 0;
        }
    }
    return NULL;
}

static void enter(walk *w, stele_node *record)
{
    w->order[record->serial] = w->low[record->serial] = ++w->reached;
    w->open[record->serial] = true;
    w->stack[w->stack_count++] = record;
    w->path[w->depth++] = (visit){.record = record};
}

static void lower(walk *w, const stele_node *record, uint32_t low)
{
    if (low < w->low[record->serial]) w->low[record->serial] = low;
}

static void leave(walk *w)
{
    stele_node *record = w->path[--w->depth].record;
    uint32_t low = w->low[record->serial];
    if (w->depth > 0) lower(w, w->path[w->depth - 1].record, low);
    if (low != w->order[record->serial]) return;
    stele_node *member;
    do {
        member = w->stack[--w->stack_count];
        w->open[member->serial] = false;
        member->group = record;
    } while (member != record);
}

static void find_groups(walk *w, stele_node *start)
{
    enter(w, start);
    while (w->depth > 0) {
        visit *top = &w->path[w->depth - 1];
        const stele_node *inner = next_inner(w, top);
        if (inner == NULL) {
            leave(w);
        } else if (w->order[inner->serial] == 0) {
            enter(w, w->schema->records[inner->serial]);
        } else if (w->open[inner->serial]) {
            lower(w, top->record, w->order[inner->serial]);
        }
    }
}

static void group_all(const stele_schema *schema, bool must)
{
    size_t count = schema->record_count;
    walk w = {.schema = schema, .must = must};
    w.order = stele_alloc_array(count + 1, sizeof *w.order);
    w.low = stele_alloc_array(count + 1, sizeof *w.low);
    w.open = stele_alloc_array(count + 1, sizeof *w.open);
    w.stack = stele_alloc_array(count + 1, sizeof(stele_node *));
    w.path = stele_alloc_array(count + 1, sizeof *w.path);
    for (size_t i = 0; i < count; i++) {
        if (w.order[i] == 0) find_groups(&w, schema->records[i]);
    }
    free(w.order);
    free(w.low);
    free(w.open);
    free(w.stack);
    free(w.path);
}

/* A field that must hold a record of its own record's group never ends. */
static stele_status refuse_endless(stele_parser *parser)
{
    const stele_schema *schema = parser->schema;
    for (size_t i = 0; i < schema->record_count; i++) {
        const stele_node *record = schema->records[i];
        for (size_t k = 0; k < record->count; k++) {
            const stele_node *type = record->fields[k].type;
            if (type->kind == STELE_KIND_UNION && type->count == 1) type = type->branches[0];
            if (type->kind != STELE_KIND_RECORD || type->group != record->group) continue;
            return stele_parser_fail(parser, STELE_E_INVALID, record->fields[k].source, NULL,
                                     "the field %s makes every %s contain another one without end; "
                                     "make it a union with null, or an array",
                                     record->fields[k].name, record->name);
        }
    }
    return STELE_OK;
}

/* How deep a walk goes that enters each record once; false past the limit. */
static bool is_shallow(stele_table *seen, const stele_node *node, unsigned left)
{
    if (left == 0) return false;
    if (node->kind == STELE_KIND_ARRAY || node->kind == STELE_KIND_MAP) {
        return is_shallow(seen, node->item, left - 1);
    }
    if (node->kind == STELE_KIND_UNION) {
        for (size_t i = 0; i < node->count; i++) {
            if (!is_shallow(seen, node->branches[i], left - 1)) return false;
        }
    } else if (node->kind == STELE_KIND_RECORD) {
        bool is_new;
        stele_table_insert(seen, stele_bytes_of(&node, sizeof node), &is_new);
        for (size_t i = 0; i < node->count && is_new; i++) {
            if (!is_shallow(seen, node->fields[i].type, left - 1)) return false;
        }
    }
    return true;
}

stele_status stele_parse_groups(stele_parser *parser)
{
    const stele_schema *schema = parser->schema;
    group_all(schema, true);
    stele_status status = refuse_endless(parser);
    if (status < 0) return status;
    group_all(schema, false);

    STELE_AUTO(stele_table) seen = stele_table_new(1, 0);
    if (is_shallow(seen, schema->root, CHAIN_MAX)) return STELE_OK;
    return stele_parser_fail(parser, STELE_E_LIMIT, schema->document, NULL,
                             "types lead from one to the next more than %d deep", CHAIN_MAX);
}
