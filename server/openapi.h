/* SPDX-License-Identifier: MIT
 * What the APIs of an application look like, as an OpenAPI 3.1 document, made from the tables of
 * its aggregates and projections and the schemas of their types. */
#ifndef STELE_SERVER_OPENAPI_H
#define STELE_SERVER_OPENAPI_H

#include "server/aggregate_api.h"

/**
 * Write the document.
 *
 * @param name         of the application
 * @param projections  that it answers for, NULL-terminated; NULL: none
 * @param out          caller frees
 * @return STELE_E_INVALID, STELE_E_LIMIT  a type's schema is none (next = STOP)
 */
stele_status stele_openapi(const char *name, const stele_served_aggregate *aggregates, size_t count,
                           const stele_projection *const *projections, char **out,
                           stele_error *err);

#endif
