/* SPDX-License-Identifier: MIT
 * The aggregates of a shop that takes orders, for the program and for its tests. */
#ifndef ORDERS_H
#define ORDERS_H

#include <stele/stele.h>

extern const stele_aggregate cart;
extern const stele_aggregate order;

#endif
