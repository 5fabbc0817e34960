/* SPDX-License-Identifier: MIT
 * What the APIs of an application look like, as an OpenAPI 3.1 document, made from the tables of
 * its aggregates and projections and the schemas of their types. */
#ifndef STELE_SERVER_OPENAPI_H
#define STELE_SERVER_OPENAPI_H

#include "server/aggregate_api.h"

/**
 * Write the document.
 *
 * @param of   the name, and what is served
 * @param out  caller frees
 * @return STELE_E_INVALID, STELE_E_LIMIT  a type's schema is none (next = STOP)
 */
stele_status stele_openapi(const stele_aggregate_api_options *of, char **out, stele_error *err);

#endif
