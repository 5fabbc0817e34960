/* SPDX-License-Identifier: MIT
 * What differs between two states, as stele_json_diff lists it, in lines for people. */
#ifndef STELE_CLI_CHANGES_H
#define STELE_CLI_CHANGES_H

#include <stele/bytes.h>

/** @param text  "total: 3, then 4"; for the call @param left  how many follow @return false: no
 * more */
typedef bool stele_change_each(void *context, const char *text, size_t left);

/**
 * @param changes  JSON as of stele_json_diff; empty: none
 * @param between  what is between the two values: ", then "
 */
void stele_changes_show(stele_bytes changes, const char *between, stele_change_each *each,
                        void *context);

#endif
