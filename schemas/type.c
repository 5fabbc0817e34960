/* SPDX-License-Identifier: MIT
 * Memory layouts at run time, by the rules at the head of type.h: the same structs that the code
 * generator writes and the C compiler lays out. */
#include <stele/type.h>

#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/table.h"
#include "schemas/layout.h"
#include "schemas/model.h"
#include "schemas/schema_text.h"
#include "schemas/scopes.h"

const char stele_abi_1 = 1;

enum { SIZE_MAX_BYTES = 16 * 1024 * 1024, CHAIN_MAX = 1000 };

typedef struct run_time_type {
    stele_type type; /* first, so that the type is the object */
    stele_schema *schema;
    stele_arena *memory;
    stele_buffer text;
} run_time_type;

typedef struct named_layout {
    stele_layout *layout;
    bool open; /* its members are being made */
} named_layout;

typedef struct builder {
    stele_arena *memory;
    stele_table *named;   /* const stele_node * -> named_layout */
    stele_layout **lists; /* arrays and maps, measured when all else is */
    stele_member **items; /* their items */
    size_t list_count;
    bool too_large;
} builder;

static void *take(builder *b, size_t count, size_t size)
{
    void *memory = stele_arena_take(b->memory, count * size);
    memset(memory, 0, count * size);
    return memory;
}

static bool is_small_decimal(const stele_node *node)
{
    return node->logical == STELE_LOGICAL_DECIMAL && node->precision <= 18;
}

/* Shapes: everything but sizes and offsets. */

static stele_layout *make(builder *b, const stele_node *node, const stele_node *group);

/* Its kind, where nothing but its kind says how it is written. */
static stele_kind plain_kind(const stele_member *member)
{
    const stele_layout *layout = member->layout;
    if (member->flag_offset != STELE_NO_FLAG || member->pointer) return STELE_KIND_NULL;
    bool other_form =
        layout->logical == STELE_LOGICAL_DECIMAL || layout->logical == STELE_LOGICAL_DURATION;
    return other_form ? STELE_KIND_NULL : layout->kind;
}

/* From each field, how many of its kind follow one another. */
static void note_runs(stele_member *members, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        bool last = i + 1 == count || members[i + 1].plain != members[i].plain ||
                    members[i + 1].run == STELE_RUN_MAX;
        members[i].run = last ? 1 : (uint8_t)(members[i + 1].run + 1);
    }
}

/* Is the member that is being made a part of this type? */
static bool is_open(const builder *b, const stele_node *node)
{
    const named_layout *found = stele_table_find(b->named, stele_bytes_of(&node, sizeof node));
    return found != NULL && found->open;
}

/* A value of `node` as a field or an item; `group` is that of the record that holds it in place. */
static void make_member(builder *b, const stele_node *node, const stele_node *group,
                        const char *name, stele_member *member)
{
    size_t null_index;
    *member = (stele_member){.name = name, .flag_offset = STELE_NO_FLAG};
    if (stele_node_is_optional(node, &null_index)) {
        member->flag_offset = 0; /* it has one; measure() says where */
        member->null_first = null_index == 0;
        node = node->branches[1 - null_index];
    }
    member->pointer = node->kind == STELE_KIND_RECORD && group != NULL && node->group == group;
    member->recurs = !member->pointer && is_open(b, node);
    member->layout = make(b, node, group);
    member->plain = (uint8_t)plain_kind(member);
    member->run = 1;
}

/* A default as text; NULL for none. */
static const char *text_of(builder *b, const stele_tree *standard)
{
    if (standard == NULL) return NULL;
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_tree_write(standard, false, &text);
    const char *written = stele_buffer_text(&text);
    return memcpy(take(b, text.size + 1, 1), written, text.size + 1);
}

static void make_fields(builder *b, const stele_node *node, stele_layout *layout)
{
    stele_member *members = take(b, node->count, sizeof *members);
    layout->members = members;
    layout->count = (uint32_t)node->count;
    for (size_t i = 0; i < node->count; i++) {
        make_member(b, node->fields[i].type, node->group, node->fields[i].name, &members[i]);
        members[i].standard = text_of(b, node->fields[i].standard);
    }
    note_runs(members, node->count);
}

static void make_branches(builder *b, const stele_node *node, const stele_node *group,
                          stele_layout *layout)
{
    stele_member *members = take(b, node->count, sizeof *members);
    layout->members = members;
    layout->count = (uint32_t)node->count;
    for (size_t i = 0; i < node->count; i++) {
        const stele_node *branch = node->branches[i];
        make_member(b, branch, group, stele_node_name(branch), &members[i]);
        if (branch->kind == STELE_KIND_NULL) members[i].layout = NULL;
    }
}

