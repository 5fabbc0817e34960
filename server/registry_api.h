/* SPDX-License-Identifier: MIT
 * The Confluent Schema Registry's REST API over the `kafka:` registry. */
#ifndef STELE_SERVER_REGISTRY_API_H
#define STELE_SERVER_REGISTRY_API_H

#include "registry/registry.h"
#include "server/router.h"

/** Its routes. @param registry  of kind `kafka:`; borrowed, must outlive the API */
stele_http_api stele_registry_api(stele_registry *registry);

#endif
