/* SPDX-License-Identifier: MIT
 * Whether the partitions that an aborted transaction went to have heard of its end. A broker that
 * forgets to tell one of them leaves it open there, and the commit of the next transaction of the
 * same id that goes there would commit what was aborted along with its own. For fenced.c. */
#ifndef STELE_PRODUCER_ABORTED_H
#define STELE_PRODUCER_ABORTED_H

#include "core/scope.h"
#include "kafka/log.h"
#include "producer/fenced.h"

typedef struct stele_aborted_place {
    char *topic; /* owned */
    int32_t index;
    int64_t end; /* its high watermark after the abort; -1: not asked yet */
    bool is_ended;
} stele_aborted_place;

/** All zero is of no transaction. Release with stele_aborted_clear. */
typedef struct stele_aborted {
    stele_aborted_place *places;
    size_t count;
} stele_aborted;

/** Remember where it went. */
void stele_aborted_add(stele_aborted *aborted, const stele_transaction *transaction);

void stele_aborted_clear(stele_aborted *aborted);
STELE_VALUE_SCOPE(stele_aborted, stele_aborted_clear);

/**
 * Ask the log about each place that is not known to have heard. What others have open below its end
 * of then looks the same, until they end it.
 *
 * @return STELE_OK          all have
 *         STELE_E_CONFLICT  one has not: yet, or it hangs (next = STOP)
 */
stele_status stele_aborted_check(stele_aborted *aborted, stele_log *log, int timeout_ms,
                                 stele_error *err);

#endif