static void make_item(builder *b, const stele_node *node, stele_layout *layout)
{
    stele_member *item = take(b, 1, sizeof *item);
    make_member(b, node->item, NULL, NULL, item);
    layout->item = item;
    size_t count = b->list_count;
    if ((count & (count - 1)) == 0) {
        size_t room = count == 0 ? 1 : 2 * count;
        b->lists = stele_realloc_array(b->lists, room, sizeof(stele_layout *));
        b->items = stele_realloc_array(b->items, room, sizeof(stele_member *));
    }
    b->lists[count] = layout;
    b->items[count] = item;
    b->list_count++;
}

/* The parser has limited how deep this goes. */
static stele_layout *make(builder *b, const stele_node *node, const stele_node *group)
{
    named_layout *named = NULL;
    if (stele_node_is_named(node)) {
        bool is_new;
        named = stele_table_insert(b->named, stele_bytes_of(&node, sizeof node), &is_new);
        if (!is_new) return named->layout;
    }
    stele_layout *layout = take(b, 1, sizeof *layout);
    if (named != NULL) *named = (named_layout){.layout = layout, .open = true};
    layout->kind = node->kind;
    layout->logical = node->logical;
    layout->name = node->name;
    layout->fixed_size = node->fixed_size;
    layout->precision = node->precision;
    layout->scale = node->scale;
    switch (node->kind) {
    case STELE_KIND_RECORD:
        make_fields(b, node, layout);
        break;
    case STELE_KIND_UNION:
        make_branches(b, node, group, layout);
        break;
    case STELE_KIND_ENUM:
        layout->symbols = node->symbols;
        layout->count = (uint32_t)node->count;
        break;
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        make_item(b, node, layout);
        break;
    default:
        break;
    }
    if (named != NULL) named->open = false;
    if (is_small_decimal(node)) layout->size = layout->align = sizeof(int64_t);
    return layout;
}

/* Sizes. */

typedef struct extent {
    uint64_t size;
    uint64_t align;
} extent;

/* Put something of this size behind what is there, and return its offset. */
static uint32_t extend(builder *b, extent *whole, uint64_t size, uint64_t align)
{
    uint64_t offset = (whole->size + align - 1) / align * align;
    whole->size = offset + size;
    if (align > whole->align) whole->align = align;
    if (whole->size <= SIZE_MAX_BYTES) return (uint32_t)offset;
    b->too_large = true;
    whole->size = 0;
    return 0;
}

static void close_extent(builder *b, extent *whole, stele_layout *layout)
{
    if (whole->align == 0) whole->align = 1;
    extend(b, whole, 0, whole->align);
    layout->size = (uint32_t)whole->size;
    layout->align = (uint32_t)whole->align;
}

static void measure(builder *b, stele_layout *layout, unsigned left);

/* A layout that was made here and is not yet handed out. */
static stele_layout *own(const stele_layout *layout)
{
    return (stele_layout *)layout;
}

static void place_member(builder *b, extent *whole, stele_member *member, unsigned left)
{
    if (member->flag_offset != STELE_NO_FLAG) {
        member->flag_offset = extend(b, whole, sizeof(bool), alignof(bool));
    }
    if (member->pointer) {
        member->offset = extend(b, whole, sizeof(void *), alignof(void *));
    } else {
        measure(b, own(member->layout), left);
        member->offset = extend(b, whole, member->layout->size, member->layout->align);
    }
}

static void measure_record(builder *b, stele_layout *layout, unsigned left)
{
    extent whole = {0};
    for (uint32_t i = 0; i < layout->count && !b->too_large; i++)
        place_member(b, &whole, (stele_member *)&layout->members[i], left);
    if (layout->count == 0) extend(b, &whole, 1, 1); /* C has no struct without a member */
    close_extent(b, &whole, layout);
}

/* The branch's index, and behind it, aligned for all of them, the branches. */
static void measure_union(builder *b, stele_layout *layout, unsigned left)
{
    extent as = {0};
    for (uint32_t i = 0; i < layout->count && !b->too_large; i++) {
        stele_member *member = (stele_member *)&layout->members[i];
        if (member->layout == NULL) continue;
        extent branch = {0};
        place_member(b, &branch, member, left);
        if (branch.size > as.size) as.size = branch.size;
        if (branch.align > as.align) as.align = branch.align;
    }
    extent whole = {0};
    extend(b, &whole, sizeof(int32_t), alignof(int32_t));
    uint32_t start = as.align == 0 ? 0 : extend(b, &whole, as.size, as.align);
    for (uint32_t i = 0; i < layout->count; i++) {
        stele_member *member = (stele_member *)&layout->members[i];
        if (member->layout != NULL) member->offset = start;
    }
    close_extent(b, &whole, layout);
}

