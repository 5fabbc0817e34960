/* SPDX-License-Identifier: MIT
 * The aggregate and its projection, for the program and for its tests. */
#ifndef BANK_H
#define BANK_H

#include <stele/stele.h>

extern const stele_aggregate account;
extern const stele_projection balances;

#endif
