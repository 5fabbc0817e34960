/* SPDX-License-Identifier: MIT
 * The listings of docs/aggregates.md: an aggregate and its test; it passes. */
#include "aggregates.inc"
