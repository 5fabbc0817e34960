/* SPDX-License-Identifier: MIT
 * Schemas with their references: what one refers to is asked of the registry, and so on. */
#ifndef STELE_REGISTRY_HTTP_RESOLVE_H
#define STELE_REGISTRY_HTTP_RESOLVE_H

#include "registry/http_api.h"

enum {
    STELE_CONFLUENT_DEPTH_MAX = 32,    /* schemas that refer one to the next */
    STELE_CONFLUENT_REFERRED_MAX = 256 /* in all, below one schema */
};

/**
 * Parse the text of `entry`, after those that it refers to.
 *
 * @param name  for messages
 * @param out   caller owns; release with stele_schema_free
 * @return STELE_E_INVALID, STELE_E_LIMIT  it cannot be parsed, or refers to too many (next = STOP);
 *         or what the requests return; a reference that does not exist is STELE_E_INVALID (STOP)
 */
stele_status stele_confluent_resolve(stele_confluent *http, const stele_registry_entry *entry,
                                     const char *name, stele_deadline until, stele_schema **out,
                                     stele_error *err);

#endif
