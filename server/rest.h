/* SPDX-License-Identifier: MIT
 * The Confluent Schema Registry's REST API over the `kafka:` registry, without its sockets. */
#ifndef STELE_SERVER_REST_H
#define STELE_SERVER_REST_H

#include "registry/registry.h"
#include "server/rest_reply.h"
#include "server/rest_request.h"

/** Answer a request. Thread-safe; may wait as long as the registry's time-out. */
void stele_rest_answer(stele_registry *registry, const stele_rest_request *request,
                       stele_rest_reply *reply);

#endif
