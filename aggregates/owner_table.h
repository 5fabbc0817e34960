/* SPDX-License-Identifier: MIT
 * Who owns which partition, now: `_stele.owners`, followed by a thread, so that asking the table
 * asks no one else. While the topic is away or does not exist the table stays as it is. */
#ifndef STELE_AGGREGATES_OWNER_TABLE_H
#define STELE_AGGREGATES_OWNER_TABLE_H

#include "aggregates/owners.h"

/** Any thread may use it. */
typedef struct stele_owner_table stele_owner_table;

/**
 * Begin to follow.
 *
 * @param log  borrowed, outlives the table
 * @param out  caller owns; release with stele_owner_table_close
 * @return STELE_E_UNAVAILABLE  no thread is left (next = RETRY), and what the log fails with
 */
stele_status stele_owner_table_open(stele_log *log, stele_owner_table **out, stele_error *err);
void stele_owner_table_close(stele_owner_table *table);
STELE_SCOPE(stele_owner_table, stele_owner_table_close);

/** @return false: no record of the partition has been read */
bool stele_owner_table_find(stele_owner_table *table, const char *topic, int32_t partition,
                            stele_owner *out);

/**
 * Have someone called after each change, in the table's thread; it must not block.
 *
 * @param changed  NULL: no one any more; a call that is under way is waited for
 */
void stele_owner_table_tell(stele_owner_table *table, void (*changed)(void *context),
                            void *context);

/**
 * Wait until all that the topic held, when it was first looked at, is in the table.
 *
 * @return STELE_E_TIMED_OUT  not in time; the text says why, if that is known (next = RETRY)
 */
stele_status stele_owner_table_await(stele_owner_table *table, stele_deadline by, stele_error *err);

#endif
