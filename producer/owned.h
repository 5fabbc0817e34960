/* SPDX-License-Identifier: MIT
 * Whose events are they? Those of an aggregate that decides are appended by its writer alone. */
#ifndef STELE_PRODUCER_OWNED_H
#define STELE_PRODUCER_OWNED_H

#include "kafka/log.h"

/**
 * May anyone publish events of this aggregate? Not where a writer has kept its states: a topic
 * `<aggregate>.writer.v<n>.snapshots` is there.
 *
 * @return STELE_E_FORBIDDEN  a writer owns them; the text says what to do (next = STOP)
 *         failures of the log
 */
stele_status stele_events_check_unowned(stele_log *log, const char *aggregate, int timeout_ms,
                                        stele_error *err);

#endif
