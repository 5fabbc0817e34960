/* SPDX-License-Identifier: MIT
 * What the HTTP answer of an owner means for a call: the statuses of <stele/writer.h>. Nothing in
 * it is believed: each field is checked for its kind and its range. */
#ifndef STELE_AGGREGATES_FORWARD_ANSWER_H
#define STELE_AGGREGATES_FORWARD_ANSWER_H

#include <stele/writer.h>

#include "aggregates/desk.h"
#include "http/agent.h"

/**
 * What a command came to.
 *
 * @param result  filled whatever is returned
 * @return as stele_execute; STELE_E_INTERNAL: it is no answer of an instance (next = REJECT)
 */
stele_status stele_forward_result(const stele_agent_answer *answer, stele_result *result,
                                  stele_error *err);

/** Answer a ticket with it: an EXECUTE or APPEND with its result, a LOAD with the state. */
void stele_forward_answer(const stele_aggregate *aggregate, stele_ticket *ticket,
                          const stele_agent_answer *answer);

#endif