#define MEASURE(type)                                                                              \
    (layout->size = (uint32_t)sizeof(type), layout->align = (uint32_t)alignof(type))

static void measure_scalar(builder *b, stele_layout *layout)
{
    switch (layout->kind) {
    case STELE_KIND_BOOLEAN:
        MEASURE(bool);
        break;
    case STELE_KIND_INT:
    case STELE_KIND_ENUM:
        MEASURE(int32_t);
        break;
    case STELE_KIND_LONG:
        MEASURE(int64_t);
        break;
    case STELE_KIND_FLOAT:
        MEASURE(float);
        break;
    case STELE_KIND_DOUBLE:
        MEASURE(double);
        break;
    case STELE_KIND_ARRAY:
        MEASURE(stele_array);
        break;
    case STELE_KIND_MAP:
        MEASURE(stele_map);
        break;
    case STELE_KIND_FIXED:
        if (layout->logical == STELE_LOGICAL_DURATION) {
            MEASURE(stele_duration);
            break;
        }
        b->too_large = b->too_large || layout->fixed_size > SIZE_MAX_BYTES;
        layout->size = layout->fixed_size == 0 ? 1 : layout->fixed_size; /* as no array is empty */
        layout->align = 1;
        break;
    case STELE_KIND_NULL:
        MEASURE(uint8_t);
        break;
    default:
        MEASURE(stele_bytes);
        break;
    }
}

/* In the order in which values lie within one another, which may be another than that of the text.
 */
static void measure(builder *b, stele_layout *layout, unsigned left)
{
    if (layout->size != 0) return;
    if (left == 0) {
        b->too_large = true;
        layout->size = layout->align = 1;
    } else if (layout->kind == STELE_KIND_RECORD) {
        measure_record(b, layout, left - 1);
    } else if (layout->kind == STELE_KIND_UNION) {
        measure_union(b, layout, left - 1);
    } else {
        measure_scalar(b, layout);
    }
}

static void measure_list(builder *b, stele_layout *list, stele_member *item)
{
    extent whole = {0};
    if (list->kind == STELE_KIND_MAP) extend(b, &whole, sizeof(stele_bytes), alignof(stele_bytes));
    place_member(b, &whole, item, CHAIN_MAX);
    extend(b, &whole, 0, whole.align);
    list->stride = (uint32_t)whole.size;
}

static stele_layout *build(builder *b, const stele_node *root)
{
    stele_layout *top = make(b, root, NULL);
    measure(b, top, CHAIN_MAX);
    stele_table_cursor cursor = {0};
    named_layout *named; /* some records are held by pointers only */
    while ((named = stele_table_next(b->named, &cursor)) != NULL)
        measure(b, named->layout, CHAIN_MAX);
    for (size_t i = 0; i < b->list_count; i++) {
        measure(b, b->lists[i], CHAIN_MAX);
        measure_list(b, b->lists[i], b->items[i]);
    }
    return top;
}

stele_status stele_type_new(const stele_schema *schema, stele_type **out, stele_error *err)
{
    run_time_type *made = stele_alloc(sizeof *made);
    made->schema = stele_schema_retain(schema);
    made->memory = stele_arena_new();
    STELE_AUTO(stele_type) type = &made->type;

    builder b = {.memory = made->memory, .named = stele_table_new(sizeof(named_layout), 0)};
    type->layout = build(&b, stele_schema_root(schema));
    stele_table_free(b.named);
    free(b.lists);
    free(b.items);
    if (b.too_large) {
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                          "a value of %s, or an item in it, takes more than %d bytes of memory",
                          stele_schema_name(schema), SIZE_MAX_BYTES);
    }
    type->name = stele_schema_name(schema);
    stele_schema_write(schema, &made->text);
    type->schema = stele_buffer_text(&made->text);

    *out = type;
    type = NULL;
    return STELE_OK;
}

void stele_type_free(stele_type *type)
{
    if (type == NULL) return;
    run_time_type *made = (run_time_type *)type;
    stele_buffer_clear(&made->text);
    stele_arena_free(made->memory);
    stele_schema_free(made->schema);
    free(made);
}
