/* SPDX-License-Identifier: MIT
 * The listings of docs/reactions.md: an aggregate with a timer, reactions, and their tests; they
 * pass. */
int test_of_a_hold(void);
int test_of_paying_back(void);

#include "reactions.inc"

int main(void)
{
    return test_of_a_hold() | test_of_paying_back();
}
