/* SPDX-License-Identifier: MIT
 * From Avro's names to C's. Internal to the generator. */
#ifndef STELE_SCHEMAS_GENERATE_NAMES_H
#define STELE_SCHEMAS_GENERATE_NAMES_H

#include <stdbool.h>

/** "shop.OrderPlaced" in lower snake case: "shop_order_placed"; caller owns. */
char *stele_name_snake(const char *name);

/** In upper case with underscores, "shop_state" and "Placed": "SHOP_STATE_PLACED"; caller owns. */
char *stele_name_constant(const char *type, const char *symbol);

/** May it not be the name of a member: a keyword of C or C++, or a macro of the C library? */
bool stele_name_is_reserved(const char *name);

/** May it not be the name of a type: reserved, or a type or function of the C library? */
bool stele_name_is_library(const char *name);

/** Would NAME.h stand before a header of the system of that name? */
bool stele_name_is_header(const char *name);

#endif
