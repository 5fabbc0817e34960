/* SPDX-License-Identifier: MIT
 * How a registry writes to _stele.schemas: makes the topic if need be, never writes to one that
 * would lose records, and says at which offset a record is. */
#ifndef STELE_REGISTRY_APPENDER_H
#define STELE_REGISTRY_APPENDER_H

#include "core/deadline.h"
#include "kafka/log.h"

typedef struct stele_appender stele_appender;

/** @param log borrowed. @return owned; release with stele_appender_free; used by one thread at a
 * time */
stele_appender *stele_appender_new(stele_log *log, int replication);
void stele_appender_free(stele_appender *appender);

/** Let a call that waits return soon, and every later one at once. Any thread. */
void stele_appender_interrupt(stele_appender *appender);

/**
 * Make the topic if it does not exist, and check its settings.
 *
 * @return STELE_E_INCOMPATIBLE  it has settings that lose records; the text names one (next = STOP)
 *         STELE_E_UNAVAILABLE, STELE_E_TIMED_OUT  (next = RETRY)
 *         STELE_E_INTERRUPTED  (next = STOP)
 */
stele_status stele_appender_prepare(stele_appender *appender, stele_deadline until,
                                    stele_error *err);

/**
 * Append one record, and wait until all in-sync replicas have it.
 *
 * @param key  for people: the subject; NULL: none
 * @return STELE_E_LIMIT  larger than a record may be (next = REJECT)
 *         STELE_E_TIMED_OUT, STELE_E_UNAVAILABLE  it may be in the log or not (next = RETRY)
 *         STELE_E_INTERRUPTED  likewise (next = STOP)
 */
stele_status stele_appender_append(stele_appender *appender, const char *key, stele_bytes value,
                                   stele_deadline until, int64_t *offset, stele_error *err);

#endif
