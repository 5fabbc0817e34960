/* SPDX-License-Identifier: MIT
 * Rules of a table of reactions: whether it can be right, and what comes of one event. Knows
 * neither log nor position. */
#ifndef STELE_AGGREGATES_RULES_H
#define STELE_AGGREGATES_RULES_H

#include <stele/reaction.h>

#include "core/scope.h"

/**
 * Can this table be right?
 *
 * @return STELE_E_INVALID  not; the text names it and the way out (next = STOP)
 */
stele_status stele_reactions_check(const stele_reactions *reactions, stele_error *err);

/** How many aggregates are in a list of a table. */
size_t stele_aggregates_count(const stele_aggregate *const *aggregates);

/** Runs rules, one event at a time. Used by one thread at a time. */
typedef struct stele_rules stele_rules;

/** @param out  caller owns; release with stele_rules_free @return as stele_reactions_check */
stele_status stele_rules_new(const stele_reactions *reactions, stele_rules **out, stele_error *err);
void stele_rules_free(stele_rules *rules);
STELE_SCOPE(stele_rules, stele_rules_free);

/** Which rule is for events of a type. @return NULL: there is none */
const stele_rule *stele_rules_find(const stele_rules *rules, const stele_type *event);

/** A command that is to be sent. Views, valid until the next event. */
typedef struct stele_sending {
    size_t target;    /* among the table's */
    size_t command;   /* among those of the target */
    stele_bytes id;   /* of the aggregate */
    stele_bytes data; /* Avro binary, without a schema's id */
} stele_sending;

/**
 * Run a rule.
 *
 * @param event  all of it but the context
 * @param out    what is to be sent, in order
 * @return what the rule said, or INVALID where it is wrong, with the name of the table and the type
 *         of the event (next = STOP)
 */
stele_status stele_rules_react(stele_rules *rules, const stele_rule *rule, const stele_event *event,
                               const stele_sending **out, size_t *count, stele_error *err);

/** What the commands of an event belong to; a view of the event. */
stele_bytes stele_rules_correlation(const stele_event *event);

#endif
