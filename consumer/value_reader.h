/* SPDX-License-Identifier: MIT
 * Values in the wire format decoded by the very schema that they were written with, for whoever
 * only shows them. Keeps a type and a plan per schema id. */
#ifndef STELE_CONSUMER_VALUE_READER_H
#define STELE_CONSUMER_VALUE_READER_H

#include <stele/type.h>

#include "core/scope.h"
#include "registry/registry.h"

typedef struct stele_value_reader stele_value_reader;

/** @param registry  borrowed; @param timeout_ms  of one question to it */
stele_value_reader *stele_value_reader_new(stele_registry *registry, int timeout_ms);
void stele_value_reader_free(stele_value_reader *reader);
STELE_SCOPE(stele_value_reader, stele_value_reader_free);

/**
 * Decode a value.
 *
 * @param type  the writer's; valid as long as the reader
 * @param out   the struct; valid until the next read, and as long as `value`
 * @return STELE_E_INVALID, STELE_E_LIMIT  not a value of that format (next = REJECT)
 *         failures of the registry
 */
stele_status stele_value_reader_read(stele_value_reader *reader, stele_bytes value,
                                     const stele_type **type, const void **out, stele_error *err);

#endif
