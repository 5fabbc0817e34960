/* SPDX-License-Identifier: MIT
 * What the API of aggregates looks like, as an OpenAPI 3.1 document, made from their tables and the
 * schemas of their types. */
#ifndef STELE_SERVER_AGGREGATE_OPENAPI_H
#define STELE_SERVER_AGGREGATE_OPENAPI_H

#include "server/aggregate_api.h"

/**
 * Write the document.
 *
 * @param name  of the application
 * @param out   caller frees
 * @return STELE_E_INVALID, STELE_E_LIMIT  a type's schema is none (next = STOP)
 */
stele_status stele_aggregate_openapi(const char *name, const stele_served_aggregate *aggregates,
                                     size_t count, char **out, stele_error *err);

#endif
