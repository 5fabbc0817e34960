/* SPDX-License-Identifier: MIT
 * Both listings of docs/changing-an-event.md: the test passes. */
#include "changing-an-event.1.inc"

#include "changing-an-event.2.inc"
