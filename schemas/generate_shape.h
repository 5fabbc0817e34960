/* SPDX-License-Identifier: MIT
 * The C types that the generator names: which there are, what they and their members are called,
 * and in which order they can be defined. Internal to the generator. */
#ifndef STELE_SCHEMAS_GENERATE_SHAPE_H
#define STELE_SCHEMAS_GENERATE_SHAPE_H

#include <stele/type.h>

#include "core/scope.h"
#include "schemas/generate_names.h"
#include "schemas/layout.h"

/**
 * A C type with a name: of a record, an enum, a fixed, or of an array, a map or a union, which are
 * structs that belong to the record that they are in.
 */
typedef struct stele_shape {
    const stele_layout *layout;
    struct stele_shape *owner;  /* the record that it belongs to; itself for a named type */
    struct stele_shape *parent; /* array, map, union: the shape that it is in */
    const char *within;         /* array, map, union: what it is called in `parent` */
    char *key;                  /* what it is in Avro: the same in every file that has it */
    char *name;                 /* of the C type */
    char *element; /* struct of a map's entry or of an array's optional item, or NULL */
    struct stele_shape **inner; /* shape of each member's value, of [0] the item's; or NULL */
    char **words;    /* C names of fields, branches or symbols; one if an enum has no symbol */
    char **flags;    /* record: of has_x; union: of the branches' constants; or NULL */
    size_t wire_min; /* bytes that a value takes at least, or fewer */
    size_t index;    /* in the set, in order of first use */
    size_t rank;     /* those that it contains have lower ones, unless it recurs */
    bool recursive;  /* a value of it may contain another one */
} stele_shape;

/** All shapes of one schema. Owns them. */
typedef struct stele_shapes {
    stele_shape **items;
    stele_shape **by_rank; /* the same, those that are contained before those that contain */
    size_t count;
    size_t ranked;
} stele_shapes;

/**
 * Find and name the shapes of a record, an enum or a fixed and all that it contains; items[0] is
 * that of the top.
 *
 * @param names   of file scope; those of the shapes are added
 * @param prefix  in front of each name; NULL: none
 */
void stele_shapes_init(stele_shapes *shapes, const stele_layout *top, stele_names *names,
                       const char *prefix);

void stele_shapes_clear(stele_shapes *shapes);

STELE_VALUE_SCOPE(stele_shapes, stele_shapes_clear);

/** Is it a record, an enum or a fixed? */
bool stele_shape_is_named(const stele_shape *shape);

/** Is it an array or a map? */
bool stele_shape_is_list(const stele_shape *shape);

/** The C type of a value: that of `shape`, or for NULL that of a scalar. */
const char *stele_shape_type(const stele_layout *layout, const stele_shape *shape);

/** How many `words` it has. */
size_t stele_shape_word_count(const stele_shape *shape);

/**
 * Append the declaration of a record's field or a union's branch: "shop_state *next". In C++ a
 * member hides a type of its name for the whole struct, so such a type gets its "struct" or "enum".
 */
void stele_shape_declare(const stele_shape *shape, uint32_t member, stele_buffer *out);

/** The C type of an array's items or of a map's entries. */
const char *stele_shape_element(const stele_shape *list);

/** The bytes that a field, branch or item takes on the wire at least, or fewer. */
size_t stele_member_min(const stele_member *member, const stele_shape *inner);

#endif
