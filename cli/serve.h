/* SPDX-License-Identifier: MIT
 * The HTTP server of a running application: the APIs of its aggregates that decide, and of its
 * projections. */
#ifndef STELE_CLI_SERVE_H
#define STELE_CLI_SERVE_H

#include <stele/app.h>
#include <stele/writer.h>

#include "aggregates/owner_table.h"
#include "core/logger.h"
#include "core/scope.h"

typedef struct stele_app_server stele_app_server;

/**
 * Listen where `http.listen` says, so that the address is known and a port that is taken is an
 * error at the beginning. Clients that come wait until stele_app_server_start.
 *
 * @param app     borrowed, as client and logger; they outlive the server
 * @param out     caller owns, release with stele_app_server_close; NULL: nothing is configured
 * @return STELE_E_INVALID  the text is no HOST:PORT, nothing is to be served, or others cannot be
 *                          told the address (next = STOP)
 *         STELE_E_EXISTS, STELE_E_UNAVAILABLE  as stele_listen (next = STOP)
 */
stele_status stele_app_server_open(stele_client *client, const stele_app *app,
                                   const stele_logger *logger, stele_app_server **out,
                                   stele_error *err);

/** By which address other instances reach it: "10.0.0.7:8080". Borrowed; "" for NULL. */
const char *stele_app_server_address(const stele_app_server *server);

/**
 * One more aggregate, served by its writer, which outlives the server. NULL is fine.
 *
 * @param table  of owners, for what is asked here and is another instance's; borrowed likewise
 */
void stele_app_server_add(stele_app_server *server, stele_writer *writer, stele_owner_table *table);

/** Answer from now on. NULL is fine. */
stele_status stele_app_server_start(stele_app_server *server, stele_error *err);

/** Accept nothing more, give what is asked a moment to be answered, release it. NULL is fine. */
void stele_app_server_close(stele_app_server *server);
STELE_SCOPE(stele_app_server, stele_app_server_close);

/** Connections are open files: have as many of them as a server wants, where this user may. */
void stele_raise_file_limit(void);

#endif
