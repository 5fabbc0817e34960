/* SPDX-License-Identifier: MIT
 * The SQL projections of a configuration: those sections [projection NAME] that have a file of SQL;
 * and the tables of the folds whose sections name a store. */
#ifndef STELE_CLI_SQL_H
#define STELE_CLI_SQL_H

#include <stdatomic.h>

#include <stele/app.h>

#include "core/config.h"
#include "core/logger.h"
#include "core/scope.h"
#include "projections/fold.h"
#include "projections/sql_projection.h"

/** The name of the next section with SQL, from `*index` on, which is moved past it; NULL: none. */
const char *stele_sql_next(const stele_config *config, size_t *index);
bool stele_sql_is_configured(const stele_config *config, const char *name);

typedef struct stele_sql_crew stele_sql_crew;

/**
 * Read the files of all of them.
 *
 * @param out  caller owns; release with stele_sql_crew_close after all workers
 * @return STELE_E_INVALID, STELE_E_NOT_FOUND  of a file or a store; the text says where (next =
 *         STOP)
 */
stele_status stele_sql_crew_open(stele_client *client, const stele_app *app, stele_sql_crew **out,
                                 stele_error *err);
void stele_sql_crew_close(stele_sql_crew *crew);
STELE_SCOPE(stele_sql_crew, stele_sql_crew_close);

/**
 * The table that a fold of the application keeps its states in, if its section names a store.
 *
 * @param projection  outlives the crew
 * @param out         owned by the crew; NULL: its states are in snapshots
 * @return STELE_E_INVALID  no such store, or the state cannot be a table (next = STOP)
 */
stele_status stele_sql_crew_table(stele_sql_crew *crew, const stele_projection *projection,
                                  const stele_fold_table **out, stele_error *err);

/** How many workers one thread of all of them is: one for each source. */
size_t stele_sql_crew_count(const stele_sql_crew *crew);

/**
 * Check them against schemas and databases, those that are there: mistakes in a file are found
 * before anything starts. What is away is left to stele_sql_crew_load.
 */
stele_status stele_sql_crew_check(stele_sql_crew *crew, const stele_logger *logger,
                                  stele_error *err);

/**
 * Load what the worker number `index` runs, unless another worker has. What is away is waited for,
 * with a message each 10 s: it keeps no other projection from its work. From the worker's thread.
 *
 * @return STELE_E_INTERRUPTED  `stop` was set (next = STOP)
 *         failures of stele_sql_program_load
 */
stele_status stele_sql_crew_load(stele_sql_crew *crew, size_t index, const atomic_bool *stop,
                                 const stele_logger *logger, stele_error *err);

/** What the worker number `index` runs, once it is loaded. @return caller owns */
stele_sql_projection *stele_sql_crew_projection(const stele_sql_crew *crew, size_t index);
/** The name of its projection. */
const char *stele_sql_crew_name(const stele_sql_crew *crew, size_t index);

/** Read the file of one that is configured, to look at it. @param out caller owns */
stele_status stele_sql_read(const stele_config *config, const char *name, stele_sql_program **out,
                            stele_error *err);

/** The section of "carts.v2" is that of "carts". Caller frees. */
char *stele_sql_section_of(const char *projection);

/** The store that is configured for it, for people: without what is secret in it. Caller frees. */
char *stele_sql_store_shown(const stele_config *config, const char *name);

/** Is a store named for it, or its file of SQL? */
bool stele_sql_names_store(const stele_config *config, const char *name);
/** Is its database there? A file that is not there is not made. */
bool stele_sql_has_store(const stele_config *config, const char *name);

/**
 * The database of a projection, "carts" or "carts.v2", to be looked at; not opened yet.
 *
 * @param out  caller owns; release with stele_sql_store_free
 * @return STELE_E_NOT_FOUND  it is a file that is not there
 */
stele_status stele_sql_store_of(stele_client *client, const char *projection, stele_sql_store **out,
                                stele_error *err);

/** Let a projection in SQL, or a fold's table, begin again: stele_sql_desk_reset. */
stele_status stele_sql_begin_again(stele_client *client, const char *name, bool rows_stay,
                                   const stele_sql_return *returns, size_t count, stele_error *err);
stele_status stele_sql_begin_table_again(stele_client *client, const stele_projection *projection,
                                         stele_error *err);

/** Take a projection out of its database: its teardown, and its positions. */
stele_status stele_sql_dismiss(stele_client *client, const char *name, stele_error *err);

/** The same of the table of a fold's states, whose section names a store. */
stele_status stele_sql_dismiss_table(stele_client *client, const stele_projection *projection,
                                     stele_error *err);

#endif
