/* SPDX-License-Identifier: MIT
 * From whatever a writer wrote to a current type: Avro's resolution first, upcasters after it. */
#ifndef STELE_SCHEMAS_UPCAST_H
#define STELE_SCHEMAS_UPCAST_H

#include <stele/codec.h>
#include <stele/upcaster.h>

#include "core/scope.h"

/** The way from one writer's schema to one of the current types. Immutable, shareable. */
typedef struct stele_upcast stele_upcast;

/**
 * Check a table of upcasters: at most one from each type, and each chain ends, at one of the types.
 *
 * @param types      NULL-terminated: the current types
 * @param upcasters  ends with .from == NULL; NULL: none
 * @return STELE_E_INVALID  the text names the types (next = STOP)
 */
stele_status stele_upcasters_check(const stele_type *const *types, const stele_upcaster *upcasters,
                                   stele_error *err);

/**
 * Find the way for a writer's schema.
 *
 * What the writer wrote is read as the type that has the writer's name, or names it as an alias,
 * among the current types and those that upcasters convert from. Where several have it, the one
 * with the writer's very schema is taken; if there is none, the one whose fields differ least, and
 * of equal ones the current type. From it upcasters lead on to a current type.
 *
 * @param writer     borrowed for the call
 * @param types      as stele_upcasters_check; both must outlive the result
 * @param limits     NULL for the defaults
 * @param out        caller owns; release with stele_upcast_free
 * @return STELE_E_NOT_FOUND     none has the writer's name (next = STOP)
 *         STELE_E_INCOMPATIBLE  the one that has it cannot read the writer's schema (next = STOP)
 */
stele_status stele_upcast_new(const stele_schema *writer, const stele_type *const *types,
                              const stele_upcaster *upcasters, const stele_codec_limits *limits,
                              stele_upcast **out, stele_error *err);

/**
 * Which current type a writer's record leads to, by names alone: also where it could not be read.
 *
 * @param index     of it among the types
 * @param is_newer  set where the writer's schema reads what ours writes, but ours not what it
 *                  writes: it came after ours. NULL if that does not matter
 * @return STELE_E_NOT_FOUND  none has the writer's name (next = STOP)
 */
stele_status stele_upcast_find(const stele_schema *writer, const stele_type *const *types,
                               const stele_upcaster *upcasters, size_t *index, bool *is_newer,
                               stele_error *err);

void stele_upcast_free(stele_upcast *upcast);

STELE_SCOPE(stele_upcast, stele_upcast_free);

/** The index among the types of the one that it leads to. */
size_t stele_upcast_index(const stele_upcast *upcast);

/**
 * Decode one datum and convert it.
 *
 * @param value  memory of the current type's layout; valid as long as `data`, `arena` and `upcast`
 * @return as stele_plan_decode, or what a convert function returned
 */
stele_status stele_upcast_decode(const stele_upcast *upcast, stele_bytes data, void *value,
                                 stele_arena *arena, stele_error *err);

#endif
