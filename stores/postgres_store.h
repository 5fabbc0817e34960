/* SPDX-License-Identifier: MIT
 * PostgreSQL behind the SQL port: one connection of libpq, in pipeline mode, so that a transaction
 * costs two answers of the server, however many statements it has. */
#ifndef STELE_STORES_POSTGRES_STORE_H
#define STELE_STORES_POSTGRES_STORE_H

#include "stores/sql_store.h"

/**
 * @param conninfo  a connection string or a URI of libpq; "" leaves all to its environment
 * @param out       caller owns; release with stele_sql_store_free
 * @return STELE_E_INVALID  it is none (next = STOP)
 */
stele_status stele_postgres_store_new(stele_runtime runtime, const char *conninfo,
                                      stele_sql_store **out, stele_error *err);

/** Where the database is, for messages and logs: no password. Caller frees. */
char *stele_postgres_shown(const char *conninfo);

/** How long the server may keep silent. For tests. */
void stele_postgres_store_set_patience(stele_sql_store *store, int patience_ms);

#endif
