/* SPDX-License-Identifier: MIT
 * The listings of docs/reactions.md: an aggregate with a timer and its test; it passes. */
#include "reactions.inc"
