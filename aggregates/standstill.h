/* SPDX-License-Identifier: MIT
 * Partitions of writers that are stopped, as their workers say in `_stele.status`. A partition that
 * is stopped before it was served has no owner's record, or that of an owner long gone: whoever
 * waits for its owner would wait in vain, and not know why. Only that rests on it: how long a call
 * waits, and what its caller is told. */
#ifndef STELE_AGGREGATES_STANDSTILL_H
#define STELE_AGGREGATES_STANDSTILL_H

#include "consumer/asker.h"
#include "core/deadline.h"

/** Room for "bank-1 has stopped it: …". */
enum { STELE_STANDSTILL_TEXT_MAX = STELE_ERROR_TEXT_MAX };

/**
 * Ask what is said of one partition now. Blocks.
 *
 * @param text  who has stopped it and why, if it is stopped
 * @return is it? Not, where that cannot be found out
 */
bool stele_standstill_read(stele_log *log, stele_partition partition, stele_deadline by,
                           char text[STELE_STANDSTILL_TEXT_MAX + 1]);

/** What was read lately of all of them. Used by one thread. */
typedef struct stele_standstills stele_standstills;

/**
 * @param asker  reads; wakes whoever waits when there is something new. Borrowed, outlives it
 * @return caller owns; release with stele_standstills_free
 */
stele_standstills *stele_standstills_new(stele_asker *asker);
void stele_standstills_free(stele_standstills *of);
STELE_SCOPE(stele_standstills, stele_standstills_free);

/**
 * Is a partition stopped? Not waited for: what is not known is asked, and the asker wakes.
 *
 * @param text  as stele_standstill_read
 */
bool stele_standstills_find(stele_standstills *of, stele_partition partition,
                            char text[STELE_STANDSTILL_TEXT_MAX + 1]);

#endif
