/* SPDX-License-Identifier: MIT
 * JSON text as a tree (RFC 8259) that keeps what Avro's documents need and libraries lose: numbers
 * as they are written, of any size; the line of each value; a NUL in a key; half a surrogate pair.
 * Schemas, defaults and data in JSON are read with it. */
#ifndef STELE_SCHEMAS_TREE_H
#define STELE_SCHEMAS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stele/arena.h>
#include <stele/buffer.h>

typedef enum stele_tree_kind {
    STELE_TREE_NULL = 0,
    STELE_TREE_FALSE,
    STELE_TREE_TRUE,
    STELE_TREE_NUMBER,
    STELE_TREE_STRING,
    STELE_TREE_ARRAY,
    STELE_TREE_OBJECT
} stele_tree_kind;

typedef struct stele_tree stele_tree;

/** A value. Lives in the arena that it was parsed into. */
struct stele_tree {
    stele_tree_kind kind;
    uint32_t line; /* on which it begins, from 1 */

    /* A string's bytes, or a number as it is written; a NUL follows. UTF-8, but that half a
     * surrogate pair (\ud83d) stands as the three bytes that a character of its number would be. */
    stele_bytes text;

    /* of an array: its items; of an object: its members, in the order of the text */
    size_t count;
    const stele_tree *items;
    const stele_bytes *names;
    const uint32_t *sorted; /* indices of the members in order of their names */
};

/** Where a text is not JSON, and why. */
typedef struct stele_tree_problem {
    size_t line; /* from 1 */
    size_t byte; /* from 0 */
    char why[120];
} stele_tree_problem;

/** How much is taken for JSON. All zero is JSON alone. */
typedef struct stele_tree_options {
    bool comments; /* those of C, of both kinds, are blanks */
} stele_tree_options;

/**
 * Parse a whole text. A name that an object has twice, and text that is not UTF-8, are refused.
 *
 * @param options  NULL for the defaults
 * @param arena    holds the tree; `text` may go
 * @param problem  set if there is no tree; never NULL
 * @return the tree, or NULL
 */
const stele_tree *stele_tree_parse(stele_bytes text, const stele_tree_options *options,
                                   stele_arena *arena, stele_tree_problem *problem);

/*
 * Looking into a tree. NULL stands for what is not there and may be handed on: it is of no kind.
 */

/** The order of members' names: bytewise, the shorter first. */
int stele_tree_compare(stele_bytes a, stele_bytes b);

/** Is it of this kind? */
bool stele_tree_is(const stele_tree *tree, stele_tree_kind kind);

/** The member of an object with this name, or NULL. */
const stele_tree *stele_tree_get(const stele_tree *tree, const char *name);

/** Item `index` of an array, or NULL. */
const stele_tree *stele_tree_at(const stele_tree *tree, size_t index);

/** A string that has no NUL in it, as C has them; else NULL. */
const char *stele_tree_string(const stele_tree *tree);

/** A number without a point and an exponent? */
bool stele_tree_is_whole(const stele_tree *tree);

/** The value of a whole number; false if it is none, or not of 64 bits. */
bool stele_tree_integer(const stele_tree *tree, int64_t *out);

/** The double nearest to a number; an infinity if it is too large for one. 0 if it is none. */
double stele_tree_real(const stele_tree *tree);

/** The same values? Members in any order; 1.50 is 1.5, but 1.0 is not 1. */
bool stele_tree_equal(const stele_tree *a, const stele_tree *b);

/*
 * Writing, without blanks, always in the same form: numbers with the fewest of the 17 digits that a
 * double has, or as they are written where no double or integer of 64 bits holds them.
 */

/** Append the text of a tree. @param sorted  members in order of their names, bytewise */
void stele_tree_write(const stele_tree *tree, bool sorted, stele_buffer *out);

/** Append a string in quotes. What is written is ASCII, UTF-8, or \ud83d for half a pair. */
void stele_tree_write_string(stele_bytes text, stele_buffer *out);

#endif
