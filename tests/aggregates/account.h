/* SPDX-License-Identifier: MIT
 * An account that decides, for the tests of aggregates: what it is told to, it does, right or
 * wrong. */
#ifndef STELE_TESTS_AGGREGATES_ACCOUNT_H
#define STELE_TESTS_AGGREGATES_ACCOUNT_H

#include <book.h>
#include <booked.h>
#include <closed.h>
#include <do.h>
#include <opened.h>
#include <state.h>

#include <stele/aggregate.h>

enum { OPENED, BOOKED, CLOSED }; /* its events */
enum { BOOK, DO };               /* its commands */

/* What its functions leave for a test to look at. */
typedef struct account_context {
    int init_cents;
    stele_decision last; /* that was decided on */
    stele_event applied;
} account_context;

/** Its table; `context` is its own. */
stele_aggregate account_table(account_context *context);

#endif
