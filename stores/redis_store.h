/* SPDX-License-Identifier: MIT
 * Redis behind the SQL port, for the states of folds: a hash for each of them, "NAME:ID", whose
 * fields others read. It knows no SQL but three statements, with the projection's name and the
 * names of the fields, the first of which is the id and the second the partition; a setup begins
 * with STELE_REDIS_SETUP.
 *
 *   PUT NAME FIELD…   a hash, in place of that of the same id
 *   SCAN NAME FIELD…  with a partition and an id, or null: these fields but the partition of the
 *                     states behind that id, at most STELE_REDIS_SCAN_MAX, in the order of bytes
 *   CLEAR NAME        with a partition and a count of them: the states of that partition, and of
 *                     those from the count on, are taken away
 *
 * A transaction is MULTI … EXEC under WATCH of the partition's position, whose term and place are
 * compared: whoever has lost the partition changes nothing. A database of Redis is Stele's alone.
 */
#ifndef STELE_STORES_REDIS_STORE_H
#define STELE_STORES_REDIS_STORE_H

#include "stores/sql_store.h"

#define STELE_REDIS_SETUP "states of "
enum { STELE_REDIS_SCAN_MAX = 1000 };

/**
 * @param address  what comes behind "redis:": "HOST:PORT/DB" or "//USER:PASSWORD@HOST:PORT/DB", of
 *                 which all but the host may be left out
 * @param out      caller owns
 * @return STELE_E_INVALID  it is no such address (next = STOP)
 */
stele_status stele_redis_store_new(stele_runtime runtime, const char *address,
                                   stele_sql_store **out, stele_error *err);

/** The address for messages: "redis:HOST:PORT/DB". Caller frees. */
char *stele_redis_shown(const char *address);

#endif
