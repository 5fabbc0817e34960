/* SPDX-License-Identifier: MIT
 * From Avro's names to C's, so that no two are the same. Internal to the generator.
 *
 * The scheme: a name is taken as it is (a field) or in snake case (a type) if nothing else is
 * called so; else it gets an underscore behind it, and from the second time on a number and another
 * one: int_, int_2_, int_3_. No word of C, C++, POSIX or Stele ends in an underscore, so what was
 * lengthened can only meet another name of the same scope, and those are counted. */
#ifndef STELE_SCHEMAS_GENERATE_NAMES_H
#define STELE_SCHEMAS_GENERATE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/scope.h"

/** "shop.OrderPlaced" in lower snake case: "shop_order_placed"; caller owns. */
char *stele_name_snake(const char *name);

/** In upper case with underscores, "shop_state" and "Placed": "SHOP_STATE_PLACED"; caller owns. */
char *stele_name_constant(const char *type, const char *symbol);

/** Would NAME.h, in whatever case, stand before a header of the system? */
bool stele_name_is_header(const char *name);

/** Where names must differ from one another, and what else they must differ from. */
typedef enum stele_name_scope {
    STELE_NAMES_OF_MEMBERS, /* of one struct: keywords, macros, types that members have */
    STELE_NAMES_OF_FILE     /* also what headers declare, and Stele itself */
} stele_name_scope;

/** The names of one scope that are given. */
typedef struct stele_names stele_names;

/** Caller owns; release with stele_names_free. */
stele_names *stele_names_new(stele_name_scope scope);

/** NULL is fine. */
void stele_names_free(stele_names *names);

STELE_SCOPE(stele_names, stele_names_free);

/** Would stele_names_give give the very name that is wanted? */
bool stele_names_keeps(const stele_names *names, const char *wanted);

/**
 * Give a name: the first in the scheme that is free together with all that is behind it.
 *
 * @param key     what is named: the same key gets the same name again; NULL: always a new one
 * @param wanted  any text of letters, digits and underscores; underscores in front that C reserves
 *                are moved behind; what is longer than 240 bytes is cut and gets a hash
 * @param tails   NULL-terminated: "_clear" of name_clear; "" is the name itself
 * @return caller owns
 */
char *stele_names_give(stele_names *names, const char *key, const char *wanted,
                       const char *const *tails);

/** stele_names_give without tails. */
char *stele_names_give_one(stele_names *names, const char *key, const char *wanted);

#endif
