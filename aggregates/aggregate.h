/* SPDX-License-Identifier: MIT
 * The table of an aggregate that decides: whether it can be right, what is in it, and the
 * projection that its writer keeps. */
#ifndef STELE_AGGREGATES_AGGREGATE_H
#define STELE_AGGREGATES_AGGREGATE_H

#include <stele/aggregate.h>
#include <stele/projection.h>

#include "core/scope.h"

/** Does a writer own its events? Else they are facts. */
static inline bool stele_aggregate_decides(const stele_aggregate *aggregate)
{
    return aggregate->state != NULL;
}

/**
 * Can this table be right?
 *
 * @return STELE_E_INVALID, STELE_E_LIMIT  not; the text names the aggregate and the way out
 *                                         (next = STOP)
 */
stele_status stele_aggregate_check(const stele_aggregate *aggregate, stele_error *err);

/** How many types of events it lists. */
size_t stele_aggregate_event_count(const stele_aggregate *aggregate);

/** How many commands it takes. */
size_t stele_aggregate_command_count(const stele_aggregate *aggregate);

/** @param index  among the aggregate's events @return false: it has no such event */
bool stele_aggregate_find_event(const stele_aggregate *aggregate, const stele_type *type,
                                size_t *index);

/** @param index  among its commands @return false: it has no such command */
bool stele_aggregate_find_command(const stele_aggregate *aggregate, const stele_type *type,
                                  size_t *index);

/**
 * Find a command by what a caller wrote: the name of its type with or without the namespace.
 *
 * @return STELE_E_NOT_FOUND  the text says which there are (next = REJECT)
 */
stele_status stele_aggregate_name_command(const stele_aggregate *aggregate, stele_bytes name,
                                          size_t *index, stele_error *err);

/** The name without its namespace: "WithdrawMoney". A view of the type's name. */
const char *stele_type_short_name(const stele_type *type);

/**
 * What the writer of an aggregate keeps: the fold of its table as a projection "<name>.writer".
 *
 * @param aggregate  one that decides; borrowed, outlives the projection
 * @return caller owns; release with stele_writer_projection_free
 */
stele_projection *stele_writer_projection_new(const stele_aggregate *aggregate);
void stele_writer_projection_free(stele_projection *projection);

#endif
