/* SPDX-License-Identifier: MIT
 * The aggregate and its projection, for the program and for its test. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include <stele/stele.h>

extern const stele_aggregate account;
extern const stele_projection balances;

#endif
