/* SPDX-License-Identifier: MIT
 * The calls of the Confluent Schema Registry's REST API that a client needs: each one request, its
 * answer checked and taken apart. */
#ifndef STELE_REGISTRY_HTTP_API_H
#define STELE_REGISTRY_HTTP_API_H

#include "registry/entry.h"
#include "registry/http_exchange.h"

/*
 * Each returns, besides what stele_confluent_ask does:
 *   STELE_E_NOT_FOUND    the registry says that there is none (next = RETRY)
 *   STELE_E_UNAVAILABLE  status 408, 429 or 5xx, or a 404 that is not a registry's (next = RETRY)
 *   STELE_E_INVALID      credentials, or an answer that is none (next = STOP)
 */

/**
 * GET /v1/metadata/id: the genesis, where `stele registry serve` answers; "" where the registry has
 * none, which is any other one.
 */
stele_status stele_confluent_genesis(stele_confluent *http, stele_deadline until, char out[37],
                                     stele_error *err);

/** GET /schemas/ids/{id}. @param out cleared by the caller */
stele_status stele_confluent_schema(stele_confluent *http, int32_t id, stele_deadline until,
                                    stele_registry_entry *out, stele_error *err);

/** GET /subjects/{subject}/versions/{version}; 0: latest. @param out cleared by the caller */
stele_status stele_confluent_version(stele_confluent *http, const char *subject, int32_t version,
                                     stele_deadline until, stele_registry_entry *out,
                                     stele_error *err);

/** GET /subjects. @param out NULL-terminated, released with one free() */
stele_status stele_confluent_subjects(stele_confluent *http, stele_deadline until, char ***out,
                                      stele_error *err);

/** GET /subjects/{subject}/versions. @param out caller owns; free() */
stele_status stele_confluent_versions(stele_confluent *http, const char *subject,
                                      stele_deadline until, int32_t **out, size_t *count,
                                      stele_error *err);

/**
 * POST /subjects/{subject}/versions.
 *
 * @return also STELE_E_INCOMPATIBLE  409, with the registry's words (next = STOP)
 *              STELE_E_INVALID       422: not a valid schema (next = REJECT)
 */
stele_status stele_confluent_register(stele_confluent *http, const char *subject, stele_bytes text,
                                      const stele_registry_reference *references, size_t count,
                                      stele_deadline until, int32_t *id, stele_error *err);

/** GET /config[/{subject}]: what is set there. @param subject NULL: for all without one */
stele_status stele_confluent_level(stele_confluent *http, const char *subject, stele_deadline until,
                                   stele_compatibility *out, stele_error *err);

/** PUT /config[/{subject}]; with NULL for a level DELETE, which is fine if there is none. */
stele_status stele_confluent_set_level(stele_confluent *http, const char *subject,
                                       const stele_compatibility *level, stele_deadline until,
                                       stele_error *err);

#endif
