/* SPDX-License-Identifier: MIT
 * LMDB behind the SQL port, for the states of folds: it knows no SQL but three statements,
 * "PUT NAME", "SCAN NAME" and "CLEAR NAME" with the projection's name, whose setup begins with
 * STELE_LMDB_SETUP. One file, which any number of processes of a machine may use.
 *
 *   PUT   a row, in place of that with the same id: its id (text), its partition, and any values
 *   SCAN  with a partition and an id, or null: all values but the partition of the rows behind that
 *         id, at most STELE_LMDB_SCAN_MAX, in an order that does not change
 *   CLEAR with a partition and a count of them: the rows of that partition, and of those from the
 *         count on, are taken away
 *
 * The file is locked with flock(2) in each transaction, and not by LMDB itself, whose own lock
 * keeps others waiting for as long as a process that holds it is frozen. It is synced with each
 * commit but for LMDB's last page: after a power cut the last transaction may be gone, rows and
 * position together. */
#ifndef STELE_STORES_LMDB_STORE_H
#define STELE_STORES_LMDB_STORE_H

#include "stores/sql_store.h"

#define STELE_LMDB_SETUP "states of "
enum { STELE_LMDB_SCAN_MAX = 1000 };

/** @param path  of the file, which is made if it is not there. Caller owns the store */
stele_sql_store *stele_lmdb_store_new(stele_runtime runtime, const char *path);

/** Begin with a map of so many bytes, and no more to spare than a quarter of it. For tests; not
 * open. */
void stele_lmdb_store_set_map(stele_sql_store *store, size_t size);

#endif
