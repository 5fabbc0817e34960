/* SPDX-License-Identifier: MIT
 * SQLite behind the SQL port: one file, in write-ahead mode, written by one connection of each
 * process. */
#ifndef STELE_STORES_SQLITE_STORE_H
#define STELE_STORES_SQLITE_STORE_H

#include "stores/sql_store.h"

/** @param path  of the file, which is made if it is not there. Caller owns the store */
stele_sql_store *stele_sqlite_store_new(const char *path);

/** Let the file grow no further than so many pages, as on a disk that is full. For tests; open. */
void stele_sqlite_store_limit_pages(stele_sql_store *store, int pages);

#endif
