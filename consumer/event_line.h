/* SPDX-License-Identifier: MIT
 * Records of an events topic as lines of JSON, each decoded by its writer's own schema. */
#ifndef STELE_CONSUMER_EVENT_LINE_H
#define STELE_CONSUMER_EVENT_LINE_H

#include "kafka/log.h"
#include "registry/registry.h"

typedef struct stele_event_lines stele_event_lines;

/** @param registry  borrowed; @param timeout_ms  of one question to the registry */
stele_event_lines *stele_event_lines_new(stele_registry *registry, int timeout_ms);
void stele_event_lines_free(stele_event_lines *lines);
STELE_SCOPE(stele_event_lines, stele_event_lines_free);

/**
 * Append one event of `batch` as JSON: {"type", "event_id", "id", "version", "time", "position",
 * "data": {…}}.
 *
 * @param version  of the aggregate, counted by the caller; 0: take the record's header, else null
 * @return STELE_E_INVALID  it is no event of ours; the text has its position (next = REJECT)
 *         failures of the registry
 */
stele_status stele_event_lines_write(stele_event_lines *lines, const stele_batch *batch,
                                     const stele_record *record, int64_t version, stele_buffer *out,
                                     stele_error *err);

#endif
