/* SPDX-License-Identifier: MIT
 * What is checked of a call, whichever way it comes in: in process, by way of a topic, or from a
 * rule. It knows neither owners nor logs. */
#ifndef STELE_AGGREGATES_CALL_H
#define STELE_AGGREGATES_CALL_H

#include <stele/writer.h>

enum { STELE_COMMAND_MAX = 1 << 20 /* bytes of a command */ };

/**
 * Check the aggregate's id, the texts and the expected version of a call; not what it asks for.
 *
 * @return STELE_E_INVALID (next = REJECT)
 */
stele_status stele_call_check(const stele_call *call, stele_error *err);

/** @param type  NULL is none of its commands. @return STELE_E_INVALID (next = REJECT) */
stele_status stele_call_find_command(const stele_aggregate *aggregate, const stele_type *type,
                                     size_t *index, stele_error *err);

/** @param next  what a failure means. @return STELE_E_LIMIT */
stele_status stele_call_check_size(const stele_type *command, size_t size, stele_next next,
                                   stele_error *err);

#endif
