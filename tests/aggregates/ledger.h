/* SPDX-License-Identifier: MIT
 * What the log holds of an account, read by someone who knows the promises and not the writer:
 * versions are dense, no event is there twice, each says what caused it. */
#ifndef STELE_TESTS_AGGREGATES_LEDGER_H
#define STELE_TESTS_AGGREGATES_LEDGER_H

#include "core/deadline.h"
#include "kafka/log.h"

typedef struct ledger {
    int64_t count; /* of its events */
    int64_t cents; /* that were booked */
} ledger;

/** Read all of a topic. @return STELE_E_INTERNAL  a promise is broken; the text says which */
stele_status ledger_read(stele_log *log, const char *topic, int32_t partitions, const char *id,
                         stele_deadline by, ledger *out, stele_error *err);

#endif
