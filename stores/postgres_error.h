/* SPDX-License-Identifier: MIT
 * What PostgreSQL's errors mean for a partition: by the class of their SQLSTATE. */
#ifndef STELE_STORES_POSTGRES_ERROR_H
#define STELE_STORES_POSTGRES_ERROR_H

#include <libpq-fe.h>

#include <stdbool.h>

#include <stele/error.h>

/** A failed statement. @param label  the database, for messages */
stele_status postgres_fail_result(const char *label, const PGresult *result, stele_error *err);

/** A connection that could not be made. @param was_open  it could before: whatever it is may pass
 */
stele_status postgres_fail_connect(const char *label, PGconn *conn, bool was_open,
                                   stele_error *err);

/** What a SQLSTATE is as the cause of an error. */
int postgres_cause(const char *state);

#endif
